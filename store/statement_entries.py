"""Entries of one type with their details, read in order: what people stated is a few, and folded from the log itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select

from store import schema
from store.query_common import Read, read_entries
from store.times import parse_time


@dataclass(frozen=True, slots=True)
class Stated:
    """One entry: its index, event time, clear fields, and its detail ({} where it was erased)."""

    idx: int
    event_time: int
    read: Read

    def field(self, name: str) -> Any:
        """A clear field; "" where there is none."""
        return self.read.fields.get(name, "")

    def text(self, name: str) -> str:
        """A text of the detail; "" where there is none or it was erased."""
        return str(self.read.detail.get(name, ""))

    def time(self, name: str) -> int:
        """A clear field that is a time."""
        return parse_time(str(self.read.fields[name]))

    @property
    def erased(self) -> bool:
        """Whether the detail is gone."""
        return not self.read.detail


NAMING: Final = ("attestation", "exception")
"""Types whose details hold the name that their `subject` stands for, tagged or not."""


def subjects_named(connection: Connection, indexes: Iterable[int] | None = None) -> Iterator[tuple[bytes, int, bool]]:
    """(handle, index, whether its detail is still there) of each such entry, of all or of these indexes."""
    table = schema.entry
    wanted = None if indexes is None else set(indexes)
    query = select(table.c.idx, table.c.metadata, table.c.detail_salt).where(table.c.type.in_(NAMING)).order_by(table.c.idx)
    for row in connection.execute(query):
        handle = json.loads(row.metadata).get("subject")
        if handle and (wanted is None or row.idx in wanted):
            yield bytes.fromhex(handle), row.idx, row.detail_salt is not None


def stated(connection: Connection, kind: str, size: int | None = None, as_of: int | None = None) -> list[Stated]:
    """All entries of a type below `size` with event_time <= `as_of`, in the order of the log."""
    table = schema.entry
    query = select(table.c.idx).where(table.c.type == kind).order_by(table.c.idx)
    if size is not None:
        query = query.where(table.c.idx < size)
    reads = read_entries(connection, connection.execute(query).scalars().all())
    found = [Stated(idx, parse_time(read.fields["event_time"]), read) for idx, read in sorted(reads.items())]
    return [one for one in found if as_of is None or one.event_time <= as_of]
