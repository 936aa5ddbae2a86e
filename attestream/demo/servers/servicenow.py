"""A small ServiceNow: the Table API over tables of text, encoded queries, access rules, its ways with counts and missing rows.

As the real one: X-Total-Count counts rows that access rules then leave out of the page; a hidden field is left out of a row; a
condition on a field that does not exist is passed over; times are UTC, to the second; every value is text, empty for none.
"""

from __future__ import annotations

import base64
import re
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from attestream.demo.servers.serving import Asked, JsonServer, Reply

MAX_LIMIT = 10_000
_CONDITION = re.compile(r"([a-z][a-z0-9_.]*)(ISNOTEMPTY|ISEMPTY|>=|<=|!=|=|>|<|NOT IN|IN|LIKE|STARTSWITH)(.*)", re.S)
_TASK = {
    "number": "",
    "sys_class_name": "",
    "short_description": "",
    "state": "1",
    "active": "true",
    "priority": "3",
    "urgency": "3",
    "impact": "3",
    "approval": "not requested",
    "assignment_group": "",
    "assigned_to": "",
    "opened_at": "",
    "opened_by": "",
    "due_date": "",
    "closed_at": "",
    "closed_by": "",
    "cmdb_ci": "",
}
_EMPTY = dict.fromkeys
TABLES: Mapping[str, Mapping[str, str]] = {
    "incident": {
        **_TASK,
        **_EMPTY(("severity", "category", "subcategory", "caller_id", "resolved_at", "resolved_by", "close_code"), ""),
        **_EMPTY(("problem_id", "rfc", "caused_by", "reopen_count"), ""),
    },
    "change_request": {
        **_TASK,
        **_EMPTY(("type", "category", "risk", "requested_by", "start_date", "end_date", "work_start", "work_end"), ""),
        **_EMPTY(("review_date", "review_status", "close_code", "implementation_plan", "test_plan", "backout_plan"), ""),
        "risk_impact_analysis": "",
    },
    "problem": {
        **_TASK,
        **_EMPTY(("category", "resolved_at", "resolved_by", "known_error", "first_reported_by_task", "rfc"), ""),
    },
    "sysapproval_approver": {
        "state": "requested",
        **_EMPTY(("approver", "sysapproval", "source_table", "document_id", "group", "due_date"), ""),
        **_EMPTY(("sysapproval.number", "sysapproval.sys_class_name", "sysapproval.opened_by"), ""),
    },
    "task_sla": {
        **_EMPTY(("task", "sla", "stage", "has_breached", "start_time", "end_time", "planned_end_time"), ""),
        **_EMPTY(("task.number", "task.sys_class_name"), ""),
        "active": "true",
    },
    "sc_req_item": {
        **_TASK,
        **_EMPTY(("cat_item", "cat_item.name", "request", "requested_for", "requested_for.user_name", "stage"), ""),
    },
    "sc_task": {**_TASK, **_EMPTY(("request", "request_item", "request_item.cat_item.name"), "")},
    "sn_audit_engagement": _TASK,
    "alm_hardware": {
        **_EMPTY(("asset_tag", "serial_number", "display_name", "substatus", "assigned_to", "assigned_to.active"), ""),
        **_EMPTY(("owned_by", "retired"), ""),
        "install_status": "1",
    },
    "cmdb_ci": {
        **_EMPTY(("name", "sys_class_name", "install_status", "owned_by", "managed_by"), ""),
        "operational_status": "1",
    },
    "ast_contract": {
        **_EMPTY(("number", "short_description", "vendor", "starts", "ends", "contract_administrator"), ""),
        "state": "active",
    },
    "sys_journal_field": dict.fromkeys(("name", "element", "element_id", "value"), ""),
}
"""Tables and their fields, beside those that every record has."""
Row = dict[str, str]


