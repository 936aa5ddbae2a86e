"""The life of a Jira issue, from its fields, its comments and its history (changelog).

Response means that somebody other than the reporter, and no app, commented, changed the status or the assignee. Reviewed means
that one of the agreed labels was put on, or that a field of the organisation's holds a time. What the search delivers in part
(long histories and comments) is asked for in whole, from the oldest on, by `More`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from collectors.jira_search import Issue
from collectors.tickets import Life, earliest, moment

FIELDS: Final = (
    "summary",
    "status",
    "issuetype",
    "project",
    "priority",
    "labels",
    "components",
    "assignee",
    "reporter",
    "creator",
    "created",
    "updated",
    "resolution",
    "resolutiondate",
    "duedate",
    "issuelinks",
    "subtasks",
    "attachment",
)
MAY_LACK: Final = ("parent", "security", "statuscategorychangedate")
"""Fields that Jira leaves out where an issue has none of them, or the edition does not know them."""
COMMENT: Final = "comment"
_RESPONSES: Final = frozenset({"status", "assignee"})


class NotAnswered(Exception):
    """More of an issue could not be had; what rests on it is not known. The one who raises it has reported why."""


class More(Protocol):
    """Asks for what the search left out of an issue, oldest first; raises NotAnswered."""

    def history(self, issue: Issue) -> Iterable[Mapping[str, Any]]:
        """All entries of its history."""
        ...

    def comments(self, issue: Issue) -> Iterable[Mapping[str, Any]]:
        """All its comments."""
        ...


@dataclass(frozen=True, slots=True)
class Conventions:
    """What an organisation agreed on: field names, labels that mean reviewed, and whether comments are read."""

    severity: str
    reviewed_field: str | None
    reviewed_labels: tuple[str, ...]
    comments: bool
    asked: tuple[str, ...]


def asked_fields(severity: str, reviewed: str | None, more: Sequence[str], comments: bool) -> tuple[str, ...]:
    """The fields to ask for, each once."""
    own = [severity, *([reviewed] if reviewed else []), *more]
    return tuple(dict.fromkeys([*FIELDS, *MAY_LACK, *([COMMENT] if comments else []), *own]))


def life(issue: Issue, agreed: Conventions, more: More, known: Mapping[str, int | None] | None = None) -> Life:
    """Return the issue's life. What was asked for and is not there is unread.

    `known`: first_response, closed and reviewed, where they were found out before of the issue in this state.
    """
    fields = issue.value["fields"]
    unread = [f"fields.{name}" for name in agreed.asked if name not in fields and name not in MAY_LACK]
    category = inside(fields.get("status"), "statusCategory", "key")
    if not isinstance(category, str):
        unread.append("state")
    done = category == "done"
    history = _History(issue, more)
    times: dict[str, int | None] = dict(known or {})
    reads: dict[str, Callable[[], int | None]] = {
        "first_response": lambda: _responded(issue, agreed, history, more),
        "closed": lambda: _closed(fields, history) if done else None,
        "reviewed": lambda: _reviewed(fields, agreed, history),
    }
    for name, read in reads.items():
        if name in times:
            continue
        try:
            times[name] = read()
        except NotAnswered:
            unread.append(name)
    simple = {"opened": "created", "owner": "assignee", "severity": agreed.severity, "resolved": "resolutiondate"}
    unread += [name for name, own in simple.items() if own not in fields]
    return Life(
        state="done" if done else "open",
        opened=moment(fields.get("created")),
        owner=_person(fields.get("assignee")),
        severity=_word(fields.get(agreed.severity)),
        resolved=moment(fields.get("resolutiondate")),
        updated=issue.updated,
        unread=tuple(unread),
        **times,
    )


def slas(issue: Issue) -> list[dict[str, Any]]:
    """The SLA fields of Jira Service Management among what was asked for: name, field, is its clock running, was it breached.

    What a field of that shape does not say is null.
    """
    found = []
    for name, value in issue.value["fields"].items():
        if not isinstance(value, Mapping) or not ("ongoingCycle" in value or isinstance(value.get("completedCycles"), list)):
            continue
        running = value.get("ongoingCycle")
        cycles = [*_objects(value.get("completedCycles")), *([running] if isinstance(running, Mapping) else [])]
        said = [cycle.get("breached") for cycle in cycles]
        breached = True if True in said else None if None in said else False
        found.append(
            {"name": _word(value.get("name")), "field": name, "running": isinstance(running, Mapping), "breached": breached}
        )
    return found


def inside(value: Any, *path: str) -> Any:
    """The value at a path of an object, None where there is no such path."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _person(value: Any) -> str | None:
    """Who that is by a stable name: Cloud's accountId, Data Center's user name."""
    for name in ("accountId", "name", "key"):
        found = inside(value, name)
        if isinstance(found, str):
            return found
    return None


