"""A small Jira, Cloud or Data Center: search by JQL with its paging, issues, histories, comments, and its ways with tokens.

Cloud: Basic credentials; an unknown token is nobody, who may ask and is shown nothing; pages by token, without a total; the 40
newest changes and 20 comments with an issue. Data Center: Bearer; 401 to unknown tokens; pages by position; whole histories.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from attestream.demo.servers.jql import Query, Refused, parse
from attestream.demo.servers.serving import Asked, JsonServer, Reply

STATUSES: Mapping[str, tuple[str, str]] = {
    "To Do": ("10000", "new"),
    "In Progress": ("3", "indeterminate"),
    "Done": ("10001", "done"),
}
"""Statuses by name: id, key of the category."""
CATEGORIES = {"new": (2, "To Do"), "indeterminate": (4, "In Progress"), "done": (3, "Done")}
MAX_PAGE, MAX_CHANGES, MAX_COMMENTS = 100, 40, 20
MISSING = Reply(404, {"errorMessages": ["Issue does not exist or you do not have permission to see it."], "errors": {}})


@dataclass
class Change:
    """One entry of a history: times are milliseconds; items are (field, from, to) as texts, None: empty."""

    at: int
    author: str
    items: list[tuple[str, str | None, str | None]]


@dataclass
class Ticket:
    """An issue. `status` is one of STATUSES; `more` holds custom fields. `seen` is its place in the search's index."""

    number: int
    key: str
    summary: str
    reporter: str
    created: int
    updated: int
    status: str = "To Do"
    assignee: str | None = None
    priority: str | None = "Medium"
    labels: list[str] = field(default_factory=list)
    duedate: str | None = None
    resolved: int | None = None
    settled: int | None = None
    changes: list[Change] = field(default_factory=list)
    comments: list[tuple[int, str, str]] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)
    seen: dict[str, Any] = field(default_factory=dict)


