"""Notifier `pagerduty`: Events API v2. Incidents open, are acknowledged and resolved under the alert's key.

A summary and a digest become change events, which page nobody.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import SecretStr, model_validator

from alerts.base import Action, Alert, Notifier, Refused, Retry
from alerts.build import caller_to
from alerts.caller import Caller, load_object
from alerts.render import MANY, headline, lines
from alerts.route_type import RouteType
from alerts.secret import one_of, read_secret
from alerts.settings import CallSettings
from store.times import format_time

URL: Final = "https://events.pagerduty.com"
EVENTS: Final = "/v2/enqueue"
CHANGES: Final = "/v2/change/enqueue"
MAX_KEY: Final = 255
MAX_SUMMARY: Final = 1024
SEVERITY: Final = {"informational": "info", "low": "warning", "medium": "warning", "high": "error", "critical": "critical"}
_EVENT: Final = {
    Action.TRIGGER: ("trigger",),
    Action.UPDATE: ("trigger",),
    Action.ACKNOWLEDGE: ("acknowledge",),
    Action.RESOLVE: ("resolve",),
}


class PagerdutySettings(CallSettings):
    """pagerduty: the integration key (Events API v2) of a service, in `routing_key` or `routing_key_file`."""

    type: Literal["pagerduty"]
    routing_key: SecretStr | None = None
    routing_key_file: Path | None = None
    url: str = URL

    @model_validator(mode="after")
    def _one_key(self) -> PagerdutySettings:
        one_of("routing_key", self.routing_key, self.routing_key_file)
        return self


@dataclass(frozen=True, slots=True)
class PagerdutyNotifier:
    """Sends events of one integration. An update triggers again under the same key, by which an open incident pages nobody."""

    caller: Caller
    routing_key: str = field(repr=False)

    def notify(self, alert: Alert) -> None:
        """Send it; what was over before it could be told is triggered and resolved, for a resolve alone would be dropped."""
        if alert.action in MANY:
            self._send(CHANGES, change(alert))
            return
        words = ("trigger", "resolve") if alert.brief else _EVENT[alert.action]
        for word in words:
            self._send(EVENTS, event(alert, word))

    def _send(self, path: str, value: dict[str, Any]) -> None:
        caller = self.caller.at(path)
        answer = load_object(caller.send_json({"routing_key": self.routing_key, **value}), caller.target.authority)
        if answer.get("status") == "invalid event":
            raise Refused(f"{caller.target.authority} calls the event invalid; is the routing key that of an Events API v2?")
        if answer.get("status") != "success":
            raise Retry(f"{caller.target.authority} took the event, and did not say that it was processed")


def dedup_key(key: str) -> str:
    """The alert's key, or its digest where it is longer than PagerDuty allows."""
    return key if len(key) <= MAX_KEY else f"attestream/{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()}"


def event(alert: Alert, word: str) -> dict[str, Any]:
    """An event of Events API v2, without the routing key."""
    said: dict[str, Any] = {"event_action": word, "dedup_key": dedup_key(alert.key)}
    if word != "trigger":
        return said
    details: dict[str, Any] = {"sentence": alert.sentence, "key": alert.key, "id": alert.id, "controls": list(alert.controls)}
    details |= {"subjects": list(alert.subjects), "subject_count": alert.subject_count, "evidence": list(alert.evidence)}
    details |= {"since": format_time(alert.since), "known_at": format_time(alert.known_at)}
    payload = {
        "summary": alert.sentence[:MAX_SUMMARY],
        "source": alert.account or alert.source or "attestream",
        "severity": SEVERITY[alert.level],
        "timestamp": format_time(alert.since),
        "component": alert.source or "attestream",
        "group": alert.account,
        "class": alert.kind,
        "custom_details": details,
    }
    return said | {"payload": payload, "client": "Attestream", **_links(alert)}


def change(alert: Alert) -> dict[str, Any]:
    """A change event, without the routing key."""
    details = {"sentence": alert.sentence, "lines": lines(alert), "open": dict(alert.counts or {})}
    payload = {"summary": headline(alert, MAX_SUMMARY), "timestamp": format_time(alert.known_at), "source": "attestream"}
    return {"payload": payload | {"custom_details": details}, **_links(alert)}


def _links(alert: Alert) -> dict[str, Any]:
    return {"links": [{"href": alert.link, "text": "Attestream"}]} if alert.link else {}


def _build(settings: PagerdutySettings) -> Notifier:
    key = read_secret("routing_key", settings.routing_key, settings.routing_key_file)
    return PagerdutyNotifier(caller_to(settings.url, settings), key)


TYPE: Final = RouteType("pagerduty", "incidents of a PagerDuty service, by Events API v2", PagerdutySettings, _build)
