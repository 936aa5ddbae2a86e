"""Folds: the states of one finding as a pure function of what speaks to it, and how they differ from the rows that stand.

The order is by event time, never by arrival. At the same time an `until` comes before a match, so that a doubt stays open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from store.changes import Input, Row, Stretch
from store.records import State, Verdict

Span = tuple[int, int]
_SILENT = (State.SATISFIED, State.NOT_ASSESSED, State.STALE)
_CLOSES = {Verdict.UNTIL: "undone", Verdict.CLOSED: "closed by a person"}


@dataclass(frozen=True, slots=True)
class Covered:
    """A part by (source, part): the delivery spans that are covered, and its source's lateness."""

    name: tuple[str, str]
    spans: Sequence[Span]
    lateness: int


@dataclass(frozen=True, slots=True)
class Step:
    """From `event_time` on the finding is `state`, because of the entries `cites` (none: time did it)."""

    event_time: int
    state: State
    cites: tuple[int, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Folded:
    """The steps of a fold and what follows from its end. `due_at` is when time alone makes the finding stale.

    `quiet_at` is the delivery time up to which coverage must reach, at the earliest, for an open finding to close by silence.
    """

    steps: tuple[Step, ...]
    matched: Input | None = None
    quiet_at: int | None = None
    due_at: int | None = None


def join(stretches: Iterable[Stretch], held: int = 0) -> list[Span]:
    """Delivery spans that hold together, from stretches judged under sets that held the mapping since `held`."""
    spans: list[Span] = []
    for stretch in sorted((s for s in stretches if s.held >= held), key=lambda s: (s.start, s.end)):
        if spans and (stretch.start <= spans[-1][1] or (stretch.joins and stretch.start - spans[-1][1] <= stretch.bridge)):
            spans[-1] = (spans[-1][0], max(spans[-1][1], stretch.end))
        else:
            spans.append((stretch.start, stretch.end))
    return spans


def quiet_point(spans: Sequence[Span], lateness: int, after: int, need: int) -> tuple[int | None, int]:
    """Event time at which `need` of covered time after `after` is full, or None; and the delivery time it takes at least."""
    left = need
    reached = after
    for start, end in spans:
        begin, stop = max(start, after), end - lateness
        if stop <= begin:
            continue
        if stop - begin >= left:
            return begin + left, begin + left + lateness
        left -= stop - begin
        reached = stop
    return None, reached + left + lateness


def _order(inputs: Iterable[Input], parts: Mapping[int, Covered]) -> list[Input]:
    """By event time; what is said at the same time by what it says itself, as far as that makes a difference."""

    def key(item: Input) -> tuple[int, bool, int, tuple[str, str], int]:
        name = parts[item.part_id].name if item.part_id in parts else ("", "")
        return item.event_time, item.verdict is Verdict.MATCHED, item.fresh_at, name, item.idx

    return sorted(inputs, key=key)


def fold_open(
    base: State | None, matched: Input | None, inputs: Sequence[Input], parts: Mapping[int, Covered], quiet_for: int
) -> Folded:
    """A not-satisfied log mapping: a match opens, an `until` match closes, so does `quiet_for` of covered time without a match.

    The part of the last match is the one that must be covered.
    """
    steps: list[Step] = []
    state, last = base, matched

    def quiet() -> tuple[int | None, int | None]:
        if state is not State.NOT_SATISFIED or last is None:
            return None, None
        part = parts[last.part_id]
        return quiet_point(part.spans, part.lateness, last.event_time, quiet_for)

    for item in _order(inputs, parts):
        point, _ = quiet()
        if point is not None and point <= item.event_time:
            steps.append(Step(point, State.CLOSED, (), "no further match in covered time"))
            state = State.CLOSED
        if item.verdict is Verdict.MATCHED:
            if state is not State.NOT_SATISFIED:
                steps.append(Step(item.event_time, State.NOT_SATISFIED, (item.idx,), "matched"))
            state, last = State.NOT_SATISFIED, item
        elif item.verdict in _CLOSES and state is State.NOT_SATISFIED:
            steps.append(Step(item.event_time, State.CLOSED, (item.idx,), _CLOSES[item.verdict]))
            state = State.CLOSED
        elif item.verdict is Verdict.ERROR and state is None:
            steps.append(Step(item.event_time, State.ERROR, (item.idx,), "could not be judged"))
            state = State.ERROR
    point, quiet_at = quiet()
    if point is not None:
        steps.append(Step(point, State.CLOSED, (), "no further match in covered time"))
        quiet_at = None
    return Folded(tuple(steps), last, quiet_at)


def fold_spoken(base: State | None, matched: Input | None, inputs: Sequence[Input], max_age: int, due: Span) -> Folded:
    """A satisfied-on-match log mapping: a match says satisfied until nothing newer came for `max_age`.

    `due`: from and up to when staleness that is due at the end is applied.
    """
    steps: list[Step] = []
    state, last = base, matched
    for item in _order(inputs, {}):
        if item.verdict is Verdict.MATCHED and item.fresh_at + max_age <= item.event_time:
            continue  # dated so far ahead of its collection that it was never fresh
        if last is not None and state is State.SATISFIED and last.fresh_at + max_age <= item.event_time:
            steps.append(Step(last.fresh_at + max_age, State.STALE, (), "not said again in time"))
            state = State.STALE
        if item.verdict is Verdict.MATCHED:
            if state is not State.SATISFIED:
                steps.append(Step(item.event_time, State.SATISFIED, (item.idx,), "matched"))
            state, last = State.SATISFIED, item
        elif item.verdict is Verdict.ERROR and state is None:
            steps.append(Step(item.event_time, State.ERROR, (item.idx,), "could not be judged"))
            state = State.ERROR
    if state is not State.SATISFIED or last is None:
        return Folded(tuple(steps), last)
    due_at = last.fresh_at + max_age
    if due[0] <= due_at <= due[1]:
        return Folded((*steps, Step(due_at, State.STALE, (), "not said again in time")), last)
    return Folded(tuple(steps), last, due_at=due_at)


def fold_silence(
    base: State | None, stretches: Sequence[Stretch], held: int, lateness: int | None, max_age: int, due: Span
) -> Folded:
    """A two-sided log mapping's silence in one part: satisfied from the start of a covered span, stale when coverage ends.

    A span too short to outlast the source's lateness keeps the voice fresh and says nothing (`not-assessed`). So does every span
    where `lateness` is None: a mapping over observations speaks by what it sees, and its voice is that the part was read.
    """
    spans = join(stretches, held)
    before = [s.end for s in stretches if s.held < held and (not spans or s.start < spans[0][0])]
    end = max(before) if before else None
    cites = {s.start: s.idx for s in sorted(stretches, key=lambda s: -s.idx) if s.held >= held}
    steps: list[Step] = []
    state = base if base in _SILENT else None
    for start, stop in spans:
        if end is not None and state in (State.SATISFIED, State.NOT_ASSESSED) and start > end + max_age:
            steps.append(Step(end + max_age, State.STALE, (), "nothing covered since"))
            state = State.STALE
        if lateness is not None and stop - lateness > start:
            if state is not State.SATISFIED:
                steps.append(Step(start, State.SATISFIED, (cites[start],), "no match in covered time"))
                state = State.SATISFIED
        elif state in (None, State.STALE):
            steps.append(
                Step(
                    start,
                    State.NOT_ASSESSED,
                    (cites[start],),
                    "covered for too short a time" if lateness is not None else "read to the end",
                )
            )
            state = State.NOT_ASSESSED
        end = max(stop, end) if end is not None else stop
    if end is None or state in (None, State.STALE):
        return Folded(tuple(steps))
    due_at = end + max_age if not spans else spans[-1][1] + max_age
    if due[0] <= due_at <= due[1]:
        return Folded((*steps, Step(due_at, State.STALE, (), "nothing covered since")))
    return Folded(tuple(steps), due_at=due_at)


def differences(base: State | None, rows: Sequence[Row], steps: Sequence[Step], nothing: State) -> list[Step]:
    """The rows to write so that the rows that stand say what the steps say; at one time the greatest index stands.

    `nothing` is the state that undoes a row where the fold says nothing at all.
    """
    standing: dict[int, Row] = {}
    for row in sorted(rows, key=lambda r: r.idx):
        standing[row.event_time] = row
    wanted = {step.event_time: step for step in steps}
    before = base
    current: Step | None = None
    written: list[Step] = []
    for time in sorted(standing.keys() | wanted.keys()):
        current = wanted.get(time, current)
        if time in standing:
            before = standing[time].state
        state = current.state if current is not None else base
        if state is None and before is not None:
            state = nothing
        if state is None or state == before:
            continue
        cites, reason = (current.cites, current.reason) if current is not None else ((), "what came later undid this")
        written.append(Step(time, state, cites, reason))
        before = state
    return written