class ServiceNowServer(JsonServer):
    """An instance with empty tables. Access: `denied` tables answer 403; `hidden_rows` (sys_ids) and `hidden_fields` (names) are
    left out of answers. `before`: called with each request first, to change something between two pages.
    """

    def __init__(
        self,
        user: str = "auditor",
        password: str = "password-of-the-demo",  # noqa: S107  the demonstration's own
        token: str = "token-of-the-demo",  # noqa: S107
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(clock)
        self.user, self.password, self.token = user, password, token
        self.tables: dict[str, dict[str, Row]] = {name: {} for name in TABLES}
        self.denied: set[str] = set()
        self.hidden_rows: set[str] = set()
        self.hidden_fields: set[str] = set()
        self.before: Callable[[Asked], None] = lambda _asked: None
        self._number = 0

    # -- what happens there; times are seconds since 1970

    def create(self, table: str, *, at: float | None = None, sys_id: str = "", by: str = "ann", **values: str) -> str:
        """A new row; returns its sys_id."""
        with self.lock:
            self._number += 1
            own, when = sys_id or uuid.uuid4().hex, written(self.clock() if at is None else at)
            row = {"sys_id": own, "sys_created_on": when, "sys_created_by": by, "sys_updated_by": by}
            row |= {**TABLES[table], "sys_updated_on": when, "sys_mod_count": "0"}
            if "opened_at" in row:
                row |= {"number": f"{table[:3].upper()}{self._number:07d}", "sys_class_name": table, "opened_at": when}
                row["opened_by"] = by
            self.tables[table][own] = {**row, **values}
            return own

    def change(self, table: str, sys_id: str, *, at: float | None = None, by: str = "bob", **values: str) -> None:
        """Somebody changes fields of a row."""
        with self.lock:
            row = self.tables[table][sys_id]
            count = str(int(row["sys_mod_count"]) + 1)
            when = written(self.clock() if at is None else at)
            row |= {**values, "sys_updated_on": when, "sys_updated_by": by, "sys_mod_count": count}

    def note(self, table: str, sys_id: str, text: str, *, at: float | None = None, by: str = "bob") -> None:
        """Somebody writes a work note."""
        self.create("sys_journal_field", at=at, by=by, name=table, element="work_notes", element_id=sys_id, value=text)
        self.change(table, sys_id, at=at, by=by)

    def close(self, table: str, sys_id: str, *, at: float | None = None, by: str = "bob") -> None:
        """Somebody closes a task."""
        when = written(self.clock() if at is None else at)
        self.change(table, sys_id, at=at, by=by, state="7", active="false", closed_at=when, closed_by=by)

    def delete(self, table: str, sys_id: str) -> None:
        """A row is deleted."""
        with self.lock:
            del self.tables[table][sys_id]

    def clear(self) -> None:
        """All rows of all tables are deleted."""
        with self.lock:
            for rows in self.tables.values():
                rows.clear()

    # -- what it answers

    def answer(self, asked: Asked) -> Reply:
        """The Table API, read only."""
        self.before(asked)
        parts = asked.path.strip("/").split("/")
        if asked.headers.get("authorization") not in (self._basic(), f"Bearer {self.token}"):
            return _error(401, "User Not Authenticated", "Required to provide Auth information")
        if parts[:3] != ["api", "now", "table"] or len(parts) not in (4, 5) or asked.method != "GET":
            return _error(400, "Requested URI does not represent any resource", "")
        table = parts[3]
        if table not in self.tables:
            return _error(400, f"Invalid table {table}", "")
        if table in self.denied:
            return _error(403, "Insufficient rights to query records", "Fields present in the query do not have permission")
        names = [name for name in asked.query.get("sysparm_fields", "").split(",") if name]
        if len(parts) == 5:
            row = self.tables[table].get(parts[4])
            if row is None or parts[4] in self.hidden_rows:
                return _error(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
            return Reply(200, {"result": self._shown(row, names)})
        return self._list(table, names, asked.query)

    def _basic(self) -> str:
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()

    def _list(self, table: str, names: list[str], query: Mapping[str, str]) -> Reply:
        fits, order = encoded(query.get("sysparm_query", ""), {*TABLES[table], *_RECORD})
        found = [row for row in self.tables[table].values() if fits(row)]
        for name, down in reversed(order):
            found.sort(key=lambda row: row.get(name, ""), reverse=down)
        limit, offset = int(query.get("sysparm_limit") or MAX_LIMIT), int(query.get("sysparm_offset") or 0)
        if limit < 1:
            return _error(400, "Invalid value given for sysparm_limit", "sysparm_limit value must be a positive integer")
        page = [row for row in found[offset : offset + limit] if row["sys_id"] not in self.hidden_rows]
        return Reply(200, {"result": [self._shown(row, names) for row in page]}, {"X-Total-Count": str(len(found))})

    def _shown(self, row: Row, names: list[str]) -> dict[str, Any]:
        return {name: row[name] for name in names or row if name in row and name not in self.hidden_fields}


_RECORD = ("sys_id", "sys_created_on", "sys_created_by", "sys_updated_on", "sys_updated_by", "sys_mod_count")


def written(at: float) -> str:
    """A time as it is stored: UTC, to the second."""
    return f"{datetime.fromtimestamp(int(at), UTC):%Y-%m-%d %H:%M:%S}"


def _error(status: int, message: str, detail: str) -> Reply:
    return Reply(status, {"error": {"message": message, "detail": detail}, "status": "failure"})


def encoded(query: str, fields: set[str]) -> tuple[Callable[[Row], bool], list[tuple[str, bool]]]:
    """Read an encoded query: (what fits, order by field and descending). ^OR binds to the condition before, ^NQ begins anew."""
    order: list[tuple[str, bool]] = []
    whole: list[list[list[Callable[[Row], bool]]]] = [[]]
    for part in filter(None, query.split("^")):
        if part.startswith("ORDERBY"):
            down = part.startswith("ORDERBYDESC")
            order.append((part.removeprefix("ORDERBYDESC" if down else "ORDERBY"), down))
            continue
        if part.startswith("NQ"):
            whole.append([])
            part = part[2:]
        joined = part.startswith("OR")
        test = _test(part.removeprefix("OR") if joined else part, fields)
        if test is not None and joined and whole[-1]:
            whole[-1][-1].append(test)
        elif test is not None:
            whole[-1].append([test])
    return (lambda row: any(all(any(test(row) for test in some) for some in one) for one in whole)), order


def _test(text: str, fields: set[str]) -> Callable[[Row], bool] | None:
    """One condition, None where it is passed over: not understood, or on a field that does not exist."""
    found = _CONDITION.fullmatch(text)
    if found is None or found[1] not in fields:
        return None
    name, sign, value = found.groups()
    several = value.split(",")
    tests: dict[str, Callable[[str], bool]] = {
        "=": lambda have: have == value,
        "!=": lambda have: have != value,
        ">": lambda have: have > value,
        "<": lambda have: have < value,
        ">=": lambda have: have >= value,
        "<=": lambda have: have <= value,
        "IN": lambda have: have in several,
        "NOT IN": lambda have: have not in several,
        "LIKE": lambda have: value.lower() in have.lower(),
        "STARTSWITH": lambda have: have.lower().startswith(value.lower()),
        "ISEMPTY": lambda have: not have,
        "ISNOTEMPTY": bool,
    }
    return lambda row: tests[sign](row.get(name, ""))
