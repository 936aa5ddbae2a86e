"""Writing what `decide` said: finding entries with their rows, present rows, tallies, controls, the drift outbox."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from store import schema
from store.active import ActiveSet
from store.changes import Changes, NewRow, Present, View
from store.entries import canonical, committed
from store.names import Names
from store.records import DriftRow, State
from store.sql import find_rows, insert, insert_rows, upsert_rows
from store.writer import EntryWriter

MAX_CITES = 100
_FINDING: Final = ("mapping", "subject")
_MOVING: Final = (
    *("part_id", "silence", "state", "since", "row_time"),
    *("matched_at", "matched_fresh", "quiet_at", "due_at", "errors"),
)


def write_changes(writer: EntryWriter, names: Names, active: ActiveSet, digest: str, view: View, changes: Changes) -> list[int]:
    """Write the changes; returns the log index of each new finding row."""
    subjects = names.names(row.subject for row in changes.rows)
    parts = {(f.mapping, f.subject): f.part_id for f in view.findings} if changes.rows else {}
    indexes = []
    for row in changes.rows:
        part = view.parts.get(parts.get((row.mapping, row.subject), -1))
        source = part.source if part is not None else ""
        indexes.append(_finding_entry(writer, active, digest, source, row, subjects.get(row.subject, "")))
    rows = [(r.mapping, r.subject, r.event_time, i, r.state.value) for r, i in zip(changes.rows, indexes, strict=True)]
    insert_rows(writer.connection, schema.finding_row, ("mapping", "subject", "event_time", "idx", "state"), rows)
    _presents(writer, changes.presents, changes.rows, indexes)
    _controls(writer, changes)
    write_drift(writer, changes.drifts, indexes)
    return indexes


def _finding_entry(writer: EntryWriter, active: ActiveSet, digest: str, source: str, row: NewRow, subject: str) -> int:
    held = active.mappings.get(row.mapping)
    fields: dict[str, Any] = {
        "mapping": row.mapping,
        "subject": row.subject.hex(),
        "before": row.before.value if row.before is not None else "",
        "after": row.state.value,
        "controls": sorted(held.record.speaks_for()) if held is not None else [],
        "mapping_set": digest,
        "cites": list(row.cites[:MAX_CITES]) if row.cites else "due",
    }
    detail = committed(canonical({"subject": subject, "reason": row.reason}))
    return writer.add("finding", source, row.event_time, writer.now, fields, detail)


def _presents(writer: EntryWriter, presents: Sequence[Present], rows: Sequence[NewRow], indexes: Sequence[int]) -> None:
    latest: dict[tuple[str, bytes], tuple[int, int]] = {}
    for row, index in zip(rows, indexes, strict=True):
        key = (row.mapping, row.subject)
        latest[key] = max((row.event_time, index), latest.get(key, (0, 0)))
    values: list[tuple[Any, ...]] = []
    deltas: Counter[tuple[str, State]] = Counter()
    for p in presents:
        if p.before is not p.state:
            if p.before is not None:
                deltas[p.mapping, p.before] -= 1
            deltas[p.mapping, p.state] += 1
        row_idx = _last_row(latest.get((p.mapping, p.subject)), p)
        said = (p.part_id, p.silence, p.state.value, p.since, p.row_time)
        later = (p.matched_at, p.matched_fresh, p.quiet_at, p.due_at, p.errors)
        values.append((p.mapping, p.subject, row_idx, p.input_time, *said, *later))
    # A row index of -1 leaves the one that stands; the latest input only moves forward.
    columns = (*_FINDING, "row_idx", "input_time", *_MOVING)
    rules: dict[str, Any] = {"update": _MOVING, "greatest": ("input_time",), "unless_negative": ("row_idx",)}
    upsert_rows(writer.connection, schema.finding, _FINDING, columns, values, **rules)
    moves = [(mapping, state.value, n) for (mapping, state), n in sorted(deltas.items()) if n]
    upsert_rows(writer.connection, schema.tally, ("mapping", "state"), ("mapping", "state", "n"), moves, add=("n",))


def _last_row(latest: tuple[int, int] | None, present: Present) -> int:
    """Index of the last row of the history if it is new, else -1: a row in the past does not come last."""
    return latest[1] if latest is not None and latest[0] == present.row_time else -1


def _controls(writer: EntryWriter, changes: Changes) -> None:
    counts = ("not_satisfied", "satisfied", "stale", "accepted")
    rows = [(c.id, c.state.value, c.since, c.not_satisfied, c.satisfied, c.stale, c.accepted) for c in changes.controls]
    moving = ("state", "since", *counts)
    upsert_rows(writer.connection, schema.control, ("id",), ("id", *moving), rows, update=moving)


def note_evidence(writer: EntryWriter, latest: Mapping[str, tuple[int, int]]) -> None:
    """Move each control's latest evidence forward."""
    columns = tuple(column.name for column in schema.control.columns)
    time, index = columns.index("last_evidence"), columns.index("last_idx")
    rows = []
    for found in find_rows(writer.connection, schema.control, columns, "id", sorted(latest)):
        row = list(found)
        if row[time] is None or row[time] <= latest[row[0]][0]:
            row[time], row[index] = latest[row[0]]
            rows.append(row)
    upsert_rows(writer.connection, schema.control, ("id",), columns, rows, update=("last_evidence", "last_idx"))


def write_drift(writer: EntryWriter, drifts: Sequence[DriftRow], indexes: Sequence[int]) -> None:
    """Put drift into the outbox, in this transaction: once."""
    rows = [
        {
            "kind": d.kind,
            "key": d.key,
            "before": d.before,
            "after": d.after,
            "mapping": d.mapping,
            "subject": d.subject,
            "account": d.account,
            "source": d.source,
            "controls": " ".join(d.controls),
            "level": d.level,
            "event_time": d.event_time,
            "recorded_at": writer.now,
            "idx": indexes[d.row] if d.row is not None else d.idx,
            "delivery": d.delivery,
            "text": d.text,
        }
        for d in drifts
    ]
    insert(writer.connection, schema.drift, rows)
