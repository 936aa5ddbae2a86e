"""I8: duplicates and reordering change nothing. I7: neither does lateness: events up to 24 h late, in windows in any order.

The same events, and the same covered time, are delivered twice: once as they happened in one window, once shuffled, repeated and
cut into windows and batches as chance will have it. Evidence, findings (as steps of event time) and controls must be the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline.window import window_event
from store.records import HOUR, MINUTE, Cover, Event, PartRecord, WindowRecord
from tests.faults.counts import times
from tests.faults.kit import PART, START, Kit, event
from tests.faults.observe import Observed, Tables, observe
from tests.faults.whole import check_whole

HOURS = 30
NAMES = (
    "DescribeAlarms",
    "ListFunctions20150331",
    "GetBucketPolicy",
    "GetBucketVersioning",
    "DescribeVolumes",
    "ConsoleLogin",
    "UpdateService",
    "Decrypt",
    "Nothing",
)
numbers = itertools.count()

facts = st.tuples(st.sampled_from(NAMES), st.integers(0, HOURS * 4), st.sampled_from(["one", "two"]))


@st.composite
def deliveries(draw):
    """(facts, windows): a window is the numbers of its facts in the order of delivery, and the pieces of time that it covers."""
    chosen = draw(st.lists(facts, min_size=1, max_size=14))
    windows = draw(st.integers(1, 4))
    cuts = sorted(draw(st.sets(st.integers(1, HOURS - 1), max_size=5)))
    pieces = list(itertools.pairwise([0, *cuts, HOURS]))
    copies = draw(st.lists(st.integers(0, len(chosen) - 1), max_size=4))
    order = draw(st.permutations([*range(len(chosen)), *copies]))
    places = [draw(st.integers(0, windows - 1)) for _ in order]
    covers = [draw(st.integers(0, windows - 1)) for _ in pieces]
    plan = []
    for window in range(windows):
        mine = [number for number, place in zip(order, places, strict=True) if place == window]
        plan.append((mine, [piece for piece, place in zip(pieces, covers, strict=True) if place == window]))
    return chosen, plan, draw(st.booleans())


def make(chosen: Sequence[tuple[str, int, str]]) -> list[Event]:
    return [event(n, name, START + quarter * 15 * MINUTE, bucketName=bucket) for n, (name, quarter, bucket) in enumerate(chosen)]


Pieces = Sequence[tuple[int, int]]
"""Covered time, in hours from START."""


def deliver(kit: Kit, attempt: str, epoch: int, events: Sequence[Event], pieces: Pieces, asked: tuple[int, int]) -> None:
    """Publish an attempt's events and its record, and finish it."""
    sent = kit.stream.publish([replace(item, window=attempt) for item in events])
    record = WindowRecord(
        attempt=attempt,
        source="trail",
        source_type="cloudtrail-files",
        kind="scheduled",
        asked=asked,
        started_at=kit.clock.now,
        ended_at=kit.clock.now,
        identity="tests",
        state="complete",
        pages=1,
        files=1,
        bytes=1,
        records=len(events),
        unreadable=0,
        parts=(PartRecord(PART, "log.aws.cloudtrail", complete=True, read=len(events)),),
        covers=tuple(Cover(PART, START + a * HOUR, START + b * HOUR, joins=True, bridge=HOUR) for a, b in pieces),
        published=tuple(sorted(sent.counts.items())),
        offsets=tuple(sorted(sent.offsets.items())),
    )
    kit.stream.publish([window_event(record, kit.clock.now)])
    kit.ledger.finish(attempt, epoch, record, {})


def run(folder: Path, template: Path, windows: Sequence[tuple[Sequence[Event], Pieces]], batch: int, at_once: bool) -> Observed:
    kit = Kit(folder / f"order-{next(numbers)}", template)
    try:
        kit.clock.pass_time(HOURS * HOUR)
        kit.worker.batch = batch
        epoch = kit.epoch()
        periods = [(kit.clock.now + n, kit.clock.now + n + 1) for n in range(len(windows))]
        attempts = kit.ledger.register("trail", epoch, periods, "scheduled")
        for attempt, period, (events, pieces) in zip(attempts, periods, windows, strict=True):
            deliver(kit, attempt, epoch, events, pieces, period)
            if not at_once:
                kit.worker.drain()
        kit.worker.drain()
        kit.keeper.tick()
        check_whole(kit.path)
        assert {row["state"] for row in Tables(kit.path).rows("select state from attempt")} == {"complete"}
        return observe(kit.path)
    finally:
        kit.close()


@given(deliveries())
@settings(max_examples=times(25, 300), deadline=None, suppress_health_check=list(HealthCheck))
@example(([("DescribeVolumes", 0, "one"), ("DescribeVolumes", 5, "one")], [([1], [(3, 30)]), ([0, 0, 1], [(0, 3)])], False))
@example(([("DescribeAlarms", 8, "one"), ("ListFunctions20150331", 8, "one")], [([1], []), ([0], [(0, 30)])], False))
def test_i8_order_duplicates_and_windows_change_nothing(template, tmp_path_factory, delivery):
    chosen, plan, at_once = delivery
    events = make(chosen)
    folder = tmp_path_factory.mktemp("order")
    in_order = sorted(events, key=lambda item: item.time)
    straight = run(folder, template, [(in_order, [(0, HOURS)])], 1000, at_once=True)
    shuffled = run(folder, template, [([events[n] for n in numbers], pieces) for numbers, pieces in plan], 1, at_once)
    assert shuffled.evidence == straight.evidence
    assert shuffled.findings == straight.findings
    assert shuffled.controls == straight.controls
    assert shuffled == straight


def test_i7_events_that_come_a_day_late_say_what_they_would_have_said(template, tmp_path):
    """A match and what undid it, both a day late, the second first; in between, the silence had closed nothing wrongly."""
    chosen = [("DescribeAlarms", 4, "one"), ("ListFunctions20150331", 9, "one"), ("DescribeAlarms", 20, "one")]
    first, undone, again = make(chosen)
    early = run(tmp_path, template, [([first, undone, again], [(0, HOURS)])], 1000, at_once=False)
    late = run(tmp_path, template, [([again], [(0, 6)]), ([], [(6, HOURS)]), ([undone], []), ([first], [])], 1, at_once=False)
    assert late == early
    about = [changes for (mapping, _), changes in late.findings.items() if mapping.endswith("1")]
    (changes,) = [changes for changes in about if changes[0][1] != "satisfied"]
    assert [state for _, state in changes] == ["not-satisfied", "closed", "not-satisfied", "closed"]


def test_i7_a_gap_that_is_filled_late_changes_controls_at_the_times_of_their_findings(template, tmp_path):
    """Silence went stale in the gap, came back, and is stale at the end: filling the gap undoes the first and says the last."""
    kit = Kit(tmp_path / "gap", template)
    try:
        kit.clock.pass_time(2 * HOURS * HOUR)
        epoch = kit.epoch()
        covered = [[(0, 4)], [(20, 26)], [(4, 20)]]
        periods = [(kit.clock.now + n, kit.clock.now + n + 1) for n in range(len(covered))]
        attempts = kit.ledger.register("trail", epoch, periods, "scheduled")
        for attempt, period, pieces in zip(attempts, periods, covered, strict=True):
            deliver(kit, attempt, epoch, [], pieces, period)
            kit.worker.drain()
        kit.keeper.tick()
        check_whole(kit.path)
    finally:
        kit.close()
