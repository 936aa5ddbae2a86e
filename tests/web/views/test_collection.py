"""Bars of windows and holes in what is covered."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from store.records import DAY, HOUR, MINUTE, Counts
from store.reports import CoverageView
from tests.web.makers import NOW, source, window
from web.views.collection import SLOT, SLOTS, covered, holes, slots, source_row

PART = "1/eu"
END = NOW - 2 * HOUR


def kinds(spans: list[tuple[int, int]], windows: tuple[object, ...] = ()) -> list[str]:
    return [s.kind for s in slots({PART: spans}, windows, NOW, END)]  # type: ignore[arg-type]


def test_there_are_56_slots_that_end_with_the_present_one() -> None:
    made = slots({}, (), NOW, END)
    assert len(made) == SLOTS
    assert made[-1].start <= NOW < made[-1].end
    assert all(a.end == b.start for a, b in pairwise(made))
    assert {s.kind for s in made} == {"none"}


def test_all_covered_is_full() -> None:
    assert set(kinds([(NOW - 20 * DAY, NOW)])) == {"full"}


def test_before_a_source_began_there_is_no_hole() -> None:
    found = kinds([(NOW - 3 * DAY, NOW)])
    assert found[-12:] == ["full"] * 12
    assert set(found[:-13]) == {"none"}


def test_a_hole_is_a_gap_and_its_edges_are_parts() -> None:
    found = kinds([(NOW - 20 * DAY, NOW - 5 * DAY), (NOW - 4 * DAY, NOW)])
    assert found.count("gap") == 3
    assert found.count("part") == 2
    assert found.count("full") == SLOTS - 5


def test_the_least_covered_part_decides() -> None:
    parts = {PART: [(NOW - 20 * DAY, NOW)], "1/us": [(NOW - 20 * DAY, NOW - 2 * DAY)]}
    found = [s.kind for s in slots(parts, (), NOW, END)]
    assert found[-5:] == ["gap"] * 5


def test_a_failed_window_is_bad_only_where_nothing_else_covered_it() -> None:
    failed = window(1, "s", NOW - 12 * HOUR, NOW, "failed")
    assert kinds([(NOW - 20 * DAY, NOW)], (failed,)).count("bad") == 0
    assert kinds([(NOW - 20 * DAY, NOW - DAY)], (failed,))[-2:] == ["bad", "bad"]


def test_windows_stand_in_where_a_source_vouches_for_nothing() -> None:
    windows = [window(n, "s", NOW - (n + 1) * HOUR, NOW - n * HOUR) for n in range(5)]
    assert covered(windows, []) == {"": [(NOW - 5 * HOUR, NOW)]}
    assert covered(windows, [CoverageView("s", PART, [(1, 2)])]) == {PART: [(1, 2)]}
    assert covered([window(1, "s", 0, 1, "failed")], []) == {}


def test_holes_lie_between_spans_and_after_the_last() -> None:
    parts = {PART: [(NOW - 9 * DAY, NOW - 5 * DAY), (NOW - 4 * DAY, NOW - DAY)]}
    assert [(h.start, h.end) for h in holes(parts, NOW - 14 * DAY, END)] == [(NOW - 5 * DAY, NOW - 4 * DAY), (NOW - DAY, END)]
    assert holes({PART: [(NOW - 9 * DAY, NOW)]}, NOW - 14 * DAY, END) == []


@given(st.lists(st.tuples(st.integers(0, 20 * DAY), st.integers(1, DAY)), min_size=1, max_size=8))
def test_full_slots_have_no_hole_in_them(pieces: list[tuple[int, int]]) -> None:
    spans = covered([], [CoverageView("s", PART, [(NOW - 20 * DAY + a, NOW - 20 * DAY + a + n) for a, n in pieces])])
    missing = holes(spans, NOW - 30 * DAY, END)
    for slot in slots(spans, (), NOW, END):
        open_time = sum(max(0, min(h.end, slot.end) - max(h.start, slot.start)) for h in missing)
        assert open_time <= 0.005 * SLOT or slot.kind != "full"
        assert 0 <= slot.share <= 1
        if slot.kind == "gap":
            assert open_time > 0


def test_a_source_row_counts_the_last_day() -> None:
    windows = [window(n, "s", NOW - (n + 1) * 6 * HOUR, NOW - n * 6 * HOUR, counts=Counts(1, 9, 0, 0)) for n in range(8)]
    row = source_row(source("s", "cloudtrail-s3", "collecting", windows[0]), windows, [], NOW)
    assert row.events_day == 50  # five of them closed within 24 hours
    assert (row.look, row.word) == ("satisfied", "collecting")
    assert row.described == "9 of 9 six-hour slots covered in the last 14 days"
    assert row.last_at == NOW + MINUTE


def test_states_of_sources_have_a_look_and_a_word() -> None:
    def seen(state: str, **more: object) -> tuple[str, str]:
        row = source_row(source("s", "x", state, None, **more), [], [], NOW)
        return row.look, row.word

    assert seen("waiting") == ("not-assessed", "no window yet")
    assert seen("failing", failures=3) == ("not-satisfied", "failing, 3 times")
    assert seen("partial") == ("stale", "partly read")
    assert seen("collecting", gaps=((1, 2), (3, 4))) == ("stale", "2 gaps")
    assert seen("removed") == ("not-applicable", "removed")
    assert seen("something new") == ("not-assessed", "something new")
