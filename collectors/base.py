"""Contracts of collection: a collector reads one window of one source and never judges.

A *window* is one attempt to read a period. Its id is the attempt's. `asked` is on the cursor's axis, which is delivery
(LastModified, receive time, time of update), never event time. A collector keeps no state: what the next window needs is in
its cursor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from store.records import Cover, Event, WindowRecord

Reads = Literal["deliveries", "states"]
"""What a source lets itself be asked for: periods of what was delivered or changed, or only how things are now."""
Cursor = Mapping[str, Any]
"""JSON object, at most 1 MiB; {} before the first window."""


class CollectorError(Exception):
    """Base of every error that collection raises on purpose. The message is one clear sentence without secrets."""


class SourceUnreadable(CollectorError):
    """The source, or the whole period, could not be read: the window has failed, which never means zero events."""


@dataclass(frozen=True, slots=True)
class Window:
    """What is asked of a collector: read what was delivered in (start, end] of `source`, as attempt `attempt`.

    Of states: look once, now. `latest`: no later window follows in this run, so that what is still open is read in this one.
    """

    attempt: str
    source: str
    start: int
    end: int
    cursor: Cursor
    latest: bool = True


@dataclass(frozen=True, slots=True)
class Permission:
    """Something that a source's identity must be allowed: `action` in the other side's own words (an IAM action, a GCP
    permission, a token's scope), on `resource`.

    `types`: event types that come from it; `controls`: Annex A controls whose evidence rests on it; `why`: what it reads.
    """

    action: str
    why: str
    resource: str = "*"
    types: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Probe:
    """What one call of a check found: a sentence. `denied`: the call was refused, and this permission would allow it."""

    text: str
    denied: Permission | None = None


class Report(Protocol):
    """Where a collector says what it met while reading. The runner turns it into the WindowRecord."""

    def identity(self, who: str) -> None:
        """As whom the source is read (an ARN, an account, a path's owner); never a secret."""

    def page(self, *, files: int = 0, size: int = 0, ignored: int = 0) -> None:
        """One page or file was read: `size` bytes as delivered; `ignored` names that are not this source's."""

    def part(
        self, part: str, kind: str, *, complete: bool, read: int, errors: Sequence[str] = (), enumerates: bool = False
    ) -> None:
        """A part's result; `kind` is the event type it yields (log.aws.cloudtrail).

        `enumerates`: its events named every subject of this kind that there is, so that one not among them is gone.
        """

    def covered(self, covers: Sequence[Cover]) -> None:
        """What delivery time was wholly read and understood."""

    def unreadable(self, place: str, reason: str) -> None:
        """Bytes at `place` could not be understood; they travel as an `unreadable` event. The window says so and goes on."""

    def broken(self, place: str, reason: str) -> None:
        """What was read shows that something is missing or changed (a chain of digests): the window says so and goes on."""

    def denied(self, place: str, reason: str) -> None:
        """Something asked for was refused or broke: the window is partial and the cursor stays."""

    def keep(self, cursor: Cursor, *, owed: bool = False) -> None:
        """The cursor that the next window starts from, if this one is finished.

        `owed`: the cursor itself says what was denied, and the next window asks for that again; so it moves though the window
        is partial. Without it a denial leaves the cursor where it stood, and the whole period is asked for again.
        """


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

    @property
    def reads(self) -> Reads:
        """Deliveries, or states."""
        ...

    def oldest(self, cursor: Cursor, now: int) -> int | None:
        """The cursor axis' oldest time there is to read (exclusive start of the first window), None when there is nothing.

        Raises SourceUnreadable."""
        ...

    def collect(self, window: Window, report: Report) -> Iterator[Event]:
        """Yield the window's events as they are read (bounded memory). Raises SourceUnreadable when nothing could be read."""
        ...

    def check(self) -> Sequence[Probe]:
        """Really call the source and say what was found (doctor). Raises SourceUnreadable where nothing answers."""
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

    def withdraw(self, attempts: Sequence[str], epoch: int) -> None:
        """Take back attempts that were registered and never begun: the cursor stands before them. Raises Fenced."""
        ...

    def interrupted(self, source: str, epoch: int) -> Sequence[tuple[int, int]]:
        """Give up this source's unfinished attempts of older epochs; returns their periods, to be asked again."""
        ...
