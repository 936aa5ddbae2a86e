"""Windows: an attempt closes by counts, not by arrival, and what it covers becomes coverage.

An attempt closes when its record has been processed, its collector has finished it under a valid lease, and as many of its events
have been processed, per partition, as the record says. It is given up when that can never come true.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, and_, or_, select, update

from store import schema
from store.entries import canonical, committed, counts_json, window_fields
from store.names import Names
from store.records import Counts, Cover, DriftRow, Judged, WindowRecord, WindowState
from store.sightings import covers_of, places_of
from store.sql import chunks, find_rows, insert, upsert
from store.times import format_time
from store.writer import EntryWriter

FAILING_AFTER = 3
"""Failed windows in a row before a source counts as failing."""


@dataclass(slots=True)
class Closed:
    """What closing windows changed: per part, from which delivery time on coverage is new; and drift of the sources."""

    attempts: list[str] = field(default_factory=list)
    changed: dict[int, int] = field(default_factory=dict)
    baselines: dict[int, int] = field(default_factory=dict)
    drifts: list[DriftRow] = field(default_factory=list)
    records: list[tuple[str, WindowRecord, int]] = field(default_factory=list)
    """Source, record and entry of each."""


def record_windows(connection: Connection, windows: Iterable[Judged]) -> list[str]:
    """Keep the records of windows that came in a batch; returns the attempts. One that came before is left as it is."""
    table = schema.attempt
    attempts = []
    for judged in windows:
        if judged.record is None:
            continue
        connection.execute(
            update(table)
            .where(table.c.id == judged.record.attempt, table.c.record.is_(None), table.c.state == WindowState.OPEN.value)
            .values(record=msgspec.json.encode(judged.record), payload=judged.event.payload)
        )
        attempts.append(judged.record.attempt)
    return attempts


def note_sets(connection: Connection, attempts: Iterable[str], digest: str, set_idx: int) -> None:
    """Remember under which mapping sets the events of these attempts were processed. What is settled is history."""
    table = schema.attempt
    columns, is_open = ("id", "held", "sets"), {"state": WindowState.OPEN.value}
    for id_, held, named in list(find_rows(connection, table, columns, "id", sorted(set(attempts)), is_open)):
        sets = named.split()
        if digest not in sets or held is None:
            values = {"held": min(set_idx, held if held is not None else set_idx)}
            values["sets"] = " ".join([*sets, digest]) if digest not in sets else named
            connection.execute(update(table).where(table.c.id == id_).values(**values))


def settle(writer: EntryWriter, names: Names, attempts: Iterable[str], digest: str, set_idx: int, wall: int) -> Closed:
    """Close or give up those of `attempts` for which it is time. `wall`: the clock that deadlines were set by.

    It is not the writer's, which stands still for a day where the clock was a day ahead once: by it all would be late.
    """
    connection, table = writer.connection, schema.attempt
    closed = Closed()
    columns, is_open = ("id", "finished", "deadline"), {"state": WindowState.OPEN.value}
    found = find_rows(connection, table, columns, "id", sorted(set(attempts)), is_open)
    ripe = [id_ for id_, finished, deadline in found if finished or deadline <= wall]
    for some in chunks(ripe):
        query = select(table).where(table.c.id.in_(some))
        positions = _positions(connection)
        for row in connection.execute(query.order_by(table.c.registered_at, table.c.asked_to, table.c.id)).all():
            _settle(writer, names, row, positions, (digest, set_idx), wall, closed)
    return closed


def _positions(connection: Connection) -> dict[int, int]:
    table = schema.position
    return {row.partition: row.position for row in connection.execute(select(table.c.partition, table.c.position))}


def _settle(
    writer: EntryWriter,
    names: Names,
    row: Row[Any],
    positions: Mapping[int, int],
    current: tuple[str, int],
    wall: int,
    closed: Closed,
) -> None:
    counted = _counted(writer.connection, row.id)
    if row.record is None or not row.finished:
        if row.deadline <= wall:
            _abandon(writer, row, sum(counted.values(), Counts()), "no record of it came in time", closed)
        return
    record = msgspec.json.decode(row.record, type=WindowRecord)
    expected = {partition: n for partition, n in record.published if n}
    if not all(positions.get(partition, 0) > offset for partition, offset in record.offsets):
        return  # what was delivered twice would make up the number before all is there
    if {p: c.collected for p, c in counted.items() if c.collected} == expected:
        _close(writer, names, row, record, sum(counted.values(), Counts()), current, closed)
    else:
        total = sum(counted.values(), Counts())
        reason = f"{total.collected} of its {sum(expected.values())} events arrived"
        _abandon(writer, row, total, reason, closed)


def _counted(connection: Connection, attempt: str) -> dict[int, Counts]:
    table = schema.attempt_count
    rows = connection.execute(select(table).where(table.c.attempt == attempt))
    return {r.partition: Counts(r.evidence, r.unmatched, r.duplicate, r.dead_letter) for r in rows}


def _close(
    writer: EntryWriter,
    names: Names,
    row: Row[Any],
    record: WindowRecord,
    counts: Counts,
    current: tuple[str, int],
    closed: Closed,
) -> None:
    held = row.held if row.held is not None else current[1]
    sets = row.sets.split() or ([current[0]] if current[0] else [])
    detail = committed(canonical({"identity": record.identity, "errors": list(record.errors)}))
    fields = window_fields(record, record.state, sets, counts)
    payload = committed(bytes(row.payload))
    index = writer.add("window", row.source, record.asked[1], record.ended_at, fields, detail, payload)
    _finish(writer, row.id, record.state, index, held, sets)
    closed.attempts.append(row.id)
    if row.kind == "retry" and (record.state == "failed" or len(record.errors) > record.unreadable):  # denied, not spoilt
        _ask_again(writer.connection, row.id)
    closed.records.append((row.source, record, index))
    for place, part in places_of(record):
        part_id = names.part(row.source, place, part.type)
        if record.state != "failed" and _first_read(writer.connection, part_id, index):
            closed.baselines[part_id] = index
    for place, kind, cover in covers_of(record):
        part_id = names.part(row.source, place, kind)
        start = _cover(writer.connection, part_id, cover, held, index)
        closed.changed[part_id] = min(start, closed.changed.get(part_id, start))
    closed.drifts.extend(_source_drift(writer, row, record, index))


def _first_read(connection: Connection, part_id: int, index: int) -> bool:
    """Whether this is the first window in which the part was read; what came before is its baseline."""
    table = schema.part
    done = connection.execute(
        update(table).where(table.c.id == part_id, table.c.baseline_idx.is_(None)).values(baseline_idx=index)
    )
    return done.rowcount == 1


def _cover(connection: Connection, part_id: int, cover: Cover, held: int, index: int) -> int:
    """Add to a part's coverage; returns the delivery time from which on it is new. What joins the last stretch extends it."""
    table = schema.coverage
    last = connection.execute(
        select(table).where(table.c.part_id == part_id).order_by(table.c.start.desc()).limit(1)
    ).one_or_none()
    if last is not None and last.held == held and last.start <= cover.start:
        if cover.end <= last.end:
            return int(last.end)
        if cover.start <= last.end or (cover.joins and cover.start - last.end <= cover.bridge):
            where = (table.c.part_id == part_id, table.c.start == last.start)
            connection.execute(update(table).where(*where).values(end=cover.end))
            return int(last.end)
    row = {
        "part_id": part_id,
        "start": cover.start,
        "end": cover.end,
        "held": held,
        "joins": cover.joins,
        "bridge": cover.bridge,
        "idx": index,
    }
    same = connection.execute(select(table).where(table.c.part_id == part_id, table.c.start == cover.start)).one_or_none()
    if same is None:
        insert(connection, table, [row])
    elif same.end < cover.end or same.held < held:
        row["end"], row["held"] = max(same.end, cover.end), min(same.held, held) if same.end > cover.end else held
        upsert(connection, table, ["part_id", "start"], row, ["end", "held", "joins", "bridge", "idx"])
    return cover.start - (cover.bridge if cover.joins else 0)


