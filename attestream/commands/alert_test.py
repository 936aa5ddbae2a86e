"""attestream alert test"""

from __future__ import annotations

from typing import Annotated

import typer

from alerts.base import Action, AlertError
from alerts.sample import sample
from attestream.alerting import routes_of
from attestream.console import say
from attestream.errors import AttestreamError
from attestream.options import Config, one_of
from attestream.settings import load
from attestream.wiring import opened
from store.times import wall_clock


def alert_test(
    route: Annotated[str, typer.Argument(help="The route's name, as in alerts.routes.")],
    action: Annotated[
        str | None, typer.Option("--action", help="Send this and nothing else: trigger, update, acknowledge, resolve, digest …")
    ] = None,
    config: Config = None,
) -> None:
    """Send a sample to a route: one that is over already, so that it leaves nothing open. It is not kept in the store.

    Example: attestream alert test on-call
    """
    one_of(action, [word.value for word in Action], "--action")
    with opened(load(config)) as parts:
        routes = {one.name: one for one in routes_of(parts)}
        one_of(route, routes, "ROUTE")
        wanted = Action(action) if action is not None else Action.DIGEST if routes[route].digest is not None else Action.TRIGGER
        brief = action is None and wanted is Action.TRIGGER
        alert = sample(route, wanted, wall_clock(), "urn:attestream:test", parts.settings.alerts.link, brief=brief)
        try:
            ticket = routes[route].notifier.notify(alert)
        except AlertError as error:
            raise AttestreamError(f"route {route}: the sample was not delivered: {error}") from error
    say(f"route {route}: the sample was delivered" + (f" ({ticket.subject})" if ticket is not None else ""))
