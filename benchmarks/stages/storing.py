"""The store: appending judged batches, and sealing what was appended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import select

from benchmarks.bench_store import Bench, begin
from benchmarks.events import events, payloads
from benchmarks.mappings import mapping_set
from benchmarks.measure import Measured, timed
from benchmarks.sizes import Size
from pipeline.posture import decide
from store import schema
from store.engine import reading
from store.records import Batch, Judged

BATCH = 1000


def append(size: Size, folder: Path) -> Iterator[Measured]:
    """Judged batches of a thousand, kept by the default and kept whole; then the seal over all of it."""
    found = mapping_set(folder / "rules", size.mappings[1])
    for name, retain_all in (("matched", False), ("all", True)):
        bench = begin(folder / name, found)
        judged = [Judged(event, bench.rules.judge(event), 0) for event in events(payloads(size.stored))]
        with timed() as watch:
            append_all(bench, judged, retain_all)
        yield Measured(f"append (retain: {name})", len(judged), watch.seconds, watch.cpu)
        with reading(bench.store.engine) as connection:
            entries = connection.execute(select(schema.head.c.size)).scalar_one()
        with timed() as watch:
            bench.signer().publish()
        yield Measured(f"seal (entries, retain: {name})", entries, watch.seconds, watch.cpu)


def append_all(bench: Bench, judged: Sequence[Judged], retain_all: bool) -> None:
    """Append in batches."""
    for start in range(0, len(judged), BATCH):
        batch = Batch(bench.rules.digest, tuple(judged[start : start + BATCH]), retain_all=retain_all)
        bench.store.append(batch, (), decide)
