"""The fold of an attestation: what its statements say of one control, in the order of when they began to speak."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.fold import Folded, Span, Step
from store.changes import Input
from store.records import State, Verdict

_EXPIRED = "the attestation expired"


def fold_attested(base: State | None, matched: Input | None, inputs: Sequence[Input], due: Span) -> Folded:
    """A statement says satisfied until its `fresh_at` (exclusive), then it is stale; one that says no stays until the next.

    Only the newest counts; what is taken back speaks no more. `due`: from and up to when an end that is due is applied.
    """
    steps: list[Step] = []
    state, last = base, matched
    for item in sorted(inputs, key=lambda i: (i.event_time, i.idx)):
        if last is not None and state is State.SATISFIED and last.fresh_at <= item.event_time:
            steps.append(Step(last.fresh_at, State.STALE, (), _EXPIRED))
            state = State.STALE
        said = {Verdict.MATCHED: State.SATISFIED, Verdict.NOT_MATCHED: State.NOT_SATISFIED}.get(item.verdict, State.CLOSED)
        if said is not state:
            steps.append(Step(item.event_time, said, (item.idx,), _REASONS[said]))
        state = said
        last = item if item.verdict is Verdict.MATCHED else last
    if state is not State.SATISFIED or last is None:
        return Folded(tuple(steps), last)
    if due[0] <= last.fresh_at <= due[1]:
        return Folded((*steps, Step(last.fresh_at, State.STALE, (), _EXPIRED)), last)
    return Folded(tuple(steps), last, due_at=last.fresh_at)


_REASONS = {
    State.SATISFIED: "attested",
    State.NOT_SATISFIED: "attested that it is not in order",
    State.CLOSED: "the attestation was revoked",
}
