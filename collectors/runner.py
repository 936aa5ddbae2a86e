"""Runs a collector: registers attempts, publishes what they read, then the window's record, and only then moves the cursor.

The order is what makes a crash harmless. Before the last step of a window the cursor stands where it stood, and the period is
asked for again; what was published by then is recognised by its ids.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import PurePath
from typing import Final, Literal

from collectors.base import Collector, CollectorError, Cursor, Ledger, SourceUnreadable, Window
from collectors.report import Progress, Silent, WindowReport
from pipeline.stream.base import Published, Stream
from pipeline.window import window_event
from store.records import DAY, MINUTE, SECOND, UNREADABLE, Event, WindowRecord
from store.times import Clock, format_time, wall_clock

MAX_WINDOW: Final = DAY
CLOCK_AHEAD: Final = 5 * MINUTE
"""A cursor that stands this far in the future was set by a clock that was wrong."""
MAX_CHUNK_EVENTS: Final = 500
MAX_CHUNK_BYTES: Final = 16 * 1024 * 1024

Period = tuple[int, int]
Kind = Literal["scheduled", "backfill", "retry"]


class PresentOnly(CollectorError):
    """A past period was asked of a source that only knows the present."""


def run_attempts(
    collector: Collector,
    stream: Stream,
    ledger: Ledger,
    epoch: int,
    now: int,
    progress: Progress | None = None,
    *,
    stop: threading.Event | None = None,
    clock: Clock = wall_clock,
) -> list[WindowRecord]:
    """Read what is due of a source: what must be asked for again, then from its cursor to `now`.

    Returns the records of the windows, as published; [] when nothing is due. After a window that failed or of which something
    was denied the later ones are given up, and the next run asks for them. Raises Fenced, StreamError and KeyboardInterrupt (the
    window is then failed and published as such).
    """
    run = _Run(collector, stream, ledger, epoch, progress or Silent(), stop or threading.Event(), clock)
    again = [_Asked(period, "retry") for period in _again(collector, ledger, epoch)]
    end, cursor = ledger.cursor(collector.source)
    fault = ""
    if end is not None and end > now + CLOCK_AHEAD:
        # The clock ran ahead when the cursor was set: what arrived since lies in its past. All is read again, and known by id.
        end, cursor = None, {}
    try:
        start = end if end is not None else collector.oldest(cursor, now)
        first = start if start is not None else now - SECOND
        periods = [(first, now)] if collector.reads == "states" and first < now else cut(first, now)
        if len(periods) > 1:
            collector.oldest(cursor, now)  # a source that is down fails one window, not every window of a long plan
    except SourceUnreadable as error:
        fault = str(error)
        again = []
        periods = cut(end if end is not None else now - SECOND, now)[:1]
    return run.plan([*again, *(_Asked(period, "scheduled") for period in periods)], cursor, fault)


def run_period(
    collector: Collector,
    stream: Stream,
    ledger: Ledger,
    epoch: int,
    period: Period,
    progress: Progress | None = None,
    *,
    stop: threading.Event | None = None,
    clock: Clock = wall_clock,
) -> list[WindowRecord]:
    """Read (start, end] once more, as backfill: the cursor is neither used nor moved. Otherwise as `run_attempts`.

    Raises PresentOnly for a source of states.
    """
    if collector.reads == "states":
        raise PresentOnly(f"{collector.source}: a {collector.type} source says how things are now; it cannot read a past period")
    run = _Run(collector, stream, ledger, epoch, progress or Silent(), stop or threading.Event(), clock)
    return run.plan([_Asked(part, "backfill") for part in cut(*period)], {}, "")


def _again(collector: Collector, ledger: Ledger, epoch: int) -> Sequence[Period]:
    """Periods to be asked for again; states are looked at once for all of them."""
    periods = ledger.interrupted(collector.source, epoch)
    if collector.reads == "deliveries" or not periods:
        return periods
    return [(min(start for start, _ in periods), max(end for _, end in periods))]


def cut(start: int, end: int) -> list[Period]:
    """Cut (start, end] into periods of at most 24 h that tile it; [] if there is nothing of it."""
    if start >= end:
        return []
    return list(pairwise([*range(start, end, MAX_WINDOW), end]))


@dataclass(frozen=True, slots=True)
class _Asked:
    period: Period
    kind: Kind


@dataclass(slots=True)
class _Sent:
    """What the stream took of an attempt."""

    counts: dict[int, int] = field(default_factory=dict)
    offsets: dict[int, int] = field(default_factory=dict)
    records: int = 0
    unreadable: int = 0

    def add(self, published: Published, events: Sequence[Event]) -> None:
        """Add one publishing."""
        for partition, count in published.counts.items():
            self.counts[partition] = self.counts.get(partition, 0) + count
        for partition, offset in published.offsets.items():
            self.offsets[partition] = max(offset, self.offsets.get(partition, -1))
        unreadable = sum(event.type == UNREADABLE for event in events)
        self.unreadable += unreadable
        self.records += len(events) - unreadable


@dataclass(slots=True)
class _Run:
    collector: Collector
    stream: Stream
    ledger: Ledger
    epoch: int
    progress: Progress
    stop: threading.Event
    clock: Clock

    def plan(self, asked: Sequence[_Asked], cursor: Cursor, fault: str) -> list[WindowRecord]:
        """Register every attempt, then make them in order. `fault`: the source cannot be read, which is all there is to say."""
        ids: list[str] = []
        for kind in dict.fromkeys(item.kind for item in asked):
            periods = [item.period for item in asked if item.kind == kind]
            ids += self.ledger.register(self.collector.source, self.epoch, periods, kind)
        done: list[WindowRecord] = []
        interrupt: KeyboardInterrupt | None = None
        for number, (attempt, item) in enumerate(zip(ids, asked, strict=True), 1):
            if done and fault and item.kind == "scheduled":
                self.ledger.withdraw(ids[number - 1 :], self.epoch)  # not begun: the next run asks for them, from the cursor
                break
            own = cursor if item.kind == "scheduled" else {}
            window = Window(attempt, self.collector.source, *item.period, own, latest=number == len(asked))
            report = WindowReport(self.progress, own)
            began, sent = self.clock(), _Sent()
            try:
                if not fault:
                    fault = self._attempt(window, report, sent)
            except KeyboardInterrupt as error:
                interrupt, fault = error, "interrupted"
            record = self._record(window, item.kind, report, sent, began, fault)
            moves = item.kind == "scheduled" and not fault and not report.holds
            self._close(record, report.cursor if moves else None)
            done.append(record)
            cursor = report.cursor if moves else cursor
            if not fault and report.holds:
                fault = f"not read, for the window before it (to {format_time(window.end)}) could not be read whole"
        if interrupt is not None:
            raise interrupt
        return done

    def _attempt(self, window: Window, report: WindowReport, sent: _Sent) -> str:
        """Read and publish one window; return why it failed, "" if it did not."""
        self.progress.describe(f"{window.source}: to {format_time(window.end)}")
        try:
            for events in _chunks(_guarded(self.collector.collect(window, report)), self.stop):
                sent.add(self.stream.publish(events), events)
                self.progress.advance(events=len(events))
        except SourceUnreadable as error:
            return str(error)
        return "interrupted" if self.stop.is_set() else ""

    def _record(self, window: Window, kind: Kind, report: WindowReport, sent: _Sent, began: int, fault: str) -> WindowRecord:
        if fault:
            report.fault(fault)
        return WindowRecord(
            attempt=window.attempt,
            source=window.source,
            source_type=self.collector.type,
            kind=kind,
            asked=(window.start, window.end),
            started_at=began,
            ended_at=max(began, window.end, self.clock()),  # a clock put back meanwhile must not cut what is covered
            identity=report.who,
            state="failed" if fault else "partial" if report.partial else "complete",
            pages=report.pages,
            files=report.files,
            bytes=report.size,
            records=sent.records,
            unreadable=sent.unreadable,
            parts=tuple(report.parts),
            covers=() if fault else tuple(report.covers),
            published=tuple(sorted(sent.counts.items())),
            offsets=tuple(sorted(sent.offsets.items())),
            errors=report.errors,
            ignored=report.ignored,
        )

    def _close(self, record: WindowRecord, cursor: Cursor | None) -> None:
        """Publish the record, after everything of its attempt, and only then finish the attempt."""
        self.stream.publish([window_event(record, self.clock())])
        self.ledger.finish(record.attempt, self.epoch, record, cursor)


def _guarded(events: Iterator[Event]) -> Iterator[Event]:
    """What a collector yields; whatever stops it fails its window, with words that hold nothing of what it read."""
    try:
        yield from events
    except (SourceUnreadable, GeneratorExit):
        raise
    except CollectorError as error:
        raise SourceUnreadable(str(error)) from error
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{type(error).__name__} in {PurePath(last.filename).name} line {last.lineno}"
        raise SourceUnreadable(f"a defect of the collector stopped it ({place}): please report it") from error


def _chunks(events: Iterator[Event], stop: threading.Event) -> Iterator[list[Event]]:
    """Gather events for publishing; ends early when `stop` is set, with what was read by then."""
    chunk: list[Event] = []
    size = 0
    for event in events:
        chunk.append(event)
        size += len(event.payload)
        if stop.is_set():
            break
        if len(chunk) >= MAX_CHUNK_EVENTS or size >= MAX_CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
