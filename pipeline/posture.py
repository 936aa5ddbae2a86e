"""Posture: what a batch changes in findings, controls and drift. Pure: the store shows a View and writes the Changes.

The heart of the product: a control reads satisfied only when something spoke for it, recently, and nothing speaks against it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from pipeline.accepted import accept, unaccepted
from pipeline.attested import fold_attested
from pipeline.fold import Covered, Folded, Span, Step, differences, fold_open, fold_silence, fold_spoken, join
from pipeline.observed import Seen, fold_observed, seen
from store.attested import KIND as ATTESTATION
from store.attested import SOURCE as ATTESTED
from store.changes import (
    Changes,
    ControlChange,
    FindingView,
    HeldMapping,
    NewRow,
    PartView,
    Present,
    View,
)
from store.records import ControlState, DriftRow, MappingRecord, State, part_of
from store.status import control_state


def decide(view: View) -> Changes:
    """Fold every finding of the view, and say which rows, present rows, control changes and drift follow.

    A finding whose mapping the view does not hold is retired: its mapping is no longer in the active set.
    """
    rows: list[NewRow] = []
    presents: list[Present] = []
    drifts: list[DriftRow] = []
    covers = Covers(view.parts)
    for finding in view.findings:
        held = _held(view, finding)
        folded = _fold(view, finding, held, covers)
        if held is not None:
            folded = accept(finding.base, folded, finding.accepted, min(finding.floor, finding.row_time + 1), view.now)
        steps = differences(finding.base, finding.rows, folded.steps, State.NOT_ASSESSED if finding.silence else State.CLOSED)
        first = len(rows)
        before = finding.base
        standing = {row.event_time: row.state for row in sorted(finding.rows, key=lambda r: r.idx)}
        for step in steps:
            earlier = [t for t in standing if t <= step.event_time]
            was = standing[max(earlier)] if earlier else before
            rows.append(NewRow(finding.mapping, finding.subject, step.event_time, was, step.state, step.cites, step.reason))
            standing[step.event_time] = step.state
        present = _present(finding, folded, standing)
        if present is None:
            continue
        presents.append(present)
        if held is not None:
            drifts.extend(_finding_drift(view, finding, held, present, rows, first))
        elif finding.state is State.NOT_SATISFIED and len(rows) > first:
            drifts.append(_retirement(view, finding, present, first))
    controls = _controls(view, presents)
    drifts.extend(_control_drift(view, controls, presents))
    drifts.extend(_baselines(view))
    return Changes(tuple(rows), tuple(presents), tuple(controls), tuple(drifts))


def _held(view: View, finding: FindingView) -> HeldMapping | None:
    """The mapping, if it still says anything about such a finding."""
    held = view.mappings.get(finding.mapping)
    if held is None or held.record.finding == "evidence" or (finding.silence and not held.record.voiced):
        return None
    return held


def _due(view: View, part: PartView) -> Span:
    """Due times of this part that may be applied: up to now, but not those that an open attempt may still change."""
    return (part.waits_until or 0, view.now)


def _fold(view: View, finding: FindingView, held: HeldMapping | None, covers: Covers) -> Folded:
    if held is None:
        return Folded((Step(finding.floor, State.RETIRED, (), "mapping no longer held"),))
    mapping = held.record
    part, base = view.parts[finding.part_id], unaccepted(finding.base)
    if finding.silence:
        lateness = None if mapping.observes else part.lateness
        return fold_silence(base, part.stretches, held.held, lateness, mapping.max_age, _due(view, part))
    if mapping.kind == ATTESTATION:
        return fold_attested(base, finding.matched, finding.inputs, _due(view, part))
    if mapping.observes:
        return fold_observed(mapping, base, finding.inputs, covers.seen(part, held.held), _due(view, part))
    if mapping.finding == "satisfied":
        return fold_spoken(base, finding.matched, finding.inputs, mapping.max_age, _due(view, part))
    return fold_open(base, finding.matched, finding.inputs, covers.under(held.held), mapping.quiet_for)


def covered(parts: Mapping[int, PartView], held: int) -> dict[int, Covered]:
    """What is covered of each part under sets that held a mapping since `held`."""
    return {id_: Covered((p.source, p.part), join(p.stretches, held), p.lateness) for id_, p in parts.items()}


class Covers:
    """`covered` for the mappings of one view, worked out once for all that are held since the same set."""

    def __init__(self, parts: Mapping[int, PartView]) -> None:
        self._parts = parts
        self._made: dict[int, dict[int, Covered]] = {}
        self._seen: dict[tuple[int, int], Seen] = {}

    def under(self, held: int) -> dict[int, Covered]:
        """What is covered under sets since `held`."""
        if held not in self._made:
            self._made[held] = covered(self._parts, held)
        return self._made[held]

    def seen(self, part: PartView, held: int) -> Seen:
        """What was read of a part of observations, under sets since `held`."""
        key = (part.part_id, held)
        if key not in self._seen:
            self._seen[key] = seen(part.stretches, held)
        return self._seen[key]


def _present(finding: FindingView, folded: Folded, standing: Mapping[int, State]) -> Present | None:
    """The present row follows the last state; None when nothing was ever said and nothing is."""
    if not standing and finding.base is None:
        return None
    state, row_time = finding.base, finding.row_time
    since = finding.since
    for time in sorted(standing):
        if standing[time] is not state:
            since = time
        state, row_time = standing[time], max(time, row_time)
    assert state is not None
    matched = folded.matched
    return Present(
        mapping=finding.mapping,
        subject=finding.subject,
        part_id=matched.part_id if matched is not None else finding.part_id,
        silence=finding.silence,
        state=state,
        since=since,
        row_time=row_time,
        input_time=max((i.event_time for i in finding.inputs), default=0),
        matched_at=matched.event_time if matched is not None else None,
        matched_fresh=matched.fresh_at if matched is not None else None,
        quiet_at=folded.quiet_at,
        due_at=folded.due_at,
        errors=finding.errors,
        before=finding.state,
    )


def _delivery(part: PartView, loud: bool = True) -> str:
    if part.baseline:
        return "summary"
    return "alert" if loud and not part.digest_only else "digest"


def _loud(mapping: MappingRecord, before: State | None, after: State) -> bool:
    """Whether somebody is to be called: of what is observed, only for what is wrong and for what is right again."""
    return not mapping.observes or State.NOT_SATISFIED in (before, after)


def _finding_drift(
    view: View, finding: FindingView, held: HeldMapping, present: Present, rows: Sequence[NewRow], first: int
) -> Iterable[DriftRow]:
    """One drift per row at the end of the history, or one when the last state changed by a row in the past.

    Silence is told at the control, where all of it meets.
    """
    if finding.silence:
        return
    mapping, part = held.record, view.parts[present.part_id]
    new = list(enumerate(rows[first:], start=first))
    told = [(i, row) for i, row in new if finding.state is None or row.event_time >= finding.row_time]
    if not told and present.state is not finding.state and new:
        told = [new[-1]]
    for i, row in told:
        account = _account(view, finding, part)
        yield DriftRow(
            kind="finding",
            key=f"finding/{finding.mapping}/{account}",
            before=(row.before or State.NOT_ASSESSED).value,
            after=row.state.value,
            controls=mapping.speaks_for(),
            level=mapping.level,
            event_time=row.event_time,
            delivery=_delivery(part, _loud(mapping, row.before, row.state)),
            text=mapping.title,
            mapping=finding.mapping,
            subject=finding.subject,
            account=account,
            source=part.source,
            row=i,
        )


def _account(view: View, finding: FindingView, part: PartView) -> str:
    """The account that an alert is of: the one that the subject's name begins with (a ticket's host, say), where it is an ARN
    the ARN's, else the part's. A person's statement is of none."""
    name = view.accounts.get(finding.subject, part.part)
    if part.source == ATTESTED:
        return ""
    if name.startswith("arn:"):  # arn:partition:service:region:account:resource, no account for a bucket
        return "".join(name.split(":")[4:5]) or part.part.split("/")[0]
    return name.split("/")[0] or part.part.split("/")[0]  # Google's full names begin with //


