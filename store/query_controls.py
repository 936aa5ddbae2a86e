"""Control status: of the present from its rows; as of a moment by one index probe per finding, never by a scan of evidence."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, select, true

from store import schema
from store.applicability import Applies, applies_at
from store.engine import is_sqlite
from store.query_common import Cut, Known, control_order
from store.records import ControlState, State
from store.reports import ControlStatus
from store.status import control_state


@dataclass(frozen=True, slots=True)
class Standing:
    """What a finding says at a cut, since its last row, and the row that stood before that one."""

    state: State
    time: int
    earlier: State | None
    earlier_time: int | None


def present_controls(connection: Connection) -> dict[str, ControlStatus]:
    """Every control's row, in the order of Annex A."""
    rows = connection.execute(select(schema.control)).all()
    return {
        row.id: ControlStatus(
            id=row.id,
            state=ControlState(row.state),
            since=row.since,
            not_satisfied=row.not_satisfied,
            satisfied=row.satisfied,
            stale=row.stale,
            accepted=row.accepted,
            last_evidence=row.last_evidence,
            last_idx=row.last_idx,
        )
        for row in sorted(rows, key=lambda row: control_order(row.id))
    }


def controls_at(connection: Connection, known: Known, cut: Cut) -> dict[str, ControlStatus]:
    """Every control as of a cut, with the controls that the newest version of each mapping names.

    Mappings retired since count as what their rows said then. `last_evidence` is the latest event that is not dated after the
    last entry below the cut.
    """
    applies = applies_at(connection, cut)
    latest = _latest(connection, cut)
    ids = connection.execute(select(schema.control.c.id)).scalars().all()
    # Last, for nothing is asked after it: to go through many takes longer than a database waits for a client that is silent.
    findings, voices = _standing(connection, cut), known.voices(past=True)
    return {
        id_: _status(
            id_,
            [s for mapping in voices.get(id_, ()) for s in findings.get(mapping, ())],
            latest.get(id_),
            applies.get(id_, Applies()),
        )
        for id_ in sorted(ids, key=control_order)
    }


def _status(id_: str, standing: Sequence[Standing], latest: tuple[int, int] | None, applies: Applies) -> ControlStatus:
    tally = Counter(s.state for s in standing)
    return ControlStatus(
        id=id_,
        state=control_state(tally, applicable=applies.applicable),
        since=_since(standing, applies),
        not_satisfied=tally[State.NOT_SATISFIED],
        satisfied=tally[State.SATISFIED],
        stale=tally[State.STALE],
        accepted=tally[State.ACCEPTED],
        last_evidence=latest[0] if latest is not None else None,
        last_idx=latest[1] if latest is not None else None,
    )


def _since(standing: Sequence[Standing], applies: Applies) -> int | None:
    """As `since`; what is not applicable, or became so again, changed at the latest when that was stated."""
    if not applies.applicable or applies.since is None:
        return applies.since if not applies.applicable else since(standing)
    return max(applies.since, since(standing) or 0)


def since(standing: Sequence[Standing]) -> int | None:
    """The time from which on the control has had its state; None when it never had another.

    Takes the last changes of the findings back, newest first, until the state is another. Each finding's last change is known,
    and when the one before was: past that, the time reached is returned, since when the state has stood at the least.
    """
    tally: Counter[State | None] = Counter(s.state for s in standing)
    state = _state(tally)
    limit: int | None = None
    times: dict[int, list[Standing]] = defaultdict(list)
    for item in standing:
        times[item.time].append(item)
    for time in sorted(times, reverse=True):
        if limit is not None and time < limit:
            return limit
        for item in times[time]:
            tally[item.state] -= 1
            tally[item.earlier] += 1
            if item.earlier_time is not None:
                limit = max(limit or 0, item.earlier_time)
        if _state(tally) is not state:
            return time
    return limit


def _state(tally: Counter[State | None]) -> ControlState:
    return control_state({state: n for state, n in tally.items() if state is not None})


def newest_row(connection: Connection, cut: Cut, key: Any, name: str, *, earlier_than: Any = None) -> tuple[Any, Any]:
    """The finding's row with the greatest (event_time, index) at the cut, or the one before a time, to be joined: what, and on
    what. One index probe for each finding."""
    row = schema.finding_row.alias()
    when = row.c.event_time <= cut.time if earlier_than is None else row.c.event_time < earlier_than
    newest = (
        select(row)
        .where(row.c.mapping == key.c.mapping, row.c.subject == key.c.subject, when, row.c.idx < cut.size)
        .order_by(row.c.event_time.desc(), row.c.idx.desc())
        .limit(1)
    )
    if not is_sqlite(connection):
        return newest.lateral(name), true()
    found = schema.finding_row.alias(name)  # SQLite has no LATERAL
    return found, found.c.idx == newest.with_only_columns(row.c.idx).scalar_subquery()


def _query(connection: Connection, cut: Cut) -> Select[Any]:
    finding = schema.finding
    row, of_finding = newest_row(connection, cut, finding, "standing")
    earlier, of_row = newest_row(connection, cut, row, "earlier", earlier_than=row.c.event_time)
    return (
        select(
            finding.c.mapping,
            row.c.state,
            row.c.event_time,
            earlier.c.state.label("earlier"),
            earlier.c.event_time.label("earlier_time"),
        )
        .select_from(finding)
        .join(row, of_finding)
        .join(earlier, of_row, isouter=True)
    )


def _standing(connection: Connection, cut: Cut) -> dict[str, list[Standing]]:
    found: dict[str, list[Standing]] = defaultdict(list)
    for mapping, state, time, earlier, earlier_time in connection.execute(_query(connection, cut)):
        found[mapping].append(Standing(State(state), time, State(earlier) if earlier is not None else None, earlier_time))
    return found


def _latest(connection: Connection, cut: Cut) -> dict[str, tuple[int, int]]:
    """The latest evidence of each control: an index probe, as what came late is all that it has to pass over."""
    control, evidence, found = schema.control, schema.evidence, schema.evidence_control.alias()
    newest = (
        select(found.c.idx)
        .where(found.c.control == control.c.id, found.c.event_time <= min(cut.time, cut.recorded_at), found.c.idx < cut.size)
        .order_by(found.c.event_time.desc(), found.c.idx.desc())
        .limit(1)
        .scalar_subquery()
    )
    rows: Iterable[Any] = connection.execute(
        select(control.c.id, evidence.c.event_time, evidence.c.idx).select_from(control).join(evidence, evidence.c.idx == newest)
    )
    return {id_: (time, idx) for id_, time, idx in rows}
