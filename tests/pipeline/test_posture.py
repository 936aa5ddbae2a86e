"""Posture: what `decide` says of views made by hand, and what stands in a real store whatever order things came in."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from attestream.refold import refold
from pipeline.posture import decide
from pipeline.timekeeper import Timekeeper
from pipeline.window import window_event
from store.changes import ControlView, FindingView, HeldMapping, Input, PartView, Row, Stretch, View
from store.records import (
    DAY,
    HOUR,
    Closing,
    ControlState,
    Cover,
    DriftRow,
    Judged,
    MappingRecord,
    PartRecord,
    State,
    Verdict,
)
from store.sqlite_driver import reading
from store.status import control_state
from tests.store.lab import T0, TYPE, Lab, mapping

OPEN, CLOSED, SATISFIED, STALE = State.NOT_SATISFIED, State.CLOSED, State.SATISFIED, State.STALE
ALICE = b"a" * 16

# -- the state of a control


TABLE = [
    ({}, ControlState.NOT_ASSESSED),
    ({SATISFIED: 1}, ControlState.SATISFIED),
    ({SATISFIED: 9, STALE: 1}, ControlState.STALE),
    ({SATISFIED: 9, STALE: 9, OPEN: 1}, ControlState.NOT_SATISFIED),
    ({STALE: 9, OPEN: 1}, ControlState.NOT_SATISFIED),
    ({SATISFIED: 9, OPEN: 1}, ControlState.NOT_SATISFIED),
    ({CLOSED: 3, State.RETIRED: 2, State.ERROR: 4, State.NOT_ASSESSED: 1}, ControlState.NOT_ASSESSED),
    ({CLOSED: 3, State.ERROR: 4, SATISFIED: 1}, ControlState.SATISFIED),
    ({SATISFIED: 0, OPEN: 0, STALE: 0}, ControlState.NOT_ASSESSED),
]


@pytest.mark.parametrize(("tally", "state"), TABLE)
def test_the_worst_that_is_said_is_the_state(tally: Mapping[State, int], state: ControlState) -> None:
    assert control_state(tally) is state


# -- views made by hand


def view(
    *findings: FindingView,
    mappings: Iterable[MappingRecord] = (),
    now: int = 1000,
    tallies: Mapping[str, Mapping[State, int]] | None = None,
    before: ControlState = ControlState.NOT_ASSESSED,
    **part: Any,
) -> View:
    records = {record.id: record for record in mappings}
    voices: dict[str, list[str]] = defaultdict(list)
    for record in records.values():
        for control in record.speaks_for():
            voices[control].append(record.id)
    plain: dict[str, Any] = {"lateness": 0, "stretches": (), "waits_until": None, "baseline": False}
    parts = {n: PartView(n, "trail", f"11112222333{n}/eu-west-1", **{**plain, **part}) for n in (1, 2)}
    return View(
        now=now,
        findings=findings,
        parts=parts,
        mappings={id_: HeldMapping(record, 0) for id_, record in records.items()},
        tallies=tallies or {},
        controls={id_: ControlView(id_, before, None) for id_ in voices},
        voices={id_: tuple(ids) for id_, ids in voices.items()},
        accounts={ALICE: "111122223333/alice"},
    )


def finding(mapping_id: str, *inputs: Input, rows: tuple[Row, ...] = (), **more: Any) -> FindingView:
    plain: dict[str, Any] = {"silence": False, "floor": 0, "base": None, "matched": None}
    return FindingView(mapping_id, ALICE, 1, rows=rows, inputs=inputs, **{**plain, **more})


def match(time: int, idx: int = 50, verdict: Verdict = Verdict.MATCHED, part: int = 1) -> Input:
    return Input(time, idx, verdict, part, time)


A = mapping("a", "not-satisfied", (("A.8.15", "strong"),))
B = mapping("b", "satisfied", (("A.8.15", "partial"),))
WEAK = mapping("w", "not-satisfied", (("A.8.15", "weak"), ("A.5.15", "partial")))


def test_a_match_makes_a_row_a_present_row_a_control_change_and_drift() -> None:
    changes = decide(view(finding("a", match(10)), mappings=[A]))
    [row] = changes.rows
    assert (row.before, row.state, row.event_time, row.cites) == (None, OPEN, 10, (50,))
    [present] = changes.presents
    assert (present.state, present.since, present.row_time, present.input_time, present.matched_at) == (OPEN, 10, 10, 10, 10)
    [control] = changes.controls
    assert (control.before, control.state, control.since) == (ControlState.NOT_ASSESSED, ControlState.NOT_SATISFIED, 10)
    assert (control.not_satisfied, control.satisfied, control.stale) == (1, 0, 0)
    told, of_control = changes.drifts
    assert (told.kind, told.key) == ("finding", "finding/a/111122223333")
    assert (told.before, told.after, told.delivery, told.event_time) == ("not-assessed", "not-satisfied", "alert", 10)
    assert (told.text, told.level, told.controls, told.row) == ("Title of a", "high", ("A.8.15",), 0)
    assert (told.account, told.source, told.subject) == ("111122223333", "trail", ALICE)
    assert (of_control.kind, of_control.key) == ("control", "control/A.8.15/state")
    assert (of_control.before, of_control.after, of_control.level) == ("not-assessed", "not-satisfied", "medium")


def test_deciding_again_on_what_was_decided_says_nothing() -> None:
    seen = view(finding("a", match(10), match(20, 51, Verdict.UNTIL)), mappings=[A])
    changes = decide(seen)
    standing = tuple(Row(r.event_time, 60 + n, r.state) for n, r in enumerate(changes.rows))
    again = replace(seen.findings[0], rows=standing, state=changes.presents[0].state, row_time=20)
    after = replace(seen, findings=(again,), tallies={"a": {CLOSED: 1}})
    done = decide(after)
    assert (done.rows, done.drifts) == ((), ())
    assert replace(done.presents[0], before=None) == changes.presents[0]


def test_rows_may_come_in_any_order() -> None:
    rows = (Row(10, 9, CLOSED), Row(10, 3, OPEN))
    for given_rows in (rows, rows[::-1]):
        seen = finding("a", match(10, 2, Verdict.UNTIL), rows=given_rows, state=CLOSED, row_time=10)
        assert decide(view(seen, mappings=[A])).presents[0].state is CLOSED


def test_what_only_a_weak_mapping_says_of_a_control_does_not_count() -> None:
    changes = decide(view(finding("w", match(10)), mappings=[WEAK], tallies={}))
    assert [(c.id, c.state) for c in changes.controls] == [("A.5.15", ControlState.NOT_SATISFIED)]
    assert changes.drifts[0].controls == ("A.5.15",)


def test_other_voices_of_the_control_count_by_their_tallies() -> None:
    changes = decide(view(finding("a", match(10)), mappings=[A, B], tallies={"b": {SATISFIED: 2, STALE: 1}, "a": {OPEN: 3}}))
    [control] = changes.controls
    assert (control.not_satisfied, control.satisfied, control.stale) == (4, 2, 1)


def test_a_finding_without_its_mapping_is_retired() -> None:
    seen = finding("gone", base=OPEN, floor=900, state=OPEN, row_time=10)
    changes = decide(view(seen, mappings=[A]))
    assert [(r.event_time, r.before, r.state, r.cites) for r in changes.rows] == [(900, OPEN, State.RETIRED, ())]


def test_whoever_was_alerted_hears_that_an_open_finding_is_retired() -> None:
    seen = finding("gone", base=OPEN, floor=900, state=OPEN, row_time=10)
    [drift] = decide(view(seen, mappings=[A])).drifts
    assert (drift.key, drift.before, drift.after) == ("finding/gone/111122223333", "not-satisfied", "retired")
    closed = finding("gone", base=State.CLOSED, floor=900, state=State.CLOSED, row_time=10)
    assert decide(view(closed, mappings=[A])).drifts == ()


@pytest.mark.parametrize("record", [replace(A, finding="evidence"), replace(A, silence=False)])
def test_silence_of_a_mapping_that_keeps_silent_now_is_retired(record: MappingRecord) -> None:
    seen = finding("a", base=SATISFIED, floor=900, state=SATISFIED, row_time=10, silence=True)
    assert [r.state for r in decide(view(seen, mappings=[record])).rows] == [State.RETIRED]


def test_nothing_said_leaves_no_row() -> None:
    changes = decide(view(finding("a", match(10, verdict=Verdict.UNTIL)), mappings=[A]))
    assert (changes.rows, changes.presents, changes.drifts) == ((), (), ())


@pytest.mark.parametrize(("waits", "state"), [(None, STALE), (DAY + 10, STALE), (DAY + 11, SATISFIED)])
def test_what_an_open_attempt_may_still_change_waits(waits: int | None, state: State) -> None:
    seen = finding("b", base=SATISFIED, matched=match(10), floor=DAY + 10, state=SATISFIED, row_time=10)
    [present] = decide(view(seen, mappings=[B], now=2 * DAY, waits_until=waits)).presents
    assert present.state is state
    assert present.due_at == (DAY + 10 if state is SATISFIED else None)


# -- how drift is delivered


def deliveries(drifts: Iterable[DriftRow]) -> dict[str, str]:
    return {drift.kind: drift.delivery for drift in drifts}


def test_a_finding_alerts_and_its_control_is_told_with_it() -> None:
    assert deliveries(decide(view(finding("a", match(10)), mappings=[A])).drifts) == {"finding": "alert", "control": "told"}


@pytest.mark.parametrize(
    ("name", "source", "account"),
    [
        ("111122223333/alice", "trail", "111122223333"),
        ("jira.example.org/browse/SEC-1", "jira", "jira.example.org"),
        ("arn:aws:iam::444455556666:user/alice", "aws", "444455556666"),
        ("arn:aws:s3:::shop", "aws", "111122223331"),
        ("arn:aws:securityhub:eu-west-1:444455556666:security-control/S3.8/finding/f", "hub", "444455556666"),
        ("//iam.googleapis.com/projects/shop/serviceAccounts/etl", "google", "111122223331"),
        ("Contacts with authorities (3f9a12c0)", "attestream", ""),
    ],
)
def test_the_subjects_of_an_account_share_one_alert(name: str, source: str, account: str) -> None:
    seen = view(finding("a", match(10)), mappings=[A])
    parts = {number: replace(part, source=source) for number, part in seen.parts.items()}
    [drift] = [d for d in decide(replace(seen, parts=parts, accounts={ALICE: name})).drifts if d.kind == "finding"]
    assert (drift.account, drift.key) == (account, f"finding/a/{account}")


def test_backfill_goes_to_the_digest() -> None:
    changes = decide(view(finding("a", match(10)), mappings=[A], digest_only=True))
    assert deliveries(changes.drifts)["finding"] == "digest"


def test_the_first_complete_window_of_a_part_is_told_once() -> None:
    changes = decide(view(finding("a", match(10)), mappings=[A], baseline=True, baseline_idx=77))
    assert deliveries(changes.drifts)["finding"] == "summary"
    lines = {d.key: d for d in changes.drifts if d.kind == "baseline"}
    assert sorted(lines) == [f"source/trail/11112222333{n}/eu-west-1/baseline" for n in (1, 2)]
    assert {(d.delivery, d.idx, d.after) for d in lines.values()} == {("alert", 77, "complete")}


def silent(**more: Any) -> FindingView:
    return finding("s", silence=True, **more)


S = mapping("s", "not-satisfied", (("A.8.15", "strong"),), silence=True)


def test_silence_is_told_at_the_control_alone() -> None:
    changes = decide(view(silent(), mappings=[S], now=500, stretches=(Stretch(0, 400, 0, True, 0, 9),)))
    assert [(r.state, r.cites) for r in changes.rows] == [(SATISFIED, (9,))]
    assert [(d.kind, d.after, d.delivery) for d in changes.drifts] == [("control", "satisfied", "digest")]


def test_silence_of_a_baseline_is_in_its_summary() -> None:
    changes = decide(view(silent(), mappings=[S], now=500, stretches=(Stretch(0, 400, 0, True, 0, 9),), baseline=True))
    assert deliveries(changes.drifts) == {"control": "summary"}


def test_a_control_that_becomes_stale_alerts() -> None:
    seen = view(
        silent(base=None, rows=(Row(0, 5, SATISFIED),), state=SATISFIED),
        mappings=[S],
        now=DAY + 400,
        stretches=(Stretch(0, 400, 0, True, 0, 9),),
        tallies={"s": {SATISFIED: 1}},
        before=ControlState.SATISFIED,
    )
    [drift] = decide(seen).drifts
    assert (drift.key, drift.before, drift.after) == ("control/A.8.15/stale", "satisfied", "stale")
    assert (drift.delivery, drift.level, drift.event_time) == ("alert", "medium", DAY + 400)


def test_a_retired_mapping_is_told_in_the_digest() -> None:
    """The finding's alert says only that nobody watches any more: the control has a line of its own."""
    seen = view(
        finding("a", base=OPEN, floor=900, state=OPEN, row_time=10),
        mappings=[A],
        tallies={"a": {OPEN: 1}},
        before=ControlState.NOT_SATISFIED,
    )
    changes = decide(replace(seen, mappings={}))
    [drift] = [d for d in changes.drifts if d.kind == "control"]
    assert (drift.after, drift.delivery) == ("not-assessed", "digest")