def _retirement(view: View, finding: FindingView, present: Present, row: int) -> DriftRow:
    """An open finding whose mapping is no longer held: whoever was alerted hears that nobody watches it any more."""
    part = view.parts[present.part_id]
    account = _account(view, finding, part)
    return DriftRow(
        kind="finding",
        key=f"finding/{finding.mapping}/{account}",
        before=State.NOT_SATISFIED.value,
        after=present.state.value,
        controls=(),
        level="informational",
        event_time=present.since,
        delivery=_delivery(part),
        text="a mapping that is no longer held",
        mapping=finding.mapping,
        subject=finding.subject,
        account=account,
        source=part.source,
        row=row,
    )


def _controls(view: View, presents: Sequence[Present]) -> list[ControlChange]:
    """Present rows of the controls that these findings speak for, whether or not their state changes."""
    deltas: dict[str, Counter[State]] = defaultdict(Counter)
    for present in presents:
        if present.before is not present.state:
            if present.before is not None:
                deltas[present.mapping][present.before] -= 1
            deltas[present.mapping][present.state] += 1
    changes = []
    for id_, control in view.controls.items():
        voices = view.voices.get(id_, ())
        total: Counter[State] = Counter()
        for mapping in voices:
            for counts in (view.tallies.get(mapping, {}), deltas.get(mapping, {})):
                for state, n in counts.items():
                    total[state] += n
        state_now = control_state(total, applicable=control.applicable)
        since = control.since
        if state_now is not control.state:
            said = ControlState.NOT_APPLICABLE in (state_now, control.state)  # by a statement, which holds from now on
            since = view.now if said else _since(view, voices, presents, state_now)
        changes.append(
            ControlChange(
                id=id_,
                before=control.state,
                state=state_now,
                since=since,
                not_satisfied=total[State.NOT_SATISFIED],
                satisfied=total[State.SATISFIED],
                stale=total[State.STALE],
                accepted=total[State.ACCEPTED],
            )
        )
    return changes


