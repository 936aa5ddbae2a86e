"""The verifier's steps 1 to 4: the entries, what they commit to, the Merkle tree over them, the signed checkpoint."""

from __future__ import annotations

from sqlalchemy import func, or_, select

from store import schema
from store.checkpoint import SignedCheckpoint
from store.fsck_common import KEPT, Context, Seen, differs
from store.log_source import EntryReader, read_checked
from store.tiles import HASH_SIZE, TILE_HEIGHT, TILE_WIDTH, node_hash, root
from store.writer import SqlTiles

_FULL = TILE_WIDTH * HASH_SIZE


def check_rows(context: Context) -> None:
    """Step 1: entry rows are 0 to size - 1, each once, and no other."""
    table, size = schema.entry, context.head.size
    if size < 0:
        differs(f"the head says that the log has {size} entries", 0)
    count, first, last = context.connection.execute(
        select(func.count(), func.min(table.c.idx), func.max(table.c.idx)).select_from(table)
    ).one()
    if (count, first, last) == ((size, 0, size - 1) if size else (0, None, None)):
        return
    if first is not None and first < 0:
        differs("its index is below 0", first)
    after = table.alias()
    following = select(after.c.idx).where(after.c.idx == table.c.idx + 1).exists()
    gap = context.connection.execute(select(func.min(table.c.idx + 1)).where(~following)).scalar()
    missing = 0 if first != 0 else int(gap or 0)
    if missing < size:
        differs(f"it is missing: the head says that the log has {size} entries", missing)
    differs(f"it is there, though the head says that the log has {size} entries", size)


def check_entries(context: Context) -> Seen:
    """Steps 2 and 3: each entry and its committed bytes; the tiles, recomputed from the leaves; the head's root."""
    seen, tiles, recorded_at = Seen(), TileCheck(context), 0
    for entry in EntryReader(context.connection).entries(0, context.head.size):
        context.place.at(entry.index)
        # 2.
        fields = read_checked(entry)
        if entry.recorded_at < recorded_at:
            differs("it was recorded before the entry before it", entry.index)
        recorded_at = entry.recorded_at
        seen.types[entry.type] = seen.types.get(entry.type, 0) + 1
        seen.erased += any(part in fields for part in entry.erased)
        seen.forgotten += entry.type in KEPT and "detail" in entry.erased
        if entry.type == "mapping_set":
            seen.sets[str(fields["digest"])] = (entry.index, entry.recorded_at)
            seen.set_indexes[entry.index] = str(fields["digest"])
        # 3.
        tiles.add(entry.leaf)
    tiles.finish()
    last = max(context.head.size - 1, 0)
    if root(context.head.size, SqlTiles(context.connection)) != context.head.root:
        differs("the entries up to it do not give the head's root", last)
    if context.head.recorded_at < recorded_at:
        differs("it was recorded after what the head says", last)
    newest = max(seen.set_indexes, default=0)
    if (context.head.set_idx, context.head.mapping_set) != (newest, seen.set_indexes.get(newest, "")):
        differs("the head does not say which mapping set was activated last", newest)
    return seen


class TileCheck:
    """Builds the tiles from leaves and compares each with its stored row as soon as it is full."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._edges: list[bytearray] = [bytearray()]
        self._full: list[int] = [0]

    def add(self, leaf: bytes) -> None:
        """The next leaf."""
        level, value = 0, leaf
        while True:
            edge = self._edges[level]
            edge += value
            if len(edge) < _FULL:
                return
            tile = bytes(edge)
            self._compare(level, self._full[level], tile)
            edge.clear()
            self._full[level] += 1
            if level + 1 == len(self._edges):
                self._edges.append(bytearray())
                self._full.append(0)
            level, value = level + 1, _subtree(tile)

    def finish(self) -> None:
        """Compare the partial tiles, and look for tiles that should not be there."""
        counts = []
        for level, edge in enumerate(self._edges):
            if edge:
                self._compare(level, self._full[level], bytes(edge))
            counts.append(self._full[level] + bool(edge))
        table = schema.tile
        others = [(table.c.level == level) & (table.c.idx >= count) for level, count in enumerate(counts)]
        stray = select(table.c.level, table.c.idx).where(
            or_(table.c.level < 0, table.c.level >= len(counts), table.c.idx < 0, *others)
        )
        row = self._context.connection.execute(stray.order_by(table.c.idx, table.c.level).limit(1)).first()
        if row is not None:
            differs(f"tile {row.level}/{row.idx} is not of this tree", self._first(row.level, row.idx, 0))

    def _compare(self, level: int, index: int, tile: bytes) -> None:
        table = schema.tile
        query = select(table.c.data).where(table.c.level == level, table.c.idx == index)
        stored = self._context.connection.execute(query).scalar_one_or_none()
        if stored == tile:
            return
        if not isinstance(stored, bytes):
            differs(f"tile {level}/{index} is missing", self._first(level, index, 0))
        at = next((n for n, (a, b) in enumerate(zip(stored, tile, strict=False)) if a != b), min(len(stored), len(tile)))
        differs(f"tile {level}/{index} is not what the entries give", self._first(level, index, at // HASH_SIZE))

    def _first(self, level: int, index: int, place: int) -> int:
        """The first entry under a hash of a tile."""
        last = max(self._context.head.size - 1, 0)
        if not 0 <= level < 8:
            return last
        return max(0, min((index * TILE_WIDTH + place) << (TILE_HEIGHT * level), last))


def _subtree(tile: bytes) -> bytes:
    """Root of the complete subtree under a full tile."""
    hashes = [tile[at : at + HASH_SIZE] for at in range(0, len(tile), HASH_SIZE)]
    while len(hashes) > 1:
        hashes = [node_hash(left, right) for left, right in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]


def check_checkpoint(context: Context, signed: SignedCheckpoint) -> None:
    """Step 4: the log has not shrunk below what was signed, and its first entries are those that were signed."""
    checkpoint, size = signed.checkpoint, context.head.size
    if checkpoint.size > size:
        differs(f"it is missing: {checkpoint.size} entries were signed, the log has {size}", size)
    if root(checkpoint.size, SqlTiles(context.connection)) != checkpoint.root:
        differs(
            f"the log's first {checkpoint.size} entries are not those that were signed; which of them differ, no root can tell"
        )