def test_rows_at_the_end_of_the_history_are_each_told() -> None:
    inputs = [match(10, 1), match(20, 2, Verdict.UNTIL), match(30, 3)]
    changes = decide(view(finding("a", *inputs), mappings=[A]))
    told = [(d.before, d.after, d.row) for d in changes.drifts if d.kind == "finding"]
    assert told == [("not-assessed", "not-satisfied", 0), ("not-satisfied", "closed", 1), ("closed", "not-satisfied", 2)]


def test_a_late_row_that_changes_no_present_state_is_not_told() -> None:
    """It is in the history; nothing is different now."""
    rows = (Row(30, 9, OPEN),)
    seen = finding("a", match(10, 20), match(30, 8), rows=rows, state=OPEN, row_time=30)
    changes = decide(view(seen, mappings=[A], tallies={"a": {OPEN: 1}}, before=ControlState.NOT_SATISFIED))
    assert [(r.event_time, r.state) for r in changes.rows] == [(10, OPEN)]
    assert changes.drifts == ()


def test_a_late_row_that_changes_the_present_state_is_told_once() -> None:
    """An until at 40 that closed nothing: now a match before it is known, but so is one after the close."""
    rows = (Row(10, 9, OPEN),)
    seen = finding(
        "a",
        match(10, 8),
        match(5, 20, Verdict.UNTIL),
        match(10, 21, Verdict.CLOSED),
        match(11, 22, Verdict.UNTIL),
        rows=rows,
        state=OPEN,
        row_time=12,
    )
    changes = decide(view(seen, mappings=[A], tallies={"a": {OPEN: 1}}, before=ControlState.NOT_SATISFIED))
    assert [(d.kind, d.after) for d in changes.drifts] == [("finding", "closed"), ("control", "not-assessed")]


