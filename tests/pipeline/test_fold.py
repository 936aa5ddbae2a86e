"""The folds: what each verdict does, and that folding from any time on says what folding everything says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline.fold import (
    Covered,
    Folded,
    Span,
    Step,
    differences,
    fold_open,
    fold_silence,
    fold_spoken,
    join,
    quiet_point,
)
from store.changes import Input, Row, Stretch
from store.records import State, Verdict

OPEN, CLOSED, SATISFIED, STALE = State.NOT_SATISFIED, State.CLOSED, State.SATISFIED, State.STALE
ERROR, NOTHING = State.ERROR, State.NOT_ASSESSED
NEVER: Span = (0, -1)


def matched(time: int, idx: int = 1, part: int = 1, fresh: int | None = None) -> Input:
    return Input(time, idx, Verdict.MATCHED, part, time if fresh is None else fresh)


def until(time: int, idx: int = 2, part: int = 1) -> Input:
    return Input(time, idx, Verdict.UNTIL, part, time)


def by_hand(time: int, idx: int = 3) -> Input:
    return Input(time, idx, Verdict.CLOSED, 1, time)


def error(time: int, idx: int = 4) -> Input:
    return Input(time, idx, Verdict.ERROR, 1, time)


def stretch(start: int, end: int, held: int = 0, joins: bool = True, bridge: int = 0, idx: int = 90) -> Stretch:
    return Stretch(start, end, held, joins, bridge, idx)


def says(steps: Iterable[Step]) -> list[tuple[int, State]]:
    return [(step.event_time, step.state) for step in steps]


def covered(spans: Sequence[Span], lateness: int = 0, part: int = 1) -> Covered:
    return Covered(("trail", f"part {part}"), spans, lateness)


def opened(*inputs: Input, spans: Sequence[Span] = (), lateness: int = 0, quiet: int = 100) -> Folded:
    return fold_open(None, None, inputs, {1: covered(spans, lateness)}, quiet)


# -- coverage


def test_stretches_join_where_they_touch_or_a_bridge_reaches() -> None:
    assert join([stretch(10, 20), stretch(0, 10)]) == [(0, 20)]
    assert join([stretch(0, 10), stretch(15, 20, bridge=5)]) == [(0, 20)]
    assert join([stretch(0, 10), stretch(16, 20, bridge=5)]) == [(0, 10), (16, 20)]


def test_a_bridge_of_the_stretch_before_reaches_nothing() -> None:
    assert join([stretch(0, 10, bridge=5), stretch(15, 20)]) == [(0, 10), (15, 20)]


def test_what_must_not_be_joined_is_not_bridged_but_may_overlap() -> None:
    assert join([stretch(0, 10), stretch(12, 20, joins=False, bridge=5)]) == [(0, 10), (12, 20)]
    assert join([stretch(0, 13), stretch(12, 20, joins=False, bridge=5)]) == [(0, 20)]


def test_stretches_of_older_sets_hold_nothing_together() -> None:
    assert join([stretch(0, 10, held=7), stretch(10, 20, held=3), stretch(20, 30, held=7)], held=7) == [(0, 10), (20, 30)]


def test_a_stretch_within_another_changes_nothing() -> None:
    assert join([stretch(0, 30), stretch(5, 10)]) == [(0, 30)]


def test_quiet_time_is_counted_in_covered_time_only() -> None:
    assert quiet_point([(0, 200)], 0, 50, 100) == (150, 150)
    assert quiet_point([(0, 80), (500, 700)], 0, 50, 100) == (570, 570)
    assert quiet_point([(0, 80)], 0, 50, 100) == (None, 150)


def test_coverage_speaks_up_to_its_end_less_the_lateness() -> None:
    assert quiet_point([(0, 200)], 50, 50, 100) == (150, 200)
    assert quiet_point([(0, 199)], 50, 50, 100) == (None, 200)
    assert quiet_point([], 50, 50, 100) == (None, 200)


# -- a mapping that says not-satisfied


def test_a_match_opens_and_an_until_closes() -> None:
    folded = opened(matched(10, 1), until(20, 2))
    assert folded.steps == (Step(10, OPEN, (1,), "matched"), Step(20, CLOSED, (2,), "undone"))
    assert folded.matched == matched(10, 1)
    assert folded.quiet_at is None


def test_a_person_closes() -> None:
    assert says(opened(matched(10), by_hand(30)).steps) == [(10, OPEN), (30, CLOSED)]


def test_at_the_same_time_a_doubt_stays_open() -> None:
    for inputs in ((matched(10, 1), until(10, 2)), (until(10, 1), matched(10, 2))):
        assert says(opened(*inputs).steps) == [(10, OPEN)]
    # a match before, then both at once: it was open and stays so
    steps = opened(matched(5, 1), until(10, 2), matched(10, 3)).steps
    assert says(differences(None, (), steps, CLOSED)) == [(5, OPEN)]


def test_an_until_with_nothing_open_says_nothing() -> None:
    assert opened(until(10), by_hand(11)).steps == ()


def test_a_second_match_changes_no_state_but_counts_for_the_quiet_time() -> None:
    folded = opened(matched(10, 1), matched(60, 2), spans=[(0, 300)])
    assert says(folded.steps) == [(10, OPEN), (160, CLOSED)]
    assert folded.matched == matched(60, 2)


def test_a_finding_opens_again_after_it_closed() -> None:
    folded = opened(matched(10, 1), until(20, 2), matched(30, 5))
    assert says(folded.steps) == [(10, OPEN), (20, CLOSED), (30, OPEN)]
    assert folded.steps[2].cites == (5,)


def test_a_late_match_before_the_close_keeps_the_close() -> None:
    in_order = opened(matched(5, 9), matched(10, 1), until(20, 2))
    assert says(in_order.steps) == [(5, OPEN), (20, CLOSED)]
    assert in_order.steps[0].cites == (9,)


def test_quiet_time_closes_at_the_time_when_it_was_full() -> None:
    folded = opened(matched(10), spans=[(0, 400)], lateness=50)
    assert folded.steps[1] == Step(110, CLOSED, (), "no further match in covered time")
    assert folded.quiet_at is None


def test_quiet_time_waits_for_coverage_and_says_how_much_is_missing() -> None:
    folded = opened(matched(10), spans=[(0, 100)], lateness=20)
    assert says(folded.steps) == [(10, OPEN)]
    assert folded.quiet_at == 130  # covered to 80, so 30 more are needed, and the lateness


def test_a_hole_in_coverage_is_not_counted() -> None:
    assert says(opened(matched(10), spans=[(0, 50), (200, 400)]).steps) == [(10, OPEN), (260, CLOSED)]


def test_the_part_of_the_last_match_is_the_one_that_must_be_covered() -> None:
    parts = {1: covered([(0, 1000)]), 2: covered([(0, 50)], part=2)}
    here = fold_open(None, None, [matched(10, 1, part=1)], parts, 100)
    there = fold_open(None, None, [matched(10, 1, part=1), matched(20, 2, part=2)], parts, 100)
    assert says(here.steps) == [(10, OPEN), (110, CLOSED)]
    assert says(there.steps) == [(10, OPEN)]


def test_each_part_has_the_lateness_of_its_source() -> None:
    parts = {1: covered([(0, 120)], 10), 2: covered([(0, 120)], 30, part=2)}
    assert says(fold_open(None, None, [matched(10, part=1)], parts, 100).steps) == [(10, OPEN), (110, CLOSED)]
    assert says(fold_open(None, None, [matched(10, part=2)], parts, 100).steps) == [(10, OPEN)]


def test_of_two_matches_at_one_time_the_order_of_arrival_chooses_neither() -> None:
    parts = {1: covered([(0, 1000)]), 2: covered([], part=2)}
    one = fold_open(None, None, [matched(10, 1, part=1), matched(10, 2, part=2)], parts, 100)
    two = fold_open(None, None, [matched(10, 2, part=1), matched(10, 1, part=2)], parts, 100)
    assert says(one.steps) == says(two.steps) == [(10, OPEN)]


def test_a_match_at_the_moment_of_closing_opens_again() -> None:
    folded = opened(matched(10, 1), matched(110, 2), spans=[(0, 150)])
    assert says(differences(None, (), folded.steps, CLOSED)) == [(10, OPEN)]


def test_a_match_just_after_the_moment_of_closing_comes_too_late_for_it() -> None:
    folded = opened(matched(10, 1), matched(111, 2), spans=[(0, 150)])
    assert says(folded.steps) == [(10, OPEN), (110, CLOSED), (111, OPEN)]


def test_quiet_time_between_matches_closes_between_them() -> None:
    folded = opened(matched(10, 1), matched(300, 2), spans=[(0, 310)])
    assert says(folded.steps) == [(10, OPEN), (110, CLOSED), (300, OPEN)]


def test_an_error_is_said_only_where_nothing_else_is() -> None:
    assert says(opened(error(10)).steps) == [(10, ERROR)]
    assert says(opened(error(10, 1), matched(20, 2), error(30, 3)).steps) == [(10, ERROR), (20, OPEN)]
    assert says(opened(matched(10, 1), until(20, 2), error(30, 3)).steps) == [(10, OPEN), (20, CLOSED)]


def test_an_error_never_closes() -> None:
    assert says(opened(matched(10, 1), error(20, 2), spans=[(0, 50)]).steps) == [(10, OPEN)]


# -- a mapping that says satisfied


def spoken(*inputs: Input, due: Span = NEVER, max_age: int = 100) -> Folded:
    return fold_spoken(None, None, inputs, max_age, due)


def test_a_match_says_satisfied_until_it_is_too_old() -> None:
    waiting = spoken(matched(10, 1), due=(0, 109))
    assert says(waiting.steps) == [(10, SATISFIED)]
    assert waiting.due_at == 110
    over = spoken(matched(10, 1), due=(0, 110))
    assert over.steps[1] == Step(110, STALE, (), "not said again in time")
    assert over.due_at is None


def test_staleness_between_two_matches_is_said_whenever_they_came() -> None:
    assert says(spoken(matched(10, 1), matched(200, 2)).steps) == [(10, SATISFIED), (110, STALE), (200, SATISFIED)]
    assert says(spoken(matched(10, 1), matched(110, 2)).steps) == [(10, SATISFIED), (110, STALE), (110, SATISFIED)]
    assert says(spoken(matched(10, 1), matched(109, 2)).steps) == [(10, SATISFIED)]


def test_what_is_due_before_the_waiting_time_waits() -> None:
    assert spoken(matched(10), due=(111, 500)).due_at == 110
    assert spoken(matched(10), due=(110, 500)).due_at is None


def test_an_error_keeps_nothing_fresh() -> None:
    assert says(spoken(matched(10, 1), error(90, 2), due=(0, 150)).steps) == [(10, SATISFIED), (110, STALE)]
    assert says(spoken(error(10)).steps) == [(10, ERROR)]


def test_a_record_dated_in_the_future_keeps_nothing_fresh() -> None:
    """Its freshness ends `max_age` after it was collected, whatever it says of its own time."""
    folded = spoken(matched(10, 1), matched(5000, 2, fresh=20), due=(0, 150))
    assert says(folded.steps) == [(10, SATISFIED), (110, STALE)]
    assert folded.matched == matched(10, 1)
    alone = spoken(matched(5000, 1, fresh=20), due=(0, 150))
    assert alone.steps == ()


def test_a_record_dated_a_little_ahead_is_as_fresh_as_its_collection() -> None:
    folded = spoken(matched(50, 1, fresh=20), due=(0, 119))
    assert says(folded.steps) == [(50, SATISFIED)]
    assert folded.due_at == 120


# -- silence


def silence(*stretches: Stretch, held: int = 0, lateness: int = 10, due: Span = NEVER, base: State | None = None) -> Folded:
    return fold_silence(base, stretches, held, lateness, 100, due)


def test_covered_time_without_a_match_says_satisfied_from_its_start() -> None:
    folded = silence(stretch(0, 50, idx=7))
    assert folded.steps == (Step(0, SATISFIED, (7,), "no match in covered time"),)
    assert folded.due_at == 150


def test_silence_of_what_was_not_read_says_nothing() -> None:
    assert silence() == Folded(())


def test_a_span_shorter_than_the_lateness_says_not_assessed() -> None:
    assert says(silence(stretch(0, 10)).steps) == [(0, NOTHING)]
    assert says(silence(stretch(0, 11)).steps) == [(0, SATISFIED)]
    # … and does not take back what a longer one said, but keeps it fresh
    folded = silence(stretch(0, 50), stretch(100, 105))
    assert says(folded.steps) == [(0, SATISFIED)]
    assert folded.due_at == 205


def test_silence_is_stale_when_coverage_ended_too_long_ago() -> None:
    assert says(silence(stretch(0, 50), due=(0, 150)).steps) == [(0, SATISFIED), (150, STALE)]
    assert silence(stretch(0, 50), due=(0, 149)).due_at == 150
    assert silence(stretch(0, 50), due=(151, 900)).due_at == 150


def test_silence_is_stale_between_two_spans_far_apart() -> None:
    assert says(silence(stretch(0, 50), stretch(151, 200)).steps) == [(0, SATISFIED), (150, STALE), (151, SATISFIED)]
    assert says(silence(stretch(0, 50), stretch(150, 200)).steps) == [(0, SATISFIED)]


def test_a_short_span_after_staleness_is_not_assessed() -> None:
    assert says(silence(stretch(0, 50), stretch(200, 205)).steps) == [(0, SATISFIED), (150, STALE), (200, NOTHING)]


def test_windows_of_an_older_set_do_not_speak_for_a_changed_mapping() -> None:
    assert silence(stretch(0, 50, held=3), held=9) == Folded(())
    folded = silence(stretch(0, 50, held=3), stretch(60, 120, held=9), held=9, base=SATISFIED)
    assert says(folded.steps) == []  # it said satisfied before and does so now
    assert says(silence(stretch(0, 50, held=3), stretch(60, 120, held=9), held=9).steps) == [(60, SATISFIED)]


def test_what_an_older_set_said_is_stale_once_nothing_was_covered_for_too_long() -> None:
    folded = silence(stretch(0, 50, held=3), stretch(300, 400, held=9), held=9, base=SATISFIED)
    assert says(folded.steps) == [(150, STALE), (300, SATISFIED)]


def test_what_an_older_set_said_ages_when_the_new_one_has_covered_nothing_yet() -> None:
    old = stretch(0, 50, held=3)
    assert silence(old, held=9, base=SATISFIED).due_at == 150
    assert says(silence(old, held=9, base=SATISFIED, due=(0, 150)).steps) == [(150, STALE)]
    for base in (STALE, State.RETIRED, None):
        assert silence(old, held=9, base=base, due=(0, 900)) == Folded(())


@pytest.mark.parametrize("base", [State.RETIRED, State.CLOSED, State.ERROR])
def test_what_was_retired_does_not_become_stale_and_speaks_again(base: State) -> None:
    old = stretch(0, 50, held=3)
    assert says(silence(old, stretch(300, 400, held=9), held=9, base=base).steps) == [(300, SATISFIED)]
    assert says(silence(old, stretch(300, 305, held=9), held=9, base=base).steps) == [(300, NOTHING)]


# -- folding from any time on


TIMES = st.integers(0, 60)


@st.composite
def histories(draw: st.DrawFn, verdicts: Sequence[Verdict], parts: int = 2) -> list[Input]:
    found = draw(st.lists(st.tuples(TIMES, st.sampled_from(verdicts), st.integers(1, parts), st.integers(0, 12)), max_size=9))
    order = draw(st.permutations(range(len(found))))
    return [Input(t, i, v, p, t - max(0, early - 6)) for i, (t, v, p, early) in zip(order, found, strict=True)]


@st.composite
def coverages(draw: st.DrawFn) -> list[Stretch]:
    found = draw(
        st.lists(
            st.tuples(st.integers(0, 90), st.integers(0, 40), st.integers(0, 2), st.booleans(), st.integers(0, 4)), max_size=5
        )
    )
    return [Stretch(s, s + n, held, joins, bridge, 100 + i) for i, (s, n, held, joins, bridge) in enumerate(found)]


def at(steps: Sequence[Step], time: int, base: State | None = None) -> State | None:
    """The state that the steps give at a time; of several at one time the last stands."""
    state = base
    for step in sorted(steps, key=lambda s: s.event_time):
        if step.event_time <= time:
            state = step.state
    return state


def cut(full: Folded, inputs: Sequence[Input], floor: int) -> tuple[State | None, Input | None, list[Input]]:
    """What the store would show of the history from `floor` on."""
    before = [i for i in inputs if i.event_time < floor and i.verdict is Verdict.MATCHED]
    last = max(before, key=lambda i: (i.event_time, i.fresh_at, i.part_id, i.idx), default=None)
    return at(full.steps, floor - 1), last, [i for i in inputs if i.event_time >= floor]


def same_from(full: Folded, part: Folded, base: State | None, floor: int) -> None:
    assert all(step.event_time >= floor for step in part.steps)
    for time in range(floor, 300):
        assert at(part.steps, time, base) is at(full.steps, time)
    assert (part.quiet_at, part.due_at) == (full.quiet_at, full.due_at)


OPENING = (Verdict.MATCHED, Verdict.MATCHED, Verdict.UNTIL, Verdict.CLOSED, Verdict.ERROR)


@settings(max_examples=150, deadline=None)
@given(histories(OPENING), coverages(), coverages(), st.integers(0, 8), st.integers(1, 25), st.integers(0, 70))
def test_an_open_finding_folds_alike_from_any_time_on(
    inputs: list[Input], one: list[Stretch], two: list[Stretch], lateness: int, quiet: int, floor: int
) -> None:
    parts = {1: covered(join(one), lateness), 2: covered(join(two), lateness // 2, part=2)}
    full = fold_open(None, None, inputs, parts, quiet)
    base, last, later = cut(full, inputs, floor)
    part = fold_open(base, last, later, parts, quiet)
    same_from(full, part, base, floor)
    assert part.matched == full.matched


@settings(max_examples=150, deadline=None)
@given(histories((Verdict.MATCHED, Verdict.MATCHED, Verdict.ERROR)), st.integers(1, 20), st.integers(0, 70), st.integers(0, 90))
def test_a_satisfied_finding_folds_alike_from_any_time_on(inputs: list[Input], max_age: int, floor: int, now: int) -> None:
    """The store shows no match as the last one that was never fresh (test_posture shows that of the store itself)."""
    shown = [i for i in inputs if i.fresh_at + max_age > i.event_time]
    full = fold_spoken(None, None, inputs, max_age, (0, now))
    base, last, later = cut(full, shown, floor)
    later = [i for i in inputs if i.event_time >= floor]
    # A floor is the time of an input or a due time: staleness that is due before it has its row before it.
    assume(base is not SATISFIED or last is None or last.fresh_at + max_age >= floor)
    part = fold_spoken(base, last, later, max_age, (0, now))
    same_from(full, part, base, floor)


@settings(max_examples=150, deadline=None)
@given(histories(OPENING), st.randoms(use_true_random=False), coverages(), st.integers(1, 25))
def test_the_order_of_arrival_decides_nothing(inputs: list[Input], dice: object, one: list[Stretch], quiet: int) -> None:
    parts = {1: covered(join(one), 2), 2: covered(join(one)[:1], 3, part=2)}
    shuffled = list(inputs)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert fold_open(None, None, shuffled, parts, quiet) == fold_open(None, None, inputs, parts, quiet)
    assert fold_spoken(None, None, shuffled, quiet, (0, 90)) == fold_spoken(None, None, inputs, quiet, (0, 90))


@settings(max_examples=150, deadline=None)
@given(
    coverages(), st.randoms(use_true_random=False), st.integers(0, 2), st.integers(0, 8), st.integers(0, 30), st.integers(0, 150)
)
def test_silence_says_satisfied_only_where_something_is_covered(
    stretches: list[Stretch], dice: object, held: int, lateness: int, max_age: int, now: int
) -> None:
    shuffled = list(stretches)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    folded = fold_silence(None, stretches, held, lateness, max_age, (0, now))
    assert says(fold_silence(None, shuffled, held, lateness, max_age, (0, now)).steps) == says(folded.steps)
    assert sorted(says(folded.steps)) == sorted(says(folded.steps), key=lambda s: s[0])
    spans = join(stretches, held)
    ends = [s.end for s in stretches]
    for time in range(200):
        if at(folded.steps, time) is SATISFIED:
            assert any(start <= time for start, end in spans if end - lateness > start)
            assert any(end + max_age >= time for end in ends) or time > now


# -- what must be written


STATES = (OPEN, CLOSED, SATISFIED, STALE, ERROR, State.RETIRED)


@st.composite
def standing_rows(draw: st.DrawFn) -> list[Row]:
    found = draw(st.lists(st.tuples(st.integers(0, 12), st.sampled_from(STATES)), max_size=7))
    order = draw(st.permutations(range(len(found))))
    return [Row(time, idx, state) for idx, (time, state) in zip(order, found, strict=True)]


STEPS = st.lists(st.tuples(st.integers(0, 12), st.sampled_from(STATES)), max_size=7).map(
    lambda found: [Step(time, state, (), "x") for time, state in sorted(found, key=lambda f: f[0])]
)


def stands(rows: Iterable[Row], time: int, base: State | None) -> State | None:
    past = [row for row in rows if row.event_time <= time]
    return max(past, key=lambda r: (r.event_time, r.idx)).state if past else base


@settings(max_examples=150, deadline=None)
@given(st.none() | st.sampled_from(STATES), standing_rows(), STEPS)
def test_applying_the_differences_gives_what_the_steps_say(base: State | None, rows: list[Row], steps: list[Step]) -> None:
    written = differences(base, rows, steps, NOTHING)
    assert len({step.event_time for step in written}) == len(written)
    after = rows + [Row(step.event_time, 100 + n, step.state) for n, step in enumerate(written)]
    for time in range(14):
        wanted, found = at(steps, time, base), stands(after, time, base)
        assert found is wanted or (wanted is None and found is NOTHING)
    assert differences(base, after, steps, NOTHING) == []


@settings(max_examples=100, deadline=None)
@given(st.none() | st.sampled_from(STATES), standing_rows(), STEPS)
def test_no_row_is_written_that_changes_nothing(base: State | None, rows: list[Row], steps: list[Step]) -> None:
    after = list(rows)
    for n, step in enumerate(differences(base, rows, steps, NOTHING)):
        assert stands(after, step.event_time, base) is not step.state
        after.append(Row(step.event_time, 100 + n, step.state))


def test_at_one_time_the_greatest_index_stands() -> None:
    rows = [Row(10, 5, CLOSED), Row(10, 3, OPEN)]
    assert differences(None, rows, [Step(10, CLOSED, (), "x")], CLOSED) == []
    assert says(differences(None, rows, [Step(10, OPEN, (), "x")], CLOSED)) == [(10, OPEN)]


def test_a_row_that_nothing_supports_any_more_is_undone() -> None:
    assert says(differences(None, [Row(10, 1, STALE)], [Step(5, SATISFIED, (4,), "matched")], CLOSED)) == [
        (5, SATISFIED),
        (10, SATISFIED),
    ]
    undone = differences(None, [Row(10, 1, OPEN)], [], CLOSED)
    assert undone == [Step(10, CLOSED, (), "what came later undid this")]
