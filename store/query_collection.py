"""Collection: sources and their health, windows, coverage, dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, func, select

from store import schema
from store.errors import StoreError
from store.query_common import MAX_DIGITS, Read, bounded, read_entries, read_number
from store.records import SECOND, Counts, WindowRecord, WindowState, part_of
from store.reports import CoverageView, DeadLetter, SourceStatus, WindowView
from store.sql import chunks
from store.windows import FAILING_AFTER

_TILING: Final = (WindowState.COMPLETE.value, WindowState.PARTIAL.value)
_BROKEN: Final = (WindowState.FAILED.value, WindowState.ABANDONED.value)


def list_sources(connection: Connection, now: int) -> list[SourceStatus]:
    """Every source that is or was known, by name."""
    table = schema.source
    return [_source(connection, row, now) for row in connection.execute(select(table).order_by(table.c.name)).all()]


def _source(connection: Connection, row: Row[Any], now: int) -> SourceStatus:
    last = _last_window(connection, row.name)
    complete = _last_complete(connection, row.name)
    return SourceStatus(
        name=row.name,
        type=row.type,
        state=_health(row, last),
        configured=row.configured,
        schedule=row.schedule,
        lateness=row.lateness,
        last_window=last,
        gaps=_gaps(connection, row.name),
        lag_seconds=max(0, now - complete) // SECOND if complete is not None else None,
        failures=row.failures,
        counts=Counts(row.evidence, row.unmatched, row.duplicate, row.dead_letter),
    )


def _health(row: Row[Any], last: WindowView | None) -> str:
    """A window that was given up is no success either."""
    if not row.configured:
        return "removed"
    if row.failures >= FAILING_AFTER or (last is not None and last.state in _BROKEN):
        return "failing"
    if last is None:
        return "waiting"
    return "partial" if last.state == WindowState.PARTIAL.value else "collecting"


def _last_window(connection: Connection, source: str) -> WindowView | None:
    """The window that was closed last."""
    table = schema.attempt
    closed = select(table).where(table.c.source == source, table.c.idx.is_not(None), table.c.kind != "backfill")
    query = closed.order_by(table.c.closed_at.desc(), table.c.asked_to.desc(), table.c.idx.desc()).limit(1)
    rows = _windows(connection, connection.execute(query).all())
    return rows[0] if rows else None


def _last_complete(connection: Connection, source: str) -> int | None:
    table = schema.attempt
    query = select(table.c.asked_to).where(table.c.source == source, table.c.state == WindowState.COMPLETE.value)
    return connection.execute(query.order_by(table.c.asked_to.desc()).limit(1)).scalar_one_or_none()


def _gaps(connection: Connection, source: str) -> list[tuple[int, int]]:
    """Holes between the first and the last period that a complete or partial window was asked for, oldest first."""
    table = schema.attempt
    reached = func.max(table.c.asked_to).over(order_by=(table.c.asked_from, table.c.asked_to), rows=(None, -1))
    periods = (
        select(table.c.asked_from, reached.label("reached"))
        .where(table.c.source == source, table.c.state.in_(_TILING))
        .subquery()
    )
    query = select(periods.c.reached, periods.c.asked_from).where(periods.c.reached < periods.c.asked_from)
    return [(start, end) for start, end in connection.execute(query.order_by(periods.c.asked_from))]


def list_windows(
    connection: Connection, source: str | None, attempt: str | None, after: str | None, limit: int
) -> list[WindowView]:
    """Attempts, those asked for the latest period first; of one end, by attempt id."""
    table = schema.attempt
    where: list[Any] = [] if source is None else [table.c.source == source]
    if attempt is not None:
        where.append(table.c.id == attempt)
    if after is not None:
        at, last = _place(after)
        where += [table.c.asked_to <= at, (table.c.asked_to < at) | (table.c.id < last)]
    query = select(table).where(*where).order_by(table.c.asked_to.desc(), table.c.id.desc()).limit(bounded(limit))
    return _windows(connection, connection.execute(query).all())


def _place(after: str) -> tuple[int, str]:
    at, slash, attempt = after.partition("/")
    if not slash or not (at.isascii() and at.isdigit()) or len(at) > MAX_DIGITS:
        raise StoreError(f"{after[:40]!r} is no cursor of this list: use the `cursor` of its last row")
    return int(at), attempt


def _windows(connection: Connection, rows: Sequence[Row[Any]]) -> list[WindowView]:
    counts = _counts(connection, [row.id for row in rows])
    entries = read_entries(connection, (row.idx for row in rows if row.idx is not None))
    return [_window(row, counts.get(row.id, Counts()), entries.get(row.idx)) for row in rows]


def _counts(connection: Connection, attempts: Sequence[str]) -> dict[str, Counts]:
    table = schema.attempt_count
    found: dict[str, Counts] = {}
    for some in chunks(attempts):
        for row in connection.execute(select(table).where(table.c.attempt.in_(some))):
            more = Counts(row.evidence, row.unmatched, row.duplicate, row.dead_letter)
            found[row.attempt] = found.get(row.attempt, Counts()) + more
    return found


def _window(row: Row[Any], counts: Counts, entry: Read | None) -> WindowView:
    record = msgspec.json.decode(row.record, type=WindowRecord) if row.record is not None else None
    errors: Sequence[str] = record.errors if record is not None else ()
    if entry is not None:
        errors = tuple(entry.detail.get("errors", errors))
    return WindowView(
        attempt=row.id,
        source=row.source,
        kind=row.kind,
        state=row.state,
        asked=(row.asked_from, row.asked_to),
        registered_at=row.registered_at,
        closed_at=row.closed_at,
        idx=row.idx,
        counts=counts,
        files=record.files if record is not None else 0,
        records=record.records if record is not None else 0,
        bytes=record.bytes if record is not None else 0,
        unreadable=record.unreadable if record is not None else 0,
        identity=record.identity if record is not None else "",
        errors=errors,
        covers=tuple((c.part, c.start, c.end) for c in record.covers) if record is not None else (),
        cursor=f"{row.asked_to}/{row.id}",
    )


def list_coverage(connection: Connection, source: str | None) -> list[CoverageView]:
    """Covered delivery time of each part, in joined stretches, oldest first; parts by source and name.

    Observations cover none.
    """
    part, table = schema.part, schema.coverage
    query = select(part.c.source, part.c.part, table).join(table, table.c.part_id == part.c.id)
    if source is not None:
        query = query.where(part.c.source == source)
    joined: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for row in connection.execute(query.order_by(part.c.source, part.c.part, table.c.start, table.c.end)):
        if part_of(row.part) != row.part:
            continue  # where observations were read to the end: it vouches for no delivery time
        stretches = joined.setdefault((row.source, row.part), [])
        if stretches and (row.start <= stretches[-1][1] or (row.joins and row.start - stretches[-1][1] <= row.bridge)):
            stretches[-1] = (stretches[-1][0], max(stretches[-1][1], row.end))
        else:
            stretches.append((row.start, row.end))
    return [CoverageView(name, place, stretches) for (name, place), stretches in joined.items()]


def list_dead_letters(connection: Connection, after: str | None, limit: int) -> list[DeadLetter]:
    """Dead letters, newest first. `place` says where it was and why it could not be understood; "" when erased."""
    table = schema.dead_letter
    query = select(table).order_by(table.c.idx.desc()).limit(bounded(limit))
    if after is not None:
        query = query.where(table.c.idx < read_number(after))
    rows = connection.execute(query).all()
    entries = read_entries(connection, (row.idx for row in rows))
    return [
        DeadLetter(
            idx=row.idx,
            source=row.source,
            window=row.window,
            place=str(entries[row.idx].detail.get("subject", "")),
            size=int(entries[row.idx].fields.get("payload", {}).get("size", 0)),
            recorded_at=row.recorded_at,
            cursor=str(row.idx),
        )
        for row in rows
    ]