# -- a real store


def standing(lab: Lab) -> dict[tuple[str, str], list[tuple[int, str]]]:
    """What stands of every finding, as (time, state) at each change. What says nothing at the beginning is left out."""
    rows = lab.sql(
        "SELECT r.mapping, h.name, r.event_time, r.state FROM finding_row r JOIN handle h ON h.handle = r.subject"
        " ORDER BY r.mapping, h.name, r.event_time, r.idx"
    )
    last: dict[tuple[str, str], dict[int, str]] = defaultdict(dict)
    for mapping_id, subject, time, state in rows:
        last[mapping_id, subject][time] = state
    found = {}
    for key, by_time in last.items():
        said: list[tuple[int, str]] = []
        for time, state in by_time.items():
            before = said[-1][1] if said else "closed" if state == "closed" else None
            if state != before:
                said.append((time, state))
        found[key] = said
    return found


def controls(lab: Lab) -> dict[str, tuple[Any, ...]]:
    return {row[0]: tuple(row[1:]) for row in lab.sql("SELECT id, state, not_satisfied, satisfied, stale FROM control")}


def check_sums(lab: Lab) -> None:
    """Present rows are the last that stand, tallies and controls a count of them, and everything folds again to the same."""
    present = {key: said[-1] for key, said in standing(lab).items() if said}
    rows = lab.sql("SELECT f.mapping, h.name, f.since, f.state FROM finding f JOIN handle h ON h.handle = f.subject")
    shown = {(m, s): (since, state) for m, s, since, state in rows}
    assert {key: state for key, (_, state) in shown.items() if key in present} == {k: v[1] for k, v in present.items()}
    tallies = {(m, state): n for m, state, n in lab.sql("SELECT mapping, state, n FROM tally") if n}
    assert tallies == dict(Counter((m, state) for (m, _), (_, state) in shown.items()))
    for id_, (state, *counts) in controls(lab).items():
        voices = [record.id for record in lab.mappings.values() if id_ in record.speaks_for()]
        total = Counter(State(s) for (m, _), (_, s) in shown.items() if m in voices)
        assert state == control_state(total).value
        assert counts == [total[OPEN], total[SATISFIED], total[STALE]]
    with reading(lab.engine) as connection:
        refold(connection)


