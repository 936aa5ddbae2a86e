"""The verifier's step 5, third part: counts, controls and the roll-up equal a recount; no row stands for nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import except_, func, literal, or_, select, union_all

from store import schema
from store.applicability import Applies, applies_at
from store.attested import PREFIX
from store.fsck_common import KEPT, Context, Seen, differs, expect
from store.query_common import Cut
from store.records import HOUR, ControlState, State, Verdict
from store.seen import ERASED
from store.sightings import BEYOND
from store.sql import chunks
from store.status import control_state
from store.times import MAX_TIME

_BY_INDEX: Final = (schema.evidence, schema.tag, schema.evidence_control, schema.dead_letter, schema.finding_row)


def check_strays(context: Context, seen: Seen) -> None:
    """Rows of entries that the log does not have; what was seen and never kept; blocks that belong to nothing."""
    for table in _BY_INDEX:
        outside = or_(table.c.idx < 0, table.c.idx >= context.head.size)
        index = context.connection.execute(select(func.min(table.c.idx)).where(outside)).scalar()
        if index is not None:
            differs(f"a row of {table.name} is there without it", index)
    _check_seen(context, seen)
    _check_observed(context)
    _check_blocks(context)


def _check_seen(context: Context, seen: Seen) -> None:
    table = schema.seen
    wrong = or_(table.c.idx < (ERASED if seen.types.get("erasure") else -1), table.c.idx >= context.head.size)
    index = context.connection.execute(select(func.min(table.c.idx)).where(wrong)).scalar()
    if index is not None:
        differs("something was seen as an entry that is not there", max(index, 0))
    kept = sum(seen.types.get(kind, 0) for kind in KEPT) - seen.forgotten
    count = context.connection.execute(select(func.count()).where(table.c.idx >= 0).select_from(table)).scalar_one()
    if count != kept:
        twice = select(table.c.idx).where(table.c.idx >= 0).group_by(table.c.idx).having(func.count() > 1).subquery()
        index = context.connection.execute(select(func.min(twice.c.idx))).scalar()
        differs(f"{count} ids were seen, and {kept} entries kept", index)
    gone = context.connection.execute(select(func.count()).where(table.c.idx == ERASED).select_from(table)).scalar_one()
    if gone != seen.forgotten:
        differs(f"{gone} ids were seen as erased, and {seen.forgotten} entries were")


def _check_observed(context: Context) -> None:
    """What stands for a subject is evidence, each of one subject (that it is the right one was seen entry by entry)."""
    table, evidence = schema.observed, schema.evidence
    other = select(table.c.idx).join(evidence, evidence.c.idx == table.c.idx, isouter=True)
    stray = other.where(or_(table.c.idx < -1, (table.c.idx >= 0) & evidence.c.idx.is_(None)))
    index = context.connection.execute(stray.order_by(table.c.idx).limit(1)).scalar()
    if index is not None:
        differs("a subject stands as an entry that is no evidence", max(index, 0))
    twice = select(table.c.idx).where(table.c.idx >= 0).group_by(table.c.idx).having(func.count() > 1)
    index = context.connection.execute(twice.order_by(table.c.idx).limit(1)).scalar()
    if index is not None:
        differs("two subjects stand as this one observation", index)


def _check_blocks(context: Context) -> None:
    """Blocks hold nothing but committed bytes, each once."""
    entry, block = schema.entry, schema.block
    used = union_all(
        *(
            select(entry.c.idx, entry.c[f"{part}_block"].label("id"), entry.c[f"{part}_length"].label("length")).where(
                entry.c[f"{part}_block"].is_not(None)
            )
            for part in ("detail", "payload")
        )
    ).subquery()
    sums = select(used.c.id, func.sum(used.c.length).label("length"), func.min(used.c.idx).label("idx")).group_by(used.c.id)
    found = sums.subquery()
    wrong = select(block.c.id, found.c.idx).join(found, found.c.id == block.c.id, isouter=True)
    row = context.connection.execute(
        wrong.where(or_(found.c.id.is_(None), found.c.length != block.c.length)).order_by(found.c.idx).limit(1)
    ).first()
    if row is not None:
        differs(f"block {row.id} holds bytes that no entry commits to", row.idx)


def check_tally(context: Context) -> dict[str, dict[State, int]]:
    """Tallies equal a recount of the present rows; returns them."""
    finding, table, row = schema.finding, schema.tally, schema.finding_row
    connection = context.connection
    groups = select(finding.c.mapping, finding.c.state, func.count().label("n"), func.min(finding.c.row_idx).label("idx"))
    counted = {(g.mapping, g.state): g for g in connection.execute(groups.group_by(finding.c.mapping, finding.c.state))}
    stored = {(t.mapping, t.state): t.n for t in connection.execute(select(table))}
    for key, group in sorted(counted.items(), key=lambda item: item[1].idx):
        expect(stored.get(key), group.n, f"findings of {key[0]!r} in state {key[1]!r} are counted wrongly", group.idx)
    for (mapping, state), n in sorted(stored.items()):
        if (mapping, state) in counted:
            continue
        of_mapping = select(func.min(row.c.idx)).where(row.c.mapping == mapping)
        was = connection.execute(of_mapping.where(row.c.state == state)).scalar()
        if n != 0 or was is None:
            index = was if was is not None else connection.execute(of_mapping).scalar()
            differs(f"findings of {mapping!r} in state {state!r} are counted, and there are none", index)
    tallies: dict[str, dict[State, int]] = {}
    for (mapping, state), group in counted.items():
        tallies.setdefault(mapping, {})[State(state)] = group.n
    return tallies


def check_controls(context: Context, tallies: Mapping[str, Mapping[State, int]]) -> None:
    """Controls equal a recount over the active mappings; their latest evidence is the latest."""
    rows = {row.id: row for row in context.connection.execute(select(schema.control))}
    voices = context.known.voices(past=False)
    latest = _latest(context)
    applies = applies_at(context.connection, Cut(MAX_TIME, context.head.size, context.head.recorded_at))
    named = sorted(voices.keys() | latest.keys())
    for id_ in named:
        if id_ not in rows:
            differs(f"control {id_} is missing", _newest(context, voices.get(id_, ()), latest.get(id_)))
    for id_, row in sorted(rows.items()):
        tally: Counter[State] = Counter()
        for mapping in voices.get(id_, ()):
            tally.update(tallies.get(mapping, {}))
        index = _newest(context, voices.get(id_, ()), latest.get(id_))
        state = control_state(tally, applicable=applies.get(id_, Applies()).applicable)
        wanted = (state.value, *(tally[s] for s in (State.NOT_SATISFIED, State.SATISFIED, State.STALE, State.ACCEPTED)))
        actual = (row.state, row.not_satisfied, row.satisfied, row.stale, row.accepted)
        expect(actual, wanted, f"control {id_} is not what its findings say", index)
        expect((row.last_evidence, row.last_idx), latest.get(id_, (None, None)), f"control {id_} has other evidence last", index)
    _check_since(context, rows.values(), voices)


def _latest(context: Context) -> dict[str, tuple[int, int]]:
    """(event_time, index) of each control's latest evidence: one index probe each, after its name."""
    table = schema.evidence_control
    found: dict[str, tuple[int, int]] = {}
    for id_ in context.connection.execute(select(table.c.control).distinct()).scalars().all():
        query = select(table.c.event_time, table.c.idx).where(table.c.control == id_)
        row = context.connection.execute(query.order_by(table.c.event_time.desc(), table.c.idx.desc()).limit(1)).one()
        found[id_] = (row.event_time, row.idx)
    return found