class JiraServer(JsonServer):
    """A Jira of one edition, empty at first. People are named by plain words; those that begin with "app-" are apps.

    `zone`: the account's time zone. `hidden`: projects that the account may not see. While `lagging`, changes do not reach the
    index that is searched; `reindex` lets them. `before`: called with each request first, to change something between two pages.
    """

    def __init__(
        self,
        edition: Literal["cloud", "data-center"] = "cloud",
        token: str = "token-of-the-demo",  # noqa: S107  the demonstration's own
        email: str = "auditor@example.org",
        zone: str = "Pacific/Auckland",
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(clock)
        self.edition, self.token, self.email, self.zone = edition, token, email, ZoneInfo(zone)
        self.tickets: dict[str, Ticket] = {}
        self.moved: dict[str, str] = {}
        self.hidden: set[str] = set()
        self.lagging = False
        self.before: Callable[[Asked], None] = lambda _asked: None
        self.cap = MAX_PAGE
        self._number = 0
        self._count: dict[str, int] = {}

    # -- what happens there; times are milliseconds since 1970

    def now(self) -> int:
        """Its time."""
        return int(self.clock() * 1000)

    def create(self, project: str, summary: str, *, at: int | None = None, reporter: str = "ann", **more: Any) -> str:
        """A new issue; returns its key. `more`: attributes of Ticket."""
        with self.lock:
            self._number += 1
            self._count[project] = self._count.get(project, 0) + 1
            when = self.now() if at is None else at
            ticket = Ticket(10_000 + self._number, f"{project}-{self._count[project]}", summary, reporter, when, when, **more)
            self.tickets[ticket.key] = ticket
            self._index(ticket)
            return ticket.key

    def change(self, key: str, *, at: int | None = None, by: str = "bob", **values: Any) -> None:
        """Somebody changes attributes of an issue: status, assignee, priority, labels, …; `more` for custom fields."""
        with self.lock:
            ticket = self.tickets[key]
            when = self.now() if at is None else at
            items = []
            for name, value in values.items():
                before = getattr(ticket, name)
                setattr(ticket, name, {**before, **value} if name == "more" else value)
                items.append((name, _text(before), _text(value)))
            ticket.changes.append(Change(when, by, items))
            if "status" in values:
                done = STATUSES[ticket.status][1] == "done"
                ticket.resolved, ticket.settled = (when if done else None), when
            self._touch(ticket, when)

    def comment(self, key: str, text: str, *, at: int | None = None, by: str = "bob") -> None:
        """Somebody writes a comment."""
        with self.lock:
            when = self.now() if at is None else at
            self.tickets[key].comments.append((when, by, text))
            self._touch(self.tickets[key], when)

    def delete(self, key: str) -> None:
        """An issue is deleted."""
        with self.lock:
            del self.tickets[key]

    def move(self, key: str, project: str) -> str:
        """An issue is moved to another project; returns its new key. The old key leads to it."""
        with self.lock:
            ticket = self.tickets.pop(key)
            self._count[project] = self._count.get(project, 0) + 1
            ticket.key = f"{project}-{self._count[project]}"
            self.tickets[ticket.key], self.moved[key] = ticket, ticket.key
            self._touch(ticket, self.now())
            return ticket.key

    def clear(self) -> None:
        """Every issue is deleted."""
        with self.lock:
            self.tickets.clear()

    def reindex(self) -> None:
        """The search knows everything again."""
        with self.lock:
            for ticket in self.tickets.values():
                ticket.seen = self._row(ticket)

    def _touch(self, ticket: Ticket, when: int) -> None:
        ticket.updated = when
        self._index(ticket)

    def _index(self, ticket: Ticket) -> None:
        if not self.lagging:
            ticket.seen = self._row(ticket)

    def _row(self, ticket: Ticket) -> dict[str, Any]:
        category = STATUSES[ticket.status][1]
        project = ticket.key.rpartition("-")[0]
        return {
            "key": ticket.key,
            "project": project,
            "summary": ticket.summary,
            "status": ticket.status,
            "statuscategory": [CATEGORIES[category][1], category],
            "labels": list(ticket.labels),
            "assignee": ticket.assignee,
            "reporter": ticket.reporter,
            "priority": ticket.priority,
            "issuetype": "Incident",
            "created": ticket.created,
            "updated": ticket.updated,
            "resolved": ticket.resolved,
            "order": (project, int(ticket.key.rpartition("-")[2])),
        }

    # -- what it answers

    def answer(self, asked: Asked) -> Reply:
        """The REST API, version 3 in Cloud, 2 in Data Center."""
        self.before(asked)
        root = "/rest/api/3/" if self.edition == "cloud" else "/rest/api/2/"
        known = self._known(asked.headers.get("authorization", ""))
        if not asked.path.startswith(root) or (not known and self.edition == "data-center"):
            return Reply(404 if known else 401, {"message": "Client must be authenticated to access this resource."})
        parts = asked.path.removeprefix(root).split("/")
        if parts == ["myself"]:
            own = (
                {"accountId": "5b10a2844c20165700ede21g"} if self.edition == "cloud" else {"name": "auditor", "key": "JIRAUSER1"}
            )
            return Reply(200, {**own, "timeZone": self.zone.key}) if known else Reply(401, {"message": "Unauthorized"})
        if parts == ["search", "jql"] and self.edition == "cloud" and asked.method == "POST":
            return self._search(asked.json(), known)
        if parts == ["search"] and self.edition == "data-center" and asked.method == "POST":
            return self._search(asked.json(), known)
        if len(parts) == 2 and parts[0] == "project" and known:
            there = any(key.startswith(f"{parts[1]}-") for key in self.tickets) or parts[1] in self._count
            return Reply(200, {"key": parts[1]}) if there and parts[1] not in self.hidden else Reply(404, {"errorMessages": []})
        if len(parts) in (2, 3) and parts[0] == "issue" and known:
            return self._issue(parts, asked.query)
        return Reply(404, {"errorMessages": []})

    def _known(self, header: str) -> bool:
        if self.edition == "data-center":
            return header == f"Bearer {self.token}"
        return header == "Basic " + base64.b64encode(f"{self.email}:{self.token}".encode()).decode()

    def _visible(self, ticket: Ticket) -> bool:
        return ticket.key.rpartition("-")[0] not in self.hidden

    def _search(self, body: Mapping[str, Any], known: bool) -> Reply:
        try:
            query = parse(str(body.get("jql") or ""), self.zone)
            if self.edition == "cloud" and not query.bounded:
                raise Refused("Unbounded JQL queries are not allowed here.")
        except Refused as error:
            return Reply(400, {"errorMessages": [f"Error in the JQL Query: {error}"], "warningMessages": []})
        found = [one for one in self.tickets.values() if known and self._visible(one) and query.fits(one.seen)]
        for name, down in reversed(query.order or (("created", True),)):
            found.sort(key=lambda one: _sortable(one.seen, name), reverse=down)
        count = max(1, min(int(body.get("maxResults") or 50), self.cap))
        fields = body.get("fields") or []
        log = "changelog" in (body.get("expand") or "")
        if self.edition == "data-center":
            start = int(body.get("startAt") or 0)
            page = [self._json(one, fields, log) for one in found[start : start + count]]
            return Reply(200, {"startAt": start, "maxResults": count, "total": len(found), "issues": page})
        return self._by_token(body, query, found, count, lambda one: self._json(one, fields, log))

    def _by_token(
        self, body: Mapping[str, Any], query: Query, found: list[Ticket], count: int, show: Callable[[Ticket], dict[str, Any]]
    ) -> Reply:
        """A token holds the sort values (rising) of the last issue: what is behind them comes next, however the rest moves."""
        names = [name for name, _ in query.order] or ["created"]
        if (token := body.get("nextPageToken")) is not None:
            try:
                held = json.loads(base64.b64decode(str(token), validate=True))
                last = [tuple(value) if isinstance(value, list) else value for value in held["last"]]
                if held["jql"] != body.get("jql"):
                    raise ValueError("another query's")
            except (ValueError, KeyError, TypeError):
                return Reply(400, {"errorMessages": ["The provided next page token is invalid or expired."]})
            found = [one for one in found if [_sortable(one.seen, name) for name in names] > last]
        page, rest = found[:count], found[count:]
        value: dict[str, Any] = {"issues": [show(one) for one in page], "isLast": not rest}
        if rest:
            state = {"jql": body.get("jql"), "last": [_sortable(page[-1].seen, name) for name in names]}
            value["nextPageToken"] = base64.b64encode(json.dumps(state).encode()).decode()
        return Reply(200, value)

    def _issue(self, parts: list[str], query: Mapping[str, str]) -> Reply:
        ticket = self.tickets.get(self.moved.get(parts[1], parts[1]))
        if ticket is None or not self._visible(ticket):
            return MISSING
        if len(parts) == 2:
            return Reply(200, self._json(ticket, query.get("fields", "*all").split(","), "changelog" in query.get("expand", "")))
        start, count = int(query.get("startAt") or 0), min(int(query.get("maxResults") or 50), MAX_PAGE)
        if parts[2] == "comment":
            items, name = [self._comment(*one) for one in ticket.comments], "comments"
        elif parts[2] == "changelog" and self.edition == "cloud":
            items, name = [self._change(ticket, number) for number in range(len(ticket.changes))], "values"
        else:
            return Reply(404, {"errorMessages": []})
        page = items[start : start + count]
        return Reply(200, {"startAt": start, "maxResults": count, "total": len(items), name: page})

    # -- how it writes

    def _json(self, ticket: Ticket, fields: Iterable[str], log: bool) -> dict[str, Any]:
        every = self._fields(ticket)
        names = set(fields)
        own = {name: value for name, value in every.items() if name in names or "*all" in names}
        value = {"expand": "changelog", "id": str(ticket.number), "self": f"{self.url}/rest/api/2/issue/{ticket.number}"}
        whole: dict[str, Any] = {**value, "key": ticket.key, "fields": own}
        if log:
            entries = [self._change(ticket, number) for number in range(len(ticket.changes))]
            given = entries[::-1][:MAX_CHANGES] if self.edition == "cloud" else entries
            whole["changelog"] = {"startAt": 0, "maxResults": len(given), "total": len(entries), "histories": given}
        return whole

    def _fields(self, ticket: Ticket) -> dict[str, Any]:
        status, category = STATUSES[ticket.status]
        done = category == "done"
        comments = [self._comment(*one) for one in ticket.comments]
        given = comments[:MAX_COMMENTS] if self.edition == "cloud" else comments
        kind = {"id": CATEGORIES[category][0], "key": category, "name": CATEGORIES[category][1]}
        own = {
            "summary": ticket.summary,
            "status": {"id": status, "name": ticket.status, "statusCategory": kind},
            "issuetype": {"id": "10004", "name": "Incident", "subtask": False},
            "project": {"key": ticket.key.rpartition("-")[0]},
            "priority": None if ticket.priority is None else {"id": "3", "name": ticket.priority},
            "labels": list(ticket.labels),
            "components": [],
            "assignee": None if ticket.assignee is None else self._person(ticket.assignee),
            "reporter": self._person(ticket.reporter),
            "creator": self._person(ticket.reporter),
            "created": self._time(ticket.created),
            "updated": self._time(ticket.updated),
            "resolution": {"id": "10000", "name": "Done"} if done else None,
            "resolutiondate": self._time(ticket.resolved),
            "duedate": ticket.duedate,
            "issuelinks": [{"id": link, "outwardIssue": {"key": link}} for link in ticket.links],
            "subtasks": [],
            "attachment": [],
            "comment": {"comments": given, "maxResults": len(given), "total": len(comments), "startAt": 0},
            **ticket.more,
        }
        if self.edition == "cloud":
            own["statuscategorychangedate"] = self._time(ticket.settled or ticket.created)
        return own

    def _change(self, ticket: Ticket, number: int) -> dict[str, Any]:
        change = ticket.changes[number]
        items = [
            {
                "field": name,
                "fieldId": name,
                "from": _ident(name, old),
                "fromString": old,
                "to": _ident(name, new),
                "toString": new,
            }
            for name, old, new in change.items
        ]
        own = {"id": str(number + 1), "author": self._person(change.author)}
        return {**own, "created": self._time(change.at), "items": items}

    def _comment(self, at: int, author: str, text: str) -> dict[str, Any]:
        body: Any = text
        if self.edition == "cloud":
            body = {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]}]}
        return {"author": self._person(author), "body": body, "created": self._time(at), "updated": self._time(at)}

    def _person(self, name: str) -> dict[str, Any]:
        if self.edition == "data-center":
            return {"name": name, "key": name, "displayName": name.title(), "active": True}
        kind = "app" if name.startswith("app-") else "atlassian"
        return {"accountId": name, "accountType": kind, "displayName": name.title(), "active": True}

    def _time(self, at: int | None) -> str | None:
        """As Jira writes it: in the account's time zone, "2026-11-20T10:00:00.000+1300"."""
        if at is None:
            return None
        local = datetime.fromtimestamp(at / 1000, UTC).astimezone(self.zone)
        return f"{local:%Y-%m-%dT%H:%M:%S}.{at % 1000:03d}{local:%z}"


def _sortable(row: Mapping[str, Any], name: str) -> Any:
    value = row["order"] if name == "key" else row.get(name)
    return value if isinstance(value, int | tuple) else str(value or "")


def _text(value: Any) -> str | None:
    return " ".join(value) if isinstance(value, list) else None if value is None else str(value)


def _ident(name: str, value: str | None) -> str | None:
    """A history's `from` and `to` are ids where there are ids; labels have none."""
    if name == "labels":
        return ""
    return STATUSES[value][0] if name == "status" and value else value
