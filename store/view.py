"""Loading the View: the state rows that a batch names, read under the head lock.

The common case (in order) needs the present rows only. A batch that reaches into the past of a finding reads, from there on, the
rows that stand and the inputs, so that it can be folded again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from sqlalchemy import Connection, func, select

from store import schema
from store.active import ActiveSet
from store.attested import SOURCE as ATTESTED
from store.changes import ControlView, FindingKey, FindingView, Input, PartView, Stretch, View
from store.exceptions import accepted_for
from store.history import STATES, Base, Histories, read_bases, read_inputs, read_matched
from store.names import Names
from store.records import HOUR, ControlState, State, Verdict, WindowState
from store.sql import fetch, find_pairs, find_rows

_WAITS: Final = "SELECT source, max(registered_at) FROM attempt WHERE state = ? GROUP BY source"
_STRETCH: Final = ("part_id", "start", "end", "held", "joins", "bridge", "idx")


@dataclass(slots=True)
class Wanted:
    """What a batch touches: new inputs per finding, findings to fold again from a time on, silences, everything retired.

    `applicable`: controls of which it states whether they apply.
    """

    inputs: Mapping[FindingKey, Sequence[Input]] = field(default_factory=dict)
    floors: dict[FindingKey, int] = field(default_factory=dict)
    silences: dict[FindingKey, int] = field(default_factory=dict)
    retire: bool = False
    baselines: Mapping[int, int] = field(default_factory=dict)
    digest_sources: frozenset[str] = frozenset()
    applicable: dict[str, bool] = field(default_factory=dict)

    def fold_from(self, key: FindingKey, floor: int) -> None:
        """Fold this finding again from `floor` on (or from earlier, if that was wanted already)."""
        self.floors[key] = min(floor, self.floors.get(key, floor))


def silence_subject(source: str, part: str) -> str:
    """The name of a part as the subject of silences."""
    return f"{source}/{part}"


def load_view(connection: Connection, names: Names, active: ActiveSet, now: int, wanted: Wanted) -> View:
    """Read everything that `decide` needs to know of what the batch touches."""
    keys = set(wanted.inputs) | set(wanted.floors) | set(wanted.silences)
    if wanted.retire:
        for key, floor in _orphans(connection, active).items():
            wanted.fold_from(key, max(now, floor))
            keys.add(key)
    present = _presents(connection, keys)
    silent = {k for k in keys if k in wanted.silences or (k in present and present[k].silence and active.holds(k[0], True))}
    findings = _findings(connection, sorted(keys - silent), present, wanted, active)
    findings += [_silence(connection, key, present.get(key), wanted, active) for key in sorted(silent)]
    findings = _accepted(connection, sorted(findings, key=lambda f: (f.mapping, f.subject)))
    part_ids = {f.part_id for f in findings} | {i.part_id for f in findings for i in f.inputs}
    part_ids |= {f.matched.part_id for f in findings if f.matched is not None} | set(wanted.baselines)
    parts = _parts(connection, part_ids, wanted)
    touched = {f.mapping for f in findings}
    controls = {c for c, voices in active.voices.items() if touched & set(voices)} | set(wanted.applicable)
    every = None if wanted.retire else controls
    return View(
        now=now,
        findings=tuple(findings),
        parts=parts,
        mappings=active.mappings,
        tallies=_tallies(connection, active, every),
        controls=_controls(connection, every, wanted.applicable),
        voices=active.voices,
        accounts=names.names(f.subject for f in findings),
    )


def _accepted(connection: Connection, findings: list[FindingView]) -> list[FindingView]:
    """The findings, with what exceptions cover of them."""
    spans = accepted_for(connection, [(f.mapping, f.subject) for f in findings]) if findings else {}
    if not spans:
        return findings
    return [replace(f, accepted=spans.get((f.mapping, f.subject), ())) for f in findings]


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


class _Present(NamedTuple):
    """A row of the finding table."""

    mapping: str
    subject: bytes
    part_id: int
    silence: bool
    state: str
    since: int
    row_time: int
    input_time: int
    matched_at: int | None
    matched_fresh: int | None
    errors: int


def _presents(connection: Connection, keys: Iterable[FindingKey]) -> dict[FindingKey, _Present]:
    rows = map(_Present._make, find_pairs(connection, schema.finding, _Present._fields, ("mapping", "subject"), sorted(keys)))
    return {(row.mapping, bytes(row.subject)): row for row in rows}


def _findings(
    connection: Connection,
    keys: Sequence[FindingKey],
    present: Mapping[FindingKey, _Present],
    wanted: Wanted,
    active: ActiveSet,
) -> list[FindingView]:
    """Findings in order need their present row; those that the batch reaches into the past of, their history from there on."""
    floors: dict[FindingKey, int] = {}
    late: dict[str, dict[FindingKey, int]] = {"inputs": {}, "matched": {}, "bases": {}}
    for key in keys:
        times = [i.event_time for i in wanted.inputs.get(key, ())]
        floor = floors[key] = min(times if key not in wanted.floors else [*times, wanted.floors[key]], default=0)
        row = present.get(key)
        if active.observing(key[0]):
            # From the last look on that said something, or everything where it reaches behind that.
            last = row.matched_at if row is not None and row.matched_at is not None else 0
            floor = floors[key] = last if floor >= last else 0
            late["inputs"][key] = floor
            if row is not None:
                late["bases"][key] = floor
            continue
        if row is not None and floor > row.row_time and floor > row.input_time:
            continue
        late["inputs"][key] = floor
        if row is not None and floor <= row.row_time:
            late["bases"][key] = floor
        # Where nothing stands yet no row was ever written, but an `until` may have come before its match.
        if row is None or row.matched_at is None or row.matched_at >= floor or floor <= row.row_time:
            late["matched"][key] = floor
    histories = Histories()
    read_inputs(connection, late["inputs"], histories)
    read_matched(connection, active, late["matched"], histories)
    read_bases(connection, late["bases"], histories)
    return [_finding(key, present.get(key), floors[key], late["matched"], histories, wanted) for key in keys]


def _finding(
    key: FindingKey,
    row: _Present | None,
    floor: int,
    unsure: Container[FindingKey],
    histories: Histories,
    wanted: Wanted,
) -> FindingView:
    new = wanted.inputs.get(key, ())
    inputs = tuple(sorted(histories.inputs.get(key, new), key=lambda i: (i.event_time, i.idx)))
    matched = histories.matched.get(key)
    if row is not None and key not in unsure and row.matched_at is not None:
        fresh = row.matched_fresh if row.matched_fresh is not None else row.matched_at
        matched = Input(row.matched_at, -1, Verdict.MATCHED, row.part_id, fresh)
    base = histories.bases.get(key)
    if base is None:
        base = Base(STATES[row.state], row.since) if row is not None else Base()
    return FindingView(
        mapping=key[0],
        subject=key[1],
        part_id=row.part_id if row is not None else inputs[-1].part_id,
        silence=row is not None and bool(row.silence),  # one whose mapping keeps silent now
        floor=floor,
        base=base.state,
        matched=matched,
        rows=base.rows,
        inputs=inputs,
        errors=sum(i.verdict is Verdict.ERROR for i in new) + (row.errors if row is not None else 0),
        row_time=row.row_time if row is not None else 0,
        since=base.since,
        state=STATES[row.state] if row is not None else None,
    )


def _silence(connection: Connection, key: FindingKey, row: _Present | None, wanted: Wanted, active: ActiveSet) -> FindingView:
    part_id = wanted.silences.get(key, row.part_id if row is not None else 0)
    held = active.mappings[key[0]]
    row_time = row.row_time if row is not None else 0
    floor = silence_floor(connection, part_id, held.held, held.record.max_age, row_time)
    histories = Histories()
    read_bases(connection, {key: floor}, histories)
    base = histories.bases[key]
    return FindingView(
        mapping=key[0],
        subject=key[1],
        part_id=part_id,
        silence=True,
        floor=floor,
        base=base.state,
        matched=None,
        rows=base.rows,
        inputs=(),
        errors=0,
        row_time=row_time,
        since=base.since,
        state=STATES[row.state] if row is not None else None,
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


def _parts(connection: Connection, part_ids: Iterable[int], wanted: Wanted) -> dict[int, PartView]:
    waits: dict[str, int] = dict(fetch(connection, _WAITS, WindowState.OPEN.value))
    lateness: dict[str, int] = dict(fetch(connection, "SELECT name, lateness FROM source"))
    stretches: dict[int, list[Stretch]] = defaultdict(list)
    ids = sorted(set(part_ids))
    for part_id, *stretch in find_rows(connection, schema.coverage, _STRETCH, "part_id", ids):
        stretches[part_id].append(Stretch(*stretch))
    parts = {}
    for id_, name, part, baseline_idx in find_rows(connection, schema.part, ("id", "source", "part", "baseline_idx"), "id", ids):
        ends = wanted.baselines.get(id_)
        parts[id_] = PartView(
            part_id=id_,
            source=name,
            part=part,
            lateness=lateness.get(name, HOUR),
            stretches=tuple(stretches[id_]),
            waits_until=waits.get(name),
            baseline=(baseline_idx is None or ends is not None) and name != ATTESTED,
            digest_only=name in wanted.digest_sources,
            baseline_idx=ends,
        )
    return parts


def _tallies(connection: Connection, active: ActiveSet, controls: set[str] | None) -> dict[str, dict[State, int]]:
    voices = {m for control, ids in active.voices.items() if controls is None or control in controls for m in ids}
    tallies: dict[str, dict[State, int]] = defaultdict(dict)
    for mapping, state, n in find_rows(connection, schema.tally, ("mapping", "state", "n"), "mapping", sorted(voices)):
        tallies[mapping][STATES[state]] = n
    return tallies


def _controls(connection: Connection, wanted: set[str] | None, stated: Mapping[str, bool]) -> dict[str, ControlView]:
    rows = fetch(connection, "SELECT id, state, since FROM control")
    return {
        id_: ControlView(id_, ControlState(state), since, stated.get(id_, state != ControlState.NOT_APPLICABLE.value))
        for id_, state, since in rows
        if wanted is None or id_ in wanted
    }