def _newest(context: Context, mappings: Sequence[str], latest: tuple[int, int] | None) -> int:
    """The entry that a control's row followed last, as far as its voices and evidence show."""
    table = schema.finding
    indexes = [latest[1]] if latest is not None else []
    for some in chunks(mappings):
        index = context.connection.execute(select(func.max(table.c.row_idx)).where(table.c.mapping.in_(some))).scalar()
        if index is not None:
            indexes.append(int(index))
    return max(indexes, default=context.head.set_idx)


def _check_since(context: Context, controls: Iterable[Any], voices: Mapping[str, Sequence[str]]) -> None:
    """A control has changed at the time of a finding's row, of a statement of it, or when a mapping set became active."""
    row, entry, said = schema.finding_row, schema.entry, schema.applicability
    changed = [control for control in controls if control.since is not None or control.state != ControlState.NOT_ASSESSED.value]
    times: set[int] = set()
    for some in chunks(sorted({c.since for c in changed if c.since is not None})):
        times.update(context.connection.execute(select(row.c.event_time).where(row.c.event_time.in_(some)).distinct()).scalars())
        activated = select(entry.c.recorded_at).where(entry.c.type == "mapping_set", entry.c.recorded_at.in_(some))
        times.update(context.connection.execute(activated).scalars())
        times.update(context.connection.execute(select(said.c.event_time).where(said.c.event_time.in_(some))).scalars())
    for control in sorted(changed, key=lambda c: str(c.id)):
        if control.since not in times:
            differs(
                f"control {control.id} changed at a time when nothing did", _newest(context, voices.get(control.id, ()), None)
            )


def check_rollup(context: Context) -> None:
    """Every roll-up equals a recount."""
    table, evidence, link, tag = schema.rollup, schema.evidence, schema.evidence_control, schema.tag
    silent = (Verdict.CLOSED.value, Verdict.NOT_MATCHED.value, *BEYOND)
    judged = (tag.c.verdict.not_in(silent), ~tag.c.mapping.startswith(PREFIX), tag.c.idx.in_(select(evidence.c.idx)))
    once = select(tag.c.idx, tag.c.event_time, tag.c.mapping).where(*judged).distinct().subquery()
    dims = {"source": (evidence, evidence.c.source), "control": (link, link.c.control), "mapping": (once, once.c.mapping)}
    recounts = []
    for dim, (rows, key) in dims.items():
        hour = (rows.c.event_time - rows.c.event_time % HOUR).label("hour")
        recounts.append(
            select(hour, literal(dim).label("dim"), key.label("key"), func.count().label("n"))
            .select_from(rows)
            .group_by(hour, key)
        )
    counted = select(union_all(*recounts).subquery())
    stored = select(table.c.hour, table.c.dim, table.c.key, table.c.n)
    for difference in (except_(counted, stored), except_(stored, counted)):
        row = context.connection.execute(difference.order_by("hour").limit(1)).first()
        if row is not None:
            rows, key = dims.get(row.dim, dims["source"])
            of_hour = (rows.c.event_time >= row.hour, rows.c.event_time < row.hour + HOUR, key == row.key)
            index = context.connection.execute(select(func.min(rows.c.idx)).where(*of_hour)).scalar()
            differs(f"the roll-up of {row.dim} {row.key!r} is not a recount", index)
