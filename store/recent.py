"""`recent`: what the last appends touched, so that whoever prepared a batch meanwhile need not look everything up again.

A row is one append: 8 bytes for each event that it took in or that it let pass (source and id) and for each subject whose newest
observation changed. Keys of different things that happen to be the same cost a second look, and nothing else.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection

from store import schema
from store.sql import change, fetch, insert_rows

KEPT: Final = 64
"""Appends that are remembered."""


def note_recent(connection: Connection, appends: int, keys: Iterable[int]) -> None:
    """Say what append number `appends` touched; those before the last few are forgotten."""
    insert_rows(connection, schema.recent, ("appends", "keys"), [(appends, array("q", keys).tobytes())])
    change(connection, "DELETE FROM recent WHERE appends <= ?", appends - KEPT)


def touched_since(connection: Connection, before: int, now: int) -> frozenset[int] | None:
    """What the appends after number `before`, up to `now`, touched; None where that is not known any more."""
    rows = fetch(connection, "SELECT keys FROM recent WHERE appends > ? AND appends <= ?", before, now)
    if len(rows) != now - before:
        return None
    touched: set[int] = set()
    for (keys,) in rows:
        touched.update(array("q", bytes(keys)))
    return frozenset(touched)
