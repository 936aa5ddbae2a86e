"""What every backend does alike: which partition an event goes to, how events become records, what a damaged record becomes."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.errors import CodecError, StreamError
from pipeline.event import MAX_PACK_EVENTS, pack, unpack
from store.records import UNREADABLE, Event
from store.text import clean_attribute

MAX_PACK_PAYLOAD: Final = 8 * 1024 * 1024
"""Bytes of payload after which a pack takes no further event; a larger event has a pack of its own."""
MAX_POLL_PAYLOAD: Final = 32 * 1024 * 1024
"""Bytes of payload after which a poll takes no further record."""
MAX_KEPT: Final = 8 * 1024 * 1024
"""Bytes up to which the whole of a record that cannot be decoded is kept."""
HEAD: Final = 1024 * 1024
"""Bytes kept of a larger one."""


@dataclass(frozen=True, slots=True)
class Record:
    """A pack that is ready to be written, and how many events it holds."""

    data: bytes
    events: int


def partition_of(event: Event, partitions: int) -> int:
    """Return the partition of an event: CRC-32 of its subject (of its id where it has none), modulo. It only spreads load.

    The subject of unreadable bytes is the place where they were found; their id, which is theirs wherever they are, decides.
    """
    key = event.id if event.subject is None or event.type == UNREADABLE else event.subject
    return zlib.crc32(clean_attribute(key).encode()) % partitions


def records_by_partition(events: Iterable[Event], partitions: int) -> dict[int, list[Record]]:
    """Return the events as packs by partition, in order. Raises StreamError for an event that no pack can hold."""
    groups: dict[int, list[Event]] = {}
    for event in events:
        groups.setdefault(partition_of(event, partitions), []).append(event)
    try:
        return {
            partition: [Record(pack(some), len(some)) for some in _slices(group)] for partition, group in sorted(groups.items())
        }
    except CodecError as error:
        raise StreamError(f"nothing was published: {error}") from error


def read_record(data: bytes, written_at: int) -> tuple[Event, ...]:
    """Return the events of a record; where it cannot be decoded, one `unreadable` event with the record's bytes.

    `written_at` is when the record was written (microseconds): the same record becomes the same event at every reading.
    """
    try:
        return unpack(data)
    except CodecError:
        return (unreadable(data, written_at),)


def unreadable(data: bytes, written_at: int) -> Event:
    """Return the event for a record that cannot be decoded: its bytes, or the head of many, named by the digest of all."""
    media_type = "application/octet-stream"
    return Event(
        source="stream",
        id=hashlib.sha256(data).hexdigest(),
        type=UNREADABLE,
        time=written_at,
        payload=data if len(data) <= MAX_KEPT else data[:HEAD],
        collected_at=written_at,
        media_type=media_type if len(data) <= MAX_KEPT else f"{media_type}; part=head; size={len(data)}",
    )


def _slices(events: Sequence[Event]) -> Iterable[Sequence[Event]]:
    start = size = 0
    for index, event in enumerate(events):
        if index > start and (index - start == MAX_PACK_EVENTS or size + len(event.payload) > MAX_PACK_PAYLOAD):
            yield events[start:index]
            start, size = index, 0
        size += len(event.payload)
    if events:
        yield events[start:]
