"""Loading the View: the state rows that a batch names, read under the head lock.

The common case (in order) needs the present rows only. A batch that reaches into the past of a finding reads, from there on, the
rows that stand and the inputs, so that it can be folded again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, or_, select, true, tuple_

from store import schema
from store.active import ActiveSet
from store.changes import ControlView, FindingKey, FindingView, Input, PartView, Stretch, View
from store.changes import Row as Standing
from store.names import Names
from store.records import HOUR, ControlState, State, Verdict, WindowState
from store.sql import chunks


@dataclass(slots=True)
class Wanted:
    """What a batch touches: new inputs per finding, findings to fold again from a time on, silences, everything retired."""

    inputs: Mapping[FindingKey, Sequence[Input]] = field(default_factory=dict)
    floors: dict[FindingKey, int] = field(default_factory=dict)
    silences: dict[FindingKey, int] = field(default_factory=dict)
    retire: bool = False
    baselines: Mapping[int, int] = field(default_factory=dict)
    digest_sources: frozenset[str] = frozenset()

    def fold_from(self, key: FindingKey, floor: int) -> None:
        """Fold this finding again from `floor` on (or from earlier, if that was wanted already)."""
        self.floors[key] = min(floor, self.floors.get(key, floor))


def want_coverage(connection: Connection, names: Names, active: ActiveSet, changed: Mapping[int, int], wanted: Wanted) -> None:
    """New coverage touches the part's silences and the findings that it may close, or that closed after it begins."""
    part, kinds = schema.part, schema.part_type
    for part_id, start in changed.items():
        row = connection.execute(select(part).where(part.c.id == part_id)).one()
        types = frozenset(connection.execute(select(kinds.c.type).where(kinds.c.part_id == part_id)).scalars())
        subject = silence_subject(row.source, row.part)
        for mapping in active.silences(types):
            wanted.silences[mapping, names.handle(subject)] = part_id
        floor = max(0, start - _lateness(connection, row.source))
        for key in _touched(connection, part_id, start, floor):
            if active.holds(key[0], False) and active.mappings[key[0]].record.finding == "not-satisfied":
                wanted.fold_from(key, floor)


def _touched(connection: Connection, part_id: int, start: int, floor: int) -> list[FindingKey]:
    """Findings that coverage of a part from delivery `start` on may close, or that say something of the time since `floor`.

    A finding is of the part of its last match; what matched in this part before that counts too. What fills a hole comes on top
    of what is covered behind it: it brings `quiet_at` forward by as much as it can hold.
    """
    finding, coverage, tag = schema.finding, schema.coverage, schema.tag
    end = connection.execute(select(func.max(coverage.c.end)).where(coverage.c.part_id == part_id)).scalar() or 0
    is_open = finding.c.state == State.NOT_SATISFIED.value
    since = or_(finding.c.row_time >= floor, and_(is_open, finding.c.input_time >= floor))
    here = and_(finding.c.part_id == part_id, or_(since, and_(is_open, finding.c.quiet_at <= end + (end - start))))
    matched = and_(tag.c.verdict == Verdict.MATCHED.value, tag.c.part_id == part_id)
    of = and_(tag.c.mapping == finding.c.mapping, tag.c.subject == finding.c.subject)
    others = select(schema.part.c.id).where(schema.part.c.id != part_id)
    there = and_(finding.c.part_id.in_(others), since, select(tag.c.idx).where(of, matched).exists())
    query = select(finding.c.mapping, finding.c.subject).where(finding.c.silence.is_(False))
    rows = [*connection.execute(query.where(here)), *connection.execute(query.where(there))]
    return [(row.mapping, bytes(row.subject)) for row in rows]


def silence_subject(source: str, part: str) -> str:
    """The name of a part as the subject of silences."""
    return f"{source}/{part}"


def _lateness(connection: Connection, source: str) -> int:
    table = schema.source
    return connection.execute(select(table.c.lateness).where(table.c.name == source)).scalar_one_or_none() or HOUR


def load_view(connection: Connection, names: Names, active: ActiveSet, now: int, wanted: Wanted) -> View:
    """Read everything that `decide` needs to know of what the batch touches."""
    keys = set(wanted.inputs) | set(wanted.floors) | set(wanted.silences)
    if wanted.retire:
        for key, floor in _orphans(connection, active).items():
            wanted.fold_from(key, max(now, floor))
            keys.add(key)
    present = _presents(connection, sorted(keys))
    findings = []
    for key in sorted(keys):
        row = present.get(key)
        if key in wanted.silences or (row is not None and row.silence and active.holds(key[0], True)):
            part_id = wanted.silences.get(key, row.part_id if row is not None else 0)
            findings.append(_silence(connection, key, row, part_id, active))
        else:
            findings.append(_finding(connection, key, row, wanted, active))
    part_ids = {f.part_id for f in findings} | {i.part_id for f in findings for i in f.inputs}
    part_ids |= {f.matched.part_id for f in findings if f.matched is not None} | set(wanted.baselines)
    parts = _parts(connection, part_ids, wanted)
    touched = {f.mapping for f in findings}
    controls = {c for c, voices in active.voices.items() if touched & set(voices)}
    every = None if wanted.retire else controls
    return View(
        now=now,
        findings=tuple(findings),
        parts=parts,
        mappings=active.mappings,
        tallies=_tallies(connection, active, every),
        controls=_controls(connection, every),
        voices=active.voices,
        accounts=names.names(f.subject for f in findings),
    )


