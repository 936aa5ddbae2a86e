"""The verifier's step 5, fourth part: attempts say what their window entries say, and coverage is what those add up to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Integer, cast, func, select

from store import schema
from store.entries import window_fields
from store.fsck_common import Context, Seen, differs, expect
from store.fsck_rows import Facts
from store.records import Counts, Cover, Verdict, WindowRecord, WindowState
from store.sightings import covers_of, places_of
from store.sql import total
from store.times import parse_time

STREAMED = {"yield_per": 1000}
_COUNTED = ("evidence", "unmatched", "duplicate", "dead_letter")
_Part = tuple[str, str]


@dataclass(slots=True)
class Stretch:
    """A row of coverage, rebuilt."""

    start: int
    end: int
    held: int
    joins: bool
    bridge: int
    idx: int


@dataclass(slots=True)
class Windows:
    """What the window entries add up to."""

    count: int = 0
    coverage: dict[_Part, list[Stretch]] = field(default_factory=dict)
    baselines: dict[_Part, int] = field(default_factory=dict)

    def add(self, context: Context, seen: Seen, facts: Facts) -> None:
        """Check one window entry against its attempt, and add what it covers."""
        self.count += 1
        fields, index, table = facts.fields, facts.index, schema.attempt
        row = context.connection.execute(select(table).where(table.c.id == fields["attempt"])).one_or_none()
        if row is None:
            differs("its attempt is missing", index)
        asked = (parse_time(fields["asked"]["from"]), parse_time(fields["asked"]["to"]))
        wanted = (index, facts.source, fields["kind"], fields["state"], asked, facts.recorded_at, fields["sets"])
        actual = (
            row.idx,
            row.source,
            row.kind,
            row.state,
            (row.asked_from, row.asked_to),
            row.closed_at,
            sorted(row.sets.split()),
        )
        expect(actual, wanted, "its attempt says otherwise", index)
        if row.held not in (None, 0) and seen.set_indexes.get(row.held, "") not in fields["sets"]:
            differs("its attempt was not processed under the mapping set that it says", index)
        _check_counts(context, facts)
        if fields["state"] != WindowState.ABANDONED.value:
            self._closed(context, facts, row)

    def _gone(self, context: Context, facts: Facts, record: WindowRecord) -> None:
        """Whoever was retired by this window is of a part of which it named everybody, and was last seen before it began."""
        tag, part = schema.tag, schema.part
        query = select(tag.c.verdict, tag.c.event_time, part.c.source, part.c.part).join(part, part.c.id == tag.c.part_id)
        named = {place for place, one in places_of(record) if one.complete and one.enumerates}
        for row in context.connection.execute(query.where(tag.c.idx == facts.index)):
            if row.verdict != Verdict.GONE.value or row.source != facts.source or row.part not in named:
                differs("it is said to have retired what it did not look for", facts.index)
            if row.event_time < record.started_at or record.state == WindowState.FAILED.value:
                differs("it is said to have retired what was seen before it by nobody", facts.index)

    def _closed(self, context: Context, facts: Facts, row: Any) -> None:
        """The record that closed it: what it says is in the entry, and what it covers counts."""
        fields, index = facts.fields, facts.index
        record = msgspec.json.decode(row.record, type=WindowRecord)
        counts = Counts(*(fields["counts"][name] for name in _COUNTED))
        said = window_fields(record, fields["state"], fields["sets"], counts)
        expect({name: fields.get(name) for name in said}, said, "its attempt's record says otherwise", index)
        expect((record.asked[1], record.ended_at), (facts.event_time, facts.collected_at), "its attempt's times differ", index)
        if facts.detail is not None:
            detail = {"identity": record.identity, "errors": list(record.errors)}
            expect(dict(facts.detail), detail, "its attempt's record says otherwise", index)
        self._gone(context, facts, record)
        for place, _ in places_of(record):
            if record.state != WindowState.FAILED.value:
                self.baselines.setdefault((facts.source, place), index)
        for place, _, cover in covers_of(record):
            extend(self.coverage.setdefault((facts.source, place), []), cover, row.held, index)


def _check_counts(context: Context, facts: Facts) -> None:
    """collected is the sum; the evidence is there; no more was counted in the window than has been of its attempt."""
    counts, index = facts.fields["counts"], facts.index
    expect(counts["collected"], sum(counts[name] for name in _COUNTED), "its counts do not add up", index)
    evidence, table = schema.evidence, schema.attempt_count
    of_window = (evidence.c.window == facts.fields["attempt"], evidence.c.idx < index)
    found = context.connection.execute(select(func.count()).select_from(evidence).where(*of_window)).scalar_one()
    expect(counts["evidence"], found, "its evidence is counted wrongly", index)
    columns = [total(table.c[name]) for name in _COUNTED]
    processed = context.connection.execute(select(*columns).where(table.c.attempt == facts.fields["attempt"])).one()
    if any(n < counts[name] for name, n in zip(_COUNTED, processed, strict=True)):
        differs("fewer of its events were processed than it says", index)


def extend(stretches: list[Stretch], cover: Cover, held: int, index: int) -> None:
    """Add what a window covers to a part's coverage, ordered by start. What joins the last stretch extends it.

    Of two that begin at the same time, the one that reaches further or was judged under a later set takes the place.
    """
    last = stretches[-1] if stretches else None
    if last is not None and last.held == held and last.start <= cover.start:
        if cover.end <= last.end:
            return
        if cover.start <= last.end or (cover.joins and cover.start - last.end <= cover.bridge):
            last.end = cover.end
            return
    new = Stretch(cover.start, cover.end, held, cover.joins, cover.bridge, index)
    same = next((n for n, stretch in enumerate(stretches) if stretch.start == cover.start), None)
    if same is None:
        stretches.append(new)
        stretches.sort(key=lambda stretch: stretch.start)
        return
    old = stretches[same]
    if old.end < cover.end or old.held < held:
        new.held = min(old.held, held) if old.end > cover.end else held
        new.end = max(old.end, cover.end)
        stretches[same] = new


def check_windows(context: Context, windows: Windows) -> None:
    """No attempt closed without an entry; coverage, baselines and the sources' counts are what the entries give."""
    table = schema.attempt
    closed = select(func.count(), func.max(table.c.idx)).where(table.c.state != WindowState.OPEN.value)
    count, newest = context.connection.execute(closed).one()
    if count != windows.count:
        differs(f"{count} attempts are closed, and {windows.count} windows are in the log", newest)
    _check_coverage(context, windows.coverage)
    _check_baselines(context, windows.baselines)
    _check_attempt_counts(context)
    _check_sources(context)


