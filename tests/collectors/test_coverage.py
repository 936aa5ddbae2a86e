"""collectors/coverage.py: what silence may rely on."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from collectors.coverage import HOLE, MAX_CUTS, Times, covers, later_cuts, vouched
from store.records import DAY, HOUR, MINUTE, Cover

PART = "111122223333/eu-west-1"


def at(*minutes: int) -> set[int]:
    return {minute * MINUTE for minute in minutes}


def told(found: list[Cover]) -> list[tuple[int, int, bool]]:
    return [(cover.start // MINUTE, cover.end // MINUTE, cover.joins) for cover in found]


def test_one_stretch_from_first_to_last_file() -> None:
    found = covers(PART, Times(at(100, 160, 130)), {})
    assert found == [Cover(PART, 100 * MINUTE, 160 * MINUTE, joins=True, bridge=HOUR)]


def test_a_hole_over_an_hour_cuts_and_one_of_an_hour_does_not() -> None:
    assert told(covers(PART, Times(at(0, 60, 121, 122)), {})) == [(0, 60, True), (121, 122, True)]


def test_a_file_not_understood_is_covered_by_nothing_and_joined_over_by_nothing() -> None:
    assert told(covers(PART, Times(at(0, 5, 10, 15), at(5)), {})) == [(0, 0, True), (10, 15, False)]
    assert told(covers(PART, Times(at(5, 10), at(0)), {})) == [(5, 10, False)]
    assert told(covers(PART, Times(at(0, 5), at(10)), {})) == [(0, 5, True)]
    assert told(covers(PART, Times(set(), at(10)), {})) == []


def test_a_cut_is_remembered_for_the_windows_after() -> None:
    first = Times(at(0, 5), at(10))
    found = covers(PART, first, {})
    cuts = later_cuts({PART: first}, found, {}, DAY)
    second = Times(at(15, 20))
    found = covers(PART, second, cuts)
    assert told(found) == [(15, 20, False)]
    cuts = later_cuts({PART: second}, found, cuts, DAY)
    assert told(covers(PART, Times(at(25)), cuts)) == [(25, 25, True)], "the stretch before it is behind the cut already"
    assert told(covers(PART, Times(at(12)), cuts)) == [(12, 12, False)], "a late file does not bridge the cut either"
    assert told(covers(PART, Times(at(10, 11)), cuts)) == [(11, 11, False)], "what was cut stays cut"
    assert told(covers("other/part", Times(at(15)), cuts)) == [(15, 15, True)]


def test_old_cuts_are_forgotten_by_the_age_of_the_data() -> None:
    cuts = {PART: {"last": None, "at": [0]}}
    newer = Times({29 * DAY})
    assert later_cuts({PART: newer}, [], cuts, 400 * DAY) == cuts
    later = Times({31 * DAY})
    assert later_cuts({PART: later}, [], cuts, 400 * DAY) == {}
    assert later_cuts({PART: later}, [], cuts, 20 * DAY) == cuts, "a name dated in the future makes nothing old"


def test_cuts_are_bounded() -> None:
    many = Times(set(), {minute * MINUTE for minute in range(MAX_CUTS + 10)})
    kept = later_cuts({PART: many}, [], {}, 30 * DAY)
    assert len(kept[PART]["at"]) == MAX_CUTS
    assert min(kept[PART]["at"]) == 10 * MINUTE


minutes = st.sets(st.integers(0, 600), max_size=40).map(lambda found: {minute * MINUTE for minute in found})


@given(minutes, minutes)
def test_stretches_hold_every_good_file_and_no_cut(good: set[int], cut: set[int]) -> None:
    found = covers(PART, Times(good, cut), {})
    assert all(any(cover.start <= time <= cover.end for cover in found) for time in good - cut)
    assert not any(cover.start <= time <= cover.end for cover in found for time in cut)
    for before, after in pairwise(found):
        assert before.end < after.start
        between = any(before.end < time < after.start for time in cut)
        assert after.start - before.end > HOLE or between
        if between and after.start - before.end <= HOLE:
            assert not after.joins


@given(minutes, minutes, minutes, minutes)
def test_across_windows_nothing_joins_over_a_cut(good: set[int], cut: set[int], good2: set[int], cut2: set[int]) -> None:
    first, second = Times(good, cut), Times(good2, cut2)
    found = covers(PART, first, {})
    found2 = covers(PART, second, later_cuts({PART: first}, found, {}, DAY))
    known = cut | cut2
    for cover in found2:
        before = max((other.end for other in found + found2 if other.end < cover.start), default=None)
        if cover.joins and before is not None and cover.start - before <= HOLE:
            assert not any(before < time < cover.start for time in known)


def test_hours_that_digests_vouch_for_are_joined_where_they_meet_and_hold_no_cut() -> None:
    hours = [(0, HOUR), (HOUR, 2 * HOUR), (3 * HOUR, 4 * HOUR), (4 * HOUR, 5 * HOUR), (0, HOUR)]
    assert vouched(PART, hours, Times(), {}) == [Cover(PART, 0, 2 * HOUR), Cover(PART, 3 * HOUR, 5 * HOUR)]
    assert vouched(PART, hours, Times(cut={HOUR + MINUTE}), {}) == [Cover(PART, 0, HOUR), Cover(PART, 3 * HOUR, 5 * HOUR)]
    assert vouched(PART, hours, Times(), {PART: {"at": [5 * HOUR]}})[-1] == Cover(PART, 3 * HOUR, 4 * HOUR)
    assert vouched(PART, [], Times(), {}) == []
