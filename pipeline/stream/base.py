"""The stream's contract. Nothing of a backend may leak through it; one test suite runs over every backend.

A record of the stream is a *pack* (pipeline/event.py), up to 100 events of one partition, or a single event where the backend
writes such. Offsets number the records of a partition, from 0, without reuse; a backend may leave some out. Positions ("the next
offset to read") live in the store and move with the evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from store.records import Advance, Event

Claim = Callable[[int], tuple[int, int]]
"""claim(partition) -> (epoch, position): one transaction of the store's; fences whoever held the partition before."""

Release = Callable[[int], None]
"""release(partition): called when a partition is given up (rebalance, close)."""


@dataclass(frozen=True, slots=True)
class Published:
    """What became durable: the last offset and the number of events, by partition."""

    offsets: Mapping[int, int] = field(default_factory=dict)
    counts: Mapping[int, int] = field(default_factory=dict)


class Received(NamedTuple):
    """One event with the place it was read from."""

    event: Event
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Gap:
    """A partition does not go on where its position stands: reading goes on at `end` instead of at `start`.

    `end` > `start`: the records between were deleted before they were read. `end` < `start`: the partition ends before the
    position, so what is still there is read again. `damaged`: the records between are there and cannot be read.
    """

    partition: int
    start: int
    end: int
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class Polled:
    """Whole packs, in offset order per partition, and how far each partition's position moves when they are appended.

    Every gap is covered by an advance of its partition: whoever appends says so to people in the same transaction.
    """

    items: tuple[Received, ...] = ()
    advances: tuple[Advance, ...] = ()
    gaps: tuple[Gap, ...] = ()


class Consumer(Protocol):
    """Reads the partitions it has claimed."""

    def poll(self, limit: int, timeout: float) -> Polled:
        """Return whole packs of about `limit` events (at least one pack if there is one), waiting at most `timeout` seconds.

        Each advance starts where the consumer's last one of that partition ended (or at the claimed position). A record that
        cannot be decoded becomes one event of type `unreadable` (source "stream", id its SHA-256, payload its bytes, of more
        than 8 MiB the head) and moves the position. Partitions come and go between two polls where several consumers share them.
        Raises StreamError.
        """
        ...

    def rewind(self) -> None:
        """Go back to the claimed positions, claiming anew: after an append that failed or was fenced."""
        ...

    def close(self) -> None:
        """Release the partitions."""
        ...


class Stream(Protocol):
    """An append-only, partitioned log of events between collectors and the mapper."""

    @property
    def partitions(self) -> int:
        """How many partitions there are."""
        ...

    @property
    def identity(self) -> str:
        """What tells this stream from another in its place: offsets of one mean nothing in the other."""
        ...

    def publish(self, events: Sequence[Event]) -> Published:
        """Return when the events are durable. Raises StreamError, and then nothing may be counted on."""
        ...

    def subscribe(self, claim: Claim, release: Release) -> Consumer:
        """Claim every partition that falls to this consumer and return it. Raises StreamError."""
        ...

    def look(self, positions: Mapping[int, int], limit: int) -> tuple[Received, ...]:
        """Return about `limit` events from these positions on (0 where none is given), claiming and moving nothing."""
        ...

    def ends(self) -> Mapping[int, int]:
        """The next offset to be written, by partition."""
        ...

    def trim(self, positions: Mapping[int, int]) -> None:
        """Everything before these positions is in the store: it may be dropped (a no-op where retention is the backend's)."""
        ...

    def close(self) -> None:
        """Close connections; publish nothing more."""
        ...
