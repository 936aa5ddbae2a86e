"""Notifier `servicenow`: a record (an incident, say) for each alert in a table of ServiceNow, linked to the alert's findings.

The record's `correlation_id` is the alert's own, by which it is found again where a trigger is sent twice. What comes later is a
work note.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pydantic import Field, model_validator

from alerts.base import Action, Alert, Notifier, Refused, Retry, Ticket
from alerts.build import caller_to
from alerts.caller import Caller, load_object
from alerts.render import headline, text_of
from alerts.route_type import RouteType
from alerts.secret import one_of, password_of
from alerts.settings import LoginSettings

MAX_SHORT: Final = 160
MAX_TEXT: Final = 30_000
_SYS_ID: Final = re.compile(r"[0-9a-f]{32}")
_FIELD: Final = re.compile(r"[a-z][a-z0-9_]{0,79}")
_IMPACT: Final = {"critical": "1", "high": "2", "medium": "2", "low": "3", "informational": "3"}


class ServicenowSettings(LoginSettings):
    """servicenow: records of `table` at the instance `url`."""

    type: Literal["servicenow"]
    url: str
    table: str = Field(default="incident", pattern=r"^[a-z][a-z0-9_]{0,79}$")
    fields: dict[str, str] = Field(default_factory=dict, description="further fields of a new record, as assignment_group")

    @model_validator(mode="after")
    def _identity(self) -> ServicenowSettings:
        password_of(self.user, self.password, self.password_file)
        if self.user and self.has_token():
            raise ValueError("set user and password_file, or token_file for OAuth, and only one of the two")
        if not self.user:
            one_of("token", self.token, self.token_file)
        wrong = [name for name in self.fields if not _FIELD.fullmatch(name)]
        if wrong:
            raise ValueError(f"fields: {wrong[0][:40]!r} is no name of a field")
        return self


@dataclass(frozen=True, slots=True)
class ServicenowNotifier:
    """Opens records and adds work notes. `headers` hold the credentials and are in no repr."""

    caller: Caller
    table: str
    fields: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)

    def notify(self, alert: Alert) -> Ticket | None:
        """Open the alert's record, or say in it what is new. Returns the record, None where there is none to speak of."""
        id_ = alert.receipt if _SYS_ID.fullmatch(alert.receipt) else ""
        if not id_ and (alert.brief or alert.action in (Action.TRIGGER, Action.UPDATE)):
            return self._ticket(self._found(alert.id) or self._opened(alert))
        if not id_:
            return None  # nothing stands that could be spoken in
        self._call("PATCH", f"/{id_}", {"work_notes": f"{headline(alert)}\n\n{text_of(alert)}"[:MAX_TEXT]})
        return self._ticket(id_)

    def _ticket(self, id_: str) -> Ticket:
        return Ticket(id_, f"{self.caller.target.authority}/{self.table}/{id_}")

    def _opened(self, alert: Alert) -> str:
        said = {
            "impact": _IMPACT[alert.level],
            "urgency": _IMPACT[alert.level],
            **self.fields,
            "short_description": headline(alert, MAX_SHORT),
            "description": f"{text_of(alert)}\n{alert.key}\n{alert.id}"[:MAX_TEXT],
            "correlation_id": alert.id,
            "correlation_display": "Attestream",
        }
        return self._id(self._call("POST", "", said))

    def _found(self, correlation: str) -> str:
        """The record of this correlation id, "" where there is none."""
        query = f"?sysparm_query=correlation_id%3D{correlation}%5EORDERBYsys_created_on&sysparm_fields=sys_id&sysparm_limit=1"
        rows = self._call("GET", query, None)
        if not isinstance(rows, list):
            raise Retry(f"{self.caller.target.authority} answered a query with what is no list of records")
        return self._id(rows[0]) if rows else ""

    def _id(self, row: Any) -> str:
        id_ = row.get("sys_id") if isinstance(row, dict) else None
        if not isinstance(id_, str) or not _SYS_ID.fullmatch(id_):
            raise Retry(f"{self.caller.target.authority} did not say which record it means")
        return id_

    def _call(self, method: str, path: str, value: Any) -> Any:
        """The `result` of an answer."""
        caller = self.caller.at(f"{self.caller.target.path.rstrip('/')}/api/now/table/{self.table}{path}")
        who = caller.target.authority
        answer = caller.ask(b"", self.headers, method) if value is None else caller.ask_json(value, self.headers, method)
        if answer.status in (400, 404):
            raise Refused(f"{who} answered {answer.status}: check table, fields and the roles of the account")
        caller.judge(answer)
        said = load_object(answer, who)
        if "error" in said or "result" not in said:
            raise Retry(f"{who} answered {answer.status}, and with an error")
        return said["result"]


def _build(settings: ServicenowSettings) -> Notifier:
    headers = {"Authorization": settings.authorization()}
    return ServicenowNotifier(caller_to(settings.url, settings), settings.table, settings.fields, headers)


TYPE: Final = RouteType(
    "servicenow", "a record for each alert in a table, linked to its findings", ServicenowSettings, _build, digests=False
)
