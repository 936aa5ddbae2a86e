"""Every notifier there is: its name, what it does, its settings, and how it is made of them."""

from __future__ import annotations

import difflib
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpcore2
from pydantic import ValidationError

from alerts.base import AlertError, Notifier, Refused, RouteInvalid
from alerts.guard import Rules, check_url
from alerts.log import LogNotifier
from alerts.routes import Route
from alerts.settings import MIN_SECRET, LogSettings, RouteSettings, WebhookSettings
from alerts.webhook import WebhookNotifier

MAX_SECRET: Final = 4096


@dataclass(frozen=True, slots=True)
class RouteType:
    """One kind of route. `build` takes an instance of `settings`; reads files of secrets and certificates, calls nobody."""

    name: str
    summary: str
    settings: type[RouteSettings]
    build: Callable[[Any], Notifier]


def _log(_: LogSettings) -> Notifier:
    return LogNotifier()


def _webhook(settings: WebhookSettings) -> Notifier:
    rules = Rules(settings.hosts, settings.allow_private, settings.allow_http)
    try:
        target = check_url(settings.url.get_secret_value(), rules)
    except Refused as error:
        raise RouteInvalid(f"url: {error}") from error
    tls = _tls(settings.ca_file) if target.scheme == "https" else None
    return WebhookNotifier(target, _secret(settings), tls)


def _secret(settings: WebhookSettings) -> bytes:
    name = "secret" if settings.secret_file is None else "secret_file"
    if settings.secret is not None:
        secret = settings.secret.get_secret_value()
    else:
        path = settings.secret_file
        assert path is not None, "the settings have one of the two"
        try:
            with path.open("rb") as file:
                secret = file.read(MAX_SECRET + 1).decode("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise RouteInvalid(f"secret_file: cannot read {path}: {reason}") from error
    if not MIN_SECRET <= len(secret.encode()) <= MAX_SECRET:
        raise RouteInvalid(f"{name}: a secret has {MIN_SECRET} to {MAX_SECRET} bytes, e.g. of: openssl rand -hex 32")
    return secret.encode()


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    if ca_file is None:
        return httpcore2.default_ssl_context()
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise RouteInvalid(f"ca_file: {ca_file} holds no certificates that can be read") from error


ROUTE_TYPES: Final[Mapping[str, RouteType]] = {
    kind.name: kind
    for kind in (
        RouteType("log", "a line in the service's own log", LogSettings, _log),
        RouteType("webhook", "a signed POST of a CloudEvents event", WebhookSettings, _webhook),
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
        return Route(settings.name, route_type.build(settings), settings.filters())
    except ValidationError as error:
        faults = "; ".join(_fault(route_type, fault) for fault in error.errors(include_url=False, include_input=False))
        raise RouteInvalid(f"{place}: {faults}") from error
    except AlertError as error:
        raise RouteInvalid(f"{place}: {error}") from error


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
