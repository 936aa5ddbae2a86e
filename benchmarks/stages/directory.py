"""The whole way from a directory of files to the sealed log, as one command goes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from attestream.service import run_once
from attestream.settings import Settings
from attestream.wiring import opened
from benchmarks.events import payloads, write_files
from benchmarks.mappings import ACTED, write_rules
from benchmarks.measure import Measured, timed
from benchmarks.sizes import Size
from pipeline.rules.reader import builtin_mappings, read_set
from pipeline.rules.ruleset import RuleSet


def directory(size: Size, folder: Path) -> Iterator[Measured]:
    """`attestream run --once`, as it is: read the mappings, collect files, judge, append, seal."""
    files = folder / "files"
    files.mkdir()
    write_files(payloads(size.files), files)
    own = max(ACTED, size.mappings[1] - len(RuleSet.compile(read_set([builtin_mappings()])).rules))
    write_rules(folder / "rules", own)
    settings = Settings.model_validate(
        {
            "store": {"url": f"sqlite:///{folder / 'data' / 'store.db'}"},
            "mappings": {"paths": [str(folder / "rules")]},
            "sources": [{"name": "bench", "type": "cloudtrail-files", "path": str(files)}],
        }
    )
    with timed() as watch, opened(settings, create=True) as parts:
        done = run_once(parts)
    records = sum(window.records for window in done.windows)
    if records != size.files or done.checkpoint is None:
        raise AssertionError(f"{records} of {size.files} records were collected")
    yield Measured("directory to sealed store (run --once)", records, watch.seconds, watch.cpu)
