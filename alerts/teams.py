"""Notifier `teams`: an adaptive card in Microsoft Teams, by the webhook of a workflow.

Texts from outside stand in text runs, in which Teams reads no Markdown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from alerts.base import Action, Alert, Notifier, Retry
from alerts.build import caller_of
from alerts.caller import Caller, dump
from alerts.render import MANY, facts, headline, lines
from alerts.route_type import RouteType
from alerts.settings import HookSettings

MAX_MESSAGE: Final = 28 * 1024
"""Bytes; Teams takes no more."""
_LINES: Final = 20
_FINE: Final = (b"", b"1")


class TeamsSettings(HookSettings):
    """teams: POST to the workflow's webhook `url`."""

    type: Literal["teams"]


@dataclass(frozen=True, slots=True)
class TeamsNotifier:
    """Posts cards to `caller`."""

    caller: Caller

    def notify(self, alert: Alert) -> None:
        """Post it. 202 means that the workflow has it; what answers 200 says in the body whether it went well."""
        value = message(alert, _LINES)
        if len(dump(value)) > MAX_MESSAGE:
            value = message(alert, 0)
        answer = self.caller.send_json(value)
        if answer.status == 200 and answer.body.strip() not in _FINE:
            raise Retry(f"{self.caller.target.authority} answered 200, and not that the message was delivered")


def message(alert: Alert, listed: int) -> dict[str, Any]:
    """The message with its card; at most `listed` further lines."""
    color = "Good" if alert.action is Action.RESOLVE else "Default" if alert.action in MANY else "Attention"
    body = [
        _runs([{"text": headline(alert), "weight": "Bolder", "size": "Medium", "color": color}]),
        _runs([{"text": alert.sentence}]),
    ]
    body += [_runs([{"text": f"{label}: ", "weight": "Bolder"}, {"text": value}], "Small") for label, value in facts(alert)]
    body += [_runs([{"text": f"• {line}"}], "Small") for line in lines(alert)[:listed]]
    body.append(_runs([{"text": f"{alert.key} · {alert.id}", "size": "Small", "isSubtle": True}]))
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body,
    }
    if alert.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open in Attestream", "url": alert.link}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _runs(runs: list[dict[str, Any]], spacing: str = "Default") -> dict[str, Any]:
    return {"type": "RichTextBlock", "spacing": spacing, "inlines": [{"type": "TextRun", **run} for run in runs]}


def _build(settings: TeamsSettings) -> Notifier:
    return TeamsNotifier(caller_of(settings))


TYPE: Final = RouteType("teams", "an adaptive card in a Microsoft Teams channel, by a workflow's webhook", TeamsSettings, _build)
