"""The writer of one append: gives entries their indexes under the head lock and extends the Merkle tiles at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, select, update

from store import schema
from store.blocks import Packed, Ref, pack_blocks
from store.entries import Committed, encode
from store.errors import StorageUnusable, VerificationError
from store.sql import insert, insert_rows, upsert
from store.tiles import append_leaves, leaf_hash
from store.times import format_time


@dataclass(frozen=True, slots=True)
class Head:
    """The head row: the log's size and root, the last recorded_at, the active mapping set and the index of its entry."""

    size: int
    root: bytes
    recorded_at: int
    mapping_set: str
    set_idx: int


class SqlTiles:
    """Reads Merkle tiles through one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def tile(self, level: int, index: int) -> bytes:
        """The hashes of a tile. Raises VerificationError when it is not stored."""
        table = schema.tile
        query = select(table.c.data).where(table.c.level == level, table.c.idx == index)
        data = self._connection.execute(query).scalar_one_or_none()
        if data is None:
            raise VerificationError(f"tile {level}/{index} is missing", index=index << (8 * (level + 1)))
        return bytes(data)


@dataclass(slots=True)
class _Pending:
    row: dict[str, Any]
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

    def __post_init__(self) -> None:
        self.size = self.head.size

    def add(
        self,
        kind: str,
        source: str,
        event_time: int,
        collected_at: int,
        fields: Mapping[str, Any],
        detail: Committed | None = None,
        payload: Committed | None = None,
        refs: tuple[Ref | None, Ref | None] | None = None,
    ) -> int:
        """Add one entry and return its index. `refs` name pieces of blocks given to `use_blocks`; without, blocks are made."""
        entry: dict[str, Any] = {
            "v": 1,
            "type": kind,
            "source": source,
            "event_time": format_time(event_time),
            "collected_at": format_time(collected_at),
            "recorded_at": format_time(self.now),
            **fields,
        }
        if detail is not None:
            entry["detail"] = detail.field()
        if payload is not None:
            entry["payload"] = payload.field()
        data = encode(entry)
        index = self.size
        self.size += 1
        row = {"idx": index, "type": kind, "recorded_at": self.now, "metadata": data, "leaf": leaf_hash(data)}
        self.pending.append(_Pending(row, (detail, payload), refs))
        return index

    def use_blocks(self, packed: Packed) -> None:
        """Blocks compressed before the lock was taken."""
        self.packed = packed

    def flush(self) -> bytes:
        """Write blocks, entries, tiles and the head row; returns the new root."""
        connection = self.connection
        if not self.pending:
            connection.execute(update(schema.head).values(recorded_at=self.now))
            return self.head.root
        first = (connection.execute(select(func.max(schema.block.c.id))).scalar() or 0) + 1
        loose = [p for p in self.pending if p.refs is None]
        own = pack_blocks([[c.data for c in p.parts if c is not None] for p in loose])
        shift = len(self.packed.blocks)
        blocks = [*self.packed.blocks, *own.blocks]
        rows = [(first + i, length, data) for i, (length, data) in enumerate(blocks)]
        insert_rows(connection, schema.block, ("id", "length", "data"), rows)
        refs = iter(Ref(r.block + shift, r.offset, r.length) for r in own.refs)
        for item in loose:
            item.refs = (next(refs) if item.parts[0] else None, next(refs) if item.parts[1] else None)
        insert(connection, schema.entry, [_entry_row(p, first) for p in self.pending])
        return self._extend([p.row["leaf"] for p in self.pending])

    def _extend(self, leaves: Sequence[bytes]) -> bytes:
        extension = append_leaves(self.head.size, SqlTiles(self.connection), leaves)
        rows = [{"level": level, "idx": index, "data": data} for (level, index), data in extension.tiles.items()]
        upsert(self.connection, schema.tile, ["level", "idx"], rows, ["data"])
        changed = self.connection.execute(
            update(schema.head)
            .where(schema.head.c.size == self.head.size)
            .values(size=extension.size, root=extension.root, recorded_at=self.now)
        )
        if changed.rowcount != 1:
            raise StorageUnusable("the head row moved while it was locked: two writers reached one log")
        return extension.root


def _entry_row(item: _Pending, first: int) -> dict[str, Any]:
    row = item.row
    refs = item.refs or (None, None)
    for name, part, ref in (("detail", item.parts[0], refs[0]), ("payload", item.parts[1], refs[1])):
        row[f"{name}_salt"] = part.salt if part is not None else None
        row[f"{name}_block"] = ref.block + first if ref is not None else None
        row[f"{name}_offset"] = ref.offset if ref is not None else None
        row[f"{name}_length"] = ref.length if ref is not None else None
    return row


def read_head(connection: Connection, *, lock: bool = False) -> Head:
    """The head row; with `lock`, it stays ours until the transaction ends."""
    query = select(schema.head)
    if lock:
        query = query.with_for_update()
    row = connection.execute(query).one()
    return Head(row.size, bytes(row.root), row.recorded_at, row.mapping_set, row.set_idx)
