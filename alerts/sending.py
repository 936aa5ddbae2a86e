"""One claimed delivery, from its drifts to its end: put into words, held, handed over or tried again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from sqlalchemy import Connection, Engine

from alerts.acknowledge import is_acknowledged
from alerts.backoff import undeliverable, wait
from alerts.base import Action, Alert, AlertError, Refused, Retry, Ticket
from alerts.compose import Sender, compose
from alerts.hold import Later, Never, decide
from alerts.routes import Route
from alerts.text import plain
from alerts.trouble import Trouble
from store import outbox, silences
from store import outbox_context as context
from store.engine import reading
from store.errors import StoreError
from store.outbox import Claimed
from store.records import SECOND
from store.times import Clock

Link = Callable[[Sequence[tuple[str, bytes]], str], None]
"""Links findings (mapping, handle) to the ticket of this name. Raises StoreError; what is linked already stays so."""
_ERROR_TEXT: Final = 300


@dataclass(slots=True)
class Passed:
    """What one pass did. `late` are routes that were still busy when its time was up."""

    delivered: int = 0
    failed: int = 0
    cancelled: int = 0
    held: int = 0
    late: tuple[str, ...] = ()
    errors: list[Exception] = field(default_factory=list)


@dataclass(slots=True)
class Sending:
    """Shared by the threads of all routes; what it keeps in memory is only what the store says too."""

    engine: Engine
    clock: Clock
    sender: Sender
    jitter: Callable[[], float]
    trouble: Trouble
    linked: Link | None = None
    _silences: tuple[int, Sequence[silences.Silence]] = (-1, ())
    _log: Any = field(default_factory=lambda: structlog.get_logger("alerts"))

    def deliver(self, route: Route, claimed: Claimed, passed: Passed) -> None:
        """Bring it to an end, or put it off. Raises StoreError where the storage fails, and nothing else."""
        # 1. What it says follows from the store alone, so that it says the same when it is sent again.
        try:
            with reading(self.engine) as connection:
                alert = compose(connection, claimed, route, self.sender)
                held = self._held(connection, route, claimed, alert)
        except StoreError:
            raise  # the storage's trouble, not this alert's
        except Exception as error:  # noqa: BLE001  one row that cannot be told must not stop its route; counted, tried again
            return self._failed(claimed, f"it could not be put into words: {type(error).__name__}", error, passed)
        # 2. It may not be for this route, or not for now.
        if isinstance(alert, str):
            return self._cancelled(claimed, alert, passed)
        if isinstance(held, Never):
            return self._cancelled(claimed, held.reason, passed)
        if isinstance(held, Later):
            outbox.held(self.engine, claimed, held.until, held.reason)
            passed.held += 1
            return None
        return self._send(route, claimed, alert, passed)

    def _send(self, route: Route, claimed: Claimed, alert: Alert, passed: Passed) -> None:
        # 3. It is handed over, and only then settled. A ticket is linked before: after a crash the same one is found again.
        try:
            ticket = route.notifier.notify(alert)
        except AlertError as error:
            return self._failed(claimed, plain(str(error), _ERROR_TEXT), error, passed)
        except Exception as error:  # noqa: BLE001  a notifier's fault must not stop its route; counted, tried again
            # Its text may hold anything, a secret too: only its kind is kept.
            return self._failed(claimed, f"the notifier failed with {type(error).__name__}", error, passed)
        if ticket is not None and alert.action in (Action.TRIGGER, Action.UPDATE):
            self._link(claimed, ticket)
        receipt = ticket.receipt if ticket is not None else alert.receipt
        outbox.delivered(self.engine, claimed, self.clock(), _stands(alert), receipt)
        passed.delivered += 1
        return self.trouble.settled(claimed.route)

    def _cancelled(self, claimed: Claimed, reason: str, passed: Passed) -> None:
        outbox.cancelled(self.engine, claimed, reason)
        passed.cancelled += 1
        self.trouble.settled(claimed.route)

    def _held(self, connection: Connection, route: Route, claimed: Claimed, alert: Alert | str) -> Later | Never | None:
        """What was tried before is never held: the receiver may have it."""
        if isinstance(alert, str) or claimed.attempts > 1:
            return None
        acknowledged = route.after is not None and is_acknowledged(connection, claimed.lane)
        return decide(alert, route, claimed.drifts, self.clock(), self._standing(connection), acknowledged)

    def _standing(self, connection: Connection) -> Sequence[silences.Silence]:
        newest = silences.newest(connection)
        if newest != self._silences[0]:
            self._silences = (newest, silences.read_silences(connection))
        return self._silences[1]

    def _link(self, claimed: Claimed, ticket: Ticket) -> None:
        if self.linked is None or not ticket.subject:
            return
        with reading(self.engine) as connection:
            keys = context.open_keys(connection, claimed.drifts[-1])
        if keys:
            self.linked(keys, ticket.subject)

    def _failed(self, claimed: Claimed, text: str, error: Exception, passed: Passed) -> None:
        passed.failed += 1
        refused = isinstance(error, Refused)
        failing = undeliverable(claimed.attempts, refused)
        delay = wait(claimed.attempts, error.after if isinstance(error, Retry) else None, refused, self.jitter())
        if failing:
            text = f"undeliverable after {claimed.attempts} attempt{'s' if claimed.attempts > 1 else ''}: {text}"
        outbox.postponed(self.engine, claimed, self.clock() + delay, text, failing=failing)
        say = self._log.error if failing else self._log.warning
        say("alert_not_delivered", route=claimed.route, key=plain(claimed.lane), error=text, retry_in=delay // SECOND)
        if failing:
            self.trouble.failed(claimed.route, text)


def _stands(alert: Alert) -> bool | None:
    """Whether this leaves something open at the receiver; None where it changes nothing of that."""
    if alert.action in (Action.TRIGGER, Action.UPDATE):
        return True
    return False if alert.action is Action.RESOLVE else None
