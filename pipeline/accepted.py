"""What exceptions make of a fold: while one covers a finding that is not satisfied, it is accepted. When it ends they are back.

Folds know nothing of exceptions: `accepted` is not-satisfied to them (`unaccepted`); `accept` lays exceptions over their steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipeline.fold import Folded, Step
from store.changes import Accepted
from store.records import State


def unaccepted(state: State | None) -> State | None:
    """The state without exceptions."""
    return State.NOT_SATISFIED if state is State.ACCEPTED else state


def accept(base: State | None, folded: Folded, spans: Sequence[Accepted], start: int, now: int) -> Folded:
    """The fold with exceptions laid over it.

    `base` is what stands before `start`, exceptions included. What exceptions begin or end after the fold's last step is applied
    up to `now`; `due_at` is when the one that covers the finding then ends.
    """
    if not spans:
        return folded
    steps = {step.event_time: step for step in folded.steps}
    last = max(now, *steps) if steps else now
    edges = {edge for span in spans for edge in (span.start, span.end) if start <= edge <= last}
    raw, shown = unaccepted(base), base
    laid: list[Step] = []
    for time in sorted(steps.keys() | edges):
        step = steps.get(time)
        raw = step.state if step is not None else raw
        cover = _covering(spans, time) if raw is State.NOT_SATISFIED else None
        after = State.ACCEPTED if cover is not None else raw
        if step is not None and cover is not None:
            laid.append(Step(time, State.ACCEPTED, (*step.cites, cover.idx), f"{step.reason}; accepted by an exception"))
        elif step is not None:
            laid.append(step)
        elif after is not shown and after is not None:
            laid.append(_edge(spans, time, cover, after))
        shown = after
    ends = [_end(spans, last)] if shown is State.ACCEPTED else []
    due_at = min([*ends, *([folded.due_at] if folded.due_at is not None else [])], default=None)
    return replace(folded, steps=tuple(laid), due_at=due_at)


def _edge(spans: Sequence[Accepted], time: int, cover: Accepted | None, after: State) -> Step:
    """A step that an exception alone makes."""
    if cover is not None:
        return Step(time, State.ACCEPTED, (cover.idx,), "accepted by an exception")
    by = next((span.ended_by for span in spans if span.end == time and span.ended_by is not None), None)
    return Step(time, after, (), "the exception expired") if by is None else Step(time, after, (by,), "the exception was revoked")


def _covering(spans: Sequence[Accepted], time: int) -> Accepted | None:
    """The exception that covers a time; of several, the one that holds longest."""
    return max((s for s in spans if s.start <= time < s.end), key=lambda s: (s.end, s.idx), default=None)


def _end(spans: Sequence[Accepted], time: int) -> int:
    """Until when a time that is covered stays so without a break."""
    while (cover := _covering(spans, time)) is not None:
        time = cover.end
    return time
