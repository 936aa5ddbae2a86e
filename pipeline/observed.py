"""The fold of a finding about something that is looked at again and again: a resource's state, a ticket, a tool's finding.

Each look says how the subject stood. What stands unchanged is not written again: windows that read its part
to the end say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.fold import Folded, Span, Step, join
from store.changes import Input, Stretch
from store.records import MappingRecord, State, Verdict

OPPOSITE = {State.SATISFIED: State.NOT_SATISFIED, State.NOT_SATISFIED: State.SATISFIED}
_SAYS = frozenset({Verdict.MATCHED, Verdict.NOT_MATCHED})
_ENDS = {
    Verdict.GONE: (State.RETIRED, "not there any more, or no longer of those that are judged"),
    Verdict.SUPERSEDED: (State.RETIRED, "a newer one speaks in its place"),
    Verdict.UNTIL: (State.CLOSED, "undone"),
    Verdict.CLOSED: (State.CLOSED, "closed by a person or its ticket"),
}
_SILENT = (None, State.CLOSED, State.RETIRED)
_STALE = "not seen to the end in time"


@dataclass(frozen=True, slots=True)
class Seen:
    """Delivery spans in which the part was read to the end, and the window entry that began each."""

    spans: Sequence[Span] = ()
    entries: Sequence[int] = ()


def seen(stretches: Sequence[Stretch], held: int) -> Seen:
    """What was read of a part under sets that held the mapping since `held`."""
    entries = {s.start: s.idx for s in sorted(stretches, key=lambda s: -s.idx) if s.held >= held}
    spans = join(stretches, held)
    return Seen(spans, [entries[start] for start, _ in spans])


@dataclass(slots=True)
class _Fold:
    record: MappingRecord
    seen: Seen
    state: State | None
    last: Input | None = None
    """The last look that said something."""
    unsure_since: int | None = None
    """When the first look after it could not be judged: from then on it only ages."""
    steps: list[Step] = field(default_factory=list)

    def step(self, time: int, state: State, cites: tuple[int, ...], reason: str) -> None:
        if state is not self.state:
            self.steps.append(Step(time, state, cites, reason))
        self.state = state

    def take(self, item: Input) -> None:
        """One look, or what ends the finding."""
        if item.verdict in _SAYS:
            said = State(self.record.finding)
            if item.verdict is Verdict.NOT_MATCHED:
                said = OPPOSITE[said] if self.record.two_sided else State.CLOSED
            if said is not State.CLOSED:
                self.step(item.event_time, said, (item.idx,), "matched" if item.verdict is Verdict.MATCHED else "does not match")
            elif self.state not in _SILENT:
                self.step(item.event_time, said, (item.idx,), "does not match any more")
            self.last, self.unsure_since = item, None
        elif item.verdict is Verdict.ERROR:
            if self.state in _SILENT:
                self.step(item.event_time, State.ERROR, (item.idx,), "could not be judged")
            self.unsure_since = item.event_time if self.unsure_since is None else self.unsure_since
        elif self.state not in _SILENT and (item.verdict not in (Verdict.UNTIL, Verdict.CLOSED) or self._closable()):
            after, reason = _ENDS[item.verdict]
            self.step(item.event_time, after, (item.idx,), reason)

    def _closable(self) -> bool:
        """What a resource's state says only its next sighting changes; a ticket's or another tool's finding can be closed."""
        return self.state is State.NOT_SATISFIED and self.record.kind not in ("snapshot", "summary")

    def pass_time(self, until: int) -> int | None:
        """What time alone does up to `until` (inclusive); returns when it would do more."""
        if self.last is None:
            return None
        if self.state is State.NOT_SATISFIED:
            return self._end(until, State.CLOSED, "it happened too long ago to stand open")
        if self.state not in (State.SATISFIED, State.STALE):
            return None
        if self.last.ends_at is not None:
            if self.state is State.STALE:
                return None
            if self.record.two_sided:
                return self._end(until, State.RETIRED, "done for long enough")
            return self._end(until, State.STALE, "not said again in time")
        return self._age(until)

    def _end(self, until: int, state: State, reason: str) -> int | None:
        assert self.last is not None
        end = self.last.ends_at
        if end is None or end > until:
            return end
        self.step(max(end, self.last.event_time), state, (), reason)
        return None

    def _age(self, until: int) -> int | None:
        """Satisfied ages from the last time that the subject was seen; read again in time it is as fresh as then."""
        assert self.last is not None
        reach = self.last.fresh_at
        for (start, end), entry in zip(self.seen.spans, self.seen.entries, strict=True):
            begin = max(start, self.last.event_time)
            stop = end if self.unsure_since is None else min(end, self.unsure_since)
            if stop < begin or begin > until:
                continue
            if begin > reach + self.record.max_age:
                self._stale(reach + self.record.max_age)
            if self.state is State.STALE:
                self.step(begin, State.SATISFIED, (entry,), "seen again")
            reach = max(reach, stop)
        due = reach + self.record.max_age
        if due <= until:
            self._stale(due)
        return due if self.state is State.SATISFIED else None

    def _stale(self, time: int) -> None:
        if self.state is State.SATISFIED:
            assert self.last is not None
            self.step(max(time, self.last.event_time), State.STALE, (), _STALE)


def fold_observed(record: MappingRecord, base: State | None, inputs: Sequence[Input], seen: Seen, due: Span) -> Folded:
    """A mapping over observations: each look that can be judged says so of its subject, in the order of looking.

    `base` is what stands before the inputs, the first of which says something or follows nothing that did. What could not be
    judged changes nothing: the last verdict stands and ages. `due`: from and up to when what time does at the end is applied.
    """
    fold = _Fold(record, seen, base)
    for item in sorted(inputs, key=_order):
        fold.pass_time(item.event_time - 1)
        fold.take(item)
    count = len(fold.steps)
    due_at = fold.pass_time(due[1])
    tail = fold.steps[count:]
    if tail and not tail[-1].cites and tail[-1].event_time < due[0]:
        due_at = fold.steps.pop().event_time  # it waits: an attempt that is open may still change it
    return Folded(tuple(fold.steps), fold.last, due_at=due_at)


def _order(item: Input) -> tuple[int, bool, int]:
    """By time of looking; what ends a finding comes before a look at the same time, so that what is seen then stands."""
    return item.event_time, item.verdict in _SAYS, item.idx
