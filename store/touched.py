"""What new coverage touches: the silences of its part, and findings that it may close or whose past it reaches into."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from sqlalchemy import Connection

from store.active import ActiveSet
from store.changes import FindingKey
from store.names import Names
from store.records import HOUR, State, part_of
from store.sql import fetch, rows_for
from store.view import Wanted, silence_subject

_FINDINGS: Final = "SELECT mapping, subject, state FROM finding WHERE NOT silence AND "
_HERE: Final = "part_id = ?"
_THERE: Final = "part_id IN (SELECT id FROM part WHERE id <> ?)"
# One index each: what says something of the time since, what was heard of since, what is open and waits for quiet.
_SAID: Final = " AND row_time >= ?"
_HEARD: Final = " AND input_time >= ?"
_QUIET: Final = " AND state IN ('not-satisfied', 'accepted') AND quiet_at <= ?"
# Of observations: what became stale may be fresh again, or be told to have been.
_AGED: Final = " AND (state = 'stale' OR row_time >= ?)"
_MATCHED: Final = (
    "SELECT given.a, given.b FROM given WHERE EXISTS (SELECT 1 FROM tag t WHERE t.mapping = given.a AND t.subject = given.b"
    " AND t.verdict = 'matched' AND t.part_id = given.c)"
)


def want_coverage(connection: Connection, names: Names, active: ActiveSet, changed: Mapping[int, int], wanted: Wanted) -> None:
    """Want the silences of the parts that have new coverage, and the findings that it touches.

    `changed`: by part, from which delivery time on its coverage is new.
    """
    for part_id, start in changed.items():
        [(source, part)] = fetch(connection, "SELECT source, part FROM part WHERE id = ?", part_id)
        types = frozenset(row[0] for row in fetch(connection, "SELECT type FROM part_type WHERE part_id = ?", part_id))
        observed = part_of(part) != part
        handle = names.handle(silence_subject(source, part))
        for mapping in active.silences(types):
            wanted.silences[mapping, handle] = part_id
        if observed:
            for mapping, subject, _ in fetch(connection, _FINDINGS + _HERE + _AGED, part_id, start):
                if active.observing(mapping):
                    wanted.fold_from((mapping, bytes(subject)), start)
            continue
        lateness = fetch(connection, "SELECT lateness FROM source WHERE name = ?", source)
        floor = max(0, start - (lateness[0][0] if lateness and lateness[0][0] else HOUR))
        for key in _touched(connection, active, part_id, start, floor):
            wanted.fold_from(key, floor)


def _touched(connection: Connection, active: ActiveSet, part_id: int, start: int, floor: int) -> Iterator[FindingKey]:
    """Findings that coverage of a part from delivery `start` on may close, or that say something of the time since `floor`.

    A finding is of the part of its last match; what matched in this part before that counts too. What fills a hole comes on top
    of what is covered behind it: it brings `quiet_at` forward by as much as it can hold.
    """
    end = fetch(connection, 'SELECT max("end") FROM coverage WHERE part_id = ?', part_id)[0][0] or 0
    yield from _closing(connection, active, _HERE + _SAID, part_id, floor)
    yield from _closing(connection, active, _HERE + _HEARD, part_id, floor, only_open=True)
    yield from _closing(connection, active, _HERE + _QUIET, part_id, end + (end - start))
    there = {*_closing(connection, active, _THERE + _SAID, part_id, floor)}
    there |= {*_closing(connection, active, _THERE + _HEARD, part_id, floor, only_open=True)}
    given = ((*key, part_id) for key in sorted(there))
    yield from ((row[0], bytes(row[1])) for row in rows_for(connection, _MATCHED, ("text", "bytea", "int8"), given))


def _closing(
    connection: Connection, active: ActiveSet, where: str, part_id: int, time: int, *, only_open: bool = False
) -> Iterator[FindingKey]:
    """Findings of mappings that covered silence can close."""
    for mapping, subject, state in fetch(connection, _FINDINGS + where, part_id, time):
        if only_open and state not in (State.NOT_SATISFIED.value, State.ACCEPTED.value):
            continue
        if active.holds(mapping, False) and active.mappings[mapping].record.finding == "not-satisfied":
            yield mapping, bytes(subject)