def _finish(writer: EntryWriter, attempt: str, state: str, index: int, held: int | None, sets: Iterable[str]) -> None:
    table = schema.attempt
    values = {"state": state, "idx": index, "closed_at": writer.now, "payload": None, "sets": " ".join(sets)}
    if held is not None:
        values["held"] = held
    writer.connection.execute(update(table).where(table.c.id == attempt).values(**values))


def _abandon(writer: EntryWriter, row: Row[Any], counts: Counts, reason: str, closed: Closed) -> None:
    """Give an attempt up: its evidence stays, it tiles and retires nothing, and its period is asked for again."""
    fields = {
        "attempt": row.id,
        "kind": row.kind,
        "state": WindowState.ABANDONED.value,
        "asked": {"from": format_time(row.asked_from), "to": format_time(row.asked_to)},
        "sets": sorted(row.sets.split()),
        "counts": counts_json(counts),
        "covers": [],
    }
    detail = committed(canonical({"errors": [reason]}))
    payload = committed(bytes(row.payload)) if row.payload is not None else None
    index = writer.add("window", row.source, row.asked_to, writer.now, fields, detail, payload)
    _finish(writer, row.id, WindowState.ABANDONED.value, index, row.held, row.sets.split())
    closed.attempts.append(row.id)
    if row.finished or row.kind == "retry":  # the cursor has moved on: only a new attempt brings the period back
        _ask_again(writer.connection, row.id)
        period = f"{format_time(row.asked_from)[:19]} to {format_time(row.asked_to)[:19]}"
        text = f"{row.source}: a window was given up ({reason}); {period} is asked for again"
        closed.drifts.append(_drift(writer, row.source, "gap", "complete", "gap", "high", text, index))


