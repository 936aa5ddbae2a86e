"""The writer of one append: gives entries their indexes under the head lock and extends the Merkle tiles at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, select

from store import schema
from store.blocks import Packed, Ref, pack_blocks
from store.draft import Draft
from store.engine import is_sqlite, lock_row
from store.entries import Committed, encode
from store.errors import StorageUnusable, VerificationError
from store.sql import change, fetch, insert_rows, upsert_rows
from store.tiles import append_leaves, leaf_hash
from store.times import format_time

_COLUMNS: Final = (
    *("idx", "type", "recorded_at", "metadata", "leaf"),
    *(f"{part}_{column}" for part in ("detail", "payload") for column in ("salt", "block", "offset", "length")),
)
_HEAD: Final = "SELECT size, root, recorded_at, mapping_set, set_idx, appends FROM head"
_LOCKED: Final = select(*(schema.head.c[name] for name in ("size", "root", "recorded_at", "mapping_set", "set_idx", "appends")))
_MOVE: Final = "UPDATE head SET size = ?, root = ?, recorded_at = ?, appends = ? WHERE size = ?"
_NOWHERE: Final = (None, None, None, None)


@dataclass(frozen=True, slots=True)
class Head:
    """The head row: the log's size and root, the last recorded_at, the active mapping set and the index of its entry.

    `appends` counts appends: where it is unchanged, so is everything that only appends change. `now` is the database's time when
    the row was locked; None on SQLite, and where it was only read.
    """

    size: int
    root: bytes
    recorded_at: int
    mapping_set: str
    set_idx: int
    appends: int = 0
    now: int | None = None


class SqlTiles:
    """Reads Merkle tiles through one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def tile(self, level: int, index: int) -> bytes:
        """The hashes of a tile. Raises VerificationError when it is not stored."""
        rows = fetch(self._connection, "SELECT data FROM tile WHERE level = ? AND idx = ?", level, index)
        if not rows:
            raise VerificationError(f"tile {level}/{index} is missing", index=index << (8 * (level + 1)))
        return bytes(rows[0][0])


class _Pending(NamedTuple):
    idx: int
    kind: str
    data: bytes
    leaf: bytes
    parts: tuple[Committed | None, Committed | None]
    refs: tuple[Ref | None, Ref | None] | None


@dataclass(slots=True)
class EntryWriter:
    """Collects the entries of one append. Used once, inside one transaction that holds the head row."""

    connection: Connection
    head: Head
    now: int
    pending: list[_Pending] = field(default_factory=list)
    packed: Packed = field(default_factory=lambda: Packed((), ()))
    size: int = 0
    _now_text: bytes = b""

    def __post_init__(self) -> None:
        self.size = self.head.size
        self._now_text = format_time(self.now).encode()

    def add(
        self,
        kind: str,
        source: str,
        event_time: int,
        collected_at: int,
        fields: Mapping[str, Any],
        detail: Committed | None = None,
        payload: Committed | None = None,
    ) -> int:
        """Add one entry and return its index."""
        entry: dict[str, Any] = {
            "v": 1,
            "type": kind,
            "source": source,
            "event_time": format_time(event_time),
            "collected_at": format_time(collected_at),
            "recorded_at": self._now_text.decode(),
            **fields,
        }
        if detail is not None:
            entry["detail"] = detail.field()
        if payload is not None:
            entry["payload"] = payload.field()
        return self._add(kind, encode(entry), (detail, payload), None)

    def add_draft(self, draft: Draft, refs: tuple[Ref, Ref] | None) -> int:
        """Add a drafted entry, return its index. `refs` name pieces of blocks given to `use_blocks`; without, blocks are made."""
        data = b"".join((draft.before, self._now_text, draft.after))
        return self._add(draft.kind, data, (draft.detail, draft.payload), refs)

    def _add(
        self,
        kind: str,
        data: bytes,
        parts: tuple[Committed | None, Committed | None],
        refs: tuple[Ref | None, Ref | None] | None,
    ) -> int:
        index = self.size
        self.size += 1
        self.pending.append(_Pending(index, kind, data, leaf_hash(data), parts, refs))
        return index

    def use_blocks(self, packed: Packed) -> None:
        """Blocks compressed before the lock was taken."""
        self.packed = packed

    def flush(self) -> bytes:
        """Write blocks, entries, tiles and the head row; returns the new root."""
        connection = self.connection
        if not self.pending:
            change(connection, "UPDATE head SET recorded_at = ?, appends = ?", self.now, self.head.appends + 1)
            return self.head.root
        first = (fetch(connection, "SELECT max(id) FROM block")[0][0] or 0) + 1
        loose = [p for p in self.pending if p.refs is None]
        own = pack_blocks([[c.data for c in p.parts if c is not None] for p in loose])
        shift = len(self.packed.blocks)
        blocks = [*self.packed.blocks, *own.blocks]
        rows = [(first + i, length, data) for i, (length, data) in enumerate(blocks)]
        insert_rows(connection, schema.block, ("id", "length", "data"), rows)
        refs = iter(Ref(r.block + shift, r.offset, r.length) for r in own.refs)
        insert_rows(connection, schema.entry, _COLUMNS, [self._row(p, first, refs) for p in self.pending])
        return self._extend([p.leaf for p in self.pending])

    def _row(self, item: _Pending, first: int, loose: Iterator[Ref]) -> tuple[Any, ...]:
        detail, payload = item.parts
        refs = item.refs or (next(loose) if detail else None, next(loose) if payload else None)
        places = (*_place(detail, refs[0], first), *_place(payload, refs[1], first))
        return item.idx, item.kind, self.now, item.data, item.leaf, *places

    def _extend(self, leaves: Sequence[bytes]) -> bytes:
        extension = append_leaves(self.head.size, SqlTiles(self.connection), leaves)
        tiles = [(level, index, data) for (level, index), data in extension.tiles.items()]
        upsert_rows(self.connection, schema.tile, ("level", "idx"), ("level", "idx", "data"), tiles, update=("data",))
        values = (extension.size, extension.root, self.now, self.head.appends + 1)
        if change(self.connection, _MOVE, *values, self.head.size) != 1:
            raise StorageUnusable("the head row moved while it was locked: two writers reached one log")
        return extension.root


def _place(part: Committed | None, ref: Ref | None, first: int) -> tuple[Any, ...]:
    return _NOWHERE if part is None or ref is None else (part.salt, ref.block + first, ref.offset, ref.length)


def read_head(connection: Connection, *, lock: bool = False) -> Head:
    """The head row; with `lock`, it stays ours until the transaction ends."""
    row: Any
    now = None
    if lock and not is_sqlite(connection):  # on SQLite a write transaction holds everything anyway
        row = lock_row(connection, _LOCKED)
        now = row.now if row is not None else None
    else:
        row = next(iter(fetch(connection, _HEAD)), None)
    if row is None:
        raise StorageUnusable("the store has no head row: restore it from a backup")
    size, root, recorded_at, mapping_set, set_idx, appends = row[:6]
    return Head(size, bytes(root), recorded_at, mapping_set, set_idx, appends, now)