def _check_coverage(context: Context, rebuilt: Mapping[_Part, Iterable[Stretch]]) -> None:
    part, table = schema.part, schema.coverage
    joins = cast(table.c.joins, Integer).label("joins_value")  # as it is stored: any number but 0 reads as true
    query = select(table, joins, part.c.source, part.c.part.label("name"))
    query = query.join(part, part.c.id == table.c.part_id, isouter=True)
    stored = {
        (row.source, row.name, row.start): (row.end, row.held, row.joins_value, row.bridge, row.idx)
        for row in context.connection.execute(query)
    }
    wanted = {
        (*key, s.start): (s.end, s.held, int(s.joins), s.bridge, s.idx) for key, stretches in rebuilt.items() for s in stretches
    }
    wrong = [key for key in stored.keys() | wanted.keys() if stored.get(key) != wanted.get(key)]
    if wrong:
        index = min(found[key][4] for found in (stored, wanted) for key in wrong if key in found)
        differs("what it covers is not what the coverage says", index)


def _check_baselines(context: Context, baselines: Mapping[_Part, int]) -> None:
    for row in context.connection.execute(select(schema.part).order_by(schema.part.c.baseline_idx)):
        wanted = baselines.get((row.source, row.part))
        index = wanted if wanted is not None else row.baseline_idx
        expect(row.baseline_idx, wanted, f"it is not the first window read of {row.source}/{row.part}", index)


def _check_attempt_counts(context: Context) -> None:
    """Evidence and dead letters that name an attempt were counted for it."""
    counts, connection = schema.attempt_count, context.connection
    for table, column in ((schema.evidence, counts.c.evidence), (schema.dead_letter, counts.c.dead_letter)):
        groups = select(table.c.window, func.count().label("n"), func.min(table.c.idx).label("idx"))
        found = groups.where(table.c.window != "").group_by(table.c.window).subquery()
        summed = select(counts.c.attempt, total(column).label("n")).group_by(counts.c.attempt).subquery()
        query = select(func.coalesce(found.c.idx, 0), func.coalesce(found.c.n, 0), func.coalesce(summed.c.n, 0), summed.c.attempt)
        both = query.select_from(summed.join(found, found.c.window == summed.c.attempt, full=True))
        for index, n, counted, attempt in connection.execute(both, execution_options=STREAMED):
            if n != counted:
                differs(f"the {table.name} of attempt {attempt!r} is counted wrongly", index)


def _check_sources(context: Context) -> None:
    """Evidence and dead letters by source; the rest at least as many as their attempts say."""
    table, counts, attempt = schema.source, schema.attempt_count, schema.attempt
    for row in context.connection.execute(select(table)).all():
        for rows, counted in ((schema.evidence, row.evidence), (schema.dead_letter, row.dead_letter)):
            query = select(func.count(), func.min(rows.c.idx)).where(rows.c.source == row.name)
            n, index = context.connection.execute(query).one()
            expect(counted, n, f"the {rows.name} of source {row.name!r} is counted wrongly", index)
        sums = select(total(counts.c.unmatched), total(counts.c.duplicate))
        of_source = sums.join(attempt, attempt.c.id == counts.c.attempt).where(attempt.c.source == row.name)
        unmatched, duplicate = context.connection.execute(of_source).one()
        if row.unmatched < unmatched or row.duplicate < duplicate:
            differs(f"source {row.name!r} has counted less than its attempts")
