"""Notifier `apprise`: every other service that the Apprise library knows, by its URLs (https://appriseit.com).

Apprise makes its own connections, so the guard of outgoing requests holds here in part only (docs/alerts.md): what a URL names as
host is checked and resolved before each message, redirects are off, and kinds of URL that act on this machine are refused; but it
resolves the name again by itself, and services with an address of their own are called wherever that is.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType, PersistentStoreMode
from pydantic import SecretStr, model_validator

from alerts.base import Action, Alert, Notifier, Refused, Retry, RouteInvalid
from alerts.build import rules_of
from alerts.guard import Lookup, Rules, check_url, resolve, system_lookup
from alerts.render import MANY, headline, text_of
from alerts.route_type import RouteType
from alerts.secret import one_of, read_secret
from alerts.settings import RouteSettings

TOTAL: Final = 30.0
"""Seconds for one message to all of its URLs."""
MAX_URLS: Final = 20
LOCAL: Final = frozenset({"dbus", "gio", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows"})
"""Kinds of URL that act on the machine itself."""
_TYPES: Final = {
    "informational": NotifyType.INFO,
    "low": NotifyType.WARNING,
    "medium": NotifyType.WARNING,
    "high": NotifyType.FAILURE,
    "critical": NotifyType.FAILURE,
}


class AppriseSettings(RouteSettings):
    """apprise: Apprise URLs, one on each line of `urls_file`, or in `urls`."""

    type: Literal["apprise"]
    urls: SecretStr | None = None
    urls_file: Path | None = None
    hosts: tuple[str, ...] = ()
    allow_private: bool = False
    allow_http: bool = False

    @model_validator(mode="after")
    def _one_list(self) -> AppriseSettings:
        one_of("urls", self.urls, self.urls_file)
        return self


@dataclass(frozen=True, slots=True)
class AppriseNotifier:
    """Sends to every service; where one does not take it, all are sent it again. URLs are in no repr."""

    services: Sequence[Any] = field(repr=False)
    rules: Rules = field(default_factory=Rules)
    lookup: Lookup = system_lookup
    total: float = TOTAL

    def notify(self, alert: Alert) -> None:
        """Send it. Apprise does not say why a service did not take it, so it is tried again."""
        for service in self.services:
            _check(service, self.rules, self.lookup)
        done = _sender(self.services).notify(
            body=text_of(alert),
            title=headline(alert),
            notify_type=_type(alert),
            body_format=NotifyFormat.TEXT,
            timeout=self.total,
        )
        if not done:
            raise Retry(f"a service ({', '.join(sorted({_name(s) for s in self.services}))}) did not take the message")


def _type(alert: Alert) -> NotifyType:
    if alert.action in MANY:
        return NotifyType.INFO
    return NotifyType.SUCCESS if alert.action is Action.RESOLVE else _TYPES[alert.level]


def _asset() -> AppriseAsset:
    """What Apprise may do: one service after another, nothing on disk, no redirects, no plugins of other folders."""
    return AppriseAsset(
        app_id="Attestream", async_mode=False, storage_mode=PersistentStoreMode.MEMORY, http_redirects=False, secure_logging=True
    )


def _sender(services: Sequence[Any]) -> Apprise:
    made = Apprise(asset=_asset())
    for service in services:
        made.add(service)
    return made


def _name(service: Any) -> str:
    """The kind of a service, as Apprise calls it; nothing of its URL."""
    return str(service.service_name)[:40]


def _hosted(service: Any) -> bool:
    """Whether its URL says which host is called."""
    return any("{host}" in template for template in service.templates)


def _check(service: Any, rules: Rules, lookup: Lookup) -> None:
    """Raises Refused where the host of its URL must not be called, Retry where it cannot be resolved now."""
    if _hosted(service):
        resolve(check_url(_address(service), rules), lookup)


def _address(service: Any) -> str:
    scheme = "https" if service.secure or str(service.schema).startswith("mail") else "http"
    return f"{scheme}://{service.host}:{service.port or (443 if scheme == 'https' else 80)}/"


def _build(settings: AppriseSettings) -> Notifier:
    key = "urls" if settings.urls_file is None else "urls_file"
    logging.getLogger("apprise").disabled = True  # it writes URLs, shortened, where they do not belong
    urls = _lines(settings)
    if not 1 <= len(urls) <= MAX_URLS:
        raise RouteInvalid(f"{key}: 1 to {MAX_URLS} Apprise URLs, one on each line")
    services = [_service(key, number, url, rules_of(settings)) for number, url in enumerate(urls, start=1)]
    return AppriseNotifier(services, rules_of(settings))


def _lines(settings: AppriseSettings) -> list[str]:
    text = read_secret("urls", settings.urls, settings.urls_file, lines=True)
    return [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]


def _service(key: str, number: int, url: str, rules: Rules) -> Any:
    """The service of one URL. Errors name its line, never the URL."""
    place = f"{key}: URL {number}"
    made: Any = Apprise.instantiate(url, asset=_asset()) if "://" in url else None
    if made is None:
        raise RouteInvalid(f"{place} is no Apprise URL of a known service")
    schema = url.partition("://")[0].lower()
    if schema in LOCAL:
        raise RouteInvalid(f"{place}: {schema} acts on this machine and is not sent anything")
    if not made.verify_certificate:
        raise RouteInvalid(f"{place}: certificates are always checked; leave verify=no out")
    made.redirects, made.retry, made.schema = False, 0, schema
    if _hosted(made):
        try:
            check_url(_address(made), rules)
        except Refused as error:
            raise RouteInvalid(f"{place}: {error}") from error
    return made


TYPE: Final = RouteType("apprise", "whatever else Apprise reaches, by its URLs", AppriseSettings, _build)
