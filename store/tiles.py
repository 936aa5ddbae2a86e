"""The Merkle tree of RFC 6962 / RFC 9162 section 2.1 (SHA-256), kept as C2SP tlog-tiles of height 8. Pure: reads by a TileReader.

A tile (level, index) holds up to 256 hashes of 32 bytes, concatenated. Its hash i is the root of the complete subtree of
256**level leaves at position index * 256 + i; level 0 holds leaf hashes. Only the right edge of a tree has partial tiles, and a
tile only ever grows at its end: a reader may therefore hold a larger tree than the one asked for.

Inside, a node is named (height, position): the root of the complete subtree of 2**height leaves at position.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol

from store.errors import StoreError, VerificationError

HASH_SIZE: Final = 32
TILE_HEIGHT: Final = 8
TILE_WIDTH: Final = 1 << TILE_HEIGHT
MAX_SIZE: Final = 2**63 - 1
"""Largest tree: what a signed 64-bit column and the other C2SP implementations can say."""

EMPTY_ROOT: Final = sha256(b"").digest()


class TileReader(Protocol):
    """Where stored tiles are read from."""

    def tile(self, level: int, index: int) -> bytes:
        """The 1 to 256 hashes stored for this tile, concatenated. Raises KeyError or VerificationError when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Extension:
    """A longer tree: its size and root, and the new full content of each tile that changed, by (level, index)."""

    size: int
    root: bytes
    tiles: dict[tuple[int, int], bytes]


def leaf_hash(entry: bytes) -> bytes:
    """Hash of a leaf: SHA-256(0x00 ‖ entry)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node: SHA-256(0x01 ‖ left ‖ right)."""
    return sha256(b"\x01" + left + right).digest()


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Path of a tile below a log's prefix, as tlog-tiles names it: `tile/0/x001/x234/067`, with `.p/W` when it is partial."""
    if not (0 <= level <= 63 and 0 <= index <= MAX_SIZE and 1 <= width <= TILE_WIDTH):
        raise StoreError(f"there is no tile of level {level}, index {index}, width {width}")
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    path = "/".join(["tile", str(level), *(f"x{group}" for group in groups[:-1]), groups[-1]])
    return path if width == TILE_WIDTH else f"{path}.p/{width}"


def append_leaves(size: int, reader: TileReader, leaves: Sequence[bytes]) -> Extension:
    """Extend the tree of `size` leaves by leaf hashes. Reads right-edge tiles only, at most one a level.

    The stored right edge must end exactly at `size`: anything else raises VerificationError, since the tree would fork there.
    """
    _check_size(size + len(leaves))
    _check_hashes(leaves, "leaf")
    nodes = _Nodes(reader)
    changed: dict[tuple[int, int], bytes] = {}
    level, position, fresh = 0, size, b"".join(leaves)
    while fresh:
        index, width = divmod(position, TILE_WIDTH)
        if width:
            fresh = nodes.edge(level, index, width) + fresh
        above = []
        for number, at in enumerate(range(0, len(fresh), TILE_WIDTH * HASH_SIZE), index):
            tile = fresh[at : at + TILE_WIDTH * HASH_SIZE]
            changed[level, number] = nodes.tiles[level, number] = tile
            if len(tile) == TILE_WIDTH * HASH_SIZE:
                above.append(_fold(tile))
        level, position, fresh = level + 1, index, b"".join(above)
    after = size + len(leaves)
    return Extension(after, nodes.root(after), changed)


def root(size: int, reader: TileReader) -> bytes:
    """Root of the tree of the first `size` leaves: SHA-256("") when empty."""
    _check_size(size)
    return _Nodes(reader).root(size)


def frontier(size: int, reader: TileReader) -> list[bytes]:
    """Compact range of [0, size): roots of the complete subtrees it consists of, the largest (leftmost) first."""
    _check_size(size)
    return _Nodes(reader).complete(0, size)


