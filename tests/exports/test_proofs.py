"""Proofs in bulk are the proofs of store/tiles.py, one by one."""

from __future__ import annotations

import pytest

from exports.proofs import Prover
from store.tiles import append_leaves, inclusion_proof, leaf_hash, verify_inclusion


class Tiles:
    def __init__(self, size: int) -> None:
        self.leaves = [leaf_hash(b"%d" % n) for n in range(size)]
        self.tiles: dict[tuple[int, int], bytes] = {}
        extension = append_leaves(0, self, self.leaves)
        self.tiles, self.root = extension.tiles, extension.root
        self.read = 0

    def tile(self, level: int, index: int) -> bytes:
        self.read += 1
        return self.tiles[level, index]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 100, 255, 256, 257, 511, 513, 700])
def test_each_path_is_that_of_the_tree(size: int) -> None:
    tiles = Tiles(size)
    prover = Prover(size, tiles)
    for index in range(size):
        path = list(prover.path(index))
        assert path == inclusion_proof(index, size, tiles)
        verify_inclusion(tiles.leaves[index], index, size, path, tiles.root)


def test_an_older_size_of_a_log_that_has_grown() -> None:
    grown, old = Tiles(700), Tiles(300)
    prover = Prover(300, grown)
    for index in (0, 255, 256, 299):
        verify_inclusion(old.leaves[index], index, 300, list(prover.path(index)), old.root)


def test_tiles_are_read_about_once() -> None:
    tiles = Tiles(2000)
    prover = Prover(2000, tiles)
    for index in range(2000):
        list(prover.path(index))
    assert tiles.read <= 2000 // 256 * 2 + 4
