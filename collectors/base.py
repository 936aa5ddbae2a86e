"""Contracts of collection: a collector reads one window of one source and never judges.

A *window* is one attempt to read a period. Its id is the attempt's. `asked` is on the cursor's axis, which is delivery
(LastModified, receive time), never event time. A collector keeps no state: what the next window needs is its cursor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from store.records import Cover, Event, WindowRecord

Cursor = Mapping[str, Any]
"""JSON object, at most 1 MiB; {} before the first window."""


class CollectorError(Exception):
    """Base of every error that collection raises on purpose. The message is one clear sentence without secrets."""


class SourceUnreadable(CollectorError):
    """The source, or the whole period, could not be read: the window has failed, which never means zero events."""


@dataclass(frozen=True, slots=True)
class Window:
    """What is asked of a collector: read what was delivered in (start, end] of `source`, as attempt `attempt`."""

    attempt: str
    source: str
    start: int
    end: int
    cursor: Cursor


class Report(Protocol):
    """Where a collector says what it met while reading. The runner turns it into the WindowRecord."""

    def identity(self, who: str) -> None:
        """As whom the source is read (an ARN, an account, a path's owner); never a secret."""

    def page(self, *, files: int = 0, size: int = 0, ignored: int = 0) -> None:
        """One page or file was read: `size` bytes as delivered; `ignored` names that are not this source's."""

    def part(self, part: str, kind: str, *, complete: bool, read: int, errors: Sequence[str] = ()) -> None:
        """A part's result; `kind` is the event type it yields (log.aws.cloudtrail)."""

    def covered(self, covers: Sequence[Cover]) -> None:
        """What delivery time was wholly read and understood."""

    def unreadable(self, place: str, reason: str) -> None:
        """Bytes at `place` could not be understood; they travel as an `unreadable` event. The window says so and goes on."""

    def denied(self, place: str, reason: str) -> None:
        """Something asked for was refused or broke: the window is partial and the cursor stays."""

    def keep(self, cursor: Cursor) -> None:
        """The cursor that the next window starts from, if this one is finished."""


class Collector(Protocol):
    """One source, set up. Reads only; every network call has a timeout."""

    @property
    def source(self) -> str:
        """The configured name."""
        ...

    @property
    def type(self) -> str:
        """The source type, e.g. cloudtrail-files."""
        ...

    def oldest(self, cursor: Cursor, now: int) -> int | None:
        """The cursor axis' oldest time there is to read (exclusive start of the first window), None when there is nothing.

        Raises SourceUnreadable."""
        ...

    def collect(self, window: Window, report: Report) -> Iterator[Event]:
        """Yield the window's events as they are read (bounded memory). Raises SourceUnreadable when nothing could be read."""
        ...

    def check(self) -> Sequence[str]:
        """Really call the source and say what was found, one sentence each (doctor). Raises SourceUnreadable."""
        ...


class Ledger(Protocol):
    """What the runner needs of the store: leases, attempts, cursors. Implemented by store/cursors.py."""

    def cursor(self, source: str) -> tuple[int | None, Cursor]:
        """(end of the last finished period or None, cursor)."""
        ...

    def register(self, source: str, epoch: int, periods: Sequence[tuple[int, int]], kind: str) -> Sequence[str]:
        """Register one attempt per period under the lease's epoch, in one transaction; returns their ids. Raises Fenced."""
        ...

    def finish(self, attempt: str, epoch: int, record: WindowRecord, cursor: Cursor | None) -> None:
        """The record is published: the attempt may close. Moves the cursor (None: it stays). Raises Fenced for a stale epoch."""
        ...

    def interrupted(self, source: str, epoch: int) -> Sequence[tuple[int, int]]:
        """Give up this source's unfinished attempts of older epochs; returns their periods, to be asked again."""
        ...