STORE = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # making an example small takes minutes: print the story instead
)
SUBJECTS = ("111122223333/alice", "111122223333/bob")
PARTS = (("trail", "111122223333/eu-west-1"), ("trail", "111122223333/us-east-1"), ("other", "111122223333/eu-west-1"))
SAID = (
    ("open", Verdict.MATCHED),
    ("open", Verdict.MATCHED),
    ("open", Verdict.UNTIL),
    ("open", Verdict.ERROR),
    ("two", Verdict.MATCHED),
    ("two", Verdict.UNTIL),
    ("sat", Verdict.MATCHED),
    ("sat", Verdict.MATCHED),
    ("sat", Verdict.ERROR),
    ("plain", Verdict.MATCHED),
)


@dataclass(frozen=True)
class Happened:
    """One event: hour, part, what is said of it, which window brings it, how many hours after it was collected."""

    hour: int
    part: int
    said: tuple[tuple[str, Verdict, str], ...]
    window: int
    early: int


@dataclass(frozen=True)
class Read:
    """One window: of which source, what it covers in which parts (hours)."""

    source: int
    covers: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Story:
    events: tuple[Happened, ...]
    windows: tuple[Read, ...]
    closings: tuple[tuple[str, str, int], ...]


said_of = st.builds(lambda s, who: (*s, who), st.sampled_from(SAID), st.sampled_from(SUBJECTS))
stories = st.builds(
    Story,
    st.lists(
        st.builds(
            Happened,
            st.integers(0, 200),
            st.integers(0, 2),
            st.lists(said_of, min_size=1, max_size=2, unique_by=lambda s: s[0]).map(tuple),
            st.integers(0, 5),
            st.sampled_from([0, 0, 0, 3, 30]),
        ),
        min_size=1,
        max_size=10,
    ).map(tuple),
    st.lists(
        st.builds(
            Read,
            st.integers(0, 1),
            st.lists(st.tuples(st.integers(0, 2), st.integers(0, 200), st.integers(0, 110)), max_size=3).map(tuple),
        ),
        min_size=6,
        max_size=6,
    ).map(tuple),
    st.lists(st.tuples(st.sampled_from(["open", "two"]), st.sampled_from(SUBJECTS), st.integers(0, 200)), max_size=1).map(tuple),
)


