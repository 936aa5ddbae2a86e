"""The timekeeper: what passing time changes is applied once, at its own time, whenever the timekeeper runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest

from pipeline.timekeeper import JUMP, Timekeeper, boot_clock
from pipeline.window import window_event
from store.due import due_findings
from store.records import DAY, HOUR, MINUTE, SECOND, Judged, PartRecord, Verdict, WindowRecord
from tests.store.lab import PART, TYPE, Lab

ALICE = "111122223333/alice"


@dataclass
class Boot:
    """A clock since boot that goes with the lab's, unless one of them is moved."""

    lab: Lab
    name: str = "first boot"
    behind: int = 0

    def __call__(self) -> tuple[str, int]:
        return self.name, self.lab.now - self.behind


def keeper(lab: Lab) -> Timekeeper:
    return Timekeeper(lab.store, Boot(lab))


def spoke(lab: Lab) -> int:
    """A mapping says satisfied now; returns the time from which on that is stale."""
    at = lab.now
    lab.append(lab.judged(lab.event(f"said-{at}", at), "sat"))
    return at + DAY


# -- stale


@pytest.mark.parametrize(
    "ticks",
    [[DAY], [DAY - 1, DAY], [DAY, DAY, DAY + 1], [9 * DAY], [HOUR, 2 * HOUR, DAY - 1, DAY, DAY + HOUR, 30 * DAY], [DAY + 1]],
)
def test_staleness_is_applied_once_and_at_its_own_time(lab: Lab, ticks: Sequence[int]) -> None:
    lab.window(lab.now - HOUR, lab.now, covers=())  # the part's first, which would be told in one summary
    start = lab.now
    due = spoke(lab)
    timekeeper = keeper(lab)
    for after in ticks:
        lab.now = start + after
        timekeeper.tick()
    assert lab.rows("sat") == [(start, "satisfied"), (due, "stale")]
    assert lab.sql("SELECT count(*) FROM finding_row") == [(2,)]
    drifts = [(d.key, d.before, d.after, d.event_time, d.delivery) for d in lab.query.drift() if d.after == "stale"]
    assert ("control/A.8.16/stale", "satisfied", "stale", due, "alert") in drifts
    assert len(drifts) == len(set(drifts))


def test_nothing_is_stale_before_its_time(lab: Lab) -> None:
    start = lab.now
    spoke(lab)
    lab.now = start + DAY - 1
    assert keeper(lab).tick() == 0
    assert lab.rows("sat") == [(start, "satisfied")]


def test_said_again_in_time_is_not_stale(lab: Lab) -> None:
    start = lab.now
    spoke(lab)
    lab.now = start + DAY - 1
    spoke(lab)
    lab.now = start + DAY + HOUR
    assert keeper(lab).tick() == 0
    lab.now = start + 3 * DAY
    keeper(lab).tick()
    assert lab.rows("sat") == [(start, "satisfied"), (start + 2 * DAY - 1, "stale")]


def test_what_was_said_in_time_and_came_late_takes_staleness_back(lab: Lab) -> None:
    start = lab.now
    spoke(lab)
    lab.now = start + 2 * DAY
    keeper(lab).tick()
    lab.append(lab.judged(lab.event("late", start + DAY - HOUR), "sat"))
    assert lab.rows("sat") == [(start, "satisfied"), (start + 2 * DAY - HOUR, "stale")]  # due already when it came
    lab.now = start + 3 * DAY
    keeper(lab).tick()
    assert lab.rows("sat") == [(start, "satisfied"), (start + 2 * DAY - HOUR, "stale")]


def test_silence_is_stale_when_nothing_was_covered_for_too_long(lab: Lab) -> None:
    start = lab.now
    lab.window(start - 10 * HOUR, start)
    lab.now = start + DAY
    keeper(lab).tick()
    assert lab.rows("two", f"trail/{PART}") == [(start - 10 * HOUR, "satisfied"), (start + DAY, "stale")]
    [(state,)] = lab.sql("SELECT state FROM control WHERE id = 'A.8.15'")
    assert state == "stale"
    lab.now = start + DAY + HOUR
    lab.window(start, lab.now)
    assert lab.states()["two", f"trail/{PART}"] == "satisfied"


