"""The embedded stream: a SQLite file of its own, which several processes may write and read at the same time."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pipeline.stream.base import Claim, Consumer, Published, Received, Release
from pipeline.stream.packs import records_by_partition
from pipeline.stream.sqlite_consumer import SqliteConsumer
from pipeline.stream.sqlite_file import StreamFile
from store.records import Event

DEFAULT_PARTITIONS: Final = 4


class SqliteStream:
    """A Stream (base.py) in the file at `path`, made with `partitions` where it is new."""

    def __init__(self, path: Path, partitions: int = DEFAULT_PARTITIONS) -> None:
        """Raises StreamError where the file cannot be used or has another number of partitions."""
        self._file = StreamFile(path, partitions)
        self._written = threading.Condition()

    @property
    def partitions(self) -> int:
        """How many partitions there are."""
        return self._file.partitions

    @property
    def identity(self) -> str:
        """The random name that the file was given when it was made."""
        return self._file.identity

    def publish(self, events: Sequence[Event]) -> Published:
        """Write the events in one durable transaction: all of them, or (StreamError) none."""
        if not events:
            return Published()
        published = self._file.append(records_by_partition(events, self.partitions))
        with self._written:
            self._written.notify_all()
        return published

    def subscribe(self, claim: Claim, release: Release) -> Consumer:
        """Claim every partition, in order of number: all of them fall to whoever subscribed last."""
        return SqliteConsumer(self._file, self._written, claim, release)

    def look(self, positions: Mapping[int, int], limit: int) -> tuple[Received, ...]:
        """See base.Stream."""
        consumer = self.subscribe(lambda partition: (0, positions.get(partition, 0)), lambda _partition: None)
        return consumer.poll(limit, 0.0).items

    def ends(self) -> Mapping[int, int]:
        """The next offset to be written, by partition."""
        with self._file.snapshot() as connection:
            return self._file.ends_in(connection)

    def trim(self, positions: Mapping[int, int]) -> None:
        """Delete the records before these positions. Raises StreamError for a position past the end."""
        self._file.trim(positions)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
