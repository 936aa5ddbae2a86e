"""The life of an issue or a pull request, read from GitHub's own members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from collectors.tickets import Life, earliest, moment

ISSUE: Final = "ticket.github.issue"
PULL: Final = "ticket.github.pull-request"
APPROVED: Final = "APPROVED"


def of_ticket(value: Mapping[str, Any], prefixes: Sequence[str], responded: int | None, unread: Sequence[str] = ()) -> Life:
    """The life of an issue (or of a pull request as the list of issues shows it). `responded`: who is not its author spoke.

    GitHub knows no review of an issue: `reviewed` is null.
    """
    done = value.get("state") == "closed"
    closed = moment(value.get("closed_at")) if done else None
    return Life(
        "done" if done else "open",
        opened=moment(value.get("created_at")),
        owner=_owner(value),
        severity=severity(value, prefixes),
        first_response=responded,
        resolved=closed,
        closed=closed,
        updated=moment(value.get("updated_at")),
        unread=tuple(unread),
    )


def of_pull(value: Mapping[str, Any], prefixes: Sequence[str], reviews: Sequence[Any]) -> Life:
    """The life of a pull request that is closed: responded to by the first review of another, reviewed by the first approval."""
    author = login(value.get("user"))
    others = [item for item in reviews if isinstance(item, dict) and login(item.get("user")) not in (None, author)]
    approvals = [item for item in others if item.get("state") == APPROVED]
    life = of_ticket(value, prefixes, earliest(moment(item.get("submitted_at")) for item in others))
    return replace(
        life,
        resolved=moment(value.get("merged_at")) or life.closed,
        reviewed=earliest(moment(item.get("submitted_at")) for item in approvals),
    )


def login(user: Any) -> str | None:
    """A user's name; None for one that was deleted."""
    name = user.get("login") if isinstance(user, dict) else None
    return name if isinstance(name, str) else None


def severity(value: Mapping[str, Any], prefixes: Sequence[str]) -> str | None:
    """What follows the first prefix that a label begins with, in the order of the prefixes, whatever their case."""
    labels = value.get("labels")
    names = [label.get("name") if isinstance(label, dict) else label for label in labels] if isinstance(labels, list) else []
    for prefix in prefixes:
        for name in names:
            if isinstance(name, str) and name.lower().startswith(prefix.lower()) and len(name) > len(prefix):
                return name[len(prefix) :].strip()
    return None


def _owner(value: Mapping[str, Any]) -> str | None:
    assignees = value.get("assignees")
    first = assignees[0] if isinstance(assignees, list) and assignees else value.get("assignee")
    return login(first)
