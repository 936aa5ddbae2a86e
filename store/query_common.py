"""What the queries share: the moment that is asked about, mapping records, cursors, and entries with their details."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, or_, select

from store import schema
from store.attested import records_of
from store.blocks import BlockReader
from store.errors import StoreError
from store.records import MappingRecord
from store.reports import Moment
from store.sql import chunks
from store.times import MAX_TIME
from store.writer import read_head

MAX_LIMIT: Final = 1000
"""Rows that one page may have."""
MAX_DIGITS: Final = 18
"""Digits of a number in a cursor: what surely fits a signed 64-bit column."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A moment resolved: rows with event_time <= `time` and index < `size`; `recorded_at` is that of the last entry below it."""

    time: int
    size: int
    recorded_at: int


@dataclass(frozen=True, slots=True)
class Known:
    """Mapping records, newest version of each, of all mappings that any set held; `active` are those of the active set.

    The voices of attestations are among both.
    """

    digest: str
    records: Mapping[str, MappingRecord]
    active: frozenset[str]

    def title(self, mapping: str | None) -> str:
        """The mapping's title, "" for none."""
        record = self.records.get(mapping) if mapping is not None else None
        return record.title if record is not None else ""

    def voices(self, *, past: bool) -> dict[str, list[str]]:
        """Mappings that speak for each control: of the active set; with `past`, also those that were retired since."""
        found: dict[str, list[str]] = {}
        for id_, record in self.records.items():
            if past or id_ in self.active:
                for control in record.speaks_for():
                    found.setdefault(control, []).append(id_)
        return found


def load_known(connection: Connection, digest: str) -> Known:
    """Read the mapping records."""
    table = schema.mapping
    rows = connection.execute(select(table.c.id, table.c.active, table.c.record).order_by(table.c.id)).all()
    records = {row.id: msgspec.json.decode(row.record, type=MappingRecord) for row in rows}
    attested = records_of(connection.execute(select(schema.control.c.id).order_by(schema.control.c.id)).scalars())
    return Known(digest, {**records, **attested}, frozenset([*(row.id for row in rows if row.active), *attested]))


def cut_of(connection: Connection, moment: Moment) -> Cut | None:
    """The cut that a moment means; None for the present, which has rows of its own."""
    if moment.as_of is None and moment.known_at is None:
        return None
    head = read_head(connection)
    size = head.size if moment.known_at is None else max(0, min(moment.known_at, head.size))
    table = schema.entry
    recorded_at = connection.execute(select(table.c.recorded_at).where(table.c.idx == size - 1)).scalar_one_or_none() or 0
    return Cut(MAX_TIME if moment.as_of is None else moment.as_of, size, recorded_at)


def cursor(time: int, idx: int) -> str:
    """The cursor of a row in a list ordered by (time, index), newest first."""
    return f"{time}.{idx}"


def read_cursor(text: str) -> tuple[int, int]:
    """(time, index) of a cursor. Raises StoreError for text that is none."""
    time, _, idx = text.partition(".")
    return read_number(time, text), read_number(idx, text)


def read_number(digits: str, text: str | None = None) -> int:
    """A number of the cursor `text`. Raises StoreError."""
    if not (digits.isascii() and digits.isdigit()) or len(digits) > MAX_DIGITS:
        shown = text if text is not None else digits
        raise StoreError(f"{shown[:40]!r} is no cursor of this list: use the `cursor` of its last row")
    return int(digits)


def before(text: str | None, time: ColumnElement[int], idx: ColumnElement[int]) -> list[ColumnElement[bool]]:
    """The condition that a row comes after the cursor in a list ordered newest first."""
    if text is None:
        return []
    at, index = read_cursor(text)
    return [time <= at, or_(time < at, idx < index)]  # so that an index finds where to begin


def bounded(limit: int) -> int:
    """A page's number of rows, within 1 and MAX_LIMIT."""
    return max(1, min(limit, MAX_LIMIT))


@dataclass(frozen=True, slots=True)
class Read:
    """An entry read back: clear fields, and its detail as an object ({} when it has none or it was erased)."""

    recorded_at: int
    fields: Mapping[str, Any]
    detail: Mapping[str, Any]

    @property
    def cites(self) -> tuple[int, ...]:
        """Log indexes that a finding entry cites; none when time did it."""
        cites = self.fields.get("cites")
        return tuple(cites) if isinstance(cites, list) else ()


def read_entries(connection: Connection, indexes: Iterable[int]) -> dict[int, Read]:
    """Entries with their details."""
    table, reader = schema.entry, BlockReader(connection)
    found: dict[int, Read] = {}
    columns = (table.c.idx, table.c.recorded_at, table.c.metadata, table.c.detail_salt)
    place = (table.c.detail_block, table.c.detail_offset, table.c.detail_length)
    for some in chunks(sorted(set(indexes))):
        for row in connection.execute(select(*columns, *place).where(table.c.idx.in_(some)).order_by(table.c.idx)).all():
            detail: Any = {}
            if row.detail_salt is not None:
                detail = json.loads(reader.piece(row.detail_block, row.detail_offset, row.detail_length))
            found[row.idx] = Read(row.recorded_at, json.loads(row.metadata), detail if isinstance(detail, dict) else {})
    return found


def names_of(connection: Connection, handles: Iterable[bytes]) -> dict[bytes, str]:
    """Names by handle; erased ones are missing."""
    table = schema.handle
    names: dict[bytes, str] = {}
    for some in chunks(sorted(set(handles))):
        for row in connection.execute(select(table.c.handle, table.c.name).where(table.c.handle.in_(some))):
            if row.name is not None:
                names[bytes(row.handle)] = row.name
    return names


def control_order(id_: str) -> tuple[Sequence[int | str], ...]:
    """Sorts A.5.2 before A.5.10."""
    return tuple((0, int(word), "") if word.isdigit() else (1, 0, word) for word in id_.split("."))
