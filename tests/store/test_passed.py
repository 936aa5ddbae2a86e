"""Events that nobody judged: remembered by id and time for twice their source's lateness, and kept when they are judged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.engine import reading, writing
from store.fsck import verify
from store.passed import Mark, forget_passed, look_up_passed, remember_passed, salt_of, stamp
from store.records import DAY, HOUR, MINUTE, Counts
from tests.store.lab import T0, Lab

LATENESS = {"slow": 3 * HOUR, "never": 0}
marks = st.tuples(st.integers(0, 6).map(lambda n: T0 + n * MINUTE), st.integers(-3, 3))
steps = st.tuples(st.integers(0, 20), st.sampled_from(["slow", "never", "other"]), st.sets(marks, max_size=6))
lives = st.lists(steps, max_size=8)


def test_one_that_comes_again_is_a_duplicate_whatever_batch_it_came_in(lab: Lab) -> None:
    events = [lab.judged(lab.event(f"e{n}", T0 + n)) for n in range(5)]
    assert lab.append(*events, events[0]).counts == Counts(unmatched=5, duplicate=1)
    assert lab.append(*events[2:]).counts == Counts(duplicate=3)
    assert lab.sql("SELECT count(*) FROM passed") == [(5,)]
    assert lab.sql("SELECT count(*) FROM seen") == [(0,)]
    verify(lab.engine, None)


def test_one_that_is_judged_when_it_comes_again_becomes_evidence_and_then_stays_it(lab: Lab) -> None:
    event = lab.event("e", T0)
    assert lab.append(lab.judged(event)).counts == Counts(unmatched=1)
    assert lab.append(lab.judged(event, "plain")).counts == Counts(evidence=1)
    assert lab.append(lab.judged(event), lab.judged(event, "plain")).counts == Counts(duplicate=2)
    verify(lab.engine, None)


def test_with_another_time_it_is_unmatched_again_and_evidence_is_found_by_id_alone(lab: Lab) -> None:
    passed, kept = lab.event("e", T0), lab.event("k", T0)
    lab.append(lab.judged(passed), lab.judged(kept, "plain"))
    later = [lab.judged(replace(event, time=T0 + 1)) for event in (passed, kept)]
    assert lab.append(*later).counts == Counts(unmatched=1, duplicate=1)


def test_sources_have_ids_of_their_own(lab: Lab) -> None:
    lab.declare("other")
    event = lab.event("e", T0)
    assert lab.append(lab.judged(event), lab.judged(replace(event, source="other"))).counts == Counts(unmatched=2)
    assert lab.append(lab.judged(replace(event, source="other"))).counts == Counts(duplicate=1)


def test_an_older_one_is_looked_for_in_all_that_is_remembered(lab: Lab) -> None:
    old = lab.judged(lab.event("old", T0))
    lab.append(old, lab.judged(lab.event("new", T0 + DAY)))
    lab.wait(HOUR)
    lab.append(lab.judged(lab.event("newer", T0 + 2 * DAY)))
    assert lab.append(old, lab.judged(lab.event("between", T0 + 1))).counts == Counts(unmatched=1, duplicate=1)


def test_stamps_tell_sources_and_ids_apart() -> None:
    places = [(id_, source) for id_ in (b"a" * 16, b"b" * 16) for source in ("x", "y")]
    made = {stamp(id_, salt_of(source)) for id_, source in places}
    assert len(made) == 4
    assert all(-(2**63) <= one < 2**63 for one in made)


def test_forgetting_is_done_a_little_at_a_time(lab: Lab) -> None:
    with writing(lab.engine) as connection:
        remember_passed(connection, {"trail": [(T0 + n, n) for n in range(5)]}, {"trail": HOUR}, T0)
        assert forget_passed(connection, T0 + 2 * HOUR, limit=2) == 0
        assert [forget_passed(connection, T0 + DAY, limit=2) for _ in range(4)] == [2, 2, 1, 0]


@given(lives)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_remembered_is_remembered_for_twice_the_lateness_and_a_third_more_at_most(lab: Lab, life: Any) -> None:
    """Against a plain list of (when, lateness, mark)."""
    lab.sql("DELETE FROM passed")
    now, said = T0, list[tuple[int, int, Mark]]()
    for wait, source, some in life:
        now += wait * HOUR // 4
        lateness = LATENESS.get(source, HOUR)
        with writing(lab.engine) as connection:
            forget_passed(connection, now)
            found = look_up_passed(connection, some)
            remember_passed(connection, {source: sorted(some - set(found))}, LATENESS, now)
        surely = {one for at, late, one in said if at + 2 * late >= now}
        at_most = {one for at, late, one in said if at + 2 * late + max(late, HOUR) * 2 // 3 >= now}
        assert some & surely <= set(found) <= some & at_most
        said += [(now, lateness, one) for one in some - set(found)]
    with reading(lab.engine) as connection:
        assert look_up_passed(connection, []) == frozenset()