class CompactRange:
    """What must be remembered of [0, size) to go on appending and to know the root: one hash for each bit set in `size`."""

    __slots__ = ("_hashes", "_size")

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        """`hashes` as `frontier` returns them. Raises VerificationError when their number does not belong to `size`."""
        _check_size(size)
        _check_hashes(hashes, "compact range")
        if len(hashes) != size.bit_count():
            raise VerificationError(f"a compact range of size {size} has {size.bit_count()} hashes, not {len(hashes)}")
        self._size = size
        self._hashes = list(hashes)

    @property
    def size(self) -> int:
        """Number of leaves."""
        return self._size

    @property
    def hashes(self) -> list[bytes]:
        """A copy of the hashes, the largest subtree first."""
        return list(self._hashes)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash at the end."""
        _check_hashes((leaf,), "leaf")
        merges = self._size
        while merges & 1:
            leaf = node_hash(self._hashes.pop(), leaf)
            merges >>= 1
        self._hashes.append(leaf)
        self._size += 1

    def root(self) -> bytes:
        """Root of the tree of these leaves."""
        return _join(self._hashes)


def inclusion_proof(index: int, size: int, reader: TileReader) -> list[bytes]:
    """Audit path of leaf `index` in the tree of `size` leaves (RFC 9162 section 2.1.3.1), nearest the leaf first."""
    _check_size(size)
    if not 0 <= index < size:
        raise VerificationError(f"index {index} is outside a log of size {size}")
    nodes, path = _Nodes(reader), []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            path.append(nodes.subtree(middle, stop))
            stop = middle
        else:
            path.append(nodes.subtree(start, middle))
            start = middle
    return path[::-1]


def consistency_proof(old: int, new: int, reader: TileReader) -> list[bytes]:
    """Proof that the tree of `old` leaves is a prefix of that of `new` (RFC 9162 2.1.4.1); empty for 0 and equal sizes."""
    _check_size(new)
    if not 0 <= old <= new:
        raise VerificationError(f"a log of size {new} has no prefix of size {old}")
    if old in (0, new):
        return []
    nodes, path = _Nodes(reader), []
    start, stop = 0, new
    while old != stop:
        middle = start + _split(stop - start)
        if old <= middle:
            path.append(nodes.subtree(middle, stop))
            stop = middle
        else:
            path.append(nodes.subtree(start, middle))
            start = middle
    if start:
        path.append(nodes.subtree(start, stop))  # at start 0 it is the old root itself, which the verifier has
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf hash `leaf` stands at `index` of the tree (size, root). Raises VerificationError (RFC 9162 2.1.3.2).

    1. Sizes and shapes. 2. Climb from the leaf, left or right as the index says. 3. The path ended at the top, at the root.
    """
    # 1.
    _check_size(size)
    if not 0 <= index < size:
        raise VerificationError(f"index {index} is outside a log of size {size}", index=index)
    _check_hashes((leaf, root, *proof), "inclusion proof")
    # 2.
    position, last, climbed = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise VerificationError(f"the inclusion proof of index {index} is too long", index=index)
        if position & 1 or position == last:
            climbed = node_hash(sibling, climbed)
            while not position & 1 and position:  # levels where the last node has no sibling
                position, last = position >> 1, last >> 1
        else:
            climbed = node_hash(climbed, sibling)
        position, last = position >> 1, last >> 1
    # 3.
    if last:
        raise VerificationError(f"the inclusion proof of index {index} is too short", index=index)
    if climbed != root:
        raise VerificationError(f"index {index} is not in the log of size {size} with this root", index=index)