def _word(value: Any) -> str | None:
    """A field as a word: an option's value, a priority's name, text or number."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    for name in ("value", "name"):
        found = inside(value, name)
        if isinstance(found, str):
            return found
    return None


class _History:
    """An issue's history: what the search delivered (the newest entries first), the whole only when it is needed."""

    def __init__(self, issue: Issue, more: More) -> None:
        self._issue, self._more = issue, more
        log = issue.value.get("changelog")
        self.given = _objects(inside(log, "histories"))
        total = inside(log, "total")
        self._partial = not isinstance(log, Mapping) or not isinstance(total, int) or total > len(self.given)
        self._whole: list[Mapping[str, Any]] | None = None

    def whole(self) -> Sequence[Mapping[str, Any]]:
        """Every entry, in no particular order. Raises NotAnswered."""
        if not self._partial:
            return self.given
        if self._whole is None:
            self._whole = _objects(list(self._more.history(self._issue)))
        return self._whole


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _by_another(author: Any, fields: Mapping[str, Any]) -> bool:
    """Is this a person other than the reporter? Rules and apps answer nobody."""
    return inside(author, "accountType") != "app" and _person(author) not in (None, _person(fields.get("reporter")))


def _responded(issue: Issue, agreed: Conventions, history: _History, more: More) -> int | None:
    fields = issue.value["fields"]
    changed = earliest(
        moment(entry.get("created"))
        for entry in history.whole()
        if _by_another(entry.get("author"), fields)
        and any(item.get("field") in _RESPONSES and item.get("to") for item in _objects(entry.get("items")))
    )
    if not agreed.comments:
        return changed
    return earliest([changed, _commented(issue, more)])


def _commented(issue: Issue, more: More) -> int | None:
    fields = issue.value["fields"]
    given = _objects(inside(fields.get(COMMENT), "comments"))
    total = inside(fields.get(COMMENT), "total")
    if not isinstance(total, int):
        raise NotAnswered
    comments: Iterable[Mapping[str, Any]] = given if total <= len(given) else more.comments(issue)
    return earliest(moment(comment.get("created")) for comment in comments if _by_another(comment.get("author"), fields))


def _closed(fields: Mapping[str, Any], history: _History) -> int | None:
    """Since when it is in its present state, which is a done one."""
    since = moment(fields.get("statuscategorychangedate"))
    if since is not None:
        return since
    status = inside(fields.get("status"), "id")
    at = [
        moment(entry.get("created"))
        for entry in history.whole()
        if any(item.get("field") == "status" and item.get("to") == status for item in _objects(entry.get("items")))
    ]
    return max((time for time in at if time is not None), default=moment(fields.get("created")))


def _reviewed(fields: Mapping[str, Any], agreed: Conventions, history: _History) -> int | None:
    """When it was reviewed: the agreed field, else when the first of the agreed labels that it has was put on."""
    if agreed.reviewed_field is not None:
        if agreed.reviewed_field not in fields:
            raise NotAnswered
        return moment(fields[agreed.reviewed_field])
    if "labels" not in fields:
        raise NotAnswered
    own = fields["labels"] if isinstance(fields["labels"], list) else []
    labels = [label for label in agreed.reviewed_labels if label in own]
    if not labels:
        return None
    put = [moment(entry.get("created")) for entry in history.whole() for label in labels if _puts(entry, label)]
    return max((time for time in put if time is not None), default=moment(fields.get("created")))


def _puts(entry: Mapping[str, Any], label: str) -> bool:
    """Did this change put the label on?"""
    for item in _objects(entry.get("items")):
        if item.get("field") == "labels":
            before, after = str(item.get("fromString") or "").split(), str(item.get("toString") or "").split()
            if label in after and label not in before:
                return True
    return False
