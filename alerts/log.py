"""Notifier `log`: one line per alert in the service's own log."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

import structlog

from alerts.base import Action, Alert, Notifier
from alerts.route_type import RouteType
from alerts.settings import RouteSettings
from store.times import format_time


class LogSettings(RouteSettings):
    """log: into the service's own log."""

    type: Literal["log"]


@dataclass(frozen=True, slots=True)
class LogNotifier:
    """Writes structured lines; what the alert says is clean text already."""

    _log: Any = field(default_factory=lambda: structlog.get_logger("alerts"))

    def notify(self, alert: Alert) -> None:
        """Never raises Retry or Refused: a log that cannot be written to is the process's own trouble."""
        fields: dict[str, Any] = {
            "action": alert.action.value,
            "severity": alert.level,  # structlog has a level of its own
            "key": alert.key,
            "sentence": alert.sentence,
            "controls": list(alert.controls),
            "since": format_time(alert.since),
            "known_at": format_time(alert.known_at),
            "id": alert.id,
        }
        if alert.until is not None:
            fields["until"] = format_time(alert.until)
        if alert.link:
            fields["link"] = alert.link
        say = self._log.warning if alert.action in (Action.TRIGGER, Action.UPDATE) else self._log.info
        say("alert", **fields)


def _build(_: LogSettings) -> Notifier:
    return LogNotifier()


TYPE: Final = RouteType("log", "a line in the service's own log", LogSettings, _build)
