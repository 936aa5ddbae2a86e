"""The alert role: takes drift from the outbox and hands it to the routes, at least once, in order per key and route.

Each route has a thread of its own. A delivery is claimed before it is sent and settled after, so that a crash in between sends
the same message, under the same id, once more.
"""

from __future__ import annotations

import secrets
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Final

import structlog
from sqlalchemy import Engine

from alerts.base import AlertError, Repeating, RouteInvalid
from alerts.compose import Sender
from alerts.routes import Route
from alerts.sending import Link, Passed, Sending
from alerts.standing import still_open
from alerts.text import plain
from alerts.trouble import Tell, Trouble
from store import outbox
from store.errors import StoreError
from store.open import read_meta
from store.outbox import Drifted
from store.records import MINUTE
from store.times import Clock

LEASE: Final = MINUTE
"""How long a claimed delivery is nobody else's; longer than any notifier may take."""
POLL: Final = 0.5
AFTER_ERROR: Final = 5.0
GRACE: Final = 20.0
PATIENCE: Final = 60.0
"""Seconds that `run_once` waits for its routes."""


def _chance() -> float:
    return secrets.SystemRandom().random()


class Deliverer:
    """Delivers drift to routes. `link` is the dashboard's address for links, or ""; `jitter` gives numbers within 0..1.

    `tell` puts drift of routes that do not deliver into the outbox, `linked` links findings to a ticket that was opened for them.
    """

    def __init__(
        self,
        engine: Engine,
        routes: Sequence[Route],
        clock: Clock,
        link: str = "",
        *,
        jitter: Callable[[], float] = _chance,
        patience: float = PATIENCE,
        tell: Tell | None = None,
        linked: Link | None = None,
    ) -> None:
        if link and not link.startswith(("https://", "http://")):
            raise RouteInvalid(f"alerts.link: {plain(link)!r} is no address of a dashboard; it begins with https://")
        self._engine = engine
        self._routes = tuple(routes)
        self._clock = clock
        self._link = link
        self._jitter = jitter
        self._linked = linked
        self._patience = patience
        self._trouble = Trouble(engine, clock, tell)
        self._repeated: dict[str, float] = {}
        self._intake = threading.Lock()
        self._log: Any = structlog.get_logger("alerts")

    @cached_property
    def _sender(self) -> Sender:
        return Sender(uuid.UUID(hex=read_meta(self._engine, "store_id").decode()).urn, self._link)

    @cached_property
    def _sending(self) -> Sending:
        return Sending(self._engine, self._clock, self._sender, self._jitter, self._trouble, self._linked)

    def run_once(self) -> Passed:
        """Deliver all that is due now; returns when every route is done, or after `patience` seconds. Raises StoreError."""
        self._sending  # noqa: B018  made once, before the threads
        self._trouble.begin(route.name for route in self._routes)
        self._take_in()
        passed, deadline = Passed(), time.monotonic() + self._patience
        threads = [
            threading.Thread(target=self._drain, args=(route, lambda: time.monotonic() > deadline, passed), daemon=True)
            for route in self._routes
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        passed.late = tuple(r.name for r, thread in zip(self._routes, threads, strict=True) if thread.is_alive())
        if passed.errors:
            raise passed.errors[0]
        return passed

    def loop(self, stop: threading.Event) -> None:
        """Deliver until told to stop. What is being sent then gets a moment to end."""
        threads = [threading.Thread(target=self._follow, args=(route, stop), daemon=True) for route in self._routes]
        self._begin(stop)
        for thread in threads:
            thread.start()
        stop.wait()
        deadline = time.monotonic() + GRACE
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _begin(self, stop: threading.Event) -> None:
        """What must be read before the threads begin; a storage that fails is waited for."""
        while not stop.is_set():
            try:
                self._sending  # noqa: B018
                self._trouble.begin(route.name for route in self._routes)
            except StoreError as error:
                self._log.error("alerts_held_up", error=str(error))
                stop.wait(AFTER_ERROR)
            else:
                return

    def _follow(self, route: Route, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                self._take_in()
                self._pass(route, stop.is_set, Passed())
                self._repeat(route)
            except StoreError as error:
                self._log.error("alerts_held_up", route=route.name, error=str(error))
                stop.wait(AFTER_ERROR)
            except Exception as error:  # noqa: BLE001  the route must live; the same rows are read again
                self._log.error("alerts_held_up", route=route.name, kind=type(error).__name__)
                stop.wait(AFTER_ERROR)
            stop.wait(POLL)

    def _drain(self, route: Route, over: Callable[[], bool], passed: Passed) -> None:
        try:
            while self._pass(route, over, passed) and not over():
                pass
            self._repeat(route)
        except Exception as error:  # noqa: BLE001  handed to whoever waits
            passed.errors.append(error)

    def _take_in(self) -> None:
        with self._intake:
            while outbox.take_in(self._engine, self._assign):
                pass

    def _assign(self, drift: Drifted) -> dict[str, outbox.Assigned]:
        return {route.name: route.assign(drift) for route in self._routes}

    def _pass(self, route: Route, over: Callable[[], bool], passed: Passed) -> int:
        """One try for each lane that is due; returns how many there were."""
        now = self._clock()
        if route.digest is not None:
            digest = outbox.claim_digest(self._engine, route.name, route.digest.slot(now), now, LEASE)
            if digest is not None:
                self._sending.deliver(route, digest, passed)
            return int(digest is not None)
        tried = 0
        for lane in outbox.due(self._engine, route.name, now):
            if over():
                break
            claimed = outbox.claim(self._engine, route.name, lane, self._clock(), LEASE)
            if claimed is not None:
                tried += 1
                self._sending.deliver(route, claimed, passed)
        return tried

    def _repeat(self, route: Route) -> None:
        """Say again what is open, where the receiver forgets it otherwise."""
        notifier, now = route.notifier, time.monotonic()
        if not isinstance(notifier, Repeating) or now < self._repeated.get(route.name, now):
            return
        self._repeated[route.name] = now + notifier.every
        alerts = still_open(self._engine, route, self._sender)
        try:
            if alerts:
                notifier.repeat(alerts)
        except AlertError as error:
            self._log.warning("alerts_not_repeated", route=route.name, error=plain(str(error)))
