"""Names and what stands for them: handles for subjects, ids for parts. Both are made once, under the head lock."""

from __future__ import annotations

import os
from collections.abc import Iterable

from sqlalchemy import Connection, func, select

from store import schema
from store.sql import chunks, insert, upsert


class Names:
    """Handles and part ids of one append, read in bulk and made where they are new."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._handles: dict[str, bytes] = {}
        self._parts: dict[tuple[str, str], int] = {}
        self._types: set[tuple[int, str]] = set()

    def learn(self, names: Iterable[str]) -> None:
        """Read or make the handles of these names."""
        wanted = sorted({name for name in names if name not in self._handles})
        table = schema.handle
        for some in chunks(wanted):
            for row in self._connection.execute(select(table.c.name, table.c.handle).where(table.c.name.in_(some))):
                self._handles[row.name] = bytes(row.handle)
        new = [{"handle": os.urandom(16), "name": name} for name in wanted if name not in self._handles]
        insert(self._connection, table, new)
        self._handles.update((str(row["name"]), bytes(row["handle"])) for row in new)  # type: ignore[arg-type]

    def handle(self, name: str) -> bytes:
        """The 16 bytes that stand for a name in the clear."""
        if name not in self._handles:
            self.learn([name])
        return self._handles[name]

    def part(self, source: str, part: str, kind: str) -> int:
        """The id of a part of a source; `kind` is an event type that comes from it."""
        id_ = self._parts.get((source, part))
        table = schema.part
        if id_ is None:
            id_ = self._connection.execute(
                select(table.c.id).where(table.c.source == source, table.c.part == part)
            ).scalar_one_or_none()
            if id_ is None:
                id_ = (self._connection.execute(select(func.max(table.c.id))).scalar() or 0) + 1
                self._connection.execute(table.insert().values(id=id_, source=source, part=part))
            self._parts[source, part] = id_
        if (id_, kind) not in self._types:
            upsert(self._connection, schema.part_type, ["part_id", "type"], {"part_id": id_, "type": kind})
            self._types.add((id_, kind))
        return id_

    def names(self, handles: Iterable[bytes]) -> dict[bytes, str]:
        """Names of handles; an erased one has none."""
        known = {handle: name for name, handle in self._handles.items()}
        wanted = sorted({h for h in handles if h not in known})
        table = schema.handle
        for some in chunks(wanted):
            for row in self._connection.execute(select(table.c.handle, table.c.name).where(table.c.handle.in_(some))):
                if row.name is not None:
                    known[bytes(row.handle)] = row.name
        return known
