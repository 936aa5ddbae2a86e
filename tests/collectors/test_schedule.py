"""collectors/schedule.py: nothing fires without the lease, failures are counted, stopping is orderly."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from collectors.base import SourceUnreadable
from collectors.schedule import Job, Schedule
from store.records import HOUR, SECOND, WindowRecord

GOOD = WindowRecord("a", "logs", "t", "scheduled", (1, 2), 1, 2, "", "complete", 0, 0, 0, 5, 0, (), (), (), ())
FAILED = replace(GOOD, state="failed", errors=("bucket b denies access",))
WAIT = 120.0


@dataclass
class FakeLease:
    """A lease whose answers can be set."""

    epoch: int | None = 1
    held: bool = True
    asked: list[str] = field(default_factory=list)
    answered: threading.Event = field(default_factory=threading.Event)

    def acquire(self) -> int | None:
        self.asked.append("acquire")
        self.answered.set()
        return self.epoch

    def renew(self) -> bool:
        self.asked.append("renew")
        return self.held


def job(run: Callable[[int, threading.Event], Sequence[WindowRecord]], schedule: int = HOUR) -> Job:
    return Job("logs", schedule, run)


@pytest.fixture
def started() -> Iterator[Callable[[Schedule], Schedule]]:
    running: list[Schedule] = []

    def start(schedule: Schedule) -> Schedule:
        schedule.start()
        running.append(schedule)
        return schedule

    yield start
    for schedule in running:
        schedule.stop()


def test_every_source_runs_once_the_lease_is_held(started: Any) -> None:
    ran = threading.Event()
    epochs = []

    def run(epoch: int, _stop: threading.Event) -> list[WindowRecord]:
        epochs.append(epoch)
        ran.set()
        return [GOOD]

    started(Schedule([job(run)], FakeLease(epoch=9)))
    assert ran.wait(WAIT)
    assert epochs == [9]


def test_it_fires_on_its_schedule_again(started: Any) -> None:
    runs = threading.Semaphore(0)

    def run(_epoch: int, _stop: threading.Event) -> list[WindowRecord]:
        runs.release()
        return []

    started(Schedule([job(run, SECOND)], FakeLease()))
    assert all(runs.acquire(timeout=WAIT) for _ in range(3))


def test_without_the_lease_nothing_fires(started: Any) -> None:
    ran: list[int] = []
    lease = FakeLease(epoch=None)
    schedule = started(Schedule([job(lambda epoch, _stop: ran.append(epoch) or [])], lease))
    assert lease.answered.wait(WAIT)
    schedule.fire(schedule.jobs[0])
    assert (ran, schedule.leading) == ([], False)


def test_a_lease_that_cannot_be_renewed_stops_the_firing() -> None:
    ran: list[int] = []
    lease = FakeLease()
    schedule = Schedule([job(lambda epoch, _stop: ran.append(epoch) or [])], lease)
    schedule.tick()
    schedule.fire(schedule.jobs[0])
    lease.held = False
    with capture_logs() as logs:
        schedule.fire(schedule.jobs[0])
        schedule.fire(schedule.jobs[0])
    assert (ran, schedule.leading) == ([1], False)
    assert [entry["event"] for entry in logs] == ["lease_lost"]
    lease.epoch, lease.held = 2, True
    schedule.tick()
    schedule.fire(schedule.jobs[0])
    assert ran == [1, 2]


def test_a_lease_that_fails_counts_as_lost() -> None:
    class Broken(FakeLease):
        def renew(self) -> bool:
            raise OSError("database is gone")

    schedule = Schedule([], Broken())
    schedule.tick()
    assert schedule.leading
    with capture_logs() as logs:
        schedule.tick()
    assert [entry["event"] for entry in logs][:2] == ["lease_failed", "lease_lost"]


def test_failures_are_logged_with_their_sentence_and_counted() -> None:
    answers: list[Any] = [
        SourceUnreadable("directory /logs does not exist"),
        ValueError("surprise"),
        [GOOD, FAILED],
        [GOOD],
    ]

    def run(_epoch: int, _stop: threading.Event) -> list[WindowRecord]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return list(answer)

    schedule = Schedule([job(run)], FakeLease())
    schedule.tick()
    rows = []
    with capture_logs() as logs:
        for _ in range(4):
            schedule.fire(schedule.jobs[0])
            rows.append((schedule.tallies["logs"].failed, schedule.tallies["logs"].in_a_row))
    assert rows == [(1, 1), (2, 2), (3, 3), (3, 0)]
    assert [entry.get("error") for entry in logs] == [
        "directory /logs does not exist",
        "surprise",
        "bucket b denies access",
        None,
    ]
    assert logs[-1]["events"] == 5
    assert schedule.tallies["logs"].last_error == "bucket b denies access"


def test_a_run_that_takes_long_is_not_started_twice(started: Any) -> None:
    running = []
    twice = threading.Event()
    began, release = threading.Event(), threading.Event()

    def run(_epoch: int, _stop: threading.Event) -> list[WindowRecord]:
        running.append(1)
        if len(running) > 1:
            twice.set()
        began.set()
        release.wait(WAIT)
        running.pop()
        return []

    started(Schedule([job(run, SECOND)], FakeLease()))
    assert began.wait(WAIT)
    assert not twice.wait(2.5)
    release.set()


def test_stop_tells_what_runs_and_waits_for_it(started: Any) -> None:
    began = threading.Event()
    ended: list[bool] = []

    def run(_epoch: int, stop: threading.Event) -> list[WindowRecord]:
        began.set()
        ended.append(stop.wait(WAIT))
        return [FAILED]

    schedule = started(Schedule([job(run)], FakeLease()))
    assert began.wait(WAIT)
    schedule.stop()
    assert ended == [True]
    assert schedule.tallies["logs"].failed == 0, "being stopped is no failure of the source"
    schedule.fire(schedule.jobs[0])
    assert ended == [True]


def test_stop_while_the_lease_is_being_taken_ends() -> None:
    """Whoever takes it makes its sources due in the scheduler, which waits for nobody by then."""
    entered, go = threading.Event(), threading.Event()

    class SlowLease(FakeLease):
        """Answers when it is told to."""

        def acquire(self) -> int | None:
            entered.set()
            assert go.wait(WAIT)
            return 1

    schedule = Schedule([job(lambda *_: [])], SlowLease())
    schedule.start()
    assert entered.wait(WAIT)
    stopping = threading.Thread(target=schedule.stop, daemon=True)
    stopping.start()
    stopping.join(0.3)  # it waits by now, unless the machine is slow: then there is less to see
    go.set()
    stopping.join(WAIT)
    assert not stopping.is_alive()
