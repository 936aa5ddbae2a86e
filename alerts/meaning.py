"""What a drift means for whoever is on call: does it open something, close it, or neither. Pure."""

from __future__ import annotations

from typing import Final

from store.outbox import ACKNOWLEDGEMENT, BASELINE, Drifted
from store.records import State

LEVELS: Final = ("informational", "low", "medium", "high", "critical")

_FINE: Final = frozenset(
    {
        *("", "satisfied", "closed", "retired", "not-assessed", "not-applicable", "collecting", "complete", "agrees"),
        *("valid", "delivering", "removed"),
    }
)
_NEITHER: Final = (BASELINE, ACKNOWLEDGEMENT)
"""Kinds that neither open nor close, and are told all the same."""
_MOMENTS: Final = frozenset({"lost"})
_UNTOLD: Final = {
    "digest": "digest",
    "told": "told in the alert of the finding that caused it",
    "summary": "told in the summary of its source's first window",
}


def opens(drift: Drifted) -> bool:
    """True where something is not well from here on."""
    if drift.kind == "finding":
        return drift.after == State.NOT_SATISFIED.value
    if drift.kind == "control":
        return drift.after == State.STALE.value
    return drift.kind not in _NEITHER and drift.after not in _FINE


def closes(drift: Drifted) -> bool:
    """True where something that was not well no longer is so. An error closes nothing."""
    if drift.kind == "finding":
        return drift.before == State.NOT_SATISFIED.value and drift.after not in (State.NOT_SATISFIED.value, State.ERROR.value)
    if drift.kind == "control":
        return drift.before == State.STALE.value and drift.after != State.STALE.value
    return drift.kind not in _NEITHER and drift.before not in _FINE and drift.after in _FINE


def momentary(drift: Drifted) -> bool:
    """True for what happens and has no end of its own: each is a trigger."""
    return drift.after in _MOMENTS


def untold(drift: Drifted) -> str:
    """Why nobody is alerted of this drift; "" where somebody is."""
    if drift.delivery != "alert":
        return _UNTOLD.get(drift.delivery, f"delivery is {drift.delivery}")
    if drift.kind in _NEITHER or opens(drift) or closes(drift):
        return ""
    return "neither opens nor closes an alert"


def undigested(drift: Drifted) -> str:
    """Why a drift is in no digest; "" where it is. What a finding changed in its control is told as a change of the control."""
    return "" if drift.kind in (BASELINE, "control") or opens(drift) or closes(drift) else "neither opens nor closes an alert"


def level_of(drift: Drifted) -> str:
    """The level, the same when something opens and when it closes."""
    if drift.kind == "control" and State.STALE.value in (drift.before, drift.after):
        return "medium"
    return drift.level if drift.level in LEVELS else "medium"
