"""A route that does not deliver is drift of its own, `route/NAME`: told on the others, and over when nothing of it waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Engine

from alerts.routes import ROUTE
from alerts.text import plain
from store import outbox_context as context
from store.engine import reading
from store.outbox import failing, failing_routes
from store.records import DriftRow
from store.times import Clock

FINE: Final = "delivering"
BAD: Final = "undeliverable"
GONE: Final = "removed"
Tell = Callable[[DriftRow], None]
"""Puts a drift into the outbox. Raises StoreError."""


@dataclass(slots=True)
class Trouble:
    """Says of each route when it stops to deliver and when it delivers again, once each. What it said stands in the store.

    With no `tell` nothing is said.
    """

    engine: Engine
    clock: Clock
    tell: Tell | None = None
    _bad: dict[str, bool] = field(default_factory=dict)

    def failed(self, route: str, error: str) -> None:
        """A delivery of the route counts as undeliverable; `error` is a sentence without secrets."""
        if self.tell is not None and not self._is_bad(route):
            text = f"route {route}: alerts cannot be delivered: {plain(error)}"
            self._say(route, FINE, BAD, text)
            self._bad[route] = True

    def settled(self, route: str) -> None:
        """A delivery of the route is settled: it was the last that could not be delivered, perhaps."""
        if self.tell is not None and self._is_bad(route) and not failing(self.engine, route):
            self._say(route, BAD, FINE, f"route {route}: alerts are delivered again")
            self._bad[route] = False

    def begin(self, routes: Iterable[str]) -> None:
        """What was said of a route that is no longer in the settings ends; what could be settled meanwhile is."""
        if self.tell is None:
            return
        names = set(routes)
        for route in failing_routes(self.engine):
            if route in names:
                self.settled(route)
            else:
                text = f"route {route}: it is no longer in the settings; what waited there is not delivered"
                self._say(route, BAD, GONE, text)

    def _is_bad(self, route: str) -> bool:
        if route not in self._bad:
            with reading(self.engine) as connection:
                last = context.newest_of(connection, f"{ROUTE}/{route}")
            self._bad[route] = last is not None and last.after == BAD
        return self._bad[route]

    def _say(self, route: str, before: str, after: str, text: str) -> None:
        assert self.tell is not None
        self.tell(DriftRow(ROUTE, f"{ROUTE}/{route}", before, after, (), "high", self.clock(), "alert", text))
