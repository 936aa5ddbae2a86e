"""The status of the 93 controls, present and as of half-way, over some evidence and over five times as much.

Every row is made by the append transaction itself, from an event that a mapping judges: about 0.4 KB of JSON, one a second.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.bench_store import Bench, begin
from benchmarks.events import event, micros, record
from benchmarks.mappings import mapping_set
from benchmarks.measure import Measured, best
from benchmarks.parts import Parts
from benchmarks.progress import step
from benchmarks.setups import ONE, store_url
from benchmarks.sizes import Size
from benchmarks.stages.storing import BATCH
from pipeline.posture import decide
from store.query import StoreQuery
from store.records import Batch, Judged
from store.reports import Moment

NAME: Final = "status"
_KEPT: Final = ("eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "requestID", "eventID")
_POOL: Final = 2000


def status(size: Size, folder: Path) -> Iterator[Measured]:
    """On SQLite."""
    yield from _measure("SQLite", begin(folder / "store", mapping_set(folder / "rules", size.mappings[0])), size)


def status_postgres(size: Size, folder: Path, parts: Parts) -> Iterator[Measured]:
    """On PostgreSQL."""
    with store_url(ONE, folder, parts, NAME) as url:
        bench = begin(folder / "store", mapping_set(folder / "rules", size.mappings[0]), url)
        try:
            yield from _measure("PostgreSQL", bench, size)
        finally:
            bench.store.engine.dispose()


def _measure(name: str, bench: Bench, size: Size) -> Iterator[Measured]:
    query = StoreQuery(bench.store.engine)
    made = _judged(bench)
    stored = 0
    before: dict[str, float] = {}
    for rows in (size.rows, size.rows * size.growth):
        while stored < rows:
            items = tuple(next(made) for _ in range(min(BATCH, rows - stored)))
            bench.store.append(Batch(bench.rules.digest, items), (), decide)
            stored += len(items)
            step(f"status: evidence rows, {name}", stored, size.rows * size.growth)
        for kind, moment in (("present", Moment()), ("as of", Moment(as_of=micros(rows // 2)))):
            watch = best(5, lambda moment=moment: query.controls(moment))  # type: ignore[misc]
            growth = {"growth": watch.seconds / before[kind]} if kind in before else {}
            before[kind] = watch.seconds
            yield Measured(f"status of 93 controls, {kind}, {name}, {rows} rows", 1, watch.seconds, watch.cpu, growth)


def _judged(bench: Bench) -> Iterator[Judged]:
    """Events that are all judged, without end; what a mapping says of one it says again when its body comes again."""
    chance, pool = random.Random(20260302), []  # noqa: S311  the same events in every run
    for number in range(_POOL):
        found = record(number * 5, chance)
        body = msgspec.json.encode({name: found[name] for name in _KEPT})
        pool.append((body, bench.rules.judge(event(number, body, "bench"))))
    number = 0
    while True:
        body, judgements = pool[number % _POOL]
        yield Judged(event(number, body, "bench"), judgements, 0)
        number += 1
