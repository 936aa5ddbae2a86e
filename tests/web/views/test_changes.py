"""The leading sentence and the grouping of drift."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.records import HOUR
from tests.web.makers import ACCOUNT, MAPPINGS, NOW, control_status, drift
from web.views.changes import Moves, group, lead, moves, newly, standing

STATES = ["satisfied", "not-satisfied", "stale", "not-assessed", "not-applicable"]
DAY_WORDS = "in the last 24 hours"


@pytest.mark.parametrize(
    ("was", "now", "where"),
    [
        ("satisfied", "not-satisfied", "worse"),
        ("satisfied", "stale", "worse"),
        ("satisfied", "not-assessed", "worse"),
        ("not-assessed", "not-satisfied", "worse"),
        ("stale", "not-satisfied", "worse"),
        ("not-satisfied", "satisfied", "recovered"),
        ("stale", "satisfied", "recovered"),
        ("not-satisfied", "stale", "recovered"),
        ("not-satisfied", "not-applicable", "recovered"),
        ("not-assessed", "satisfied", "assessed"),
        ("satisfied", "satisfied", ""),
        ("satisfied", "not-applicable", ""),
    ],
)
def test_moves(was: str, now: str, where: str) -> None:
    found = moves({"A.8.15": control_status("A.8.15", was)}, {"A.8.15": control_status("A.8.15", now)})
    expected = {name: ["A.8.15"] if name == where else [] for name in ("worse", "recovered", "assessed")}
    assert {"worse": found.worse, "recovered": found.recovered, "assessed": found.assessed} == expected


def test_a_control_without_a_row_was_not_assessed() -> None:
    assert moves({}, {"A.8.15": control_status("A.8.15", "stale")}).worse == ["A.8.15"]


@pytest.mark.parametrize(
    ("moved", "counts", "said"),
    [
        (Moves(["a", "b", "c"], ["d"], []), {}, f"Three controls got worse {DAY_WORDS}, one recovered."),
        (Moves(["a"], [], []), {}, f"One control got worse {DAY_WORDS}."),
        (Moves([], ["a"], []), {}, f"Nothing got worse {DAY_WORDS}, one control recovered."),
        (
            Moves([], [], []),
            {"not-satisfied": 4, "stale": 1},
            f"Nothing changed for the worse {DAY_WORDS}; four controls are not satisfied, one is stale.",
        ),
        (Moves([], [], []), {"satisfied": 80}, f"Nothing got worse {DAY_WORDS}; every control that is assessed is satisfied."),
        (Moves([], [], []), {}, "Nothing has been assessed yet."),
    ],
)
def test_lead(moved: Moves, counts: dict[str, int], said: str) -> None:
    assert lead(moved, counts, DAY_WORDS, first=False, present=True) == said


def test_a_first_look_and_the_past_say_how_things_stand() -> None:
    moved = Moves(["a"], [], [])
    for first, present in ((True, True), (False, False)):
        assert lead(moved, {"stale": 2}, DAY_WORDS, first=first, present=present) == "Two controls are stale."


def test_standing_never_says_satisfied_of_nothing() -> None:
    assert standing({}) == standing({"not-assessed": 93}) == "nothing has been assessed yet"
    assert standing({"not-satisfied": 1}) == "one control is not satisfied"
    assert newly(Moves([], [], ["a", "b"])) == "2 controls assessed for the first time"


def test_of_one_finding_only_the_newest_counts() -> None:
    lines = group(
        [
            drift(2, MAPPINGS[0], f"{ACCOUNT}/t", "not-satisfied", "closed", NOW),
            drift(1, MAPPINGS[0], f"{ACCOUNT}/t", "", "not-satisfied", NOW - HOUR),
        ],
        {},
    )
    assert [(line.drift.after, line.more) for line in lines] == [("closed", 0)]


def test_the_strongest_control_is_named_first() -> None:
    lines = group([drift(1, MAPPINGS[1], "x", "", "not-satisfied", NOW)], {MAPPINGS[1].id: dict(MAPPINGS[1].controls)})
    assert lines[0].controls == ["A.8.12", "A.8.3"]
    assert group([drift(1, MAPPINGS[1], "x", "", "not-satisfied", NOW)], {})[0].controls == ["A.8.3", "A.8.12"]


def test_erased_names_are_not_taken_for_one() -> None:
    lines = group([drift(n, MAPPINGS[0], "", "", "not-satisfied", NOW - n) for n in range(3)], {})
    assert [line.more for line in lines] == [2]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(MAPPINGS), st.sampled_from(["a", "b", "c"]), st.sampled_from(["not-satisfied", "closed", "stale"])
        ),
        max_size=30,
    )
)
def test_every_finding_is_in_exactly_one_line(history: list[tuple[object, str, str]]) -> None:
    drifts = [drift(n, m, s, "", after, NOW - n) for n, (m, s, after) in enumerate(history)]  # type: ignore[arg-type]
    told = [(d.mapping, d.subject) for line in group(drifts, {}) for d in line.subjects]
    assert sorted(told) == sorted({(d.mapping, d.subject) for d in drifts})
    for line in group(drifts, {}):
        assert len({d.after for d in line.subjects}) == 1