def tell(lab: Lab, story: Story, order: random.Random | None) -> None:
    """Append a whole story: in order of event time one by one, or shuffled in batches of any size. Then let time pass."""
    lab.activate()
    lab.declare("trail", "other")
    lab.sql("UPDATE source SET lateness = ? WHERE name = 'other'", 5 * HOUR)
    collected = [
        [i for i in story.events if i.window == n and PARTS[i.part][0] == ("trail", "other")[w.source]]
        for n, w in enumerate(story.windows)
    ]
    moves: list[tuple[int, list[Judged]]] = []
    numbers = {id(event): n for n, event in enumerate(story.events)}
    for n, read in enumerate(story.windows):
        source = ("trail", "other")[read.source]
        attempt = lab.open_window(T0, T0 + 400 * HOUR, source=source)
        for event in collected[n]:
            moves.append((event.hour, [item(lab, event, numbers[id(event)], attempt)]))
        names = [(PARTS[p], s, s + length) for p, s, length in read.covers if PARTS[p][0] == source]
        covers = tuple(Cover(part, T0 + s * HOUR, T0 + e * HOUR, True, HOUR) for (_, part), s, e in names)
        parts = tuple(PartRecord(part, TYPE, complete=True) for part in sorted({part for (_, part), _, _ in names}))
        asked = (T0, T0 + 400 * HOUR)
        record = lab.record(attempt, asked, len(collected[n]), source=source, covers=covers, parts=parts, offsets=((0, 10**6),))
        if not collected[n]:
            record = replace(record, published=())
        lab.ledger.finish(attempt, lab.epoch, record, None)
        moves.append((max((e for _, _, e in names), default=0), [Judged(window_event(record, lab.now), (), 0, record)]))
    moves.sort(key=lambda move: move[0])
    if order is not None:
        order.shuffle(moves)
    waiting = [one for _, items in moves for one in items]
    while waiting:
        size = 1 if order is None else order.randint(1, 6)
        lab.append(*waiting[:size])
        waiting = waiting[size:]
        if order is not None and order.random() < 0.3:
            lab.due()
    for mapping_id, subject, hour in story.closings:
        if lab.states().get((mapping_id, subject)) is not None:
            lab.append(closings=(Closing(mapping_id, subject, T0 + hour * HOUR, "looked into", "carol"),))
    Timekeeper(lab.store, lambda: ("boot", lab.now)).tick()