def _ask_again(connection: Connection, attempt: str) -> None:
    """Have the attempt's period registered as a new attempt when the source is read next."""
    connection.execute(update(schema.attempt).where(schema.attempt.c.id == attempt).values(again=True))


def _counted_before(connection: Connection, row: Row[Any]) -> bool:
    """Whether a window of the same plan has failed before this one: a broken plan is one failure."""
    table = schema.attempt
    query = select(table.c.id).where(
        table.c.source == row.source,
        table.c.registered_at == row.registered_at,
        table.c.id != row.id,
        table.c.state.in_((WindowState.FAILED.value, WindowState.PARTIAL.value)),
    )
    return connection.execute(query.limit(1)).first() is not None


def _source_drift(writer: EntryWriter, row: Row[Any], record: WindowRecord, index: int) -> Iterable[DriftRow]:
    """Failing and recovered sources, gaps that closed, and bytes that could not be understood."""
    table = schema.source
    failures: int = (
        writer.connection.execute(select(table.c.failures).where(table.c.name == row.source)).scalar_one_or_none() or 0
    )
    broken = record.state == "failed" or bool(record.errors)
    now = 0 if not broken else failures if _counted_before(writer.connection, row) else failures + 1
    if row.kind == "backfill":  # the past says nothing of how it goes now
        now = failures
    if now != failures:
        writer.connection.execute(update(table).where(table.c.name == row.source).values(failures=now))
    if now == FAILING_AFTER and failures < now:
        text = f"{row.source}: {now} windows in a row could not be read: {record.errors[0] if record.errors else record.state}"
        yield _drift(writer, row.source, "failing", "collecting", "failing", "high", text, index)
    if failures >= FAILING_AFTER and not now:
        text = f"{row.source}: collecting again"
        yield _drift(writer, row.source, "failing", "failing", "collecting", "high", text, index)
    if row.kind == "retry" and record.state == "complete" and not _other_gaps(writer.connection, row):
        yield _drift(writer, row.source, "gap", "gap", "complete", "high", f"{row.source}: no gap is left", index)
    if record.unreadable:
        text = f"{row.source}: {record.unreadable} files or records could not be understood; they are kept as dead letters"
        yield _drift(writer, row.source, "unreadable", "", "unreadable", "medium", text, index)
    elif record.state == "complete" and _stands(writer.connection, row.source, "unreadable"):
        text = f"{row.source}: the last window held nothing that could not be understood; the dead letters stay"
        yield _drift(writer, row.source, "unreadable", "unreadable", "complete", "medium", text, index)
    if record.state == "complete" and _stands(writer.connection, row.source, "conflict"):
        text = f"{row.source}: the last window held no conflict; both versions stay in the log"
        yield _drift(writer, row.source, "conflict", "conflict", "complete", "high", text, index)


def _other_gaps(connection: Connection, row: Row[Any]) -> bool:
    """Whether other periods of the source are still to be asked for again."""
    table = schema.attempt
    asked = and_(table.c.kind == "retry", table.c.state == WindowState.OPEN.value)
    query = select(table.c.id).where(table.c.source == row.source, table.c.id != row.id, or_(table.c.again, asked))
    return connection.execute(query.limit(1)).first() is not None


def _stands(connection: Connection, source: str, kind: str) -> bool:
    """Whether the last that was told of this kind is that it began."""
    table = schema.drift
    query = select(table.c.after).where(table.c.key == f"source/{source}//{kind}").order_by(table.c.id.desc()).limit(1)
    return connection.execute(query).scalar_one_or_none() == kind


def _drift(writer: EntryWriter, source: str, kind: str, before: str, after: str, level: str, text: str, index: int) -> DriftRow:
    return DriftRow(
        kind="source",
        key=f"source/{source}//{kind}",
        before=before,
        after=after,
        controls=(),
        level=level,
        event_time=writer.now,
        delivery="alert",
        text=text,
        source=source,
        idx=index,
    )
