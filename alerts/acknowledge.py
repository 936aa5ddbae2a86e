"""Acknowledgements: somebody has taken an alert on. That stops its escalation, and nothing else.

An acknowledgement is an entry of the log and a drift under the alert's key; it holds until nothing of the key is open any more.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from alerts import text
from alerts.base import Action, AlertError
from alerts.meaning import closes, level_of, opens
from store import outbox_context as context
from store.outbox import ACKNOWLEDGEMENT, Claimed, Drifted
from store.records import Batch, DriftRow, OwnEntry

ACKNOWLEDGED: Final = "acknowledged"
NOTHING_TOLD: Final = "nothing was told that this would acknowledge"


class NotOpen(AlertError):
    """There is no alert under this key that is open."""


def acknowledgement(connection: Connection, key: str, by: str, note: str, now: int) -> Batch:
    """What `append` writes when a person acknowledges the alert of `key`. Raises NotOpen."""
    opened = open_drift(connection, key)
    if opened is None:
        raise NotOpen(f"no alert {text.plain(key)!r} is open; attestream alert list shows those that are")
    detail = msgspec.json.encode({"by": by, "key": key, "note": note}, order="deterministic")
    said = f"acknowledged by {text.plain(by, text.MAX_NAME)}" + (f": {text.plain(note)}" if note else "")
    drift = DriftRow(
        kind=ACKNOWLEDGEMENT,
        key=key,
        before="",
        after=ACKNOWLEDGED,
        controls=opened.controls,
        level=level_of(opened),
        event_time=now,
        delivery="alert",
        text=said,
        mapping=opened.mapping,
        account=opened.account,
        source=opened.source,
    )
    return Batch(own=(OwnEntry("acknowledgement", (), detail),), drifts=(drift,))


def open_drift(connection: Connection, key: str) -> Drifted | None:
    """The newest drift by which something under this key opened, if it is open still."""
    newest = context.newest_of(connection, key)
    if newest is None:
        return None
    if newest.kind == "finding":
        open_now = context.open_subjects(connection, newest, "", context.WHOLE)
        return (context.last_opened(connection, newest, also=True) or newest) if open_now.count else None
    return newest if opens(newest) else None


def is_acknowledged(connection: Connection, key: str) -> bool:
    """Whether somebody has taken on what is open under this key, and it was open ever since."""
    since = context.acknowledgements(connection, key)
    return bool(since) and not any(closes(d) and _over(connection, d) for d in since[1:])


def _over(connection: Connection, drifted: Drifted) -> bool:
    """Whether nothing of its key was open after this drift."""
    if drifted.kind != "finding" or drifted.idx is None:
        return True
    return not context.open_subjects(connection, drifted, "", drifted.idx + 1).count


def compose_acknowledgement(connection: Connection, claimed: Claimed, link: str) -> dict[str, Any] | str:
    """What is said to routes that were told of the alert."""
    last = claimed.drifts[-1]
    told = context.last_told(connection, claimed.drifts[0], claimed.route)
    if told is None or (not opens(told) and told.kind != "finding"):
        return NOTHING_TOLD
    title = text.plain(told.text) or last.key
    pages = ("mappings", last.mapping) if last.mapping else ("drift",)
    return {
        "action": Action.ACKNOWLEDGE,
        "kind": told.kind,
        "level": level_of(last),
        "title": title,
        "sentence": f"{title}: {last.text}.",
        "before": "",
        "after": ACKNOWLEDGED,
        "since": told.event_time,
        "until": None,
        "account": text.plain(last.account, text.MAX_NAME),
        "mapping": text.plain(last.mapping or "", text.MAX_NAME),
        "controls": last.controls,
        "link": text.page(link, *pages),
    }
