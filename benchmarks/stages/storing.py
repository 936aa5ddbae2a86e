"""The store: appending judged batches, sealing what was appended, the space that it takes, and reading the status."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.bench_store import Bench, begin
from benchmarks.events import events, micros, payloads
from benchmarks.mappings import mapping_set
from benchmarks.measure import Measured, best, timed
from benchmarks.sizes import Size
from pipeline.posture import decide
from store import schema
from store.engine import reading
from store.query import StoreQuery
from store.records import Batch, Judged
from store.reports import Moment

BATCH = 1000
GROWTH = 5


def append(size: Size, folder: Path) -> Iterator[Measured]:
    """Judged batches of a thousand, kept by the default and kept whole; then the seal over all of it."""
    found = mapping_set(folder / "rules", size.mappings[1])
    for name, retain_all in (("matched", False), ("all", True)):
        bench = begin(folder / name, found)
        judged = [Judged(event, bench.rules.judge(event), 0) for event in events(payloads(size.stored))]
        with timed() as watch:
            _append(bench, judged, retain_all)
        space = {} if not retain_all else {"payload_bytes": _space(bench)}
        yield Measured(f"append (retain: {name})", len(judged), watch.seconds, watch.cpu, space)
        with reading(bench.store.engine) as connection:
            entries = connection.execute(select(schema.head.c.size)).scalar_one()
        with timed() as watch:
            bench.signer().publish()
        yield Measured(f"seal (entries, retain: {name})", entries, watch.seconds, watch.cpu)


def _append(bench: Bench, judged: Sequence[Judged], retain_all: bool) -> None:
    for start in range(0, len(judged), BATCH):
        batch = Batch(bench.rules.digest, tuple(judged[start : start + BATCH]), retain_all=retain_all)
        bench.store.append(batch, (), decide)


def _space(bench: Bench) -> float:
    """Bytes of the blocks to bytes that a row per payload would hold, evidence alone (detail and payload)."""
    entry, block = schema.entry, schema.block
    with reading(bench.store.engine) as connection:
        query = select(func.sum(entry.c.detail_length + entry.c.payload_length)).where(entry.c.type == "evidence")
        plain = connection.execute(query).scalar_one()
        used = select(entry.c.payload_block).where(entry.c.type == "evidence").distinct()
        packed = connection.execute(select(func.sum(func.length(block.c.data))).where(block.c.id.in_(used))).scalar_one()
    return float(packed) / float(plain)


def status(size: Size, folder: Path) -> Iterator[Measured]:
    """The status of the 93 controls, present and as of half-way, with some evidence and with five times as much."""
    bench = begin(folder / "store", mapping_set(folder / "rules", size.mappings[0]))
    query = StoreQuery(bench.store.engine)
    total = size.rows * GROWTH
    judged = [Judged(event, bench.rules.judge(event), 0) for event in events(payloads(total))]
    before: dict[str, float] = {}
    for start, stop in ((0, size.rows), (size.rows, total)):
        _append(bench, judged[start:stop], True)
        for name, moment in (("present", Moment()), ("as of", Moment(as_of=micros(stop // 2)))):
            watch = best(5, lambda moment=moment: query.controls(moment))  # type: ignore[misc]
            ratio = {"growth": watch.seconds / before[name]} if name in before else {}
            before[name] = watch.seconds
            yield Measured(f"status of 93 controls, {name}, {stop} rows", 1, watch.seconds, watch.cpu, ratio)
