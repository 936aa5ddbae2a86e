"""Folding every finding again from the log's own inputs, and comparing with the rows that stand: causes, states and times.

Hooked into `evidence verify`: the store keeps and proves, what a row must say is the pipeline's to know.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import Connection, func, select, text
from sqlalchemy import Row as RowOf

from pipeline.accepted import accept, unaccepted
from pipeline.attested import fold_attested
from pipeline.fold import Folded, Step, fold_open, fold_silence, fold_spoken
from pipeline.observed import fold_observed, seen
from pipeline.posture import covered
from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.ruleset import RuleSet
from store import schema
from store.active import ActiveSet, load_active
from store.attested import KIND as ATTESTATION
from store.blocks import BlockReader
from store.changes import HeldMapping, Input, PartView, Row, Stretch
from store.errors import VerificationError
from store.exceptions import accepted_for
from store.records import HOUR, State, Verdict
from store.times import MAX_TIME
from store.view import silence_floor
from store.writer import read_head


def recheck(connection: Connection) -> None:
    """The whole hook: the mappings that judge are those of the set in the log, and every finding follows from its inputs."""
    _check_schema(connection)
    head = read_head(connection)
    _check_mappings(connection, load_active(connection, head.mapping_set, head.set_idx))
    refold(connection)


def refold(connection: Connection) -> None:
    """Raise VerificationError for the first finding whose standing rows do not follow from what was recorded.

    Rows of a mapping that is no longer held, or that changed since, were made by a set that is not the active one: their entries
    prove them, and they are not folded again here.
    """
    head = read_head(connection)
    active = load_active(connection, head.mapping_set, head.set_idx)
    parts = _parts(connection)
    finding = schema.finding
    for row in connection.execute(select(finding).order_by(finding.c.row_idx), execution_options={"yield_per": 500}):
        if not active.holds(row.mapping, row.silence):
            continue
        floor = _floor(connection, active, row)
        if floor is not None:
            base, standing = _standing(connection, row, floor)
            folded = _folded(connection, active, row, unaccepted(base), parts)
            folded = _accepted(connection, row, base, folded, floor)
            _compare(row.mapping, base, standing, folded.steps)
            _compare_due(row, folded, observes=active.observing(row.mapping))


def _check_schema(connection: Connection) -> None:
    """The store has neither triggers nor views: what one of them added or hid would be nobody's entry."""
    if connection.dialect.name != "sqlite":
        return
    found = connection.execute(text("SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'view')")).first()
    if found is not None:
        raise VerificationError(f"the store has a {found.type} {found.name!r} that Attestream did not make")


def _check_mappings(connection: Connection, active: ActiveSet) -> None:
    """What the store holds of each mapping, and since when, must be what the sets in the log say of it."""
    entry = schema.entry
    held: dict[str, HeldMapping] = {}
    columns = (entry.c.idx, entry.c.payload_block, entry.c.payload_offset, entry.c.payload_length)
    for row in connection.execute(select(*columns).where(entry.c.type == "mapping_set").order_by(entry.c.idx)).all():
        payload = BlockReader(connection).piece(row.payload_block, row.payload_offset, row.payload_length)
        records = RuleSet.compile(MappingSet.from_bytes(payload)).mappings
        before, held = held, {}
        for record in records:
            old = before.get(record.id)
            since = old.held if old is not None and old.record.digest == record.digest else row.idx
            held[record.id] = HeldMapping(record, since)
    stands = {id_: mapping for id_, mapping in active.mappings.items() if mapping.record.kind != ATTESTATION}
    for id_ in sorted(held.keys() | stands.keys()):
        if held.get(id_) != stands.get(id_):
            raise VerificationError(f"mapping {id_} is held otherwise than the sets in the log say", index=active.idx)


def _parts(connection: Connection) -> dict[int, PartView]:
    """Every part with its coverage and lateness."""
    stretches: dict[int, list[Stretch]] = defaultdict(list)
    for row in connection.execute(select(schema.coverage)):
        stretches[row.part_id].append(Stretch(row.start, row.end, row.held, row.joins, row.bridge, row.idx))
    late = {r.name: r.lateness for r in connection.execute(select(schema.source.c.name, schema.source.c.lateness))}
    return {
        row.id: PartView(row.id, row.source, row.part, late.get(row.source, HOUR), tuple(stretches[row.id]), None, baseline=False)
        for row in connection.execute(select(schema.part))
    }


