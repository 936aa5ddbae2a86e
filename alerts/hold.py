"""Whether an alert goes out now, later or not at all: silences, quiet hours, escalation. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alerts.base import Action, Alert
from alerts.meaning import LEVELS, opens
from alerts.routes import Route
from alerts.text import when
from store.outbox import Drifted
from store.records import DAY
from store.silences import Silence


@dataclass(frozen=True, slots=True)
class Later:
    """It is looked at again at `until`, at the latest a day from now."""

    until: int
    reason: str


@dataclass(frozen=True, slots=True)
class Never:
    """It is not told on this route."""

    reason: str


def decide(
    alert: Alert, route: Route, drifts: Sequence[Drifted], now: int, silences: Iterable[Silence], acknowledged: bool
) -> Later | Never | None:
    """None: it goes out now. What resolves or acknowledges an alert that was told always does."""
    if alert.action in (Action.ACKNOWLEDGE, Action.DIGEST) or (alert.action is Action.RESOLVE and not alert.brief):
        return None
    # 1. An escalation is for what is open, and for what nobody has taken on.
    if route.after is not None:
        if alert.brief:
            return Never("it was over before it was escalated")
        known = min((d.recorded_at for d in drifts if opens(d)), default=drifts[0].recorded_at)
        if alert.action is Action.TRIGGER:
            if acknowledged:
                return Never("it was acknowledged before it was escalated")
            if now < known + route.after:
                return Later(min(known + route.after, now + DAY), "held: it is escalated unless it is acknowledged")
    # 2. A silence ends before people are told; what was over before its end is not told at all.
    for silence in silences:
        if silence.holds(now) and matches(silence, alert, route.name):
            if alert.brief:
                return Never(f"it was over while silence {silence.id} held")
            return Later(min(silence.until, now + DAY), f"held by silence {silence.id} until {when(silence.until)}")
    # 3. Quiet hours.
    if route.quiet is not None and LEVELS.index(alert.level) < route.quiet.level:
        until = route.quiet.until(now)
        if until is not None:
            return Later(min(until, now + DAY), f"held by quiet hours until {when(until)}")
    return None


def matches(silence: Silence, alert: Alert, route: str) -> bool:
    """Whether all that the silence names fits."""
    have = {
        "key": {alert.key},
        "mapping": {alert.mapping},
        "account": {alert.account},
        "source": {alert.source},
        "control": set(alert.controls),
        "route": {route},
    }
    return bool(silence.match) and all(value in have.get(key, set()) for key, value in silence.match.items())
