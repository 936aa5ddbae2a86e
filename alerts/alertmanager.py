"""Notifier `alertmanager`: POST /api/v2/alerts of a Prometheus Alertmanager; what is open is posted again until it is resolved.

Labels name an alert, so they are only what stays the same while it is open; all else stands in annotations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, model_validator

from alerts.base import Action, Alert, Notifier
from alerts.build import caller_to
from alerts.caller import Caller
from alerts.render import headline, lines
from alerts.route_type import RouteType
from alerts.secret import one_of, password_of
from alerts.settings import LoginSettings, span
from store.records import HOUR, MINUTE, SECOND
from store.times import format_time

PATH: Final = "/api/v2/alerts"
MOMENT: Final = 5 * MINUTE
"""How long what is over already, or needs nobody, is shown as firing: longer than a group usually waits."""
MAX_POST: Final = 200
"""Alerts of one request."""


class AlertmanagerSettings(LoginSettings):
    """alertmanager: an Alertmanager at `url`, with basic authentication or a bearer token where it asks for one."""

    type: Literal["alertmanager"]
    url: str
    labels: dict[Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,63}$")], Annotated[str, Field(max_length=200)]] = Field(
        default_factory=dict, description="labels that every alert has beside its own"
    )
    repeat_every: Annotated[int, BeforeValidator(span(10 * SECOND, HOUR))] = MINUTE
    expires_after: Annotated[int, BeforeValidator(span(MINUTE, 24 * HOUR))] = HOUR

    @model_validator(mode="after")
    def _one_way_in(self) -> AlertmanagerSettings:
        password_of(self.user, self.password, self.password_file)
        if self.has_token():
            if self.user:
                raise ValueError("set user and password, or token, and not both")
            one_of("token", self.token, self.token_file)
        if self.expires_after < 3 * self.repeat_every:
            raise ValueError("expires_after is at least three times repeat_every: one that is lost must not resolve anything")
        return self


@dataclass(frozen=True, slots=True)
class AlertmanagerNotifier:
    """Posts alerts that hold for `expires` microseconds unless they are posted again, which is done every `every` seconds."""

    caller: Caller
    every: float
    expires: int
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    labels: dict[str, str] = field(default_factory=dict)

    def notify(self, alert: Alert) -> None:
        """Post it. 200 means that Alertmanager has it: it takes all alerts of a request or none."""
        self._post([alert])

    def repeat(self, alerts: Sequence[Alert]) -> None:
        """Post all that is open again."""
        for start in range(0, len(alerts), MAX_POST):
            self._post(alerts[start : start + MAX_POST])

    def _post(self, alerts: Sequence[Alert]) -> None:
        now = self.caller.clock()
        self.caller.send_json([self._made(alert, now) for alert in alerts], self.headers)

    def _made(self, alert: Alert, now: int) -> dict[str, Any]:
        """An alert as Alertmanager takes it."""
        if alert.action is Action.RESOLVE and not alert.brief:
            ends = max(now, alert.since + SECOND)
        elif alert.brief or alert.action is Action.SUMMARY:
            ends = now + MOMENT
        else:
            ends = now + self.expires
        made: dict[str, Any] = {"labels": {**self.labels, **labels(alert)}, "annotations": told(alert)}
        made |= {"startsAt": format_time(min(alert.since, now)), "endsAt": format_time(ends)}
        return made | ({"generatorURL": alert.link} if alert.link else {})


def labels(alert: Alert) -> dict[str, str]:
    """What names the alert: its key, and what people route by. The same when it opens and when it closes.

    A finding that two sources see may be opened by one and closed by the other, so the source is no name of it.
    """
    said = {
        "alertname": "AttestreamDrift",
        "key": alert.key,
        "kind": alert.kind,
        "severity": alert.level,
        "source": "" if alert.mapping else alert.source,
        "account": alert.account,
        "mapping": alert.mapping,
        "controls": ",".join(alert.controls),
    }
    return {name: value for name, value in said.items() if value}


def told(alert: Alert) -> dict[str, str]:
    """What people read."""
    said = {
        "summary": headline(alert),
        "description": alert.sentence,
        "source": alert.source,
        "subjects": ", ".join(alert.subjects),
        "subject_count": str(alert.subject_count) if alert.subject_count else "",
        "evidence": ", ".join(map(str, alert.evidence)),
        "since": format_time(alert.since),
        "until": format_time(alert.until) if alert.until is not None else "",
        "known_at": format_time(alert.known_at),
        "lines": "; ".join(lines(alert)),
    }
    return {name: value for name, value in said.items() if value}


def _headers(settings: AlertmanagerSettings) -> dict[str, str]:
    return {"Authorization": settings.authorization()} if settings.user or settings.has_token() else {}


def _build(settings: AlertmanagerSettings) -> Notifier:
    caller = caller_to(settings.url.rstrip("/") + PATH, settings)
    every = settings.repeat_every / SECOND
    return AlertmanagerNotifier(caller, every, settings.expires_after, _headers(settings), dict(settings.labels))


TYPE: Final = RouteType(
    "alertmanager",
    "alerts of a Prometheus Alertmanager, posted again until they are resolved",
    AlertmanagerSettings,
    _build,
    False,
)
