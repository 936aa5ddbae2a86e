"""`passed`: events that were judged by none, remembered for at least twice their source's lateness (and a third of that more).

A row is (until, event time, 8 bytes of the id's keyed hash and the source): rows of one time lie together, so that a batch writes
few pages however many are remembered, and those whose time has passed lie together at the beginning. An event that comes again
with another time of its own counts as unmatched again: nothing is stored of it either way.
"""

from __future__ import annotations

import hashlib
import sys
from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Final

from sqlalchemy import Connection, delete, select, tuple_

from store import schema
from store.records import HOUR
from store.sql import fetch, find_pairs, insert_rows

Mark = tuple[int, int]
"""Event time, and the stamp of source and id."""
Passed = Set[Mark]
FORGET: Final = 20_000
"""So many are forgotten at a time."""
_MARK: Final = ("time", "key")
_NEXT: Final = "SELECT min(until) FROM passed WHERE until > ?"
_NEWEST: Final = "SELECT max(time) FROM passed WHERE until = ?"


def stamp(key: bytes, salt: int) -> int:
    """What stands for an id (or a subject) of a source: `key` is its keyed hash, `salt` that of the source."""
    return int.from_bytes(key[:8], "big", signed=True) ^ salt


def stamps(keys: Iterable[bytes], salts: Iterable[int]) -> list[int]:
    """The stamp of each key with its salt."""
    heads = array("q", b"".join([key[:8] for key in keys]))
    if sys.byteorder == "little":
        heads.byteswap()
    return [head ^ salt for head, salt in zip(heads, salts, strict=True)]


def salt_of(source: str) -> int:
    """Tells the ids of one source from those of another."""
    digest = hashlib.blake2b(source.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def look_up_passed(connection: Connection, marks: Iterable[Mark]) -> Passed:
    """Those of the marks that are remembered. Where all is newer than what is there, nothing is looked for."""
    wanted = list(marks)
    if not wanted:
        return frozenset()
    found: set[Mark] = set()
    until = -1
    # Few periods are remembered at once: each is found by one probe, and so is the newest event in it.
    while (next_ := fetch(connection, _NEXT, until)[0][0]) is not None:
        until = int(next_)
        newest = fetch(connection, _NEWEST, until)[0][0]
        some = [one for one in wanted if one[0] <= newest]
        rows = find_pairs(connection, schema.passed, _MARK, _MARK, some, {"until": until})
        found.update((time, key) for time, key in rows)
    return found


def remember_passed(connection: Connection, marks: Mapping[str, Sequence[Mark]], lateness: Mapping[str, int], now: int) -> None:
    """Remember what passed, by source."""
    by_period: dict[int, list[Mark]] = defaultdict(list)
    for source, some in marks.items():
        by_period[_until(lateness.get(source, HOUR), now)].extend(some)
    rows = sorted((until, *one) for until, some in by_period.items() for one in set(some))
    insert_rows(connection, schema.passed, ("until", *_MARK), rows)


def _until(lateness: int, now: int) -> int:
    """The end of the period in which `now` and twice the lateness from now lie: one for all of the same lateness."""
    step = max(lateness, HOUR) * 2 // 3
    return (now + 2 * lateness) // step * step + step


def forget_passed(connection: Connection, now: int, limit: int = FORGET) -> int:
    """Forget at most `limit` of those whose time has passed; returns how many."""
    table = schema.passed
    place = tuple_(table.c.until, table.c.time, table.c.key)
    old = select(table.c.until, table.c.time, table.c.key).where(table.c.until < now)
    after = connection.execute(old.order_by(table.c.until, table.c.time, table.c.key).offset(limit).limit(1)).one_or_none()
    gone = table.c.until < now if after is None else place < tuple_(*after)
    return connection.execute(delete(table).where(gone)).rowcount
