"""Names and what stands for them: handles for subjects, ids for parts. Both are made once, under the head lock."""

from __future__ import annotations

import os
from collections.abc import Iterable

from sqlalchemy import Connection, func, select

from store import schema
from store.sql import find_pairs, find_rows, insert_rows


class Names:
    """Handles and part ids of one append, read in bulk and made where they are new."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._handles: dict[str, bytes] = {}
        self._parts: dict[tuple[str, str], int] = {}
        self._types: set[tuple[int | None, str]] = set()

    def learn(self, names: Iterable[str]) -> None:
        """Read or make the handles of these names."""
        wanted = sorted({name for name in names if name not in self._handles})
        found = find_rows(self._connection, schema.handle, ("name", "handle"), "name", wanted)
        self._handles.update((name, bytes(handle)) for name, handle in found)
        new = [(os.urandom(16), name) for name in wanted if name not in self._handles]
        insert_rows(self._connection, schema.handle, ("handle", "name"), new)
        self._handles.update((name, handle) for handle, name in new)

    def handle(self, name: str) -> bytes:
        """The 16 bytes that stand for a name in the clear."""
        if name not in self._handles:
            self.learn([name])
        return self._handles[name]

    def learn_parts(self, parts: Iterable[tuple[str, str, str]]) -> None:
        """Read or make the ids of these parts, (source, part, type of an event that comes from it)."""
        wanted = {one for one in parts if (self._parts.get(one[:2]), one[2]) not in self._types}
        if not wanted:
            return
        table, connection = schema.part, self._connection
        places = sorted({one[:2] for one in wanted if one[:2] not in self._parts})
        found = find_pairs(connection, table, ("source", "part", "id"), ("source", "part"), places)
        self._parts.update(((source, part), id_) for source, part, id_ in found)
        new = [place for place in places if place not in self._parts]
        if new:
            last = connection.execute(select(func.max(table.c.id))).scalar() or 0
            self._parts.update((place, last + n) for n, place in enumerate(new, 1))
            insert_rows(connection, table, ("id", "source", "part"), [(self._parts[place], *place) for place in new])
        kinds = {(self._parts[source, part], kind) for source, part, kind in wanted}
        columns = ("part_id", "type")
        there = {(row[0], row[1]) for row in find_pairs(connection, schema.part_type, columns, columns, sorted(kinds))}
        insert_rows(connection, schema.part_type, columns, sorted(kinds - there))
        self._types |= kinds

    def part(self, source: str, part: str, kind: str) -> int:
        """The id of a part of a source; `kind` is an event type that comes from it."""
        id_ = self._parts.get((source, part))
        if id_ is None or (id_, kind) not in self._types:
            self.learn_parts([(source, part, kind)])
            id_ = self._parts[source, part]
        return id_

    def names(self, handles: Iterable[bytes]) -> dict[bytes, str]:
        """Names of handles; an erased one has none."""
        known = {handle: name for name, handle in self._handles.items()}
        wanted = sorted({h for h in handles if h not in known})
        found = find_rows(self._connection, schema.handle, ("handle", "name"), "handle", wanted)
        known.update((bytes(handle), name) for handle, name in found if name is not None)
        return known
