"""What a route was told that is open still, put into words again, for receivers that forget what is not repeated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Engine

from alerts.base import Action, Alert
from alerts.compose import Sender, compose
from alerts.routes import Route
from store import outbox_context as context
from store.engine import reading
from store.outbox import Claimed
from store.outbox_told import Told, standing

_PAGE = 200


def still_open(engine: Engine, route: Route, sender: Sender) -> Sequence[Alert]:
    """The alerts as they were told last. Raises StoreError."""
    alerts: list[Alert] = []
    for page in _pages(engine, route.name):
        with reading(engine) as connection:
            for told in page:
                drift = context.drift_of(connection, told.drift_id)
                alert = (
                    compose(connection, Claimed(route.name, told.lane, (drift,), 1), route, sender) if drift is not None else ""
                )
                if isinstance(alert, Alert) and alert.action in (Action.TRIGGER, Action.UPDATE):
                    alerts.append(alert)
    return alerts


def _pages(engine: Engine, route: str) -> Iterator[Sequence[Told]]:
    after = ""
    while page := standing(engine, route, after, _PAGE):
        yield page
        after = page[-1].lane
