"""Consumer of the embedded stream: reads the file from the positions that it was given at the claim."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection

from pipeline.errors import StreamError
from pipeline.stream.base import Claim, Polled, Received, Release
from pipeline.stream.packs import MAX_POLL_PAYLOAD, read_record
from pipeline.stream.sqlite_file import StreamFile
from store.records import Advance, Event

NAP: Final = 0.05
"""Seconds between two looks at the file while it has nothing: another process that publishes cannot wake this one."""


@dataclass(frozen=True, slots=True)
class _Held:
    epoch: int
    position: int


@dataclass(slots=True)
class _Batch:
    """What one poll has gathered so far."""

    limit: int
    items: list[Received] = field(default_factory=list)
    advances: list[Advance] = field(default_factory=list)
    payload: int = 0

    @property
    def full(self) -> bool:
        return len(self.items) >= self.limit or self.payload >= MAX_POLL_PAYLOAD

    def add(self, partition: int, offset: int, events: tuple[Event, ...]) -> None:
        self.items += [Received(event, partition, offset) for event in events]
        self.payload += sum(len(event.payload) for event in events)


class SqliteConsumer:
    """A Consumer (base.py) that holds every partition. For one thread."""

    def __init__(self, file: StreamFile, written: threading.Condition, claim: Claim, release: Release) -> None:
        """Claim the partitions in order; where a claim raises, those before it are released."""
        self._file = file
        self._written = written
        self._claim = claim
        self._release = release
        self._turn = 0
        self._closed = False
        self._held: dict[int, _Held] = {}
        try:
            for partition in range(file.partitions):
                self._held[partition] = _Held(*claim(partition))
        except BaseException:
            self.close()
            raise

    def poll(self, limit: int, timeout: float) -> Polled:
        """See base.Consumer. Raises StreamError where the records at a position are gone, or it lies past the end."""
        if self._closed:
            raise StreamError("the consumer is closed")
        deadline = time.monotonic() + timeout
        while True:
            polled = self._read(limit)
            left = deadline - time.monotonic()
            if polled.advances or left <= 0:
                return polled
            with self._written:
                self._written.wait(min(left, NAP))

    def rewind(self) -> None:
        """Claim every partition anew and go on from the positions given."""
        if self._closed:
            raise StreamError("the consumer is closed")
        self._held = {partition: _Held(*self._claim(partition)) for partition in range(self._file.partitions)}

    def close(self) -> None:
        """Release the partitions. May be called again."""
        self._closed = True
        while self._held:
            partition, _ = self._held.popitem()
            self._release(partition)

    def _read(self, limit: int) -> Polled:
        """Read one snapshot. Each time another partition comes first, so that a busy one does not starve the others."""
        batch = _Batch(max(1, limit))
        with self._file.snapshot() as connection:
            ends = self._file.ends_in(connection)
            for partition in (*range(self._turn, len(ends)), *range(self._turn)):
                position = self._held[partition].position
                if position > ends[partition]:
                    raise StreamError(
                        f"{self._file.path}: position {position} of partition {partition} is past the stream's end "
                        f"({ends[partition]}): this file is not, or is older than, the one that was read before"
                    )
                if position < ends[partition] and not batch.full:
                    self._take(connection, partition, batch)
        self._turn = (self._turn + 1) % len(ends)
        for advance in batch.advances:
            self._held[advance.partition] = _Held(advance.epoch, advance.end)
        return Polled(tuple(batch.items), tuple(batch.advances))

    def _take(self, connection: Connection, partition: int, batch: _Batch) -> None:
        held = self._held[partition]
        end = held.position
        for offset, written_at, data in self._file.records_in(connection, partition, held.position):
            if offset != end:
                break
            batch.add(partition, offset, read_record(data, written_at))
            end += 1
            if batch.full:
                break
        if end == held.position:
            raise StreamError(
                f"{self._file.path}: record {end} of partition {partition} is gone: it was trimmed after a later state of the "
                "store; the store is older than the stream"
            )
        batch.advances.append(Advance(partition, held.epoch, held.position, end))