def _since(view: View, voices: Sequence[str], presents: Sequence[Present], state: ControlState) -> int:
    """Since when a control is in its new state: the change of a finding, in the order of events, that made it so for good."""
    total: Counter[State] = Counter()
    for mapping in voices:
        total.update(view.tallies.get(mapping, {}))
    moved = sorted((p for p in presents if p.mapping in voices and p.before is not p.state), key=lambda p: p.since)
    since, now = max((p.since for p in moved), default=view.now), control_state(total)
    for present in moved:
        if present.before is not None:
            total[present.before] -= 1
        total[present.state] += 1
        before, now = now, control_state(total)
        if now is state and before is not state:
            since = present.since
    return since


def _control_drift(view: View, controls: Sequence[ControlChange], presents: Sequence[Present]) -> Iterable[DriftRow]:
    """A control's change that a finding causes is told in the finding's alert; its own is told when silence or time did it."""
    moved = [p for p in presents if p.before is not p.state]
    told = [p for p in moved if not p.silence and p.state is not State.RETIRED]  # who retires a mapping knows it
    loud = {p.mapping for p in told if ControlState.STALE.value not in (p.state.value, str(p.before))}
    for change in controls:
        if change.before is change.state:
            continue
        voices = set(view.voices.get(change.id, ()))
        stale = ControlState.STALE in (change.before, change.state)
        parts = [view.parts[p.part_id] for p in moved if p.mapping in voices and p.part_id in view.parts]
        delivery = "alert" if stale else "digest"
        if loud & voices:
            delivery = "told"
        elif parts and all(p.baseline for p in parts):
            delivery = "summary"
        yield DriftRow(
            kind="control",
            key=f"control/{change.id}/{'stale' if stale else 'state'}",
            before=change.before.value,
            after=change.state.value,
            controls=(change.id,),
            level="medium" if change.state in (ControlState.STALE, ControlState.NOT_SATISFIED) else "informational",
            event_time=change.since if change.since is not None else view.now,
            delivery=delivery,
            text="",
            source=parts[0].source if parts else "",
        )


def _baselines(view: View) -> Iterable[DriftRow]:
    """The first window of a part is told once, as a summary: of all that was observed in it."""
    told: set[tuple[str, str]] = set()
    for part in view.parts.values():
        name = part_of(part.part)
        if part.baseline_idx is not None and (part.source, name) not in told:
            told.add((part.source, name))
            yield DriftRow(
                kind="baseline",
                key=f"source/{part.source}/{name}/baseline",
                before="",
                after="complete",
                controls=(),
                level="informational",
                event_time=view.now,
                delivery="alert",
                text=f"{part.source}: first window" + (f" of {name}" if name else ""),
                account=name.split("/")[0],
                source=part.source,
                idx=part.baseline_idx,
            )