def _orphans(connection: Connection, active: ActiveSet) -> dict[FindingKey, int]:
    """Findings that the active set no longer holds a mapping for, and a time after all that was said of each."""
    table = schema.finding
    kinds = connection.execute(select(table.c.mapping, table.c.silence).distinct())
    gone = [row for row in kinds if not active.holds(row.mapping, row.silence)]
    keys: dict[FindingKey, int] = {}
    for mapping, silence in gone:
        query = select(table.c.mapping, table.c.subject, table.c.row_time, table.c.input_time).where(
            table.c.mapping == mapping, table.c.silence == silence, table.c.state != State.RETIRED.value
        )
        for row in connection.execute(query):
            keys[row.mapping, bytes(row.subject)] = max(row.row_time, row.input_time) + 1
    return keys


def _presents(connection: Connection, keys: Sequence[FindingKey]) -> dict[FindingKey, Row[Any]]:
    table = schema.finding
    found: dict[FindingKey, Row[Any]] = {}
    for some in chunks(keys, 200):
        for row in connection.execute(select(table).where(tuple_(table.c.mapping, table.c.subject).in_(some))):
            found[row.mapping, bytes(row.subject)] = row
    return found


def _finding(connection: Connection, key: FindingKey, row: Row[Any] | None, wanted: Wanted, active: ActiveSet) -> FindingView:
    new = tuple(wanted.inputs.get(key, ()))
    floors = [i.event_time for i in new] + ([wanted.floors[key]] if key in wanted.floors else [])
    floor = min(floors, default=0)
    errors = sum(1 for i in new if i.verdict is Verdict.ERROR)
    if row is not None and floor > row.row_time and floor > row.input_time:
        matched = None
        if row.matched_at is not None:
            matched = Input(row.matched_at, -1, Verdict.MATCHED, row.part_id, row.matched_fresh)
        base: State | None = State(row.state)
        since: int = row.since
        rows: tuple[Standing, ...] = ()
        inputs = new
    else:
        # Where nothing stands yet no row was ever written, but an `until` may have come before its match.
        base, since, rows = _rows(connection, key, floor) if row is not None else (None, 0, ())
        matched, inputs = _inputs(connection, key, floor, active)
    return FindingView(
        mapping=key[0],
        subject=key[1],
        part_id=row.part_id if row is not None else inputs[-1].part_id,
        silence=row is not None and row.silence,  # one whose mapping keeps silent now
        floor=floor,
        base=base,
        matched=matched,
        rows=rows,
        inputs=inputs,
        errors=errors + (row.errors if row is not None else 0),
        row_time=row.row_time if row is not None else 0,
        since=since,
        state=State(row.state) if row is not None else None,
    )


def _silence(connection: Connection, key: FindingKey, row: Row[Any] | None, part_id: int, active: ActiveSet) -> FindingView:
    held = active.mappings[key[0]]
    row_time = row.row_time if row is not None else 0
    floor = silence_floor(connection, part_id, held.held, held.record.max_age, row_time)
    base, since, rows = _rows(connection, key, floor)
    return FindingView(
        mapping=key[0],
        subject=key[1],
        part_id=part_id,
        silence=True,
        floor=floor,
        base=base,
        matched=None,
        rows=rows,
        inputs=(),
        errors=0,
        row_time=row.row_time if row is not None else 0,
        since=since,
        state=State(row.state) if row is not None else None,
    )


def silence_floor(connection: Connection, part_id: int, held: int, max_age: int, row_time: int) -> int:
    """From when on a silence is folded: where coverage under sets that held the mapping begins, or staleness before it.

    Without any, what an older set said ages: its staleness is all that can change, and nothing up to its last row.
    """
    table = schema.coverage
    of = table.c.part_id == part_id
    start: int | None = connection.execute(select(func.min(table.c.start)).where(of, table.c.held >= held)).scalar()
    older = select(func.max(table.c.end)).where(of, table.c.held < held)
    end: int | None = connection.execute(older if start is None else older.where(table.c.start < start)).scalar()
    if start is None:
        return max(end + max_age, row_time + 1) if end is not None else 0
    return min(start, end + max_age) if end is not None else start


def _where(table: Any, key: FindingKey) -> ColumnElement[bool]:
    return and_(table.c.mapping == key[0], table.c.subject == key[1])