def _floor(connection: Connection, active: ActiveSet, row: RowOf[Any]) -> int | None:
    """From when on the active set says what the finding says; None where an older one began what still goes on."""
    held = active.mappings[row.mapping]
    if row.silence:
        return silence_floor(connection, row.part_id, held.held, held.record.max_age, row.row_time)
    tag = schema.tag
    query = select(func.min(tag.c.idx)).where(tag.c.mapping == row.mapping, tag.c.subject == row.subject)
    first = connection.execute(query).scalar()
    return None if first is None or first < held.held else 0


def _standing(connection: Connection, row: RowOf[Any], floor: int) -> tuple[State | None, dict[int, Row]]:
    """The state that stands before `floor`, and the rows that stand from there on, by time."""
    table = schema.finding_row
    found = connection.execute(
        select(table)
        .where(table.c.mapping == row.mapping, table.c.subject == row.subject)
        .order_by(table.c.event_time, table.c.idx)
    ).all()
    base = next((State(r.state) for r in reversed(found) if r.event_time < floor), None)
    return base, {r.event_time: Row(r.event_time, r.idx, State(r.state)) for r in found if r.event_time >= floor}


def _folded(connection: Connection, active: ActiveSet, row: RowOf[Any], base: State | None, parts: dict[int, PartView]) -> Folded:
    held = active.mappings[row.mapping]
    record, part = held.record, parts[row.part_id]
    applied = (0, -1)  # what time alone did last may be applied or wait; `_compare` takes both
    if row.silence:
        lateness = None if record.observes else part.lateness
        return fold_silence(base, part.stretches, held.held, lateness, record.max_age, applied)
    table = schema.tag
    rows = connection.execute(select(table).where(table.c.mapping == row.mapping, table.c.subject == row.subject))
    inputs = [Input(r.event_time, r.idx, Verdict(r.verdict), r.part_id, r.fresh_at, r.ends_at) for r in rows]
    if record.observes:
        until = row.due_at - 1 if row.due_at is not None else row.row_time
        return fold_observed(record, base, inputs, seen(part.stretches, held.held), (0, max(until, row.row_time, row.input_time)))
    if record.kind == ATTESTATION:
        return fold_attested(base, None, inputs, applied)
    if record.finding == "satisfied":
        return fold_spoken(base, None, inputs, record.max_age, applied)
    return fold_open(base, None, inputs, covered(parts, held.held), record.quiet_for)


def _accepted(connection: Connection, row: RowOf[Any], base: State | None, folded: Folded, floor: int) -> Folded:
    """The fold with exceptions laid over it, as far as they were applied: up to what is noted as due, else all of them."""
    key = (row.mapping, bytes(row.subject))
    spans = accepted_for(connection, [key]).get(key, ())
    applied = row.due_at - 1 if State(row.state) is State.ACCEPTED and row.due_at is not None else MAX_TIME
    return accept(base, folded, spans, floor, applied)


def _compare_due(row: RowOf[Any], folded: Folded, *, observes: bool) -> None:
    """What time will do must be noted: a finding whose due time was taken away would stay as it is for ever."""
    state = State(row.state)
    due = None if state in (State.STALE, State.RETIRED) else folded.due_at
    # A look that found it unchanged puts the time off without a word: it is looked at once more when the noted time comes.
    put_off = observes and row.due_at is not None and due is not None and row.due_at <= due
    if row.due_at != due and not put_off:
        raise VerificationError(f"finding {row.mapping} becomes stale at another time than follows", index=row.row_idx)
    late = row.quiet_at is None or (folded.quiet_at is not None and row.quiet_at > folded.quiet_at)
    if state in (State.NOT_SATISFIED, State.ACCEPTED) and folded.quiet_at is not None and late:
        raise VerificationError(f"finding {row.mapping} is looked at later than it may close", index=row.row_idx)


def _compare(mapping: str, base: State | None, standing: dict[int, Row], steps: tuple[Step, ...]) -> None:
    """Standing rows, without what time alone did at the end, must say what the steps say."""
    said = state = base
    wanted = {step.event_time: step.state for step in steps}
    for time in sorted(standing.keys() | wanted.keys()):
        said = standing[time].state if time in standing else said
        state = wanted.get(time, state)
        if said == state or (said in (State.STALE, State.RETIRED) and time not in wanted):
            continue
        if said in (State.CLOSED, State.NOT_ASSESSED) and state is None:
            continue
        index = standing[time].idx if time in standing else None
        raise VerificationError(
            f"finding {mapping} says {said or 'nothing'} where what was recorded says {state or 'nothing'}", index=index
        )