def item(lab: Lab, event: Happened, number: int, attempt: str) -> Judged:
    source, part = PARTS[event.part]
    account, region = part.split("/")
    time = T0 + event.hour * HOUR
    made = lab.event(
        f"e{number}", time, source=source, account=account, region=region, window=attempt, collected_at=time - event.early * HOUR
    )
    return lab.judged(made, *event.said)


@settings(STORE, max_examples=30)
@given(stories, st.integers(0, 2**32))
def test_the_order_of_arrival_decides_nothing(new_lab: Callable[[], Lab], story: Story, seed: int) -> None:
    one, other = new_lab(), new_lab()
    tell(one, story, None)
    tell(other, story, random.Random(seed))
    assert standing(other) == standing(one)
    assert controls(other) == controls(one)
    check_sums(one)
    check_sums(other)


@settings(STORE, max_examples=12)
@given(stories, st.integers(0, 2**32))
def test_telling_it_twice_changes_nothing(new_lab: Callable[[], Lab], story: Story, seed: int) -> None:
    lab = new_lab()
    tell(lab, story, None)
    before, size, states = standing(lab), lab.sql("SELECT count(*) FROM finding_row"), controls(lab)
    items = [item(lab, event, n, "") for n, event in enumerate(story.events) if collected_by(story, event)]
    random.Random(seed).shuffle(items)
    again = lab.append(*items)
    assert again.counts.duplicate == again.counts.collected
    assert (standing(lab), lab.sql("SELECT count(*) FROM finding_row"), controls(lab)) == (before, size, states)


def collected_by(story: Story, event: Happened) -> bool:
    return PARTS[event.part][0] == ("trail", "other")[story.windows[event.window].source]
