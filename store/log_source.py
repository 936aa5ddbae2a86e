"""The log as stored in SQL, for whoever recomputes it: entries with their bytes, and the check of one entry."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Engine

from store import schema
from store.blocks import BlockReader
from store.engine import reading
from store.entries import SALT, check_committed, decode
from store.erasures import Named, read_erasure, read_erasures
from store.errors import VerificationError
from store.sql import find_rows
from store.tiles import leaf_hash
from store.times import parse_time
from store.writer import SqlTiles, read_head

ENTRY_TYPES: Final = frozenset(
    {
        "access",
        "acknowledgement",
        "attestation",
        "closing",
        "dead_letter",
        "erasure",
        "evidence",
        "exception",
        "export",
        "finding",
        "key",
        "link",
        "mapping_set",
        "replay",
        "risk",
        "silence",
        "soa",
        "window",
    }
)
PAGE: Final = 200
_KEPT_BLOCKS: Final = 3
_COLUMNS: Final = tuple(column.name for column in schema.entry.columns)
_time: Final = lru_cache(maxsize=1024)(parse_time)
"""Most entries of one append say the same of when they were recorded and collected."""


class Piece(NamedTuple):
    """The stored bytes of a committed part. Both are None where nothing is stored, or only zeros (erased)."""

    salt: bytes | None
    data: bytes | None


class StoredEntry(msgspec.Struct, frozen=True):
    """An entry as its row and blocks hold it. `erased`: the parts of it that an erasure entry names."""

    index: int
    type: str
    recorded_at: int
    metadata: bytes
    leaf: bytes
    detail: Piece
    payload: Piece
    erased: tuple[str, ...] = ()


class EntryReader:
    """Reads entries with their bytes through one connection, a page at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._blocks = BlockReader(connection, _KEPT_BLOCKS)
        self._erasures = Named()

    def entries(self, start: int, stop: int) -> Iterator[StoredEntry]:
        """Entries with start <= index < stop in order of index; those that are missing are left out."""
        self._erasures = read_erasures(self._connection, start)
        for first in range(start, stop, PAGE):
            page = range(first, min(first + PAGE, stop))
            rows = sorted(find_rows(self._connection, schema.entry, _COLUMNS, "idx", page), key=itemgetter(0))
            if not rows:
                return
            for row in rows:
                yield self._entry(*row)

    def _entry(self, index: int, kind: str, recorded_at: int, metadata: bytes, leaf: bytes, *places: Any) -> StoredEntry:
        detail, payload = self._piece(index, "detail", *places[:4]), self._piece(index, "payload", *places[4:])
        return StoredEntry(index, kind, recorded_at, metadata, leaf, detail, payload, self._erasures.parts(index, kind))

    def _piece(self, index: int, name: str, salt: bytes | None, block: Any, offset: Any, length: Any) -> Piece:
        if block is None and offset is None and length is None:
            return Piece(salt, None)
        if not (_is_place(block) and _is_place(offset) and _is_place(length)):
            raise VerificationError(f"entry {index}: the place of its {name} is damaged", index=index)
        try:
            data = self._blocks.piece(block, offset, length)
        except VerificationError as error:
            raise VerificationError(f"entry {index}: its {name} cannot be read: {error}", index=index) from error
        return Piece(None, None) if salt is None and data.count(0) == length else Piece(salt, data)


def _is_place(value: Any) -> bool:
    return isinstance(value, int) and value >= 0


class SqlLogSource:
    """`LogSource` of store/checkpoint.py over the database. Each call reads a snapshot of its own; the log only ever grows."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def head(self) -> tuple[int, bytes]:
        """Size and root."""
        with reading(self._engine) as connection:
            head = read_head(connection)
            return head.size, head.root

    def tile(self, level: int, index: int) -> bytes:
        """The hashes of a tile. Raises VerificationError when it is not stored."""
        with reading(self._engine) as connection:
            return SqlTiles(connection).tile(level, index)

    def entries(self, start: int, stop: int) -> Iterator[StoredEntry]:
        """Entries [start, stop) in order of index."""
        with reading(self._engine, patient=True) as connection:
            yield from EntryReader(connection).entries(start, stop)


def check_entry(entry: StoredEntry) -> bytes:
    """Recompute an entry from its stored bytes; returns its leaf hash. Raises VerificationError.

    1. The metadata is canonical. 2. The leaf is its hash. 3. The row's columns say what it says. 4. The committed parts.
    5. An erasure says what was erased.
    """
    read_checked(entry)
    return entry.leaf


def read_checked(entry: StoredEntry) -> dict[str, Any]:
    """`check_entry`, returning the entry's clear fields."""
    index = entry.index
    # 1.
    if not isinstance(entry.metadata, bytes):
        raise VerificationError(f"entry {index}: its metadata are no bytes", index=index)
    fields = decode(entry.metadata, index)
    # 2.
    if leaf_hash(entry.metadata) != entry.leaf:
        raise VerificationError(f"entry {index}: its metadata do not give its leaf", index=index)
    # 3.
    if fields.get("v") != 1 or fields.get("type") not in ENTRY_TYPES or fields["type"] != entry.type:
        raise VerificationError(f"entry {index}: its type or version is not what its row says", index=index)
    try:
        times = [_time(fields[name]) for name in ("recorded_at", "event_time", "collected_at")]
    except (KeyError, TypeError, ValueError) as error:
        raise VerificationError(f"entry {index}: its times cannot be read", index=index) from error
    if times[0] != entry.recorded_at:
        raise VerificationError(f"entry {index}: its row says another time of recording", index=index)
    # 4.
    _check_piece(entry, fields, "detail", entry.detail)
    _check_piece(entry, fields, "payload", entry.payload)
    # 5.
    if entry.type == "erasure":
        read_erasure(fields, index)
    return fields


def _check_piece(entry: StoredEntry, fields: dict[str, Any], name: str, piece: Piece) -> None:
    """Missing bytes are right only where the entry commits to none, or an erasure names it; and there they must be missing."""
    gone = piece.salt is None and piece.data is None
    if gone and (name not in fields or name in entry.erased):
        return
    if name in fields and name in entry.erased:
        raise VerificationError(f"entry {entry.index}: an erasure names it, and its {name} is still there", index=entry.index)
    if piece.salt is not None and (not isinstance(piece.salt, bytes) or len(piece.salt) != SALT):
        raise VerificationError(f"entry {entry.index}: the salt of its {name} is damaged", index=entry.index)
    check_committed(fields.get(name), piece.salt, piece.data, entry.index, name)
