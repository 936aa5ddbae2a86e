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
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import structlog
from sqlalchemy import Engine

from alerts.backoff import undeliverable, wait
from alerts.base import AlertError, Refused, Retry, RouteInvalid
from alerts.compose import Sender, compose
from alerts.routes import Route
from alerts.text import plain
from store import outbox
from store.engine import reading
from store.errors import StoreError
from store.open import read_meta
from store.outbox import Claimed, Drifted
from store.records import MINUTE
from store.times import Clock

LEASE: Final = MINUTE
"""How long a claimed delivery is nobody else's; longer than any notifier may take."""
POLL: Final = 0.5
AFTER_ERROR: Final = 5.0
GRACE: Final = 20.0
PATIENCE: Final = 60.0
"""Seconds that `run_once` waits for its routes."""
_ERROR_TEXT: Final = 300


def _chance() -> float:
    return secrets.SystemRandom().random()


@dataclass(slots=True)
class Passed:
    """What one pass did. `late` are routes that were still busy when its time was up."""

    delivered: int = 0
    failed: int = 0
    cancelled: int = 0
    late: tuple[str, ...] = ()
    errors: list[Exception] = field(default_factory=list)


class Deliverer:
    """Delivers drift to routes. `link` is the dashboard's address for links, or ""; `jitter` gives numbers within 0..1."""

    def __init__(
        self,
        engine: Engine,
        routes: Sequence[Route],
        clock: Clock,
        link: str = "",
        *,
        jitter: Callable[[], float] = _chance,
        patience: float = PATIENCE,
    ) -> None:
        if link and not link.startswith(("https://", "http://")):
            raise RouteInvalid(f"alerts.link: {plain(link)!r} is no address of a dashboard; it begins with https://")
        self._engine = engine
        self._routes = tuple(routes)
        self._clock = clock
        self._link = link
        self._jitter = jitter
        self._patience = patience
        self._intake = threading.Lock()
        self._log: Any = structlog.get_logger("alerts")

    @cached_property
    def _sender(self) -> Sender:
        return Sender(uuid.UUID(hex=read_meta(self._engine, "store_id").decode()).urn, self._link)

    def run_once(self) -> Passed:
        """Deliver all that is due now; returns when every route is done, or after `patience` seconds. Raises StoreError."""
        self._sender  # noqa: B018  read once, before the threads
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
        for thread in threads:
            thread.start()
        stop.wait()
        deadline = time.monotonic() + GRACE
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _follow(self, route: Route, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                self._take_in()
                self._pass(route, stop.is_set, Passed())
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
        tried = 0
        for lane in outbox.due(self._engine, route.name, self._clock()):
            if over():
                break
            claimed = outbox.claim(self._engine, route.name, lane, self._clock(), LEASE)
            if claimed is not None:
                tried += 1
                self._deliver(route, claimed, passed)
        return tried

    def _deliver(self, route: Route, claimed: Claimed, passed: Passed) -> None:
        try:
            with reading(self._engine) as connection:
                alert = compose(connection, claimed, route, self._sender)
        except StoreError:
            raise  # the storage's trouble, not this alert's
        except Exception as error:  # noqa: BLE001  one row that cannot be told must not stop its route; counted, tried again
            return self._failed(claimed, f"it could not be put into words: {type(error).__name__}", error, passed)
        if isinstance(alert, str):
            outbox.cancelled(self._engine, claimed, alert)
            passed.cancelled += 1
            return None
        try:
            route.notifier.notify(alert)
        except AlertError as error:
            return self._failed(claimed, plain(str(error), _ERROR_TEXT), error, passed)
        except Exception as error:  # noqa: BLE001  a notifier's fault must not stop its route; counted, tried again
            # Its text may hold anything, a secret too: only its kind is kept.
            return self._failed(claimed, f"the notifier failed with {type(error).__name__}", error, passed)
        outbox.delivered(self._engine, claimed, self._clock())
        passed.delivered += 1
        return None

    def _failed(self, claimed: Claimed, text: str, error: Exception, passed: Passed) -> None:
        passed.failed += 1
        refused = isinstance(error, Refused)
        failing = undeliverable(claimed.attempts, refused)
        delay = wait(claimed.attempts, error.after if isinstance(error, Retry) else None, refused, self._jitter())
        if failing:
            text = f"undeliverable after {claimed.attempts} attempt{'s' if claimed.attempts > 1 else ''}: {text}"
        outbox.postponed(self._engine, claimed, self._clock() + delay, text, failing=failing)
        say = self._log.error if failing else self._log.warning
        say("alert_not_delivered", route=claimed.route, key=plain(claimed.lane), error=text, retry_in=delay // 1_000_000)
