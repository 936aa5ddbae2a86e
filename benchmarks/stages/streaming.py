"""The stream: packs alone, and publishing and polling through the embedded one and through Kafka."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.events import events, payloads
from benchmarks.measure import Measured, Watch, best, timed
from benchmarks.parts import Parts
from benchmarks.processes import cpu_seconds
from benchmarks.sizes import Size
from pipeline.event import MAX_PACK_EVENTS, pack, unpack
from pipeline.stream.base import Stream
from pipeline.stream.options import StreamOptions
from pipeline.stream.registry import open_stream
from pipeline.stream.sqlite import SqliteStream
from store.records import Event

CHUNK = 500
PATIENCE = 300.0


def stream(size: Size, folder: Path) -> Iterator[Measured]:
    """Pack, unpack, publish, poll."""
    made = events(payloads(size.files))
    slices = [made[start : start + MAX_PACK_EVENTS] for start in range(0, len(made), MAX_PACK_EVENTS)]
    packed = [pack(some) for some in slices]
    watch = best(size.repeat, lambda: [pack(some) for some in slices])
    ratio = sum(map(len, packed)) / sum(len(event.payload) for event in made)
    yield Measured("pack", len(made), watch.seconds, watch.cpu, {"pack_bytes": ratio})
    watch = best(size.repeat, lambda: [unpack(data) for data in packed])
    yield Measured("unpack", len(made), watch.seconds, watch.cpu)
    yield from _sqlite(made, folder)


def _sqlite(made: Sequence[Event], folder: Path) -> Iterator[Measured]:
    opened = SqliteStream(folder / "stream.db")
    with timed() as watch:
        _publish(opened, made)
    yield Measured("publish (sqlite)", len(made), watch.seconds, watch.cpu)
    yield _poll("poll (sqlite)", opened, made)
    opened.close()


def stream_kafka(size: Size, folder: Path, parts: Parts) -> Iterator[Measured]:
    """Publish to a topic (all brokers have it), and read it back by a consumer group of one."""
    made = events(payloads(size.files))
    server = parts.servers["kafka"]
    opened = open_stream(f"kafka://{server.address}/stage", folder, StreamOptions(group="stage"))
    _publish(opened, made[:CHUNK])
    broker = cpu_seconds(server.pid)
    with timed() as watch:
        _publish(opened, made)
    yield _beside("publish (Kafka)", made, watch, cpu_seconds(server.pid) - broker)
    broker = cpu_seconds(server.pid)
    polled = _poll("poll (Kafka, joining the group included)", opened, [*made[:CHUNK], *made])
    yield replace(polled, processes={"worker": polled.cpu, "kafka": cpu_seconds(server.pid) - broker})
    opened.close()


def _publish(opened: Stream, made: Sequence[Event]) -> None:
    for start in range(0, len(made), CHUNK):
        opened.publish(made[start : start + CHUNK])


def _beside(name: str, made: Sequence[Event], watch: Watch, broker: float) -> Measured:
    return Measured(name, len(made), watch.seconds, watch.cpu, processes={"publisher": watch.cpu, "kafka": broker})


def _poll(name: str, opened: Stream, made: Sequence[Event]) -> Measured:
    """Read all of it. Raises AssertionError where that does not come to an end."""
    count, until = 0, time.monotonic() + PATIENCE
    with timed() as watch:
        consumer = opened.subscribe(lambda _partition: (1, 0), lambda _partition: None)
        while count < len(made) and time.monotonic() < until:
            count += len(consumer.poll(1000, 1).items)
    consumer.close()
    if count != len(made):
        raise AssertionError(f"{count} of {len(made)} events came out of the stream")
    return Measured(name, count, watch.seconds, watch.cpu)
