"""Findings: of the present from their rows, as of a moment by one index probe each; and a finding's history."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, literal, select

from store import schema
from store.errors import StoreError
from store.query_common import Cut, Known, Read, before, bounded, cursor, names_of, read_entries
from store.query_controls import newest_row
from store.records import State
from store.reports import FindingHistoryRow, FindingStatus

_LOOK_BACK: Final = 64


@dataclass(frozen=True, slots=True)
class FindingFilter:
    """Which findings are wanted; None: all. `subject` is a name or a handle's hex digits."""

    control: str | None = None
    mapping: str | None = None
    state: str | None = None
    source: str | None = None
    silence: bool | None = None
    subject: str | None = None


def list_findings(
    connection: Connection, known: Known, cut: Cut | None, wanted: FindingFilter, after: str | None, limit: int
) -> list[FindingStatus]:
    """Findings, those whose last row is the newest first. `errors` and `due_at` are known of the present only."""
    query, time, idx, state = _present() if cut is None else _at(connection, cut)
    finding, part = schema.finding, schema.part
    where: list[Any] = before(after, time, idx)
    if wanted.control is not None:
        where.append(finding.c.mapping.in_(known.voices(past=cut is not None).get(wanted.control, [])))
    if wanted.mapping is not None:
        where.append(finding.c.mapping == wanted.mapping)
    if wanted.state is not None:
        # Silences are few, and have an index of their own: the states' must not be taken instead.
        where.append((state.op("||")("") if wanted.silence else state) == wanted.state)
    if wanted.source is not None:
        ids = list(connection.execute(select(part.c.id).where(part.c.source == wanted.source)).scalars())
        where.append(finding.c.part_id == ids[0] if len(ids) == 1 else finding.c.part_id.in_(ids))
    if wanted.silence is not None:
        where.append(finding.c.silence.is_(wanted.silence))
    if wanted.subject is not None:
        where.append(finding.c.subject.in_(_handles(connection, wanted.subject)))
    query = query.join(part, part.c.id == finding.c.part_id).where(*where)
    rows = connection.execute(query.order_by(time.desc(), idx.desc()).limit(bounded(limit))).all()
    entries = read_entries(connection, (row.idx for row in rows))
    names = names_of(connection, (bytes(row.subject) for row in rows))
    return [
        _status(row, known, entries[row.idx], names, row.since if cut is None else _began(connection, row, cut)) for row in rows
    ]


def _handles(connection: Connection, subject: str) -> list[bytes]:
    """The handles that a subject's name or its handle may mean."""
    table = schema.handle
    named = connection.execute(select(table.c.handle).where(table.c.name == subject)).scalars()
    found = [bytes(handle) for handle in named]
    with suppress(ValueError):
        found.append(bytes.fromhex(subject))
    return found


def _present() -> tuple[Select[Any], Any, Any, Any]:
    finding = schema.finding
    query = select(
        finding.c.mapping,
        finding.c.subject,
        finding.c.silence,
        finding.c.state,
        finding.c.row_time.label("time"),
        finding.c.row_idx.label("idx"),
        finding.c.since,
        finding.c.errors,
        finding.c.due_at,
        schema.part.c.source,
        schema.part.c.part,
    ).select_from(finding)
    return query, finding.c.row_time, finding.c.row_idx, finding.c.state


def _at(connection: Connection, cut: Cut) -> tuple[Select[Any], Any, Any, Any]:
    finding = schema.finding
    row, of_finding = newest_row(connection, cut, finding, "standing")
    query = (
        select(
            finding.c.mapping,
            finding.c.subject,
            finding.c.silence,
            row.c.state,
            row.c.event_time.label("time"),
            row.c.idx,
            literal(0).label("errors"),
            literal(None).label("due_at"),
            schema.part.c.source,
            schema.part.c.part,
        )
        .select_from(finding)
        .join(row, of_finding)
    )
    return query, row.c.event_time, row.c.idx, row.c.state


def _status(row: Row[Any], known: Known, entry: Read, names: dict[bytes, str], since: int) -> FindingStatus:
    record = known.records.get(row.mapping)
    return FindingStatus(
        mapping=row.mapping,
        title=known.title(row.mapping),
        level=record.level if record is not None else "",
        subject=names.get(bytes(row.subject), ""),
        subject_handle=bytes(row.subject).hex(),
        silence=row.silence,
        source=row.source,
        part=row.part,
        state=State(row.state),
        since=since,
        row_idx=row.idx,
        cites=entry.cites,
        reason=str(entry.detail.get("reason", "")),
        errors=row.errors,
        due_at=row.due_at,
        controls=record.speaks_for() if record is not None else (),
        cursor=cursor(row.time, row.idx),
    )


def _began(connection: Connection, row: Row[Any], cut: Cut) -> int:
    """When the state that stands at the cut began: the first of the last standing rows that all say it."""
    table = schema.finding_row
    rows = connection.execute(
        select(table.c.event_time, table.c.state)
        .where(
            table.c.mapping == row.mapping,
            table.c.subject == row.subject,
            table.c.event_time <= row.time,
            table.c.idx < cut.size,
        )
        .order_by(table.c.event_time.desc(), table.c.idx.desc())
        .limit(_LOOK_BACK)
    ).all()
    return run_start([(r.event_time, r.state) for r in rows])


def run_start(rows: Sequence[tuple[int, str]]) -> int:
    """Of (event_time, state) rows, greatest (event_time, index) first: since when the first row's state has stood."""
    began, state = rows[0]
    seen = began
    for time, said in rows[1:]:
        if time == seen:  # a row of the same time with a smaller index no longer stands
            continue
        if said != state:
            break
        began = seen = time
    return began


def finding_history(connection: Connection, mapping: str, subject_handle: str) -> list[FindingHistoryRow]:
    """All rows of a finding by (event_time, index), also those that later ones stand in the place of. Raises StoreError."""
    try:
        subject = bytes.fromhex(subject_handle)
    except ValueError as error:
        raise StoreError(f"{subject_handle[:64]!r} is no subject's handle: it must be 32 hex digits") from error
    table = schema.finding_row
    rows = connection.execute(
        select(table.c.event_time, table.c.idx, table.c.state)
        .where(table.c.mapping == mapping, table.c.subject == subject)
        .order_by(table.c.event_time, table.c.idx)
    ).all()
    entries = read_entries(connection, (row.idx for row in rows))
    return [
        FindingHistoryRow(
            event_time=row.event_time,
            recorded_at=entries[row.idx].recorded_at,
            idx=row.idx,
            before=str(entries[row.idx].fields.get("before", "")),
            after=row.state,
            cites=entries[row.idx].cites,
            reason=str(entries[row.idx].detail.get("reason", "")),
        )
        for row in rows
    ]
