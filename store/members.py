"""Members of sets: what the log says of who joined and left, as far as a size of it.

A set's rows are tags like those of mappings: the set (`set:NAME`), the member, from when, the index of its evidence. So they are
proved, erased and recounted with everything else.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from sqlalchemy import Connection

from store.records import Verdict
from store.sql import fetch

_COLUMNS: Final = "SELECT h.name, t.event_time, t.idx, t.verdict FROM tag t JOIN handle h ON h.handle = t.subject WHERE "
_ALL: Final = _COLUMNS + "t.mapping = ? AND t.idx < ? AND h.name IS NOT NULL"
# Since a size of the log few rows came, of a set there may be many: the index of places in the log is the one to read by.
_SINCE: Final = _COLUMNS + "t.mapping || '' = ? AND t.idx >= ? AND t.idx < ? AND h.name IS NOT NULL"

_ERASED: Final = "SELECT 1 FROM entry WHERE type = 'erasure' AND idx >= ? LIMIT 1"


class Joined(NamedTuple):
    """Somebody joined a set (or, `left`, is no member any more) at a time, by the evidence at an index."""

    set_id: str
    member: str
    time: int
    idx: int
    left: bool


def erased_since(connection: Connection, since: int) -> bool:
    """Whether anything was erased by entries of the log from `since` on."""
    return bool(fetch(connection, _ERASED, since))


def read_members(connection: Connection, set_ids: Iterable[str], since: int, size: int) -> list[Joined]:
    """What entries [since, size) of the log say of these sets, in no order. Erased names are left out."""
    found = []
    for set_id in set_ids:
        rows = fetch(connection, _SINCE, set_id, since, size) if since else fetch(connection, _ALL, set_id, size)
        for name, time, idx, verdict in rows:
            if verdict in (Verdict.MATCHED.value, Verdict.UNTIL.value):
                found.append(Joined(set_id, name, time, idx, verdict == Verdict.UNTIL.value))
    return found
