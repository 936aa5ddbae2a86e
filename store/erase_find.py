"""Finding what is to be erased: every entry whose detail or payload holds a value, however JSON spells it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import Column, Connection, Engine, select

from store import schema
from store.engine import reading
from store.erasures import NEVER
from store.errors import StoreError
from store.log_source import EntryReader
from store.writer import read_head

MIN_VALUE: Final = 3
MAX_VALUE: Final = 512
LAYERS: Final = 8
"""JSON in a string in JSON is looked into so deep."""
Progress = Callable[[int, int], None]
"""(done, of how many), in entries."""
_ESCAPE: Final = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))')
_SHORT: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry that is meant: in which of its stored parts, and whether in the clear fields (`clear`), which stay for ever."""

    index: int
    type: str
    source: str
    parts: tuple[str, ...]
    clear: bool = False

    def erasable(self, payload_only: bool) -> bool:
        """Whether what is meant of it may be erased."""
        return self.type not in NEVER and bool("payload" in self.parts if payload_only else self.parts)


class Needle:
    """A value to look for: as it is, and as JSON may spell it (escapes, also of JSON inside a string)."""

    def __init__(self, value: str) -> None:
        """Raises StoreError for a value too short to mean anything, too long to stand anywhere, or no clean text."""
        if len(value.strip()) < MIN_VALUE or len(value) > MAX_VALUE:
            raise StoreError(
                f"a value to erase has {MIN_VALUE} to {MAX_VALUE} characters: a shorter one stands nearly everywhere"
            )
        try:
            self._bytes = value.encode()
        except UnicodeEncodeError as error:
            raise StoreError("the value to erase is no clean Unicode: erase its entries by their indexes") from error
        self.value = value

    def within(self, data: bytes | None) -> bool:
        """Whether the value stands in these bytes."""
        if data is None:
            return False
        if self._bytes in data:
            return True
        if b"\\" not in data:
            return False
        text = data.decode("utf-8", "replace")
        for _ in range(LAYERS):
            text, found = _ESCAPE.subn(_unescaped, text)
            if not found:
                return False
            if self.value in _joined(text):
                return True
        return False


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if found[1] else _SHORT.get(found[2], found[2])


def _joined(text: str) -> str:
    """Characters beyond the first plane are spelt as two escapes."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def log_size(engine: Engine) -> int:
    """Number of entries."""
    with reading(engine) as connection:
        return read_head(connection).size


def search(engine: Engine, needle: Needle, start: int, size: int, progress: Progress | None = None) -> Iterator[Hit]:
    """Entries with start <= index < size that hold the value, in their stored bytes or in the clear."""
    with reading(engine, patient=True) as connection:
        for entry in EntryReader(connection).entries(start, size):
            pieces = {"detail": entry.detail, "payload": entry.payload}
            parts = tuple(name for name, piece in pieces.items() if needle.within(piece.data))
            clear = needle.within(entry.metadata)
            if parts or clear:
                yield Hit(entry.index, entry.type, _source_of(entry.metadata), parts, clear)
            done = entry.index + 1 - start
            if progress is not None and (done % 500 == 0 or entry.index + 1 == size):
                progress(done, size - start)


def in_range(engine: Engine, first: int, last: int) -> list[Hit]:
    """The entries of an index range, both ends included. Raises StoreError where some of it is not there."""
    table = schema.entry
    with reading(engine, patient=True) as connection:
        size = read_head(connection).size
        if not 0 <= first <= last < size:
            raise StoreError(f"entries {first} to {last} are not all there: the log holds entries 0 to {size - 1}")
        rows = connection.execute(
            select(table.c.idx, table.c.type, table.c.metadata, table.c.detail_salt, table.c.payload_salt)
            .where(table.c.idx >= first, table.c.idx <= last)
            .order_by(table.c.idx)
        )
        return [Hit(r.idx, r.type, _source_of(r.metadata), _stored(r)) for r in rows]


def _stored(row: Any) -> tuple[str, ...]:
    salts = {"detail": row.detail_salt, "payload": row.payload_salt}
    return tuple(part for part, salt in salts.items() if salt is not None)


class _Sourced(msgspec.Struct):
    source: str = ""


_source: Final = msgspec.json.Decoder(_Sourced)


def _source_of(metadata: bytes) -> str:
    return _source.decode(metadata).source


def names_with(engine: Engine, needle: Needle) -> list[str]:
    """Names of subjects that hold the value."""
    name = schema.handle.c.name
    with reading(engine) as connection:
        rows = connection.execute(select(name).where(name.contains(needle.value, autoescape=True)).order_by(name)).scalars()
        return [found for found in rows if needle.value in found]


def elsewhere(engine: Engine, needle: Needle) -> dict[str, int]:
    """Where the value stands beside the log, in what is never erased: by table, how many rows."""
    columns = {"part": schema.part.c.part, "source": schema.source.c.cursor, "attempt": schema.attempt.c.record}
    with reading(engine, patient=True) as connection:
        counts = {table: _count(connection, needle, column) for table, column in columns.items()}
    return {table: count for table, count in counts.items() if count}


def _count(connection: Connection, needle: Needle, column: Column[Any]) -> int:
    rows = connection.execute(select(column)).scalars()
    return sum(needle.within(value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value) for value in rows)
