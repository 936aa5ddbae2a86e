"""End to end: one worker from the stream to the sealed store, and the whole way from a directory of files."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from attestream.service import run_once
from attestream.settings import Settings
from attestream.wiring import opened
from benchmarks.bench_store import begin
from benchmarks.events import event, made, payloads, write_files
from benchmarks.mappings import ACTED, mapping_set, write_rules
from benchmarks.measure import Measured, timed
from benchmarks.sizes import Size
from pipeline.rules.reader import builtin_mappings, read_set
from pipeline.rules.ruleset import RuleSet
from pipeline.stream.sqlite import SqliteStream
from pipeline.worker import Worker

CHUNK = 500
WARM = 100


def worker(size: Size, folder: Path) -> Iterator[Measured]:
    """Stream to sealed store, one worker, in the mix of the performance budget. Its set is compiled before the clock starts."""
    found = mapping_set(folder / "rules", size.mappings[1])
    for name, retain_all in (("matched", False), ("all", True)):
        bench = begin(folder / name, found)
        stream = SqliteStream(folder / name / "stream.db")
        mapper = Worker(stream, bench.store, retain_all)
        numbered = enumerate(made(size.whole + WARM))
        stream.publish([event(*one, "bench") for one in islice(numbered, WARM)])
        mapper.drain()
        while chunk := [event(*one, "bench") for one in islice(numbered, CHUNK)]:
            stream.publish(chunk)
        with timed() as watch:
            mapper.drain()
            bench.signer().publish()
        mapper.close()
        stream.close()
        yield Measured(f"one worker, stream to sealed store (retain: {name})", size.whole, watch.seconds, watch.cpu)


def directory(size: Size, folder: Path) -> Iterator[Measured]:
    """`attestream run --once`, as it is: read the mappings, collect files, judge, append, seal."""
    write_files(payloads(size.whole), _made(folder / "files"))
    own = max(ACTED, size.mappings[1] - len(RuleSet.compile(read_set([builtin_mappings()])).rules))
    write_rules(folder / "rules", own)
    settings = Settings.model_validate(
        {
            "store": {"url": f"sqlite:///{folder / 'data' / 'store.db'}"},
            "mappings": {"paths": [str(folder / "rules")]},
            "sources": [{"name": "bench", "type": "cloudtrail-files", "path": str(folder / "files")}],
        }
    )
    with timed() as watch, opened(settings, create=True) as parts:
        done = run_once(parts)
    records = sum(window.records for window in done.windows)
    if records != size.whole or done.checkpoint is None:
        raise AssertionError(f"{records} of {size.whole} records were collected")
    yield Measured("directory to sealed store (run --once)", records, watch.seconds, watch.cpu)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
