"""Writing what `decide` said: finding entries with their rows, present rows, tallies, controls, the drift outbox."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import update

from store import schema
from store.active import ActiveSet
from store.changes import Changes, NewRow, Present, View
from store.entries import canonical, committed
from store.names import Names
from store.records import DriftRow, State
from store.sql import insert, upsert, upsert_rows
from store.writer import EntryWriter

MAX_CITES = 100


def write_changes(writer: EntryWriter, names: Names, active: ActiveSet, digest: str, view: View, changes: Changes) -> list[int]:
    """Write the changes; returns the log index of each new finding row."""
    subjects = names.names(row.subject for row in changes.rows)
    indexes = [_finding_entry(writer, active, digest, view, row, subjects) for row in changes.rows]
    rows = [
        {"mapping": r.mapping, "subject": r.subject, "event_time": r.event_time, "idx": index, "state": r.state.value}
        for r, index in zip(changes.rows, indexes, strict=True)
    ]
    insert(writer.connection, schema.finding_row, rows)
    _presents(writer, changes.presents, changes.rows, indexes)
    _controls(writer, changes)
    write_drift(writer, changes.drifts, indexes)
    return indexes


def _finding_entry(
    writer: EntryWriter, active: ActiveSet, digest: str, view: View, row: NewRow, subjects: Mapping[bytes, str]
) -> int:
    held = active.mappings.get(row.mapping)
    source = next((view.parts[f.part_id].source for f in view.findings if _same(f, row) and f.part_id in view.parts), "")
    fields: dict[str, Any] = {
        "mapping": row.mapping,
        "subject": row.subject.hex(),
        "before": row.before.value if row.before is not None else "",
        "after": row.state.value,
        "controls": sorted(held.record.speaks_for()) if held is not None else [],
        "mapping_set": digest,
        "cites": list(row.cites[:MAX_CITES]) if row.cites else "due",
    }
    detail = committed(canonical({"subject": subjects.get(row.subject, ""), "reason": row.reason}))
    return writer.add("finding", source, row.event_time, writer.now, fields, detail)


def _same(finding: Any, row: NewRow) -> bool:
    return bool(finding.mapping == row.mapping and finding.subject == row.subject)


def _presents(writer: EntryWriter, presents: Sequence[Present], rows: Sequence[NewRow], indexes: Sequence[int]) -> None:
    latest: dict[tuple[str, bytes], tuple[int, int]] = {}
    for row, index in zip(rows, indexes, strict=True):
        key = (row.mapping, row.subject)
        latest[key] = max((row.event_time, index), latest.get(key, (0, 0)))
    table = schema.finding
    values = []
    deltas: Counter[tuple[str, State]] = Counter()
    for present in presents:
        if present.before is not present.state:
            if present.before is not None:
                deltas[present.mapping, present.before] -= 1
            deltas[present.mapping, present.state] += 1
        values.append(
            {
                "mapping": present.mapping,
                "subject": present.subject,
                "part_id": present.part_id,
                "silence": present.silence,
                "state": present.state.value,
                "since": present.since,
                "row_time": present.row_time,
                "row_idx": _last_row(latest.get((present.mapping, present.subject)), present),
                "input_time": present.input_time,
                "matched_at": present.matched_at,
                "matched_fresh": present.matched_fresh,
                "quiet_at": present.quiet_at,
                "due_at": present.due_at,
                "errors": present.errors,
            }
        )
    # A row index of -1 leaves the one that stands; the latest input only moves forward.
    plain = [name for name in values[0] if name not in ("mapping", "subject", "row_idx", "input_time")] if values else []
    columns = tuple(values[0]) if values else ()
    rules: dict[str, Any] = {"update": plain, "greatest": ["input_time"], "unless_negative": ["row_idx"]}
    upsert_rows(writer.connection, table, ["mapping", "subject"], columns, [list(v.values()) for v in values], **rules)
    moves = [{"mapping": mapping, "state": state.value, "n": n} for (mapping, state), n in sorted(deltas.items()) if n]
    upsert(writer.connection, schema.tally, ["mapping", "state"], moves, add=["n"])


def _last_row(latest: tuple[int, int] | None, present: Present) -> int:
    """Index of the last row of the history if it is new, else -1: a row in the past does not come last."""
    return latest[1] if latest is not None and latest[0] == present.row_time else -1


def _controls(writer: EntryWriter, changes: Changes) -> None:
    rows = [
        {
            "id": c.id,
            "state": c.state.value,
            "since": c.since,
            "not_satisfied": c.not_satisfied,
            "satisfied": c.satisfied,
            "stale": c.stale,
            "accepted": 0,
        }
        for c in changes.controls
    ]
    upsert(writer.connection, schema.control, ["id"], rows, ["state", "since", "not_satisfied", "satisfied", "stale"])


def note_evidence(writer: EntryWriter, latest: Mapping[str, tuple[int, int]]) -> None:
    """Move each control's latest evidence forward."""
    table = schema.control
    for control, (time, index) in sorted(latest.items()):
        where = (table.c.id == control, (table.c.last_evidence.is_(None)) | (table.c.last_evidence <= time))
        writer.connection.execute(update(table).where(*where).values(last_evidence=time, last_idx=index))


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
