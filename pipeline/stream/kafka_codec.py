"""Events as Kafka records and back: packs, or one CloudEvent in binary mode per record. Both are always read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pipeline.cloudevents import Headers, from_headers, is_binary, to_headers
from pipeline.errors import CodecError, StreamError
from pipeline.event import MAX_PAYLOAD, checked
from pipeline.stream.options import Format
from pipeline.stream.packs import partition_of, read_record, records_by_partition, unreadable
from store.records import Event
from store.times import MAX_TIME

_FRAMING: Final = 64
"""Bytes that a record takes beside what is in it, about."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record that is ready to be sent, and how many events it holds."""

    partition: int
    value: bytes
    events: int
    headers: Headers = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes, about."""
        return len(self.value) + sum(len(name) + len(value) for name, value in self.headers) + _FRAMING


def outgoing(events: Sequence[Event], partitions: int, form: Format) -> list[Outgoing]:
    """Return the events as records, in order within a partition. Raises StreamError for an event that no record can hold."""
    if form == "packs":
        packs = records_by_partition(events, partitions)
        return [Outgoing(partition, record.data, record.events) for partition, some in packs.items() for record in some]
    try:
        return [_single(checked(event), partitions) for event in events]
    except CodecError as error:
        raise StreamError(f"nothing was published: {error}") from error


def _single(event: Event, partitions: int) -> Outgoing:
    return Outgoing(partition_of(event, partitions), bytes(event.payload), 1, to_headers(event))


def chunks(records: Iterable[Outgoing], limit: int) -> Iterable[list[Outgoing]]:
    """Yield them in lists of about `limit` bytes."""
    some: list[Outgoing] = []
    size = 0
    for record in records:
        if some and size + record.size > limit:
            yield some
            some, size = [], 0
        some.append(record)
        size += record.size
    if some:
        yield some


def incoming(record: Any) -> tuple[Event, ...]:
    """Return the events of a record of the library's; one `unreadable` event of what cannot be decoded, the same each time."""
    value: bytes = record.value or b""
    written_at = min(max(record.timestamp, 0) * 1000, MAX_TIME)
    if not is_binary(record.headers):
        return read_record(value, written_at)
    try:
        if len(value) > MAX_PAYLOAD:
            raise CodecError("payload too large")
        return (from_headers(record.headers, value),)
    except CodecError:
        return (unreadable(value, written_at),)