def test_more_than_one_round_of_due_rows_is_applied_in_one_tick(lab: Lab) -> None:
    start = lab.now
    says = [lab.judged(lab.event(f"e{n}", start), ("sat", Verdict.MATCHED, f"111122223333/user{n}")) for n in range(620)]
    lab.append(*says)
    lab.now = start + DAY
    assert keeper(lab).tick() == 2
    assert set(lab.states().values()) == {"stale"}
    assert lab.sql("SELECT n FROM tally WHERE mapping = 'sat' AND state = 'stale'") == [(620,)]


# -- waiting


def test_what_is_due_before_an_open_attempt_was_registered_waits_for_it(lab: Lab) -> None:
    """The attempt may bring what was said in time."""
    start = lab.now
    due = spoke(lab)
    lab.now = due + HOUR
    attempt = lab.open_window(start, lab.now)
    assert due_findings(lab.engine, lab.now) == []
    assert keeper(lab).tick() == 0
    said = replace(lab.event("in it", start + 2 * HOUR), window=attempt)
    lab.close_window(lab.record(attempt, (start, lab.now), 1), lab.judged(said, "sat"), cursor={})
    keeper(lab).tick()
    assert lab.states()["sat", ALICE] == "satisfied"
    assert lab.sql("SELECT count(*) FROM finding_row WHERE state = 'stale'") == [(0,)]


def test_it_is_applied_when_the_attempt_brought_nothing(lab: Lab) -> None:
    start = lab.now
    due = spoke(lab)
    lab.now = due + HOUR
    attempt = lab.open_window(start, lab.now)
    keeper(lab).tick()
    lab.close_window(lab.record(attempt, (start, lab.now), 0, covers=()), cursor={})
    keeper(lab).tick()
    assert lab.rows("sat") == [(start, "satisfied"), (due, "stale")]


def test_what_is_due_after_the_attempt_was_registered_does_not_wait(lab: Lab) -> None:
    start = lab.now
    due = spoke(lab)
    lab.open_window(start, lab.now)
    lab.now = due
    keeper(lab).tick()
    assert lab.rows("sat") == [(start, "satisfied"), (due, "stale")]


def test_an_attempt_of_another_source_is_not_waited_for(lab: Lab) -> None:
    start = lab.now
    due = spoke(lab)
    lab.declare("trail", "other")
    lab.now = due + MINUTE
    lab.open_window(start, lab.now, source="other")
    keeper(lab).tick()
    assert lab.states()["sat", ALICE] == "stale"


# -- attempts


def lost(lab: Lab, *, finished: bool, kind: str = "scheduled") -> tuple[int, int]:
    """An attempt whose record never arrives; returns its period."""
    period = (lab.now - HOUR, lab.now)
    attempt = lab.open_window(*period, kind)
    if finished:
        lab.ledger.finish(attempt, lab.epoch, lab.record(attempt, period, 3, kind=kind), {"seen": 1})
    return period


def states(lab: Lab) -> list[str]:
    return [state for (state,) in lab.sql("SELECT state FROM attempt ORDER BY registered_at, id")]


def gaps(lab: Lab) -> list[tuple[str, str]]:
    return [(d.before, d.after) for d in reversed(lab.query.drift(kind="source")) if d.key == "source/trail//gap"]


def test_an_attempt_is_given_up_at_its_deadline_and_its_period_asked_for_again(lab: Lab) -> None:
    period = lost(lab, finished=True)
    lab.now += HOUR - 1
    keeper(lab).tick()
    assert states(lab) == ["open"]
    lab.now += 1
    keeper(lab).tick()
    assert states(lab) == ["abandoned"]
    assert gaps(lab) == [("complete", "gap")]
    assert list(lab.ledger.interrupted("trail", lab.epoch)) == [period]
    again = lab.open_window(*period, "retry")
    assert list(lab.ledger.interrupted("trail", lab.epoch)) == []
    lab.close_window(lab.record(again, period, 0, kind="retry"), cursor=None)
    assert gaps(lab) == [("complete", "gap"), ("gap", "complete")]


def test_one_whose_cursor_did_not_move_is_given_up_without_a_gap(lab: Lab) -> None:
    lost(lab, finished=False)
    lab.now += HOUR
    keeper(lab).tick()
    assert states(lab) == ["abandoned"]
    assert gaps(lab) == []
    assert list(lab.ledger.interrupted("trail", lab.epoch)) == []


@pytest.mark.parametrize("finished", [True, False])
def test_a_retry_that_is_given_up_is_asked_for_again(lab: Lab, finished: bool) -> None:
    """Nothing else would bring its period back: the cursor has long gone on."""
    period = lost(lab, finished=finished, kind="retry")
    lab.now += HOUR
    keeper(lab).tick()
    assert list(lab.ledger.interrupted("trail", lab.epoch)) == [period]


