"""What a github source's cursor remembers from window to window."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from collectors.base import Cursor
from collectors.tickets import OpenOnes
from store.records import MINUTE

MAX_OPEN: Final = 10_000
MAX_FIRST: Final = 3_000
MAX_PLACES: Final = 2_000
MAX_CURSOR: Final = 900_000
"""Entries of each kind, so that a cursor stays below its 1 MiB."""
SOON: Final = MINUTE


@dataclass(slots=True)
class Memory:
    """`owed`: what is to be read from an earlier time than the window's: tickets of repositories, the audit log; `quiet`: until
    when nothing changes in a repository; `first`: first responses of open tickets; `looked`: when settings were read, and how
    often in a row the same look was denied something; `followed`: when closed tickets were read again; `known`: repositories
    there were."""

    owed: dict[str, int]
    quiet: dict[str, int]
    first: dict[str, int]
    open: OpenOnes
    looked: int = 0
    denials: int = 0
    followed: int = 0
    known: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, cursor: Cursor) -> Memory:
        """Of what `cursor` wrote, or of nothing."""
        return cls(
            _times(cursor.get("owed")),
            _times(cursor.get("quiet")),
            _times(cursor.get("first")),
            OpenOnes.remembered(cursor.get("open")),
            _number(cursor.get("looked")),
            _number(cursor.get("denials")),
            _number(cursor.get("followed")),
            [name for name in cursor.get("known", ()) if isinstance(name, str)],
        )

    def due(self, now: int, every: int) -> bool:
        """Are settings to be read? What was denied once is asked again at once, what is denied again only in its turn."""
        return self.looked > now or now - self.looked >= every - SOON or self.denials == 1

    def cursor(self, end: int, latest: bool) -> dict[str, Any]:
        """For the next window, which begins at `end`. What it is asked for beyond the bounds it asks for again."""
        names = (self.open.names() if latest else sorted(self.open.before))[:MAX_OPEN]
        kept = set(names)
        value: dict[str, Any] = {
            "owed": self.owed,
            "quiet": dict([(name, time) for name, time in self.quiet.items() if time > end][:MAX_PLACES]),
            "first": dict([(name, time) for name, time in self.first.items() if name in kept or not latest][:MAX_FIRST]),
            "open": names,
            "looked": self.looked,
            "denials": self.denials,
            "followed": self.followed,
            "known": self.known[:MAX_PLACES],
        }
        if len(json.dumps(value)) > MAX_CURSOR:  # names of the greatest length: what only saves requests goes
            value |= {"quiet": {}, "first": {}, "known": []}
            value["open"] = names[: len(names) // 2] if len(json.dumps(value)) > MAX_CURSOR else names
        return value


def short(repository: str, organisation: str | None, pull: bool, number: int) -> str:
    """A ticket's name as the cursor remembers it: without the owner where that is the configured organisation."""
    owner, _, name = repository.partition("/")
    place = name if organisation and owner.lower() == organisation.lower() else repository
    return f"{place}{'!' if pull else '#'}{number}"


def whole(name: str, organisation: str | None) -> tuple[str, bool, int] | None:
    """(repository, whether it is a pull request, number) of such a name; None for what is none."""
    place, mark, number = name.rpartition("!") if "!" in name else name.rpartition("#")
    if not place or not number.isascii() or not number.isdigit():
        return None
    if "/" not in place:
        if not organisation:
            return None
        place = f"{organisation}/{place}"
    return place, mark == "!", int(number)


def _times(value: Any) -> dict[str, int]:
    if not isinstance(value, Mapping):
        return {}
    return {str(name): time for name, time in value.items() if isinstance(time, int)}


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0
