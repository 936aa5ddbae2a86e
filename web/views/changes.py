"""What changed: the sentence that leads the first page, and the list of drift beneath it, told once per finding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from store.records import ControlState
from store.reports import ControlStatus, DriftView
from web.catalogue import order
from web.words import counted, in_words, sentence

_RANK: Final = {
    ControlState.NOT_APPLICABLE: 0,
    ControlState.SATISFIED: 0,
    ControlState.NOT_ASSESSED: 1,
    ControlState.STALE: 2,
    ControlState.NOT_SATISFIED: 3,
}
_LOUD: Final = {"not-satisfied": 0, "failing": 0, "error": 1, "gap": 1, "stale": 2}
_STRENGTH: Final = {"strong": 0, "partial": 1, "weak": 2}
_CLASS: Final = {
    "failing": "not-satisfied",
    "gap": "stale",
    "unreadable": "stale",
    "conflict": "not-satisfied",
    "collecting": "satisfied",
    "complete": "satisfied",
}
"""Drift of sources, shown with the shape and colour of the state that it is nearest to."""


@dataclass(slots=True)
class Change:
    """One line of what changed: the newest drift of a finding (or control, or source), and how many more are like it."""

    drift: DriftView
    subjects: list[DriftView] = field(default_factory=list)
    controls: list[str] = field(default_factory=list)

    @property
    def state(self) -> str:
        """The class that gives the line its colour and shape."""
        return _CLASS.get(self.drift.after, self.drift.after)

    @property
    def more(self) -> int:
        """How many subjects beyond the first."""
        return len(self.subjects) - 1


@dataclass(frozen=True, slots=True)
class Moves:
    """Controls that moved between two moments."""

    worse: Sequence[str]
    recovered: Sequence[str]
    assessed: Sequence[str]


def moves(before: Mapping[str, ControlStatus], after: Mapping[str, ControlStatus]) -> Moves:
    """Compare the controls' states. A control that the store had no row of was not assessed."""
    worse, recovered, assessed = [], [], []
    for id_ in sorted(after, key=order):
        was = before[id_].state if id_ in before else ControlState.NOT_ASSESSED
        now = after[id_].state
        if _RANK[now] > _RANK[was]:
            worse.append(id_)
        elif now is ControlState.SATISFIED and was is ControlState.NOT_ASSESSED:
            assessed.append(id_)
        elif _RANK[now] < _RANK[was]:
            recovered.append(id_)
    return Moves(worse, recovered, assessed)


def standing(counts: Mapping[str, int]) -> str:
    """What is not well, in words: "four controls are not satisfied, three are stale"."""
    bad, late, fine = counts.get("not-satisfied", 0), counts.get("stale", 0), counts.get("satisfied", 0)
    said = []
    if bad:
        said.append(f"{in_words(bad)} {'control is' if bad == 1 else 'controls are'} not satisfied")
    if late:
        noun = "" if said else "control " if late == 1 else "controls "
        said.append(f"{in_words(late)} {noun}{'is' if late == 1 else 'are'} stale")
    if not said and fine:
        return "every control that is assessed is satisfied"
    return ", ".join(said) or "nothing has been assessed yet"


def lead(moved: Moves, counts: Mapping[str, int], since: str, *, first: bool, present: bool) -> str:
    """The sentence that the first page begins with. `since` ends it: "in the last 24 hours", "since Friday 16:02"."""
    if first or not present:
        return sentence(standing(counts)) + "."
    if moved.worse:
        one = len(moved.worse) == 1
        text = f"{in_words(len(moved.worse))} {'control' if one else 'controls'} got worse {since}"
        if moved.recovered:
            text += f", {in_words(len(moved.recovered))} recovered"
        return sentence(text) + "."
    if moved.recovered:
        noun = "control" if len(moved.recovered) == 1 else "controls"
        return f"Nothing got worse {since}, {in_words(len(moved.recovered))} {noun} recovered."
    still = standing(counts)
    if counts.get("not-satisfied", 0) or counts.get("stale", 0):
        return f"Nothing changed for the worse {since}; {still}."
    return sentence(still) + "." if still.startswith("nothing") else f"Nothing got worse {since}; {still}."


def newly(moved: Moves) -> str:
    """What the sub-line adds about controls that are assessed for the first time."""
    return f"{counted(len(moved.assessed), 'control')} assessed for the first time" if moved.assessed else ""


def group(drifts: Iterable[DriftView], strengths: Mapping[str, Mapping[str, str]]) -> list[Change]:
    """One line per finding's mapping and state, per control's change, per source: worst first, then newest.

    `drifts` come newest first; of one finding only the newest counts. A control's change that a finding caused is told in the
    finding's line; those that silence or time caused are told together where they are the same. `strengths` says by mapping how
    strongly it speaks to each control: the strongest is named first.
    """
    seen: set[tuple[str, ...]] = set()
    lines: dict[tuple[str, ...], Change] = {}
    for drift in drifts:
        if drift.kind == "control" and drift.delivery == "told":
            continue
        if drift.kind == "finding":
            whose = drift.subject or str(drift.id)  # an erased name is "": it says nothing about being the same
            one: tuple[str, ...] = ("finding", drift.mapping or "", drift.account, whose)
            line: tuple[str, ...] = ("finding", drift.mapping or "", drift.after)
        elif drift.kind == "control":
            one, line = ("control", *drift.controls), ("control", drift.before, drift.after)
        else:
            one, line = (drift.kind, drift.key), (drift.kind, drift.key)
        if one in seen:
            continue
        seen.add(one)
        change = lines.setdefault(line, Change(drift))
        change.subjects.append(drift)
        change.controls.extend(c for c in drift.controls if c not in change.controls)
        if drift.event_time > change.drift.event_time:
            change.drift = drift
    for change in lines.values():
        weights = strengths.get(change.drift.mapping or "", {})
        change.controls.sort(key=lambda c: (_STRENGTH.get(weights.get(c, ""), 3), order(c)))
    return sorted(lines.values(), key=lambda c: (_LOUD.get(c.drift.after, 3), -c.drift.event_time))


def subject_name(drift: DriftView) -> str:
    """The subject without the account before it."""
    prefix = drift.account + "/"
    return drift.subject[len(prefix) :] if drift.account and drift.subject.startswith(prefix) else drift.subject
