"""From settings to what a notifier calls with. Reads files, calls nobody; raises RouteInvalid with the key's name first."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Protocol

import httpcore2

from alerts.base import Refused, RouteInvalid
from alerts.caller import Caller
from alerts.guard import Rules, Target, check_url
from alerts.secret import read_secret
from alerts.settings import CallSettings, HookSettings


class Allowing(Protocol):
    """Settings that say where a route may go."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """Hosts that may be called; none: that of the address."""
        ...

    @property
    def allow_private(self) -> bool:
        """Whether private and loopback addresses may be called."""
        ...

    @property
    def allow_http(self) -> bool:
        """Whether TLS may be left out."""
        ...


def rules_of(settings: Allowing) -> Rules:
    """What the route allows beyond the default."""
    return Rules(settings.hosts, settings.allow_private, settings.allow_http)


def caller_of(settings: HookSettings) -> Caller:
    """For a route whose address is a secret."""
    return caller_to(read_secret("url", settings.url, settings.url_file), settings)


def caller_to(url: str, settings: CallSettings) -> Caller:
    """For a route that calls this address."""
    target = target_of("url", url, settings)
    return Caller(target, trust(settings.ca_file) if target.scheme == "https" else None)


def target_of(key: str, url: str, settings: CallSettings) -> Target:
    """The address, checked. Raises RouteInvalid, which names the key and not the address."""
    try:
        return check_url(url, rules_of(settings))
    except Refused as error:
        raise RouteInvalid(f"{key}: {error}") from error


def trust(ca_file: Path | None) -> ssl.SSLContext:
    """Whom TLS trusts: the system's certificates, or those of the file alone."""
    if ca_file is None:
        return httpcore2.default_ssl_context()
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise RouteInvalid(f"ca_file: {ca_file} holds no certificates that can be read") from error
