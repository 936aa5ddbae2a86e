"""A sample for a route: what people look at when they set it up, and that its receiver really takes."""

from __future__ import annotations

import secrets
from typing import Any, Final

from alerts.base import Action, Alert
from alerts.text import when

TITLE: Final = "Sample, nothing is wrong"


def sample(route: str, action: Action, now: int, origin: str, link: str, *, brief: bool = False) -> Alert:
    """An alert that speaks of nothing, under a key of the route's own. `brief`: one that is over already."""
    said: dict[str, Any] = {
        "id": secrets.token_hex(16),
        "key": f"test/{route}",
        "action": Action.RESOLVE if brief else action,
        "kind": "test",
        "level": "low",
        "title": TITLE,
        "sentence": f"{TITLE}: this was sent to the route {route} at {when(now)} by attestream alert test.",
        "before": "",
        "after": "",
        "since": now,
        "until": now if brief or action is Action.RESOLVE else None,
        "changed_at": now,
        "known_at": now,
        "origin": origin,
        "source": "attestream",
        "subjects": ("sample",),
        "subject_count": 1,
        "brief": brief,
        "link": link,
    }
    if action in (Action.SUMMARY, Action.DIGEST):
        said |= {"counts": {"low": 1}, "top": ((TITLE, 1),)}
    return Alert(**said)
