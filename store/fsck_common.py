"""What the verifier's steps share: where they are, and how they say what differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from sqlalchemy import Connection

from store.erasures import Named
from store.errors import VerificationError
from store.query_common import Known
from store.writer import Head

KEPT: Final = ("evidence", "dead_letter")
"""Types of entries that source records become."""
Progress = Callable[[int, int], None]
"""progress(done, total), in entries; each is read twice."""


@dataclass(slots=True)
class Place:
    """Where the verifier is: when stored bytes cannot even be read, this is the index that is named."""

    index: int = 0
    done: int = 0
    total: int = 0
    progress: Progress | None = None

    def at(self, index: int) -> None:
        """The next entry is being read."""
        self.index = index
        self.done += 1
        if self.progress is not None and (self.done % 1000 == 0 or self.done == self.total):
            self.progress(self.done, self.total)


@dataclass(frozen=True, slots=True)
class Context:
    """One verification: a snapshot, its head, the mapping records, the store's key, what was erased."""

    connection: Connection
    head: Head
    known: Known
    held: Mapping[str, int]
    secret: bytes
    place: Place
    erasures: Named


@dataclass(slots=True)
class Seen:
    """What the entries say, gathered on the way: counts by type, mapping sets, how many entries have erased bytes.

    `forgotten`: how many of the kept ones have no detail any more, so that no id is known of them.
    """

    types: dict[str, int] = field(default_factory=dict)
    sets: dict[str, tuple[int, int]] = field(default_factory=dict)
    set_indexes: dict[int, str] = field(default_factory=dict)
    erased: int = 0
    forgotten: int = 0


def differs(what: str, index: int | None = None) -> NoReturn:
    """Raise the VerificationError that says so."""
    place = f"entry {index}: " if index is not None else ""
    raise VerificationError(f"{place}{what}", index=index)


def expect(actual: Any, wanted: Any, what: str, index: int | None = None) -> None:
    """Raises VerificationError unless both are equal."""
    if actual != wanted or type(actual) is not type(wanted):
        differs(what, index)
