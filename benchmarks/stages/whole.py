"""End to end: workers in processes of their own, from the stream to the sealed store, in the mix of the performance budget.

The events are in the stream before the clock starts; every run reads all of them, into a new store.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.bench_store import begin
from benchmarks.crew import Costs, Crew, costs
from benchmarks.mapper import Order
from benchmarks.mappings import mapping_set
from benchmarks.measure import Measured
from benchmarks.parts import Parts
from benchmarks.progress import step
from benchmarks.setups import EMBEDDED, MIXED, ONE, TWO, Setup, fill, line, store_bytes, store_url, stream_bytes, stream_url
from benchmarks.sizes import Size
from pipeline.rules.mapping_set import MappingSet

TOPIC: Final = "bench"


@dataclass(frozen=True, slots=True)
class Run:
    """One run: its setup, the number of mappings, what is retained."""

    setup: Setup
    mappings: int
    retain_all: bool = False


def embedded(size: Size, folder: Path, parts: Parts) -> Iterator[Measured]:
    """The default of one host: one worker, an embedded stream, an embedded store."""
    yield from _all(_runs((EMBEDDED,), size), size, folder, parts)


def kafka(size: Size, folder: Path, parts: Parts) -> Iterator[Measured]:
    """From a Kafka topic of 12 partitions: one worker, or two in one consumer group, into one store."""
    setups = (TWO, MIXED) if size.shared else (MIXED, ONE, TWO)
    served = [setup for setup in setups if not parts.lacking(*setup.needs)][: 1 if size.shared else None]
    yield from _all(_runs(served, size), size, folder, parts)


def _runs(setups: Sequence[Setup], size: Size) -> list[Run]:
    few, some, many = size.mappings
    runs = []
    for setup in setups:
        runs.append(Run(setup, some))
        if setup is not MIXED and not size.shared:
            runs += [Run(setup, few), Run(setup, many), Run(setup, some, retain_all=True)]
    return runs


def _all(runs: Sequence[Run], size: Size, folder: Path, parts: Parts) -> Iterator[Measured]:
    first = runs[0].setup
    fill(stream_url(first, folder, parts, TOPIC), folder, size.whole)
    waiting = stream_bytes(first, folder, parts, TOPIC) / size.whole
    sets = {count: mapping_set(folder / f"rules-{count}", count) for count in {run.mappings for run in runs}}
    for number, run in enumerate(runs):
        step(line(run.setup, run.mappings, run.retain_all), number, len(runs))
        found, stored = _run(run, f"run{number}", size.whole, folder, parts, sets[run.mappings])
        yield measured(line(run.setup, run.mappings, run.retain_all), run.setup, found, waiting, stored / size.whole)


def _run(run: Run, name: str, total: int, folder: Path, parts: Parts, found: MappingSet) -> tuple[Costs, int]:
    """Costs, and by how many bytes the store grew."""
    place = folder / name
    place.mkdir()
    source = stream_url(run.setup, place, parts, TOPIC)
    if not run.setup.kafka:  # an embedded stream drops what was taken
        shutil.copy(folder / f"{TOPIC}.db", place / f"{TOPIC}.db")
    with store_url(run.setup, place, parts, name) as url:
        bench = begin(place, found, url)
        empty = store_bytes(run.setup, place, parts, name)
        pids = {server: parts.servers[server].pid for server in run.setup.needs}
        crew = Crew(bench, Order(source, url, str(place), name, run.retain_all), run.setup.workers, pids)
        try:
            crew.start()
            crew.work()
            done = costs(crew, total)
        finally:
            crew.kill()
            bench.store.engine.dispose()
        stored = store_bytes(run.setup, place, parts, name) - empty
    shutil.rmtree(place)
    return done, stored


def measured(name: str, setup: Setup, found: Costs, waiting: float, stored: float) -> Measured:
    """A run as a line: `cpu` is that of the workers and the sealing beside them."""
    more = {
        "store_bytes_per_event": stored,
        "rss_after_10_percent_mb": found.rss[0],
        "rss_at_end_mb": found.rss[1],
    }
    more["cores_used_by_others"] = found.others
    if waiting:
        more["stream_bytes_per_event"] = waiting
    cpu = found.processes["workers"] + found.processes["seal"]
    inside, peak = found.inside, max(found.peaks)
    return Measured(name, found.events, found.seconds, cpu, more, found.processes, inside, setup.workers, peak)
