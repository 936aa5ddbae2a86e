"""Folding every finding again from the log's own inputs, and comparing with the rows that stand: causes, states and times.

Hooked into `evidence verify`: the store keeps and proves, what a row must say is the pipeline's to know.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy import Row as RowOf

from pipeline.fold import Step, fold_open, fold_silence, fold_spoken, join
from store import schema
from store.active import ActiveSet, load_active
from store.changes import Input, Row, Stretch
from store.errors import VerificationError
from store.records import HOUR, State, Verdict
from store.writer import read_head


def refold(connection: Connection) -> None:
    """Raise VerificationError for the first finding whose standing rows do not follow from what was recorded.

    Rows of a mapping that is no longer held, or that changed since, were made by a set that is not the active one: their entries
    prove them, and they are not folded again here.
    """
    active = load_active(connection, read_head(connection).mapping_set)
    stretches, lateness, parts = _coverage(connection)
    finding = schema.finding
    for row in connection.execute(select(finding).order_by(finding.c.row_idx)).all():
        if row.mapping not in active.mappings:
            continue
        key = (row.mapping, bytes(row.subject))
        source = parts.get(row.part_id, "")
        steps = _steps(connection, active, row, stretches, lateness.get(source, HOUR))
        if steps is not None:
            _compare(connection, key, steps)


def _coverage(connection: Connection) -> tuple[dict[int, list[Stretch]], dict[str, int], dict[int, str]]:
    stretches: dict[int, list[Stretch]] = defaultdict(list)
    for row in connection.execute(select(schema.coverage)):
        stretches[row.part_id].append(Stretch(row.start, row.end, row.held, row.joins, row.bridge, row.idx))
    lateness = {r.name: r.lateness for r in connection.execute(select(schema.source.c.name, schema.source.c.lateness))}
    parts = {r.id: r.source for r in connection.execute(select(schema.part.c.id, schema.part.c.source))}
    return stretches, lateness, parts


def _steps(
    connection: Connection, active: ActiveSet, row: RowOf[Any], stretches: dict[int, list[Stretch]], lateness: int
) -> tuple[Step, ...] | None:
    held = active.mappings[row.mapping]
    record = held.record
    applied = (0, -1)  # what time did is checked by its rows being due, below; here only what inputs did
    if row.silence:
        return fold_silence(None, stretches[row.part_id], held.held, lateness, record.max_age, applied).steps
    first = connection.execute(
        select(func.min(schema.tag.c.idx)).where(
            schema.tag.c.mapping == row.mapping,
            schema.tag.c.subject == row.subject,
        )
    ).scalar()
    if first is None or first < held.held:
        return None
    table = schema.tag
    rows = connection.execute(select(table).where(table.c.mapping == row.mapping, table.c.subject == row.subject))
    inputs = [Input(r.event_time, r.idx, Verdict(r.verdict), r.part_id, r.fresh_at) for r in rows]
    if record.finding == "satisfied":
        return fold_spoken(None, None, inputs, record.max_age, applied).steps
    spans = {part_id: join(found, held.held) for part_id, found in stretches.items()}
    return fold_open(None, None, inputs, spans, lateness, record.quiet_for).steps


def _compare(connection: Connection, key: tuple[str, bytes], steps: tuple[Step, ...]) -> None:
    """Standing rows, without what time alone did at the end, must say what the steps say."""
    table = schema.finding_row
    found = connection.execute(
        select(table).where(table.c.mapping == key[0], table.c.subject == key[1]).order_by(table.c.event_time, table.c.idx)
    )
    standing = {r.event_time: Row(r.event_time, r.idx, State(r.state)) for r in found}
    said: State | None = None
    wanted = {step.event_time: step.state for step in steps}
    state: State | None = None
    for time in sorted(standing.keys() | wanted.keys()):
        said = standing[time].state if time in standing else said
        state = wanted.get(time, state)
        if said == state or (said in (State.STALE, State.RETIRED) and time not in wanted):
            continue
        if said in (State.CLOSED, State.NOT_ASSESSED) and state is None:
            continue
        index = standing[time].idx if time in standing else None
        raise VerificationError(
            f"finding {key[0]} says {said or 'nothing'} where what was recorded says {state or 'nothing'}", index=index
        )
