"""Every notifier there is, and routes made of settings."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from alerts import alertmanager, apprise, email, jira, log, pagerduty, servicenow, slack, teams, webhook
from alerts.base import AlertError, RouteInvalid
from alerts.log import LogNotifier
from alerts.route_type import RouteType
from alerts.routes import Route
from alerts.settings import RouteSettings

ROUTE_TYPES: Final[Mapping[str, RouteType]] = {
    kind.name: kind
    for kind in (
        log.TYPE,
        webhook.TYPE,
        slack.TYPE,
        teams.TYPE,
        email.TYPE,
        pagerduty.TYPE,
        alertmanager.TYPE,
        apprise.TYPE,
        jira.TYPE,
        servicenow.TYPE,
    )
}


def read_routes(values: Sequence[Mapping[str, Any]]) -> list[Route]:
    """The routes of `alerts.routes`, checked and built; with none, one that logs. Raises RouteInvalid."""
    if not values:
        return [Route("log", LogNotifier())]
    routes = [_read(number, entry) for number, entry in enumerate(values, start=1)]
    names = [route.name for route in routes]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RouteInvalid(f"alerts.routes: the name {twice[0]!r} stands twice; what was delivered is remembered by it")
    return routes


def _read(number: int, values: Mapping[str, Any]) -> Route:
    name = values.get("name")
    place = f"alerts.routes: {name if isinstance(name, str) and name.isprintable() else f'route {number}'}"
    kind = values.get("type")
    route_type = ROUTE_TYPES.get(kind) if isinstance(kind, str) else None
    if route_type is None:
        said = f"type {kind!r} is not known" if isinstance(kind, str) else "type is missing"
        raise RouteInvalid(f"{place}: {said}{_near(str(kind), ROUTE_TYPES)}")
    try:
        settings = route_type.settings.model_validate(dict(values))
        return _route(route_type, settings)
    except ValidationError as error:
        faults = "; ".join(_fault(route_type, fault) for fault in error.errors(include_url=False, include_input=False))
        raise RouteInvalid(f"{place}: {faults}") from error
    except AlertError as error:
        raise RouteInvalid(f"{place}: {error}") from error


def _route(route_type: RouteType, settings: RouteSettings) -> Route:
    quiet = settings.quiet_hours.quiet() if settings.quiet_hours is not None else None
    digest = settings.digest.digest() if settings.digest is not None else None
    if digest is not None and not route_type.digests:
        raise RouteInvalid(f"digest: {route_type.name} speaks of one alert at a time; send the digest by email, slack or teams")
    return Route(settings.name, route_type.build(settings), settings.filters(), settings.escalate_after, quiet, digest)


def _fault(route_type: RouteType, fault: Mapping[str, Any]) -> str:
    key = ".".join(map(str, fault["loc"]))
    if fault["type"] == "extra_forbidden":
        return f"{key} is no setting of {route_type.name}{_near(key, route_type.settings.model_fields)}"
    if fault["type"] == "missing":
        return f"{key} is missing"
    said = fault["msg"].removeprefix("Value error, ")
    return f"{key}: {said}" if key else str(said)


def _near(word: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(word, names, n=1)
    return f"; did you mean {near[0]}?" if near else f" (known: {', '.join(sorted(names))})"
