"""collectors/runner.py: attempts, order of steps, what moves the cursor, interruptions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.base import Cursor, Probe, Reads, Report, SourceUnreadable, Window
from collectors.runner import MAX_CHUNK_EVENTS, MAX_WINDOW, PresentOnly, cut, run_attempts, run_period
from pipeline.errors import StreamError
from pipeline.window import read_window
from store.errors import Fenced
from store.records import DAY, HOUR, SECOND, Event, WindowRecord

NOW = 20_000 * DAY


@dataclass
class Scripted:
    """A collector that does as told, by window number."""

    events: int = 3
    start: int | None = NOW - HOUR
    act: Callable[[int, Window, Report], None] = lambda _number, _window, _report: None
    windows: list[Window] = field(default_factory=list)
    source: str = "logs"
    type: str = "scripted"
    reads: Reads = "deliveries"

    def oldest(self, cursor: Cursor, now: int) -> int | None:
        if self.start == -1:
            raise SourceUnreadable("the source is down")
        return self.start

    def collect(self, window: Window, report: Report) -> Iterator[Event]:
        self.windows.append(window)
        report.identity("tester")
        for number in range(self.events):
            yield Event("logs", f"{window.attempt}-{number}", "log.test", NOW, b"{}", window.attempt, NOW)
            if number == 1:
                self.act(len(self.windows), window, report)
        report.page(files=1, size=10)
        report.keep({"seen": window.end})

    def check(self) -> Sequence[Probe]:
        return ()


def run(collector: Scripted, stream: Any, ledger: Any, now: int = NOW, **more: Any) -> list[WindowRecord]:
    return run_attempts(collector, stream, ledger, 7, now, clock=lambda: now, **more)


@given(st.integers(0, 10 * DAY), st.integers(0, 10 * DAY))
def test_periods_tile_what_is_asked(start: int, end: int) -> None:
    periods = cut(start, end)
    covered = [time for period in periods for time in (period[0], period[1])]
    if start >= end:
        assert periods == []
        return
    assert (covered[0], covered[-1]) == (start, end)
    assert covered[1:-1:2] == covered[2::2]
    assert all(0 < b - a <= MAX_WINDOW for a, b in periods)


def test_the_order_of_steps(stream: Any, ledger: Any) -> None:
    [record] = run(Scripted(events=1200), stream, ledger)
    assert stream.log == [
        "register 1 scheduled",
        "publish 500",
        "publish 500",
        "publish 200",
        "publish window",
        "finish, cursor moves",
    ]
    assert (ledger.end, ledger.kept) == (NOW, {"seen": NOW})
    assert (record.state, record.asked, record.records, record.identity) == ("complete", (NOW - HOUR, NOW), 1200, "tester")
    assert sum(count for _, count in record.published) == 1200
    assert dict(record.offsets) == {0: 2, 1: 2}


def test_the_window_event_says_what_the_record_says(stream: Any, ledger: Any) -> None:
    [record] = run(Scripted(), stream, ledger)
    assert read_window(stream.events[-1]) == record
    assert ledger.finished == {record.attempt: record}


def test_all_attempts_are_registered_before_anything_is_published(stream: Any, ledger: Any) -> None:
    ledger.again = [(5, 6), (8, 9)]
    records = run(Scripted(start=NOW - 3 * DAY), stream, ledger)
    assert stream.log[:2] == ["register 2 retry", "register 3 scheduled"]
    assert [record.kind for record in records] == ["retry", "retry", "scheduled", "scheduled", "scheduled"]
    assert [record.asked for record in records[:2]] == [(5, 6), (8, 9)]
    assert ledger.end == NOW
    assert len(ledger.finished) == 5


def test_a_retry_neither_uses_nor_moves_the_cursor(stream: Any, ledger: Any) -> None:
    ledger.end, ledger.kept, ledger.again = NOW, {"seen": 1}, [(5, 6)]
    collector = Scripted()
    [record] = run(collector, stream, ledger)
    assert (record.state, collector.windows[0].cursor) == ("complete", {})
    assert (ledger.end, ledger.kept) == (NOW, {"seen": 1})


def test_a_backfill_neither_uses_nor_moves_the_cursor(stream: Any, ledger: Any) -> None:
    ledger.end, ledger.kept = NOW, {"seen": 1}
    collector = Scripted()
    records = run_period(collector, stream, ledger, 7, (NOW - 2 * DAY, NOW - HOUR))
    assert [record.kind for record in records] == ["backfill", "backfill"]
    assert [window.cursor for window in collector.windows] == [{}, {}]
    assert (ledger.end, ledger.kept) == (NOW, {"seen": 1})


def test_windows_follow_on_the_cursor_of_the_one_before(stream: Any, ledger: Any) -> None:
    ledger.end, ledger.kept = NOW - 2 * DAY, {"seen": 1}
    collector = Scripted()
    run(collector, stream, ledger)
    assert [window.cursor for window in collector.windows] == [{"seen": 1}, {"seen": NOW - DAY}]


def test_nothing_there_is_a_complete_window(stream: Any, ledger: Any) -> None:
    [record] = run(Scripted(events=0, start=None), stream, ledger)
    assert (record.state, record.asked, record.records) == ("complete", (NOW - SECOND, NOW), 0)


def test_nothing_is_due_when_the_clock_stands(stream: Any, ledger: Any) -> None:
    ledger.end = NOW
    assert run(Scripted(), stream, ledger) == []
    assert stream.log == []


def test_a_failed_window_is_published_and_moves_nothing(stream: Any, ledger: Any) -> None:
    def fail(_number: int, _window: Window, report: Report) -> None:
        report.covered([])
        raise SourceUnreadable("bucket b denies access")

    [record] = run(Scripted(act=fail), stream, ledger)
    assert (record.state, record.errors, record.covers) == ("failed", ("bucket b denies access",), ())
    assert ledger.end is None
    assert stream.events[-1].kind == "window"
    assert stream.log[-1] == "finish"


def test_after_a_failed_window_the_rest_is_taken_back_and_asked_for_by_the_next_run(stream: Any, ledger: Any) -> None:
    def fail(number: int, _window: Window, _report: Report) -> None:
        if number == 2:
            raise SourceUnreadable("throttled")

    collector = Scripted(start=NOW - 4 * DAY, act=fail)
    records = run(collector, stream, ledger)
    assert [record.state for record in records] == ["complete", "failed"]
    assert len(collector.windows) == 2
    assert stream.log[-1] == "withdraw 2"
    assert set(ledger.registered) == set(ledger.finished), "nothing stays open"
    assert ledger.end == NOW - 3 * DAY
    again = run(Scripted(), stream, ledger)
    assert [record.asked for record in again] == [(NOW - n * DAY, NOW - (n - 1) * DAY) for n in (3, 2, 1)]


def test_a_denial_makes_the_window_partial_and_stops_the_plan(stream: Any, ledger: Any) -> None:
    def deny(number: int, _window: Window, report: Report) -> None:
        if number == 1:
            report.denied("/logs/a", "permission denied")

    records = run(Scripted(start=NOW - 2 * DAY, act=deny), stream, ledger)
    assert [record.state for record in records] == ["partial"]
    assert records[0].errors == ("/logs/a: permission denied",)
    assert set(ledger.registered) == set(ledger.finished)
    assert ledger.end is None


def test_unreadable_content_is_partial_and_the_cursor_moves(stream: Any, ledger: Any) -> None:
    def spoil(_number: int, _window: Window, report: Report) -> None:
        report.unreadable("/logs/a", "is not JSON")

    [record] = run(Scripted(act=spoil), stream, ledger)
    assert record.state == "partial"
    assert ledger.end == NOW


def test_an_incomplete_part_is_partial(stream: Any, ledger: Any) -> None:
    def part(_number: int, _window: Window, report: Report) -> None:
        report.part("a/b", "log.test", complete=False, read=1, errors=["x"])

    [record] = run(Scripted(act=part), stream, ledger)
    assert record.state == "partial"


def test_a_source_that_is_down_fails_one_window_of_a_long_plan(stream: Any, ledger: Any) -> None:
    ledger.end = NOW - 30 * DAY
    [record] = run(Scripted(start=-1), stream, ledger)
    assert (record.state, record.asked) == ("failed", (NOW - 30 * DAY, NOW - 29 * DAY))
    assert record.errors == ("the source is down",)
    ledger.end = None
    [record] = run(Scripted(start=-1), stream, ledger)
    assert (record.state, ledger.end) == ("failed", None)


def test_errors_are_bounded(stream: Any, ledger: Any) -> None:
    def spoil(_number: int, _window: Window, report: Report) -> None:
        for number in range(1000):
            report.unreadable(f"/logs/{number}", "is not JSON")

    [record] = run(Scripted(act=spoil), stream, ledger)
    assert len(record.errors) == 101
    assert record.errors[-1] == "and 900 more"


def test_stop_ends_the_window_as_failed(stream: Any, ledger: Any) -> None:
    stop = threading.Event()

    def stopped(_number: int, _window: Window, _report: Report) -> None:
        stop.set()

    collector = Scripted(events=100_000, start=NOW - 3 * DAY, act=stopped)
    records = run(collector, stream, ledger, stop=stop)
    assert [(record.state, record.errors) for record in records] == [("failed", ("interrupted",))]
    assert records[0].records == 3
    assert len(collector.windows) == 1
    assert ledger.end is None


def test_an_interrupt_ends_the_window_as_failed_and_goes_on_up(stream: Any, ledger: Any) -> None:
    def interrupt(_number: int, _window: Window, _report: Report) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(Scripted(start=NOW - 2 * DAY, act=interrupt), stream, ledger)
    assert [record.state for record in ledger.finished.values()] == ["failed"]
    assert ledger.end is None


def test_a_broken_stream_finishes_nothing(stream: Any, ledger: Any) -> None:
    def broken(_events: Sequence[Event]) -> None:
        raise StreamError("the disk is full")

    stream.before = broken
    with pytest.raises(StreamError):
        run(Scripted(), stream, ledger)
    assert (ledger.finished, ledger.end) == ({}, None)


def test_a_stale_epoch_finishes_nothing(stream: Any, ledger: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fenced(*_args: Any) -> None:
        raise Fenced("the lease is another's")

    monkeypatch.setattr(ledger, "finish", fenced)
    with pytest.raises(Fenced):
        run(Scripted(start=NOW - 2 * DAY), stream, ledger)
    assert ledger.end is None


def test_chunks_are_bounded(stream: Any, ledger: Any) -> None:
    run(Scripted(events=1001), stream, ledger)
    assert max(map(len, stream.batches)) == MAX_CHUNK_EVENTS


def test_progress_is_told(stream: Any, ledger: Any) -> None:
    told: list[tuple[int, int]] = []
    texts: list[str] = []

    class Told:
        def describe(self, text: str) -> None:
            texts.append(text)

        def advance(self, *, files: int = 0, events: int = 0) -> None:
            told.append((files, events))

    run_attempts(Scripted(), stream, ledger, 7, NOW, Told(), clock=lambda: NOW)
    assert [sum(column) for column in zip(*told, strict=True)] == [1, 3]
    assert texts[0].startswith("logs: to 2024-10-04")


def test_a_cursor_set_by_a_clock_that_ran_ahead_loses_nothing(stream: Any, ledger: Any) -> None:
    ledger.end, ledger.kept = NOW + DAY, {"seen": NOW + DAY}
    collector = Scripted(start=NOW - HOUR)
    [record] = run(collector, stream, ledger)
    assert (record.state, record.asked, collector.windows[0].cursor) == ("complete", (NOW - HOUR, NOW), {})
    assert ledger.kept == {"seen": NOW}


def test_states_are_looked_at_once_however_long_ago_the_last_look_was(stream: Any, ledger: Any) -> None:
    ledger.end = NOW - 9 * DAY
    [record] = run(Scripted(reads="states"), stream, ledger)
    assert record.asked == (NOW - 9 * DAY, NOW)
    assert ledger.end == NOW


def test_looks_that_were_given_up_are_made_again_once(stream: Any, ledger: Any) -> None:
    ledger.end, ledger.again = NOW - DAY, [(50, 60), (5, 6), (70, 80)]
    records = run(Scripted(reads="states"), stream, ledger)
    assert [(record.kind, record.asked) for record in records] == [("retry", (5, 80)), ("scheduled", (NOW - DAY, NOW))]


def test_states_have_no_past(stream: Any, ledger: Any) -> None:
    with pytest.raises(PresentOnly, match="cannot read a past period"):
        run_period(Scripted(reads="states"), stream, ledger, 7, (NOW - DAY, NOW))
    assert stream.log == []


def test_only_the_last_window_of_a_run_is_the_latest(stream: Any, ledger: Any) -> None:
    collector = Scripted(start=NOW - 3 * DAY)
    run(collector, stream, ledger)
    assert [window.latest for window in collector.windows] == [False, False, True]


def test_a_cursor_that_says_what_is_owed_moves_though_something_was_denied(stream: Any, ledger: Any) -> None:
    class Owing(Scripted):
        def collect(self, window: Window, report: Report) -> Iterator[Event]:
            yield from super().collect(window, report)
            report.denied("part b", "not for you")
            report.keep({"owed": {"b": window.start}}, owed=True)

    records = run(Owing(start=NOW - 2 * DAY), stream, ledger)
    assert [record.state for record in records] == ["partial", "partial"]
    assert (ledger.end, ledger.kept) == (NOW, {"owed": {"b": NOW - DAY}})


def test_a_part_that_is_not_complete_enumerates_nothing(stream: Any, ledger: Any) -> None:
    def parts(_number: int, _window: Window, report: Report) -> None:
        report.part("a", "snapshot.x.y", complete=True, read=1, enumerates=True)
        report.part("b", "snapshot.x.y", complete=False, read=1, enumerates=True)

    [record] = run(Scripted(act=parts), stream, ledger)
    assert [(part.part, part.enumerates) for part in record.parts] == [("a", True), ("b", False)]


def test_a_defect_of_a_collector_fails_its_window_and_says_nothing_of_what_it_read(stream: Any, ledger: Any) -> None:
    def stumble(_number: int, _window: Window, _report: Report) -> None:
        raise ValueError("canary of a payload")

    [record] = run(Scripted(act=stumble), stream, ledger)
    assert record.state == "failed"
    assert "ValueError in test_runner.py" in record.errors[-1]
    assert "canary" not in repr(record)
    assert stream.log[-1] == "finish"


def test_periods_that_are_asked_for_again_are_never_taken_back(stream: Any, ledger: Any) -> None:
    ledger.again = [(5, 6), (8, 9)]

    def fail(number: int, _window: Window, _report: Report) -> None:
        raise SourceUnreadable("throttled")

    records = run(Scripted(start=NOW - 2 * DAY, act=fail), stream, ledger)
    assert [(record.kind, record.state) for record in records] == [("retry", "failed"), ("retry", "failed")]
    assert stream.log[-1] == "withdraw 2"
