"""Silences: for a time, what matches is not alerted. Each is an entry of the log; what holds is folded from these entries.

`act` add: fields `id`, `until`; detail `match`, `reason`, `by`. `act` revoke: field `id`; detail `reason`, `by`. One whose
detail was erased silences nothing.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, func, select

from store import schema
from store.errors import StoreError
from store.records import DAY, OwnEntry
from store.statement_entries import Stated, stated
from store.times import format_time

SILENCE: Final = "silence"
KEYS: Final = ("key", "mapping", "account", "source", "control", "route")
"""What a silence can match by. All that it names must fit."""
MAX_UNTIL: Final = 90 * DAY
MAX_TEXT: Final = 1000
_ID: Final = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Silence:
    """One silence. It holds from `made_at` until `until`, or until it was revoked. `match`: by KEYS."""

    id: str
    match: Mapping[str, str]
    made_at: int
    until: int
    reason: str
    by: str
    idx: int
    revoked_at: int | None = None

    def holds(self, now: int) -> bool:
        """Whether it silences at `now`."""
        return bool(self.match) and self.revoked_at is None and now < self.until


def add_entry(match: Mapping[str, str], now: int, until: int, reason: str, by: str) -> tuple[str, OwnEntry]:
    """(id, the entry) of a new silence. Raises StoreError for one that would match everything, end too late or not say why."""
    wanted = {key: value for key, value in match.items() if value}
    wrong = sorted(set(wanted) - set(KEYS))
    if wrong or not wanted:
        raise StoreError(f"a silence matches by one or more of {', '.join(KEYS)}")
    if not now < until <= now + MAX_UNTIL:
        raise StoreError(
            f"a silence ends in the future, within {MAX_UNTIL // DAY} days: what is wanted for longer is an exception"
        )
    if not reason.strip():
        raise StoreError("a silence has a reason, for whoever asks why nobody was alerted")
    if max(map(len, (*wanted.values(), reason, by))) > MAX_TEXT:
        raise StoreError(f"a text of a silence has at most {MAX_TEXT} characters")
    id_ = secrets.token_hex(6)
    fields = (("act", "add"), ("id", id_), ("until", format_time(until)))
    return id_, OwnEntry(SILENCE, fields, _detail({"match": wanted, "reason": reason.strip(), "by": by}))


def revoke_entry(connection: Connection, id_: str, now: int, reason: str, by: str) -> OwnEntry:
    """The entry that ends a silence. Raises StoreError where there is none of this id that holds."""
    found = [silence for silence in read_silences(connection) if silence.id == id_]
    if not _ID.fullmatch(id_) or not found:
        raise StoreError(f"there is no silence {id_[:20]!r}; attestream silence list shows those there are")
    if found[0].revoked_at is not None or found[0].until <= now:
        raise StoreError(f"silence {id_} has ended already")
    return OwnEntry(SILENCE, (("act", "revoke"), ("id", id_)), _detail({"reason": reason.strip()[:MAX_TEXT], "by": by}))


def _detail(value: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(value, order="deterministic")


def newest(connection: Connection) -> int:
    """Index of the newest entry about silences, -1 where there is none: what was read before it is not all."""
    table = schema.entry
    found = connection.execute(select(func.max(table.c.idx)).where(table.c.type == SILENCE)).scalar_one_or_none()
    return int(found) if found is not None else -1


def read_silences(connection: Connection) -> Sequence[Silence]:
    """All silences, the newest first."""
    found: dict[str, Silence] = {}
    for one in stated(connection, SILENCE):
        id_ = str(one.field("id"))
        if one.field("act") == "add":
            found[id_] = _silence(id_, one)
        elif id_ in found:
            found[id_] = replace(found[id_], revoked_at=one.event_time)
    return list(reversed(found.values()))


def _silence(id_: str, one: Stated) -> Silence:
    match = one.read.detail.get("match", {})
    words = {str(key): str(value) for key, value in match.items()} if isinstance(match, dict) else {}
    return Silence(id_, words, one.event_time, one.time("until"), one.text("reason"), one.text("by"), one.idx)
