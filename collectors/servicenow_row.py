"""What is asked of each ServiceNow table, and the life of a ticket in its row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from collectors.servicenow_table import Row, time_of
from collectors.tickets import Life

_RECORD: Final = ("sys_id", "sys_created_on", "sys_created_by", "sys_updated_on", "sys_updated_by", "sys_mod_count")
_TASK: Final = (
    *_RECORD,
    "number",
    "sys_class_name",
    "short_description",
    "state",
    "active",
    "priority",
    "urgency",
    "impact",
    "approval",
    "assignment_group",
    "assigned_to",
    "opened_at",
    "opened_by",
    "due_date",
    "closed_at",
    "closed_by",
    "cmdb_ci",
)
_INCIDENT: Final = (
    *("severity", "category", "subcategory", "caller_id", "resolved_at", "resolved_by", "close_code"),
    *("problem_id", "rfc", "caused_by", "reopen_count"),
)
_CHANGE: Final = (
    *(
        "type",
        "category",
        "risk",
        "requested_by",
        "start_date",
        "end_date",
        "work_start",
        "work_end",
        "review_date",
        "review_status",
    ),
    *("close_code", "implementation_plan", "test_plan", "backout_plan", "risk_impact_analysis"),
)
_ITEM: Final = ("cat_item", "cat_item.name", "request", "requested_for", "requested_for.user_name", "stage")
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "incident": (*_TASK, *_INCIDENT),
    "sn_si_incident": (*_TASK, "severity", "category", "subcategory"),
    "problem": (*_TASK, "category", "resolved_at", "resolved_by", "known_error", "first_reported_by_task", "rfc"),
    "change_request": (*_TASK, *_CHANGE),
    "sc_req_item": (*_TASK, *_ITEM),
    "sc_task": (*_TASK, "request", "request_item", "request_item.cat_item.name"),
    "sysapproval_approver": (
        *(*_RECORD, "state", "approver", "sysapproval", "source_table", "document_id", "group", "due_date"),
        *("sysapproval.number", "sysapproval.sys_class_name", "sysapproval.opened_by"),
    ),
    "task_sla": (
        *(*_RECORD, "task", "sla", "stage", "active", "has_breached", "start_time", "end_time", "planned_end_time"),
        *("task.number", "task.sys_class_name"),
    ),
    "sn_audit_engagement": _TASK,
    "alm_hardware": (
        *(*_RECORD, "asset_tag", "serial_number", "display_name", "install_status", "substatus"),
        *("assigned_to", "assigned_to.active", "owned_by", "retired"),
    ),
    "cmdb_ci": (*_RECORD, "name", "sys_class_name", "operational_status", "install_status", "owned_by", "managed_by"),
    "ast_contract": (*_RECORD, "number", "short_description", "vendor", "state", "starts", "ends", "contract_administrator"),
}
"""What is asked for of known tables; of another one, which should extend `task`, that table's own fields."""
OPEN: Final[Mapping[str, str]] = {
    "sysapproval_approver": "state=requested",
    "alm_hardware": "install_status=1",
    "cmdb_ci": "operational_status=1",
    "ast_contract": "state=active",
}
"""When a row is open, and comes in every run; of the others: active=true. Of a register's entry: in use."""
OWNERS: Final[Mapping[str, str]] = {
    "sysapproval_approver": "approver",
    "cmdb_ci": "owned_by",
    "ast_contract": "contract_administrator",
}
STARTS: Final[Mapping[str, str]] = {
    "sysapproval_approver": "sys_created_on",
    "task_sla": "start_time",
    "alm_hardware": "sys_created_on",
    "cmdb_ci": "sys_created_on",
    "ast_contract": "sys_created_on",
}
ENDS: Final[Mapping[str, str]] = {"task_sla": "end_time", "alm_hardware": "retired"}
RESOLVED: Final = frozenset({"incident", "problem"})
REVIEWED: Final[Mapping[str, str]] = {"change_request": "review_date"}

_CONDITION: Final = re.compile(r"([a-z][a-z0-9_]{0,79})(=|IN)([^\^]+)")


@dataclass(frozen=True, slots=True)
class Condition:
    """FIELD=VALUE or FIELDINVALUE,VALUE: the part of encoded queries that can be asked there and judged here."""

    text: str
    field: str
    values: frozenset[str]

    def of(self, row: Row) -> bool | None:
        """Does the row fit? None where its field was not answered."""
        value = row.value.get(self.field)
        return value in self.values if isinstance(value, str) else None


def condition(text: str) -> Condition:
    """Read one. Raises ValueError."""
    found = _CONDITION.fullmatch(text)
    if found is None or not text.isprintable():
        raise ValueError(f"{text!r} must be FIELD=VALUE or FIELDINVALUE,VALUE")
    values = found[3].split(",") if found[2] == "IN" else [found[3]]
    return Condition(text, found[1], frozenset(values))


@dataclass(frozen=True, slots=True)
class Conventions:
    """What is agreed of one table: when a row is open, and which fields say severity, first response and review."""

    table: str
    open: Condition
    severity: str
    responded: str | None
    reviewed: str | None
    fields: tuple[str, ...]


def conventions(
    table: str, opens: str | None, severity: str, responded: str | None, reviewed: str | None, more: Sequence[str]
) -> Conventions:
    """Of a table and the settings for it."""
    at = condition(opens or OPEN.get(table, "active=true"))
    reviewed = reviewed or REVIEWED.get(table)
    base = FIELDS.get(table, _TASK)
    own = [
        at.field,
        *([severity] if "priority" in base else []),
        *([responded] if responded else []),
        *([reviewed] if reviewed else []),
    ]
    return Conventions(table, at, severity, responded, reviewed, tuple(dict.fromkeys([*base, *own, *more])))


def life(row: Row, agreed: Conventions, responses: Mapping[str, int | None] | None = None) -> Life:
    """Return the life of a row's ticket. A field that was asked for and is not there is hidden from us: unread.

    `responses`: first responses by sys_id, of rows whose journal was read.
    """
    value, table = row.value, agreed.table
    unread = [name for name in agreed.fields if name not in value]
    fits = agreed.open.of(row)
    ends = ENDS.get(table, "closed_at")
    names = {
        "opened": STARTS.get(table, "opened_at"),
        "owner": OWNERS.get(table, "assigned_to"),
        "severity": agreed.severity,
        "first_response": agreed.responded,
        "resolved": "resolved_at" if table in RESOLVED else ends,
        "closed": ends,
        "reviewed": agreed.reviewed,
    }
    unread += [name for name, own in names.items() if own is None or own not in value]
    if fits is None:
        unread.append("state")
    told = agreed.responded is None and responses is not None and row.sys_id in responses
    if told:
        unread.remove("first_response")

    texts = {name: found for name, own in names.items() if isinstance(found := value.get(own or ""), str) and found}
    return Life(
        state="done" if fits is False else "open",
        opened=time_of(texts.get("opened")),
        owner=texts.get("owner"),
        severity=texts.get("severity"),
        first_response=responses[row.sys_id] if told and responses else time_of(texts.get("first_response")),
        resolved=time_of(texts.get("resolved")),
        closed=time_of(texts.get("closed")),
        reviewed=time_of(texts.get("reviewed")),
        updated=row.updated,
        unread=tuple(unread),
    )
