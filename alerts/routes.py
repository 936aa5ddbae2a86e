"""Routes: which alert goes to which notifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from alerts.base import Notifier
from alerts.hours import Digest, Quiet
from alerts.meaning import LEVELS, closes, level_of, undigested, untold
from pipeline.rules.annex import THEMES
from store.outbox import ACKNOWLEDGEMENT, BASELINE, Assigned, Drifted

ROUTE: Final = "route"
"""Kind of the drift of a route that does not deliver; its key is route/NAME."""


def theme_of(control: str) -> str:
    """The theme of a control, "" for what is no control's id."""
    clause = control.split(".")[1] if control.count(".") == 2 else ""
    return THEMES[int(clause)][0] if clause.isdigit() and int(clause) in THEMES else ""


@dataclass(frozen=True, slots=True)
class Filters:
    """What a route asks for. Every filter that is set must fit; within one filter any of its values. `level` and above."""

    themes: frozenset[str] = frozenset()
    controls: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    level: str = LEVELS[0]

    @property
    def narrow(self) -> bool:
        """True where it asks for some findings only."""
        return bool(self.themes or self.controls) or self.level != LEVELS[0]

    def place_fits(self, source: str, account: str) -> bool:
        """Do source and account fit?"""
        return (not self.sources or source in self.sources) and (not self.accounts or account in self.accounts)

    def subject_fits(self, controls: Sequence[str], level: str) -> bool:
        """Do controls and level fit?"""
        if self.controls and not self.controls & set(controls):
            return False
        if self.themes and not self.themes & {theme_of(control) for control in controls}:
            return False
        return LEVELS.index(level) >= LEVELS.index(self.level)


@dataclass(frozen=True, slots=True)
class Route:
    """A notifier with its name, what it is asked for, and when it is told.

    `after`: only what is open and not acknowledged so many microseconds after it was known. `digest`: all together, then.
    """

    name: str
    notifier: Notifier
    filters: Filters = field(default_factory=Filters)
    after: int | None = None
    quiet: Quiet | None = None
    digest: Digest | None = None

    def assign(self, drift: Drifted) -> Assigned:
        """Whether this drift is to be told here. What closes an alert goes where the alert went, whatever the filters say now.

        A baseline's level and controls are those of the findings that it brings: they are looked at when it is told.
        """
        if drift.kind == ROUTE and drift.key == f"{ROUTE}/{self.name}":
            return Assigned("it is this route that does not deliver")
        if drift.kind == ACKNOWLEDGEMENT:
            return Assigned("this route was not told of it", if_told=self.digest is None)
        reason = untold(drift) if self.digest is None else undigested(drift)
        if reason:
            return Assigned(reason)
        if drift.kind == BASELINE and self.after is not None:
            return Assigned("a summary is not escalated")
        fits = self.filters.place_fits(drift.source, drift.account)
        if fits and drift.kind != BASELINE:
            fits = self.filters.subject_fits(drift.controls, level_of(drift))
        return Assigned() if fits else Assigned("this route does not ask for it", if_told=closes(drift))