def _rows(connection: Connection, key: FindingKey, floor: int) -> tuple[State | None, int, tuple[Standing, ...]]:
    """The state that stands just before `floor` and since when, and the rows from there on."""
    table = schema.finding_row
    past = select(table.c.event_time, table.c.idx, table.c.state).where(_where(table, key), table.c.event_time < floor)
    newest = (table.c.event_time.desc(), table.c.idx.desc())
    base = connection.execute(past.order_by(*newest).limit(1)).one_or_none()
    since = base.event_time if base is not None else 0
    if base is not None:
        since = _since(connection.execute(past.order_by(*newest)), base.state)
    rows = connection.execute(
        select(table.c.event_time, table.c.idx, table.c.state).where(_where(table, key), table.c.event_time >= floor)
    )
    standing = tuple(Standing(r.event_time, r.idx, State(r.state)) for r in rows)
    return State(base.state) if base is not None else None, since, standing


def _since(rows: Iterable[Row[Any]], state: str) -> int:
    """Begin of the last run of rows that say `state`; rows come newest first, and at one time only the first of them stands."""
    since, seen = 0, -1
    for row in rows:
        if row.event_time == seen:
            continue
        if row.state != state:
            break
        since = seen = row.event_time
    return since


def _inputs(connection: Connection, key: FindingKey, floor: int, active: ActiveSet) -> tuple[Input | None, tuple[Input, ...]]:
    """The last match before `floor`, and every input since (this batch's own are among them: their tags are written).

    A match that says satisfied counts only where it was fresh at its own time.
    """
    table, part, held = schema.tag, schema.part, active.mappings.get(key[0])
    fresh: ColumnElement[bool] = true()
    if held is not None and held.record.finding == "satisfied":
        fresh = table.c.fresh_at + held.record.max_age > table.c.event_time
    newest = (table.c.event_time, table.c.fresh_at, part.c.source, part.c.part, table.c.idx)
    last = connection.execute(
        select(table)
        .join(part, part.c.id == table.c.part_id)
        .where(_where(table, key), table.c.event_time < floor, table.c.verdict == Verdict.MATCHED.value, fresh)
        .order_by(*(column.desc() for column in newest))
        .limit(1)
    ).one_or_none()
    rows = connection.execute(select(table).where(_where(table, key), table.c.event_time >= floor))
    return (_input(last) if last is not None else None, tuple(_input(row) for row in rows))


def _input(row: Row[Any]) -> Input:
    return Input(row.event_time, row.idx, Verdict(row.verdict), row.part_id, row.fresh_at)


def _parts(connection: Connection, part_ids: Iterable[int], wanted: Wanted) -> dict[int, PartView]:
    attempt, part, coverage, source = schema.attempt, schema.part, schema.coverage, schema.source
    waits: dict[str, int] = {
        row[0]: row[1]
        for row in connection.execute(
            select(attempt.c.source, func.max(attempt.c.registered_at))
            .where(attempt.c.state == WindowState.OPEN.value)
            .group_by(attempt.c.source)
        )
    }
    lateness: dict[str, int] = {r.name: r.lateness for r in connection.execute(select(source.c.name, source.c.lateness))}
    stretches: dict[int, list[Stretch]] = defaultdict(list)
    ids = sorted(set(part_ids))
    for some in chunks(ids):
        for row in connection.execute(select(coverage).where(coverage.c.part_id.in_(some))):
            stretches[row.part_id].append(Stretch(row.start, row.end, row.held, row.joins, row.bridge, row.idx))
    parts = {}
    for some in chunks(ids):
        for row in connection.execute(select(part).where(part.c.id.in_(some))):
            ends = wanted.baselines.get(row.id)
            parts[row.id] = PartView(
                part_id=row.id,
                source=row.source,
                part=row.part,
                lateness=lateness.get(row.source, HOUR),
                stretches=tuple(stretches[row.id]),
                waits_until=waits.get(row.source),
                baseline=row.baseline_idx is None or ends is not None,
                digest_only=row.source in wanted.digest_sources,
                baseline_idx=ends,
            )
    return parts


def _tallies(connection: Connection, active: ActiveSet, controls: set[str] | None) -> dict[str, dict[State, int]]:
    table = schema.tally
    voices = {m for control, ids in active.voices.items() if controls is None or control in controls for m in ids}
    tallies: dict[str, dict[State, int]] = defaultdict(dict)
    for some in chunks(sorted(voices)):
        for row in connection.execute(select(table).where(table.c.mapping.in_(some))):
            tallies[row.mapping][State(row.state)] = row.n
    return tallies


def _controls(connection: Connection, wanted: set[str] | None) -> dict[str, ControlView]:
    table = schema.control
    rows = connection.execute(select(table)).all()
    return {row.id: ControlView(row.id, ControlState(row.state), row.since) for row in rows if wanted is None or row.id in wanted}