def verify_consistency(old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree (old_size, old_root) is a prefix of (new_size, new_root). Raises VerificationError (RFC 9162 2.1.4.2).

    1. Sizes and shapes. 2. Equal sizes, and the empty tree, need no proof and take none. 3. Climb to both roots at once.
    4. The path ended at the top, at both roots.
    """
    # 1.
    _check_size(new_size)
    if not 0 <= old_size <= new_size:
        raise VerificationError(f"a log of size {new_size} has no prefix of size {old_size}")
    _check_hashes((old_root, new_root, *proof), "consistency proof")
    # 2.
    if old_size in (0, new_size):
        if proof or old_root != (new_root if old_size else EMPTY_ROOT) or (new_size == 0 and new_root != EMPTY_ROOT):
            raise VerificationError(f"the logs of sizes {old_size} and {new_size} are not consistent")
        return
    # 3. A power of two is a subtree of the new tree: its root is the first hash of the path, and not repeated in it.
    path = [old_root, *proof] if old_size.bit_count() == 1 else list(proof)
    position, last = old_size - 1, new_size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old, new = _climb_both(path, position, last)
    # 4.
    if old != old_root or new != new_root:
        raise VerificationError(f"the logs of sizes {old_size} and {new_size} are not consistent")


def _climb_both(path: Sequence[bytes], position: int, last: int) -> tuple[bytes, bytes]:
    """Old and new root that a consistency path leads to, from the node at `position` of a level whose last node is `last`."""
    if not path:
        raise VerificationError("the consistency proof is empty")
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise VerificationError("the consistency proof is too long")
        if position & 1 or position == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        position, last = position >> 1, last >> 1
    if last:
        raise VerificationError("the consistency proof is too short")
    return old, new


class _Nodes:
    """Nodes of the tree out of tiles; each tile is read once."""

    def __init__(self, reader: TileReader) -> None:
        self._reader = reader
        self.tiles: dict[tuple[int, int], bytes] = {}

    def edge(self, level: int, index: int, width: int) -> bytes:
        """The right-edge tile, which must have exactly `width` hashes."""
        tile = self._tile(level, index, width)
        if len(tile) != width * HASH_SIZE:
            raise VerificationError(f"tile {level}/{index} has {len(tile) // HASH_SIZE} hashes where the log's size says {width}")
        return tile

    def node(self, height: int, position: int) -> bytes:
        """Root of the complete subtree of 2**height leaves at `position`."""
        level, inner = divmod(height, TILE_HEIGHT)
        index, at = divmod(position << inner, TILE_WIDTH)
        end = at + (1 << inner)
        return _fold(self._tile(level, index, end)[at * HASH_SIZE : end * HASH_SIZE])

    def complete(self, start: int, stop: int) -> list[bytes]:
        """Roots of the complete subtrees of [start, stop), the largest first; `start` is a multiple of the largest."""
        hashes = []
        while start < stop:
            height = (stop - start).bit_length() - 1
            hashes.append(self.node(height, start >> height))
            start += 1 << height
        return hashes

    def subtree(self, start: int, stop: int) -> bytes:
        """Merkle tree hash of leaves [start, stop)."""
        return _join(self.complete(start, stop))

    def root(self, size: int) -> bytes:
        """Root of the first `size` leaves."""
        return self.subtree(0, size)

    def _tile(self, level: int, index: int, width: int) -> bytes:
        tile = self.tiles.get((level, index))
        if tile is None:
            try:
                tile = self._reader.tile(level, index)
            except KeyError as error:
                raise VerificationError(f"tile {level}/{index} is missing") from error
            self.tiles[level, index] = tile
        if len(tile) % HASH_SIZE or not width * HASH_SIZE <= len(tile) <= TILE_WIDTH * HASH_SIZE:
            raise VerificationError(
                f"tile {level}/{index} has {len(tile)} bytes where at least {width} hashes of 32 bytes must be"
            )
        return tile


def _fold(hashes: bytes) -> bytes:
    """Root of a complete subtree over concatenated hashes, whose number is a power of two."""
    while len(hashes) > HASH_SIZE:
        hashes = b"".join([sha256(b"\x01" + hashes[at : at + 64]).digest() for at in range(0, len(hashes), 64)])
    return hashes


def _join(hashes: Sequence[bytes]) -> bytes:
    """Root over the complete subtrees of a compact range."""
    if not hashes:
        return EMPTY_ROOT
    joined = hashes[-1]
    for left in reversed(hashes[:-1]):
        joined = node_hash(left, joined)
    return joined


def _split(count: int) -> int:
    """The largest power of two below `count` (`count` is at least 2): leaves of the left subtree."""
    return 1 << ((count - 1).bit_length() - 1)


def _check_size(size: int) -> None:
    if not 0 <= size <= MAX_SIZE:
        raise VerificationError(f"a log cannot have size {size}")


def _check_hashes(hashes: Iterable[bytes], what: str) -> None:
    for value in hashes:
        if len(value) != HASH_SIZE:
            raise VerificationError(f"{what}: a hash has {len(value)} bytes instead of {HASH_SIZE}")
