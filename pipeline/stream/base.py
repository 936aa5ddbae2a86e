"""The stream's contract. Nothing of a backend may leak through it; one test suite runs over every backend.

A record of the stream is a *pack* (pipeline/event.py): up to 100 events of one partition. Offsets count records (packs) of a
partition, from 0, without reuse. Positions ("the next offset to read") live in the store and move with the evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

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


@dataclass(frozen=True, slots=True)
class Received:
    """One event with the place it was read from."""

    event: Event
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Polled:
    """Whole packs, in offset order per partition, and how far each partition's position moves when they are appended."""

    items: tuple[Received, ...] = ()
    advances: tuple[Advance, ...] = ()


class Consumer(Protocol):
    """Reads the partitions it has claimed."""

    def poll(self, limit: int, timeout: float) -> Polled:
        """Return whole packs of about `limit` events (at least one pack if there is one), waiting at most `timeout` seconds.

        Each advance starts where the consumer's last one of that partition ended (or at the claimed position). A record that
        cannot be decoded becomes one event of type `unreadable` (source "stream", id its SHA-256, payload its bytes) and
        moves the position.
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
        """Claim every partition that falls to this consumer and return it."""
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
