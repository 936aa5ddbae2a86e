"""Notifier `slack`: one message per alert through an incoming webhook, in blocks.

Texts from outside stand in `plain_text` objects, which Slack does not read as markup; the one line that it does read (`text`, for
notifications) has its three special signs quoted, so that nobody can be mentioned by what a log says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import Field

from alerts.base import Action, Alert, Notifier, Refused, Retry
from alerts.build import caller_of
from alerts.caller import Caller, load
from alerts.outgoing import Answer
from alerts.render import facts, headline, lines
from alerts.route_type import RouteType
from alerts.settings import HookSettings

MAX_HEADER: Final = 150
MAX_SECTION: Final = 3000
MAX_FIELD: Final = 2000
_FIELDS: Final = 10
_FINE: Final = b"ok"
_FOR_GOOD: Final = frozenset(
    {
        "action_prohibited",
        "channel_is_archived",
        "channel_not_found",
        "invalid_blocks",
        "invalid_payload",
        "invalid_token",
        "no_active_hooks",
        "no_service",
        "no_service_id",
        "no_team",
        "no_text",
        "posting_to_general_channel_denied",
        "team_disabled",
        "token_revoked",
        "too_many_attachments",
        "user_not_found",
    }
)
"""What Slack says that somebody has to change. Only these words of an answer are ever repeated."""


class SlackSettings(HookSettings):
    """slack: POST to the incoming webhook `url`."""

    type: Literal["slack"]
    mention: str = Field(
        default="",
        pattern=r"^(here|channel|[UW][A-Z0-9]{2,20}|S[A-Z0-9]{2,20})?$",
        description="who is mentioned when something opens: here, channel, or the id of a user (U…) or a group (S…)",
    )


@dataclass(frozen=True, slots=True)
class SlackNotifier:
    """Posts to `caller`. An incoming webhook cannot change what it posted: an update is a message without a mention."""

    caller: Caller
    mention: str = ""

    def notify(self, alert: Alert) -> None:
        """Post it; Slack has it when it answered "ok"."""
        judge(self.caller.ask_json(message(alert, self.mention)), self.caller)


def message(alert: Alert, mention: str = "") -> dict[str, Any]:
    """The message as Slack takes it."""
    said = [_plain("section", alert.sentence, MAX_SECTION)]
    fields = [{"type": "plain_text", "text": f"{label}: {value}"[:MAX_FIELD], "emoji": False} for label, value in facts(alert)]
    if fields:
        said.append({"type": "section", "fields": fields[:_FIELDS]})
    listed = "\n".join(f"• {line}" for line in lines(alert))
    if listed:
        said.append(_plain("section", listed, MAX_SECTION))
    if alert.link:
        button = {"type": "button", "text": {"type": "plain_text", "text": "Open in Attestream"}, "url": alert.link}
        said.append({"type": "actions", "elements": [button]})
    context = {"type": "plain_text", "text": f"{alert.key} · {alert.id}"[:MAX_FIELD], "emoji": False}
    said.append({"type": "context", "elements": [context]})
    called = f"{_mention(mention)} " if mention and alert.action is Action.TRIGGER else ""
    if called:
        said.insert(0, {"type": "section", "text": {"type": "mrkdwn", "text": called.strip()}})
    return {
        "text": called + quoted(headline(alert)),
        "blocks": [_plain("header", headline(alert, MAX_HEADER), MAX_HEADER), *said],
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _plain(kind: str, text: str, limit: int) -> dict[str, Any]:
    shown = text if len(text) <= limit else text[: limit - 1] + "…"
    return {"type": kind, "text": {"type": "plain_text", "text": shown, "emoji": False}}


def _mention(who: str) -> str:
    if who in ("here", "channel"):
        return f"<!{who}>"
    return f"<!subteam^{who}>" if who.startswith("S") else f"<@{who}>"


def quoted(text: str) -> str:
    """Text in which Slack reads no link and no mention."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def judge(answer: Answer, caller: Caller) -> None:
    """Raises Retry or Refused unless Slack has the message, whatever the status of its answer is."""
    who = caller.target.authority
    word = answer.body.strip()[:100]
    value = load(answer)
    if isinstance(value, dict):  # a workflow's webhook answers so
        if value.get("ok") is True and 200 <= answer.status < 300:
            return
        word = str(value.get("error", "")).encode("ascii", "replace")[:100]
    elif word == _FINE and 200 <= answer.status < 300:
        return
    text = word.decode("ascii", "replace")
    if text in _FOR_GOOD:
        raise Refused(f"{who} answered {answer.status}: {text}")
    if 200 <= answer.status < 300:
        raise Retry(f"{who} answered {answer.status}, and not that it has the message")
    caller.judge(answer)


def _build(settings: SlackSettings) -> Notifier:
    return SlackNotifier(caller_of(settings), settings.mention)


TYPE: Final = RouteType("slack", "a message in a Slack channel, by an incoming webhook", SlackSettings, _build)
