"""What a collector says while it reads, gathered for the window's record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from collectors.base import Cursor
from collectors.unreadable import sentence
from store.records import Cover, PartRecord

MAX_ERRORS: Final = 100
"""Errors that a window names; the others are counted."""


class Progress(Protocol):
    """Shows people how far a run has come."""

    def describe(self, text: str) -> None:
        """What is being done now."""
        ...

    def advance(self, *, files: int = 0, events: int = 0) -> None:
        """So many more files were read, so many more events published."""
        ...


class Silent:
    """Shows nothing."""

    def describe(self, text: str) -> None:
        """Nothing."""

    def advance(self, *, files: int = 0, events: int = 0) -> None:
        """Nothing."""


@dataclass(slots=True)
class WindowReport:
    """The Report that the runner hands to a collector."""

    progress: Progress
    cursor: Cursor
    who: str = ""
    pages: int = 0
    files: int = 0
    size: int = 0
    ignored: int = 0
    unread: int = 0
    denials: int = 0
    breaks: int = 0
    owed: bool = False
    parts: list[PartRecord] = field(default_factory=list)
    covers: list[Cover] = field(default_factory=list)
    _errors: list[str] = field(default_factory=list)

    def identity(self, who: str) -> None:
        """As whom the source is read."""
        self.who = who

    def page(self, *, files: int = 0, size: int = 0, ignored: int = 0) -> None:
        """Files were read, or without any a page of a listing was."""
        self.pages += not files
        self.files += files
        self.size += size
        self.ignored += ignored
        if files:
            self.progress.advance(files=files)

    def part(
        self, part: str, kind: str, *, complete: bool, read: int, errors: Sequence[str] = (), enumerates: bool = False
    ) -> None:
        """A part's result. One that is not complete enumerates nothing."""
        known = enumerates and complete
        self.parts.append(PartRecord(part, kind, complete=complete, enumerates=known, read=read, errors=tuple(errors)))

    def covered(self, covers: Sequence[Cover]) -> None:
        """Delivery time wholly read and understood."""
        self.covers.extend(covers)

    def unreadable(self, place: str, reason: str) -> None:
        """Bytes were not understood; their event is on its way."""
        self.unread += 1
        self.fault(sentence(place, reason))

    def broken(self, place: str, reason: str) -> None:
        """Something is missing or changed."""
        self.breaks += 1
        self.fault(sentence(place, reason))

    def denied(self, place: str, reason: str) -> None:
        """Something could not be had."""
        self.denials += 1
        self.fault(sentence(place, reason))

    def keep(self, cursor: Cursor, *, owed: bool = False) -> None:
        """Where the next window starts from."""
        self.cursor, self.owed = cursor, owed

    def fault(self, text: str) -> None:
        """An error of the window as a whole, or of a place in it."""
        self._errors.append(text)

    @property
    def errors(self) -> tuple[str, ...]:
        """The first errors, and how many more there were."""
        more = len(self._errors) - MAX_ERRORS
        return (*self._errors[:MAX_ERRORS], *((f"and {more} more",) if more > 0 else ()))

    @property
    def holds(self) -> bool:
        """Must the cursor stay, for something was denied that it does not remember?"""
        return bool(self.denials) and not self.owed

    @property
    def partial(self) -> bool:
        """Was anything denied, not understood, broken or left out?"""
        return bool(self.denials or self.unread or self.breaks) or not all(part.complete for part in self.parts)
