"""The log as stored in SQL, for whoever recomputes it: entries with their bytes, and the check of one entry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, select

from store import schema
from store.blocks import BlockReader
from store.engine import reading
from store.entries import SALT, check_committed, decode
from store.errors import VerificationError
from store.tiles import leaf_hash
from store.times import parse_time
from store.writer import SqlTiles, read_head

ENTRY_TYPES: Final = frozenset(
    {
        "access",
        "attestation",
        "closing",
        "dead_letter",
        "erasure",
        "evidence",
        "exception",
        "export",
        "finding",
        "key",
        "mapping_set",
        "window",
    }
)
PAGE: Final = 200
_KEPT_BLOCKS: Final = 3


@dataclass(frozen=True, slots=True)
class Piece:
    """The stored bytes of a committed part. Both are None where nothing is stored."""

    salt: bytes | None
    data: bytes | None


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry as its row and blocks hold it. `erased`: an erasure entry names it."""

    index: int
    type: str
    recorded_at: int
    metadata: bytes
    leaf: bytes
    detail: Piece
    payload: Piece
    erased: bool = False


class Erasures:
    """The index ranges that `erasure` entries name (`ranges`: [first, last] pairs)."""

    def __init__(self, connection: Connection) -> None:
        self._ranges: list[tuple[int, int]] = []
        table = schema.entry
        for row in connection.execute(select(table.c.idx, table.c.metadata).where(table.c.type == "erasure")):
            for pair in decode(row.metadata, row.idx).get("ranges", []):
                self._ranges.append((int(pair[0]), int(pair[1])))

    def names(self, index: int) -> bool:
        """Whether the bytes of this entry were erased."""
        return any(first <= index <= last for first, last in self._ranges)


class EntryReader:
    """Reads entries with their bytes through one connection, a page at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._blocks = BlockReader(connection, _KEPT_BLOCKS)
        self._erasures = Erasures(connection)

    def entries(self, start: int, stop: int) -> Iterator[StoredEntry]:
        """Entries with start <= index < stop in order of index; those that are missing are left out."""
        table = schema.entry
        while start < stop:
            query = select(table).where(table.c.idx >= start, table.c.idx < stop).order_by(table.c.idx).limit(PAGE)
            rows = self._connection.execute(query).all()
            if not rows:
                return
            for row in rows:
                yield self._entry(row)
            start = rows[-1].idx + 1

    def _entry(self, row: Row[Any]) -> StoredEntry:
        return StoredEntry(
            index=row.idx,
            type=row.type,
            recorded_at=row.recorded_at,
            metadata=row.metadata,
            leaf=row.leaf,
            detail=self._piece(row, "detail"),
            payload=self._piece(row, "payload"),
            erased=self._erasures.names(row.idx),
        )

    def _piece(self, row: Row[Any], name: str) -> Piece:
        salt, block, offset, length = (getattr(row, f"{name}_{column}") for column in ("salt", "block", "offset", "length"))
        place = (block, offset, length)
        if all(value is None for value in place):
            return Piece(salt, None)
        if not all(isinstance(value, int) and value >= 0 for value in place):
            raise VerificationError(f"entry {row.idx}: the place of its {name} is damaged", index=row.idx)
        if salt is None:  # erased: the block holds zeros there
            return Piece(None, None)
        try:
            return Piece(salt, self._blocks.piece(block, offset, length))
        except VerificationError as error:
            raise VerificationError(f"entry {row.idx}: its {name} cannot be read: {error}", index=row.idx) from error


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
        with reading(self._engine) as connection:
            yield from EntryReader(connection).entries(start, stop)


def check_entry(entry: StoredEntry) -> bytes:
    """Recompute an entry from its stored bytes; returns its leaf hash. Raises VerificationError.

    1. The metadata is canonical. 2. The leaf is its hash. 3. The row's columns say what it says. 4. The committed parts.
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
        times = [parse_time(fields[name]) for name in ("recorded_at", "event_time", "collected_at")]
    except (KeyError, TypeError, ValueError) as error:
        raise VerificationError(f"entry {index}: its times cannot be read", index=index) from error
    if times[0] != entry.recorded_at:
        raise VerificationError(f"entry {index}: its row says another time of recording", index=index)
    # 4.
    _check_piece(entry, fields, "detail", entry.detail)
    _check_piece(entry, fields, "payload", entry.payload)
    return fields


def _check_piece(entry: StoredEntry, fields: dict[str, Any], name: str, piece: Piece) -> None:
    """Missing bytes are right only where the entry commits to none, or an erasure names it."""
    if name not in fields and piece.salt is None and piece.data is None:
        return
    if name in fields and entry.erased and piece.salt is None and piece.data is None:
        return
    if piece.salt is not None and (not isinstance(piece.salt, bytes) or len(piece.salt) != SALT):
        raise VerificationError(f"entry {entry.index}: the salt of its {name} is damaged", index=entry.index)
    check_committed(fields.get(name), piece.salt, piece.data, entry.index, name)
