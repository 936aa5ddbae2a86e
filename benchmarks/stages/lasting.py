"""Memory over time: one worker under full load for many events; its resident memory after a tenth of them, and at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from benchmarks.bench_store import begin
from benchmarks.crew import Crew, costs
from benchmarks.feed import Feed, endless
from benchmarks.mapper import Order
from benchmarks.mappings import mapping_set
from benchmarks.measure import Measured
from benchmarks.parts import Parts
from benchmarks.progress import step
from benchmarks.setups import EMBEDDED, ONE, store_bytes, store_url, stream_url
from benchmarks.sizes import Size
from benchmarks.stages.whole import measured
from pipeline.stream.registry import open_stream

NAME = "memory over time"
TOPIC = "lasting"


def lasting(size: Size, folder: Path, parts: Parts) -> Iterator[Measured]:
    """On Kafka and PostgreSQL where they are, else on the embedded setup."""
    setup = EMBEDDED if parts.lacking(*ONE.needs) else ONE
    found = mapping_set(folder / "rules", size.mappings[1])
    source = stream_url(setup, folder, parts, TOPIC)
    with store_url(setup, folder, parts, TOPIC) as url, closing(open_stream(source, folder)) as stream:
        bench = begin(folder, found, url)
        empty = store_bytes(setup, folder, parts, TOPIC)
        crew = Crew(bench, Order(source, url, str(folder), TOPIC, forever=True), 1, parts.pids())
        feed = Feed(crew, stream, endless())
        try:
            crew.start()
            with crew.sealing():
                while feed.top_up(size.lasting):
                    step(f"{NAME}: {setup.name}", crew.events(), size.lasting)
                crew.stop()
            done = costs(crew, size.lasting)
        finally:
            crew.kill()
            bench.store.engine.dispose()
        stored = store_bytes(setup, folder, parts, TOPIC) - empty
    yield measured(f"{NAME}, {setup.name}, {size.lasting} events", setup, done, 0.0, stored / size.lasting)