def test_a_retry_that_fails_is_asked_for_again_but_not_for_bytes_that_stay_unreadable(lab: Lab) -> None:
    period = (lab.now - HOUR, lab.now)
    failed = lab.open_window(*period, "retry")
    lab.close_window(lab.record(failed, period, 0, kind="retry", state="failed", covers=(), errors=("refused",)), cursor=None)
    assert list(lab.ledger.interrupted("trail", lab.epoch)) == [period]
    denied = lab.open_window(*period, "retry")
    faults = {"state": "partial", "errors": ("a.gz: cut", "b.gz: access denied"), "unreadable": 1}
    letter = lab.unreadable("cut", window=denied)
    lab.close_window(lab.record(denied, period, 1, kind="retry", **faults), letter, cursor=None)
    assert list(lab.ledger.interrupted("trail", lab.epoch)) == [period]
    spoilt = lab.open_window(*period, "retry")
    faults = {"state": "partial", "errors": ("a.gz: cut",), "unreadable": 1}
    letter = lab.unreadable("cut", window=spoilt)
    lab.close_window(lab.record(spoilt, period, 1, kind="retry", **faults), letter, cursor=None)
    assert list(lab.ledger.interrupted("trail", lab.epoch)) == []


def test_an_attempt_that_was_finished_after_its_record_came_is_closed(lab: Lab) -> None:
    period = (lab.now - HOUR, lab.now)
    attempt = lab.open_window(*period)
    record = lab.record(attempt, period, 0)
    lab.append(window_item(lab, record))
    assert states(lab) == ["open"]
    lab.ledger.finish(attempt, lab.epoch, record, {})
    assert keeper(lab).tick() >= 1
    assert states(lab) == ["complete"]


def test_an_attempt_that_lacks_events_and_cannot_get_them_any_more_is_given_up(lab: Lab) -> None:
    period = (lab.now - HOUR, lab.now)
    attempt = lab.open_window(*period)
    one = lab.judged(lab.event("e1", lab.now - MINUTE, window=attempt), "open")
    record = lab.record(attempt, period, 2, offsets=((0, 5),))
    lab.ledger.finish(attempt, lab.epoch, record, {})
    lab.append_at([one, window_item(lab, record)], 0, 5)
    keeper(lab).tick()
    assert states(lab) == ["open"]  # the last of its records is still to come
    lab.append_at([], 5, 6)
    keeper(lab).tick()
    assert states(lab) == ["abandoned"]
    assert gaps(lab) == [("complete", "gap")]
    assert lab.states()["open", ALICE] == "not-satisfied"  # its evidence stays


def window_item(lab: Lab, record: WindowRecord) -> Judged:
    return Judged(window_event(record, lab.now), (), 0, record)


def test_a_tick_with_nothing_to_do_writes_nothing(lab: Lab) -> None:
    spoke(lab)
    lab.open_window(lab.now - HOUR, lab.now)
    before = lab.query.log()
    assert keeper(lab).tick() == 0
    assert lab.query.log().size == before.size


def test_unmatched_events_are_forgotten_after_twice_the_lateness_and_not_before(lab: Lab) -> None:
    lab.append(lab.judged(lab.event("e1", lab.now)))
    passed = "SELECT count(*) FROM passed"
    lab.now += 2 * HOUR
    keeper(lab).tick()
    assert lab.sql(passed) == [(1,)]
    lab.now += 2 * HOUR // 3 + 1
    keeper(lab).tick()
    assert lab.sql(passed) == [(0,)]


# -- the clock


def clock(lab: Lab) -> list[tuple[str, str]]:
    return [(d.before, d.after) for d in reversed(lab.query.drift(kind="log")) if d.key == "log/clock"]


def test_a_clock_that_jumped_is_not_believed_and_said_once(lab: Lab) -> None:
    start = lab.now
    spoke(lab)
    boot = Boot(lab)
    timekeeper = Timekeeper(lab.store, boot)
    timekeeper.tick()
    lab.now += 2 * DAY
    boot.behind = 2 * DAY - MINUTE
    for _ in range(3):
        lab.now += SECOND
        assert timekeeper.tick() == 0
    assert timekeeper.held
    assert lab.rows("sat") == [(start, "satisfied")]
    assert clock(lab) == [("agrees", "clock")]
    other = Timekeeper(lab.store, boot)  # another process, or this one after a restart
    assert other.tick() == 0
    assert other.held
    assert clock(lab) == [("agrees", "clock")]


