"""Inclusion proofs (RFC 9162 section 2.1.3.1) of many entries of one tree, in order of index: each tile is hashed once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from store.tiles import HASH_SIZE, TILE_HEIGHT, TILE_WIDTH, CompactRange, TileReader, node_hash

Layers = list[list[bytes]]


class Prover:
    """Proves entries in the tree of `size` leaves. The last tile of each level is kept."""

    def __init__(self, size: int, reader: TileReader) -> None:
        self._size: Final = size
        self._reader: Final = reader
        self._tiles: dict[int, tuple[int, Layers]] = {}
        self._edges: dict[int, bytes] = {}

    def path(self, index: int) -> Iterator[bytes]:
        """The audit path of `index`, nearest the leaf first. The subtree of the sibling may be cut off by the tree's end."""
        for height in range((self._size - 1).bit_length()):
            sibling = (index >> height) ^ 1
            if sibling << height >= self._size:
                continue
            if (sibling + 1) << height <= self._size:
                yield self._node(height, sibling)
            else:
                if height not in self._edges:
                    self._edges[height] = self._edge(sibling << height)
                yield self._edges[height]

    def _edge(self, start: int) -> bytes:
        """Root of the leaves from `start` to the end, which are fewer than a complete subtree."""
        hashes = []
        while start < self._size:
            height = (self._size - start).bit_length() - 1
            hashes.append(self._node(height, start >> height))
            start += 1 << height
        return CompactRange(sum(1 << at for at in range(len(hashes))), hashes).root()

    def _node(self, height: int, position: int) -> bytes:
        """Root of the complete subtree of 2**height leaves at `position`."""
        level, inner = divmod(height, TILE_HEIGHT)
        tile, at = divmod(position << inner, TILE_WIDTH)
        kept = self._tiles.get(level)
        if kept is None or kept[0] != tile:
            kept = self._tiles[level] = tile, _layers(self._reader.tile(level, tile))
        return kept[1][inner][at >> inner]


def _layers(tile: bytes) -> Layers:
    """A tile's hashes, then the roots of pairs, of fours … up to the whole tile."""
    layers = [[tile[at : at + HASH_SIZE] for at in range(0, len(tile), HASH_SIZE)]]
    for _ in range(TILE_HEIGHT):
        below = layers[-1]
        layers.append([node_hash(below[at], below[at + 1]) for at in range(0, len(below) - 1, 2)])
    return layers
