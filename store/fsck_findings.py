"""The verifier's step 5, second part: finding entries follow from what they cite, present rows follow from the entries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Integer, Select, and_, bindparam, cast, func, select, tuple_

from store import schema
from store.attested import is_voice
from store.fsck_common import Context, differs, expect
from store.fsck_rows import Facts
from store.records import State, Verdict
from store.sql import chunks

SAYS: Final[Mapping[str, frozenset[str]]] = {
    Verdict.MATCHED.value: frozenset({State.SATISFIED.value, State.NOT_SATISFIED.value, State.ACCEPTED.value}),
    Verdict.NOT_MATCHED.value: frozenset(
        {State.SATISFIED.value, State.NOT_SATISFIED.value, State.ACCEPTED.value, State.CLOSED.value}
    ),
    Verdict.GONE.value: frozenset({State.RETIRED.value}),
    Verdict.SUPERSEDED.value: frozenset({State.RETIRED.value}),
    Verdict.UNTIL.value: frozenset({State.CLOSED.value}),
    Verdict.CLOSED.value: frozenset({State.CLOSED.value}),
    Verdict.ERROR.value: frozenset({State.ERROR.value}),
}
"""States that a cited verdict can cause."""
EXCEPTED: Final = frozenset({State.ACCEPTED.value, State.NOT_SATISFIED.value})
"""States that a cited exception can cause."""
SILENT: Final = frozenset({State.SATISFIED.value, State.NOT_ASSESSED.value})
"""States that a cited window can cause."""
_STATES: Final = frozenset(state.value for state in State)
_PAGE: Final = 500


def check_causes(context: Context, page: Sequence[Facts]) -> None:
    """Each finding entry of a page: the state before it, and what it cites, are what the log holds below it."""
    findings = [facts for facts in page if facts.type == "finding"]
    cited = sorted({c for f in findings if isinstance(f.fields["cites"], list) for c in f.fields["cites"]})
    kinds, tags = _cited(context, cited)
    newest_below = _newest_below()
    for facts in findings:
        context.place.index = facts.index
        fields = facts.fields
        before = _state_before(context, facts, newest_below)
        expect(fields["before"], before, f"the state before it was {before or 'none'!r}", facts.index)
        if fields["before"] == fields["after"] or fields["after"] not in _STATES:
            differs("it changes no state", facts.index)
        record = context.known.records.get(fields["mapping"])
        if record is not None and record.id in context.known.active and facts.index >= context.held[record.id]:
            expect(fields["controls"], sorted(record.speaks_for()), "its controls are not those of its mapping", facts.index)
        if fields["cites"] != "due":
            for index in fields["cites"]:
                _check_cite(facts, index, kinds.get(index), tags.get(index, ()))
            if not fields["cites"]:
                differs("it cites nothing", facts.index)


def _state_before(context: Context, facts: Facts, query: Select[Any]) -> str:
    """The state that the finding's rows below this entry give it at the entry's time; "" for none."""
    subject = bytes.fromhex(facts.fields["subject"])
    place = {"m": facts.fields["mapping"], "s": subject, "t": facts.event_time, "i": facts.index}
    return context.connection.execute(query, place).scalar_one_or_none() or ""


def _newest_below() -> Select[Any]:
    table = schema.finding_row
    return (
        select(table.c.state)
        .where(
            table.c.mapping == bindparam("m"),
            table.c.subject == bindparam("s"),
            table.c.event_time <= bindparam("t"),
            table.c.idx < bindparam("i"),
        )
        .order_by(table.c.event_time.desc(), table.c.idx.desc())
        .limit(1)
    )


def _cited(context: Context, indexes: Sequence[int]) -> tuple[dict[int, str], dict[int, list[Any]]]:
    kinds: dict[int, str] = {}
    tags: dict[int, list[Any]] = defaultdict(list)
    entry, tag = schema.entry, schema.tag
    for some in chunks(indexes):
        types = select(entry.c.idx, entry.c.type).where(entry.c.idx.in_(some))
        kinds.update((row.idx, row.type) for row in context.connection.execute(types))
        for row in context.connection.execute(select(tag).where(tag.c.idx.in_(some))):
            tags[row.idx].append(row)
    return kinds, tags


def _check_cite(facts: Facts, index: Any, kind: str | None, tags: Sequence[Any]) -> None:
    """What is cited lies below, speaks of this finding, is not later in event time, and can cause the state."""
    fields = facts.fields
    if not isinstance(index, int) or kind is None or not index < facts.index:
        differs(f"it cites entry {index}, which is not below it", facts.index)
    if kind in ("window", "exception") and fields["after"] in (SILENT if kind == "window" else EXCEPTED):
        return
    said = [
        tag.verdict
        for tag in tags
        if tag.mapping == fields["mapping"]
        and bytes(tag.subject).hex() == fields["subject"]
        and tag.event_time <= facts.event_time
    ]
    if not any(fields["after"] in SAYS.get(verdict, frozenset()) for verdict in said):
        differs(f"entry {index}, which it cites, does not say so of its subject", facts.index)


def check_present(context: Context) -> None:
    """Present rows: one for each finding with a history, saying what its last row and its tags say."""
    table, row = schema.finding, schema.finding_row
    key = and_(table.c.mapping == row.c.mapping, table.c.subject == row.c.subject)
    orphan = context.connection.execute(select(func.min(row.c.idx)).where(~select(table.c.mapping).where(key).exists())).scalar()
    if orphan is not None:
        differs("the present row of its finding is missing", orphan)
    for found in _findings(context):
        _check_finding(context, found)


def _findings(context: Context) -> Iterator[Any]:
    """Present rows, each with its last row, the begin of its state and what its tags say; in pages, by key."""
    table = schema.finding
    after: tuple[str, bytes] | None = None
    while True:
        query = _query().order_by(table.c.mapping, table.c.subject).limit(_PAGE)
        if after is not None:
            query = query.where(tuple_(table.c.mapping, table.c.subject) > tuple_(*after))
        rows = context.connection.execute(query).all()
        yield from rows
        if len(rows) < _PAGE:
            return
        after = (rows[-1].mapping, rows[-1].subject)


def _same_time(one: Any, other: Any) -> Any:
    """Two rows of one finding for one event time."""
    return and_(other.c.mapping == one.c.mapping, other.c.subject == one.c.subject, other.c.event_time == one.c.event_time)


def _query() -> Select[Any]:
    f, row, tag, part, handle = schema.finding, schema.finding_row, schema.tag, schema.part, schema.handle

    def of(table: Any) -> Any:
        return and_(table.c.mapping == f.c.mapping, table.c.subject == f.c.subject)

    def newest(table: Any, column: Any, *where: Any) -> Any:
        query = select(column).where(of(table), *where).order_by(table.c.event_time.desc(), table.c.idx.desc())
        return query.limit(1).scalar_subquery()

    past, later, first = row.alias("past"), row.alias("later"), row.alias("first")
    replaced = select(later.c.idx).where(_same_time(past, later), later.c.idx > past.c.idx).exists()
    other = (of(past), past.c.state != f.c.state, ~replaced)
    turned = select(func.coalesce(func.max(past.c.event_time), -1)).where(*other).correlate(f).scalar_subquery()
    began = select(func.min(first.c.event_time)).where(of(first), first.c.event_time > turned).correlate(f)
    matched = tag.c.verdict == Verdict.MATCHED.value
    looked = tag.c.verdict.in_((Verdict.MATCHED.value, Verdict.NOT_MATCHED.value))
    this_match = (tag.c.event_time == f.c.matched_at, tag.c.fresh_at == f.c.matched_fresh, tag.c.part_id == f.c.part_id)
    return (
        select(
            f,
            cast(f.c.silence, Integer).label("silence_value"),
            newest(row, row.c.idx).label("last_idx"),
            newest(row, row.c.event_time).label("last_time"),
            newest(row, row.c.state).label("last_state"),
            began.scalar_subquery().label("began"),
            newest(tag, tag.c.event_time).label("last_input"),
            newest(tag, tag.c.event_time, matched).label("last_matched"),
            select(func.count()).where(of(tag), matched, *this_match).scalar_subquery().label("is_match"),
            newest(tag, tag.c.event_time, looked).label("last_look"),
            select(func.count()).where(of(tag), looked, *this_match).scalar_subquery().label("is_look"),
            select(func.count()).where(of(tag), tag.c.verdict == Verdict.ERROR.value).scalar_subquery().label("n_errors"),
            select(func.min(tag.c.idx)).where(of(tag)).scalar_subquery().label("first_tag"),
            select(func.count()).where(of(tag), tag.c.part_id == f.c.part_id).scalar_subquery().label("of_part"),
            (part.c.source + "/" + part.c.part).label("part_name"),
            handle.c.name,
        )
        .select_from(f)
        .join(part, part.c.id == f.c.part_id, isouter=True)
        .join(handle, handle.c.handle == f.c.subject, isouter=True)
    )


def _check_finding(context: Context, row: Any) -> None:
    index = row.last_idx
    if index is None:
        differs(f"a finding of {row.mapping!r} has no entry")
    context.place.index = index
    actual = (row.row_idx, row.row_time, row.state, row.since)
    wanted = (index, row.last_time, row.last_state, row.began)
    expect(actual, wanted, "the present row of its finding does not follow it", index)
    silent = row.first_tag is None
    expect(row.silence_value, int(silent), "the present row of its finding mistakes silence", index)
    if row.part_name is None or (silent and row.name not in (None, row.part_name)) or (not silent and not row.of_part):
        differs("the present row of its finding names another part", index)
    if silent:
        expect((row.input_time, row.errors), (0, 0), "the present row of its silence has inputs", index)
        expect((row.matched_at, row.matched_fresh), (None, None), "the present row of its silence has a match", index)
        return
    _check_inputs(context, row, index)


def _check_inputs(context: Context, row: Any, index: int) -> None:
    """Latest input, errors, latest match. While its mapping changed, not every tag needs to have been one of its inputs."""
    record = context.known.records.get(row.mapping)
    speaks = record is not None and record.finding != "evidence" and row.first_tag >= context.held[row.mapping]
    if speaks:
        expect((row.input_time, row.errors), (row.last_input, row.n_errors), "its finding's inputs are counted wrongly", index)
    elif row.input_time > row.last_input or not 0 <= row.errors <= row.n_errors:
        differs("its finding has inputs that are nowhere", index)
    if record is not None and record.observes:
        if row.matched_at is not None and (not row.is_look or (speaks and row.matched_at != row.last_look)):
            differs("its finding's last look is another", index)
        return
    if row.matched_at is None:
        said_no = is_voice(row.mapping)  # an attestation that it is not in order is no match
        if (row.state in EXCEPTED and not said_no) or row.matched_fresh is not None:
            differs("its finding is open and has no match", index)
    elif not row.is_match or (row.matched_at != row.last_matched and _matched_later(context, row)):
        differs("its finding's last match is another", index)


def _matched_later(context: Context, row: Any) -> bool:
    """Whether a later match counts: what says satisfied must have been fresh at its own time."""
    record, tag = context.known.records.get(row.mapping), schema.tag
    if record is None or record.finding != "satisfied":
        return True
    query = select(tag.c.idx).where(
        tag.c.mapping == row.mapping,
        tag.c.subject == row.subject,
        tag.c.event_time > row.matched_at,
        tag.c.verdict == Verdict.MATCHED.value,
        tag.c.fresh_at + record.max_age > tag.c.event_time,
    )
    return context.connection.execute(query.limit(1)).first() is not None