def test_it_goes_on_when_the_clocks_agree_again(lab: Lab) -> None:
    start, due = lab.now, spoke(lab)
    boot = Boot(lab)
    timekeeper = Timekeeper(lab.store, boot)
    timekeeper.tick()
    lab.now += DAY
    boot.behind = DAY - MINUTE
    timekeeper.tick()
    boot.behind = 0  # the day has really passed
    timekeeper.tick()
    assert not timekeeper.held
    assert clock(lab) == [("agrees", "clock"), ("clock", "agrees")]
    assert lab.rows("sat") == [(start, "satisfied"), (due, "stale")]


def test_it_goes_on_when_a_person_confirms_the_clock(lab: Lab) -> None:
    start, due = lab.now, spoke(lab)
    boot = Boot(lab)
    Timekeeper(lab.store, boot).tick()
    lab.now += DAY
    boot.behind = DAY
    timekeeper = Timekeeper(lab.store, boot)
    timekeeper.tick()
    Timekeeper(lab.store, boot).confirm_clock()
    timekeeper.tick()
    assert not timekeeper.held
    assert lab.rows("sat") == [(start, "satisfied"), (due, "stale")]


@pytest.mark.parametrize(("gained", "held"), [(JUMP, False), (JUMP + 1, True)])
def test_five_minutes_are_the_most_that_is_believed(lab: Lab, gained: int, held: bool) -> None:
    boot = Boot(lab)
    timekeeper = Timekeeper(lab.store, boot)
    timekeeper.tick()
    lab.now += HOUR + gained
    boot.behind = gained
    timekeeper.tick()
    assert timekeeper.held is held


def test_a_clock_that_goes_back_and_a_new_boot_hold_nothing(lab: Lab) -> None:
    boot = Boot(lab)
    timekeeper = Timekeeper(lab.store, boot)
    timekeeper.tick()
    lab.now -= HOUR
    boot.behind = -HOUR
    timekeeper.tick()
    assert not timekeeper.held
    boot.name, boot.behind = "second boot", lab.now
    lab.now += DAY
    timekeeper.tick()
    assert not timekeeper.held
    assert clock(lab) == []


def test_the_boot_clock_only_goes_forward() -> None:
    (one, before), (two, after) = boot_clock(), boot_clock()
    assert one == two
    assert 0 < before <= after


# -- quiet time


def test_quiet_time_closes_by_coverage_and_not_by_the_clock(lab: Lab) -> None:
    start = lab.now
    lab.append(lab.judged(lab.event("e1", start), "open"))
    lab.now = start + 9 * DAY
    keeper(lab).tick()
    assert lab.states()["open", ALICE] == "not-satisfied"
    lab.window(start - HOUR, start + 2 * DAY + HOUR)
    assert lab.rows("open") == [(start, "not-satisfied"), (start + 2 * DAY, "closed")]


def test_coverage_of_the_part_that_matched_before_closes_between_two_matches(lab: Lab) -> None:
    """A finding is of the part of its last match; what matched in another part before that was quiet in that one."""
    start, other = lab.now, "us-east-1"
    lab.append(lab.judged(lab.event("e1", start), "open"))
    lab.append(lab.judged(lab.event("e2", start + 5 * DAY, region=other), "open"))
    lab.now = start + 9 * DAY
    lab.window(start - HOUR, start + 3 * DAY)
    assert lab.rows("open") == [
        (start, "not-satisfied"),
        (start + 2 * DAY, "closed"),
        (start + 5 * DAY, "not-satisfied"),
    ]


def test_quiet_time_waits_for_a_hole_to_be_filled(lab: Lab, new_lab: Callable[[], Lab]) -> None:
    start = lab.now
    lab.append(lab.judged(lab.event("e1", start), "open"))
    lab.now = start + 9 * DAY
    lab.window(start - HOUR, start + DAY)
    lab.window(start + DAY + 12 * HOUR, start + 2 * DAY + 2 * HOUR)
    assert lab.states()["open", ALICE] == "not-satisfied"
    parts = (PartRecord(PART, TYPE, complete=True),)
    lab.window(start + DAY, start + DAY + 12 * HOUR, parts=parts)
    assert lab.rows("open") == [(start, "not-satisfied"), (start + 2 * DAY, "closed")]
