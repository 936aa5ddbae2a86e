"""Reminders: that an exception or attestation ends soon, or has ended, is drift; that it was renewed or taken back ends it.

Bookkeeping of what was told, as deliveries are: what holds until when stands in the log.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, Engine, select

from store import schema
from store.engine import reading
from store.records import DAY, DriftRow
from store.sql import find_pairs, upsert_rows
from store.times import format_time
from store.writer import EntryWriter

SOON: Final = {"attestation": 30 * DAY, "exception": 14 * DAY}
"""How long before its end somebody is reminded; of what holds for a short time, a quarter of that time."""
_COLUMNS: Final = ("kind", "id", "until", "due_at", "told")
_KEYS: Final = ("kind", "id")
_ENDED: Final = {
    "attestation": "has expired: renew it, or what it spoke for stays stale",
    "exception": "has expired: what it covered is open again",
}


def due_reminders(engine: Engine, now: int, limit: int = 200) -> list[tuple[str, str]]:
    """(kind, id) of what somebody is to be reminded of by `now`."""
    table = schema.reminder
    query = select(table.c.kind, table.c.id).where(table.c.due_at <= now).order_by(table.c.due_at, table.c.kind, table.c.id)
    with reading(engine) as connection:
        return [(row.kind, row.id) for row in connection.execute(query.limit(limit))]


def set_reminder(writer: EntryWriter, kind: str, id_: str, until: int | None, start: int) -> list[DriftRow]:
    """What ends has a new end, or none any more (None). Returns the drift that ends what was told before."""
    told = _told(writer.connection, [(kind, id_)]).get((kind, id_))
    due = None if until is None else until - min(SOON[kind], max(0, until - start) // 4)
    row = (kind, id_, until or 0, due, "")
    upsert_rows(writer.connection, schema.reminder, _KEYS, _COLUMNS, [row], update=_COLUMNS[2:])
    if told is None or not told[1]:
        return []
    text = "is taken back" if until is None else f"holds until {format_time(until)[:10]} now"
    return [_drift(kind, id_, told[1], "closed", writer.now, f"{kind} {id_[:8]} {text}")]


def remind(writer: EntryWriter, reminders: Iterable[tuple[str, str]]) -> list[DriftRow]:
    """Apply those that are due still, and say so as drift."""
    drifts: list[DriftRow] = []
    rows: list[tuple[str, str, int, int | None, str]] = []
    for (kind, id_), (until, told, due) in sorted(_told(writer.connection, sorted(set(reminders))).items()):
        if due is None or due > writer.now:
            continue
        if until <= writer.now:
            # What an exception covered tells of itself; an attestation stays told until somebody does something about it.
            after = "expired" if kind == "attestation" else "closed"
            if told or kind == "attestation":
                drifts.append(_drift(kind, id_, told or "valid", after, until, f"{kind} {id_[:8]} {_ENDED[kind]}"))
            rows.append((kind, id_, until, None, "" if after == "closed" else after))
        else:
            text = f"{kind} {id_[:8]} ends on {format_time(until)[:10]}: renew it, or take it back"
            drifts.append(_drift(kind, id_, "valid", "expiring", due, text))
            rows.append((kind, id_, until, until, "expiring"))
    upsert_rows(writer.connection, schema.reminder, _KEYS, _COLUMNS, rows, update=_COLUMNS[2:])
    return drifts


def _told(connection: Connection, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], tuple[int, str, int | None]]:
    columns = ("kind", "id", "until", "told", "due_at")
    found = find_pairs(connection, schema.reminder, columns, _KEYS, keys)
    return {(kind, id_): (until, told, due) for kind, id_, until, told, due in found}


def _drift(kind: str, id_: str, before: str, after: str, time: int, text: str) -> DriftRow:
    return DriftRow(
        kind=kind,
        key=f"{kind}/{id_}/end",
        before=before,
        after=after,
        controls=(),
        level="medium",
        event_time=time,
        delivery="alert",
        text=text,
        source="attestream",
    )
