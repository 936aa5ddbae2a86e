"""Histories of findings, from a time on, for many findings at once: the rows that stand, the inputs, the last match before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection

from store import schema
from store.active import ActiveSet
from store.changes import FindingKey, Input
from store.changes import Row as Standing
from store.records import State, Verdict
from store.sql import fetch, find_rows, rows_for

STATES: Final = {state.value: state for state in State}
VERDICTS: Final = {verdict.value: verdict for verdict in Verdict}
ANY_AGE: Final = 2**61
"""Longer than any time is old."""
_TAG: Final = "t.mapping, t.subject, t.event_time, t.idx, t.verdict, t.part_id, t.fresh_at, t.ends_at"
_INPUTS: Final = (
    f"SELECT {_TAG} FROM given CROSS JOIN tag t"  # noqa: S608  names of ours
    " WHERE t.mapping = given.a AND t.subject = given.b AND t.event_time >= given.c"
)
_FRESH: Final = (
    "{0}.mapping = given.a AND {0}.subject = given.b AND {0}.verdict = 'matched' AND {0}.fresh_at + given.d > {0}.event_time"
)
_MATCHED: Final = (
    f"SELECT {_TAG} FROM given CROSS JOIN tag t WHERE {_FRESH.format('t')} AND t.event_time = "  # noqa: S608
    f"(SELECT u.event_time FROM tag u WHERE {_FRESH.format('u')} AND u.event_time < given.c ORDER BY u.event_time DESC LIMIT 1)"
)
_ROW: Final = "r.mapping = given.a AND r.subject = given.b AND r.event_time"
_STANDING: Final = (
    "SELECT r.mapping, r.subject, r.event_time, r.idx, r.state FROM given CROSS JOIN finding_row r"  # noqa: S608
    f" WHERE {_ROW} >= given.c"
)
_BEFORE: Final = (
    "SELECT t.mapping, t.subject, t.event_time, t.idx, t.state FROM given CROSS JOIN finding_row t WHERE t.idx IN "  # noqa: S608
    f"(SELECT r.idx FROM finding_row r WHERE {_ROW} < given.c ORDER BY r.event_time DESC, r.idx DESC LIMIT 2)"
)
_PAST: Final = (
    "SELECT event_time, idx, state FROM finding_row WHERE mapping = ? AND subject = ? AND (event_time, idx) < (?, ?)"
    " ORDER BY event_time DESC, idx DESC LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Base:
    """The state that stands just before a floor and since when, and the rows from there on."""

    state: State | None = None
    since: int = 0
    rows: tuple[Standing, ...] = ()


@dataclass(slots=True)
class Histories:
    """What was read: inputs from the floors on, last matches before them, standing rows."""

    inputs: dict[FindingKey, list[Input]] = field(default_factory=lambda: defaultdict(list))
    matched: dict[FindingKey, Input] = field(default_factory=dict)
    bases: dict[FindingKey, Base] = field(default_factory=dict)


def read_inputs(connection: Connection, floors: Mapping[FindingKey, int], histories: Histories) -> None:
    """Every input of these findings from their floors on (a batch's own are among them: their tags are written)."""
    for row in rows_for(connection, _INPUTS, _KINDS, ((*key, floor) for key, floor in floors.items())):
        key, found = _input(row)
        histories.inputs[key].append(found)


def read_matched(connection: Connection, active: ActiveSet, floors: Mapping[FindingKey, int], histories: Histories) -> None:
    """The last match before the floors; one that says satisfied counts only where it was fresh at its own time."""
    wanted = [(*key, floor, _age(active, key[0])) for key, floor in floors.items()]
    found: dict[FindingKey, list[Input]] = defaultdict(list)
    for row in rows_for(connection, _MATCHED, (*_KINDS, "int8"), wanted):
        key, match = _input(row)
        found[key].append(match)
    parts = _names(connection, (match.part_id for some in found.values() for match in some))
    for key, some in found.items():
        histories.matched[key] = max(some, key=lambda m: (m.fresh_at, parts[m.part_id], m.idx))


def read_bases(connection: Connection, floors: Mapping[FindingKey, int], histories: Histories) -> None:
    """What stands before the floors, and the rows from there on."""
    given = [(*key, floor) for key, floor in floors.items()]
    standing: dict[FindingKey, list[Standing]] = defaultdict(list)
    for mapping, subject, time, idx, state in rows_for(connection, _STANDING, _KINDS, given):
        standing[mapping, bytes(subject)].append(Standing(time, idx, STATES[state]))
    newest: dict[FindingKey, list[Standing]] = defaultdict(list)
    for mapping, subject, time, idx, state in rows_for(connection, _BEFORE, _KINDS, given):
        newest[mapping, bytes(subject)].append(Standing(time, idx, STATES[state]))
    for key, floor in floors.items():
        before = sorted(newest.get(key, ()), key=lambda r: (r.event_time, r.idx), reverse=True)
        state, since = None, 0
        if before:
            state, since = before[0].state, before[0].event_time
            if len(before) > 1 and (before[1].event_time == since or before[1].state is state):
                since = _since(_past(connection, key, floor), state)
        rows = sorted(standing.get(key, ()), key=lambda r: (r.event_time, r.idx))
        histories.bases[key] = Base(state, since, tuple(rows))


_KINDS: Final = ("text", "bytea", "int8")


def _past(connection: Connection, key: FindingKey, floor: int) -> Iterator[tuple[int, str]]:
    """The rows before a floor, newest first, read page by page: mostly the first few say enough."""
    at, page = (floor, -1), 8
    while rows := fetch(connection, _PAST, *key, *at, page):
        yield from ((time, state) for time, _, state in rows)
        if len(rows) < page:
            return
        at, page = (rows[-1][0], rows[-1][1]), min(2 * page, 1000)


def _since(rows: Iterable[Any], state: State) -> int:
    """Begin of the last run of rows that say `state`; rows come newest first, and at one time only the first of them stands."""
    since, seen = 0, -1
    for time, said in rows:
        if time == seen:
            continue
        if said != state.value:
            break
        since = seen = time
    return since


def _age(active: ActiveSet, mapping: str) -> int:
    held = active.mappings.get(mapping)
    return held.record.max_age if held is not None and held.record.finding == "satisfied" else ANY_AGE


def _names(connection: Connection, part_ids: Iterable[int]) -> dict[int, tuple[str, str]]:
    found = find_rows(connection, schema.part, ("id", "source", "part"), "id", sorted(set(part_ids)))
    return {id_: (source, part) for id_, source, part in found}


def _input(row: Sequence[Any]) -> tuple[FindingKey, Input]:
    mapping, subject, time, idx, verdict, part_id, fresh_at, ends_at = row
    return (mapping, bytes(subject)), Input(time, idx, VERDICTS[verdict], part_id, fresh_at, ends_at)
