"""The stream: packs alone, and publishing and polling through the embedded one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.events import events, payloads
from benchmarks.measure import Measured, best, timed
from benchmarks.sizes import Size
from pipeline.event import MAX_PACK_EVENTS, pack, unpack
from pipeline.stream.sqlite import SqliteStream
from store.records import Event

CHUNK = 500


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
        for start in range(0, len(made), CHUNK):
            opened.publish(made[start : start + CHUNK])
    yield Measured("publish (sqlite)", len(made), watch.seconds, watch.cpu)
    consumer = opened.subscribe(lambda _partition: (1, 0), lambda _partition: None)
    count = 0
    with timed() as watch:
        while polled := consumer.poll(1000, 0).items:
            count += len(polled)
    opened.close()
    if count != len(made):
        raise AssertionError(f"{count} of {len(made)} events came out of the stream")
    yield Measured("poll (sqlite)", count, watch.seconds, watch.cpu)
