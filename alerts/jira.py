"""Notifier `jira`: an issue for each alert, in a project of Jira Cloud or Data Center, linked to the alert's findings.

The issue has a label of the alert's own, by which it is found again where a trigger is sent twice. What comes later is a comment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import quote

from pydantic import Field, SecretStr, model_validator

from alerts.base import Action, Alert, Notifier, Refused, Retry, Ticket
from alerts.build import caller_to
from alerts.caller import Caller, load, load_object
from alerts.render import headline, text_of
from alerts.route_type import RouteType
from alerts.secret import basic, one_of, read_secret
from alerts.settings import CallSettings

MAX_SUMMARY: Final = 250
MAX_TEXT: Final = 30_000
_KEY: Final = re.compile(r"[A-Z][A-Z0-9_]{0,49}-[0-9]{1,12}")
_NAME: Final = re.compile(r"[A-Za-z0-9_]{1,60}")
_LABEL: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"


class JiraSettings(CallSettings):
    """jira: issues of `project` at the site `url`."""

    type: Literal["jira"]
    url: str
    edition: Literal["cloud", "data-center"] = "cloud"
    email: str = Field(default="", max_length=320, pattern=r"^[!-9;-~]*$")
    token: SecretStr | None = None
    token_file: Path | None = None
    project: str = Field(pattern=r"^[A-Z][A-Z0-9_]{0,49}$")
    issue_type: str = Field(default="Task", min_length=1, max_length=100)
    labels: tuple[str, ...] = Field(default=("attestream",), max_length=20)
    fields: dict[str, Any] = Field(default_factory=dict, description="further fields of a new issue, as Jira's API takes them")

    @model_validator(mode="after")
    def _identity(self) -> JiraSettings:
        one_of("token", self.token, self.token_file)
        if bool(self.email) != (self.edition == "cloud"):
            raise ValueError("set email to the account's address for edition cloud; edition data-center needs none")
        wrong = [label for label in self.labels if not re.match(_LABEL, label)]
        if wrong:
            raise ValueError(f"labels: {wrong[0][:40]!r} is no label: letters, digits, dot, hyphen")
        return self


@dataclass(frozen=True, slots=True)
class JiraNotifier:
    """Opens and comments issues. `caller`'s path is the site's; `headers` hold the credentials and are in no repr."""

    caller: Caller
    edition: str
    project: str
    issue_type: str
    labels: tuple[str, ...]
    fields: Mapping[str, Any]
    headers: Mapping[str, str] = field(repr=False)

    def notify(self, alert: Alert) -> Ticket | None:
        """Open the alert's issue, or say in it what is new. Returns the issue, None where there is none to speak of."""
        key = alert.receipt if _KEY.fullmatch(alert.receipt) else ""
        if not key and (alert.brief or alert.action in (Action.TRIGGER, Action.UPDATE)):
            key = self._found(_label(alert)) or self._opened(alert)
            return self._ticket(key)
        if not key:
            return None  # nothing stands that could be spoken in
        self._comment(key, f"{headline(alert)}\n\n{text_of(alert)}")
        return self._ticket(key)

    def _ticket(self, key: str) -> Ticket:
        return Ticket(key, f"{self.caller.target.authority}{self.caller.target.path.rstrip('/')}/browse/{key}")

    def _opened(self, alert: Alert) -> str:
        fields: dict[str, Any] = {
            **self.fields,
            "project": {"key": self.project},
            "issuetype": {"name": self.issue_type},
            "summary": headline(alert, MAX_SUMMARY),
            "description": self._text(f"{text_of(alert)}\n{alert.key}\n{alert.id}"),
            "labels": [*self.labels, _label(alert)],
        }
        answer = self._call("POST", "issue", {"fields": fields})
        key = answer.get("key")
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            raise Retry(f"{self.caller.target.authority} did not say which issue it opened")
        return key

    def _found(self, label: str) -> str:
        """The issue with this label, "" where there is none."""
        path = "search/jql" if self.edition == "cloud" else "search"
        asked = {
            "jql": f'project = "{self.project}" AND labels = "{label}" ORDER BY created ASC',
            "fields": ["key"],
            "maxResults": 1,
        }
        issues = self._call("POST", path, asked).get("issues")
        if not isinstance(issues, list):
            raise Retry(f"{self.caller.target.authority} answered a search with what is no list of issues")
        key = issues[0].get("key") if issues and isinstance(issues[0], dict) else ""
        return key if isinstance(key, str) and _KEY.fullmatch(key) else ""

    def _comment(self, key: str, text: str) -> None:
        self._call("POST", f"issue/{quote(key, safe='')}/comment", {"body": self._text(text)})

    def _text(self, text: str) -> Any:
        """Text as the edition takes it: a document of paragraphs, or text in which no markup is read."""
        shown = text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
        if self.edition == "data-center":
            return "{noformat}\n" + shown.replace("{noformat}", "{ noformat }") + "\n{noformat}"
        paragraphs = [{"type": "paragraph", "content": [{"type": "text", "text": line}]} for line in shown.splitlines() if line]
        return {"type": "doc", "version": 1, "content": paragraphs}

    def _call(self, method: str, path: str, value: Any) -> Mapping[str, Any]:
        api = "3" if self.edition == "cloud" else "2"
        caller = self.caller.at(f"{self.caller.target.path.rstrip('/')}/rest/api/{api}/{path}")
        answer = caller.ask_json(value, self.headers, method)
        who = caller.target.authority
        if answer.status in (400, 404):
            raise Refused(
                f"{who} answered {answer.status}{_named(load(answer))}: check project, issue_type, fields and permissions"
            )
        caller.judge(answer)
        said = load_object(answer, who)
        if said.get("errors") or said.get("errorMessages"):
            raise Retry(f"{who} answered {answer.status} and names errors{_named(said)}")
        return said


def _label(alert: Alert) -> str:
    return f"attestream-{alert.id}"


def _named(value: Any) -> str:
    """Which fields an answer complains of; names of fields only, its texts may repeat what was sent."""
    errors = value.get("errors") if isinstance(value, dict) else None
    names = (
        sorted(str(name) for name in errors if re.fullmatch(r"[A-Za-z0-9_]{1,60}", str(name))) if isinstance(errors, dict) else []
    )
    return f" ({', '.join(names[:5])})" if names else ""


def _build(settings: JiraSettings) -> Notifier:
    token = read_secret("token", settings.token, settings.token_file)
    scheme = basic(settings.email, token) if settings.edition == "cloud" else f"Bearer {token}"
    caller = caller_to(settings.url, settings)
    more = (settings.edition, settings.project, settings.issue_type, settings.labels, settings.fields)
    return JiraNotifier(caller, *more, {"Authorization": scheme})


TYPE: Final = RouteType("jira", "an issue for each alert, linked to its findings", JiraSettings, _build, digests=False)
