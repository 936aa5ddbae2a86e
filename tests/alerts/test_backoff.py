"""alerts/backoff.py: when a failed delivery is tried again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from alerts.backoff import LONGEST_ASKED, LONGEST_LONG, LONGEST_SHORT, UNDELIVERABLE_AFTER, undeliverable, wait
from store.outbox import HORIZON
from store.records import DAY, MINUTE, SECOND

ATTEMPTS = st.integers(1, 10_000)
CHANCE = st.floats(0, 1)


@given(ATTEMPTS, st.one_of(st.none(), st.floats(allow_nan=False)), st.booleans(), CHANCE)
def test_a_wait_is_bounded_and_shorter_than_what_looks_like_a_clock_set_back(attempts, after, refused, chance) -> None:
    delay = wait(attempts, after, refused, chance)
    assert 3 * SECOND < delay < HORIZON


@given(ATTEMPTS, st.floats(0, 1e9), CHANCE)
def test_nothing_is_asked_sooner_than_the_receiver_said(attempts, after, chance) -> None:
    assert wait(attempts, after, False, chance) >= min(int(after * SECOND), LONGEST_ASKED)


def test_it_doubles_to_a_bound_then_becomes_seldom() -> None:
    waits = [wait(n, None, False, 0.5) for n in range(1, 16)]
    assert waits[:7] == [5 * SECOND, 10 * SECOND, 20 * SECOND, 40 * SECOND, 80 * SECOND, 160 * SECOND, LONGEST_SHORT]
    assert waits[UNDELIVERABLE_AFTER - 1] == 10 * MINUTE
    assert waits[-1] == LONGEST_LONG
    assert waits == sorted(waits)
    assert wait(1, None, True, 0.5) == 10 * MINUTE


def test_jitter_spreads_both_ways() -> None:
    assert wait(2, None, False, 0.0) < 10 * SECOND < wait(2, None, False, 1.0)


def test_what_counts_as_undeliverable() -> None:
    assert undeliverable(1, refused=True)
    assert not undeliverable(UNDELIVERABLE_AFTER - 1, refused=False)
    assert undeliverable(UNDELIVERABLE_AFTER, refused=False)
    assert wait(1, 5e9, False, 1.0) <= DAY + DAY // 20
