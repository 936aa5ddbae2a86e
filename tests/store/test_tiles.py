"""The Merkle tree against the published vectors and against the recursive definitions of RFC 6962 / RFC 9162, written naively."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.errors import StoreError, VerificationError
from store.tiles import (
    EMPTY_ROOT,
    MAX_SIZE,
    CompactRange,
    Extension,
    append_leaves,
    consistency_proof,
    frontier,
    inclusion_proof,
    leaf_hash,
    root,
    tile_path,
    verify_consistency,
    verify_inclusion,
)

# Inputs, roots and proofs of the reference test suite of Certificate Transparency.
ENTRIES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = {
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
}
CONSISTENCY = {
    (1, 8): INCLUSION[0, 8],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}


class MemoryTiles:
    """Tiles in a dict; remembers what was read."""

    def __init__(self, leaves: Sequence[bytes] = (), step: int = 5000) -> None:
        self.tiles: dict[tuple[int, int], bytes] = {}
        self.read: list[tuple[int, int]] = []
        self.size = 0
        for at in range(0, len(leaves), step):
            self.extend(leaves[at : at + step])

    def tile(self, level: int, index: int) -> bytes:
        self.read.append((level, index))
        return self.tiles[level, index]

    def extend(self, leaves: Sequence[bytes]) -> Extension:
        extension = append_leaves(self.size, self, leaves)
        self.tiles.update(extension.tiles)
        self.size = extension.size
        return extension


LEAVES = [leaf_hash(str(number).encode()) for number in range(66_000)]


@cache
def naive_root(start: int, stop: int) -> bytes:
    """MTH(D[start:stop]) over LEAVES, as RFC 6962 section 2.1 defines it."""
    if start == stop:
        return sha256(b"").digest()
    if stop - start == 1:
        return LEAVES[start]
    middle = start + naive_split(stop - start)
    return sha256(b"\x01" + naive_root(start, middle) + naive_root(middle, stop)).digest()


def naive_split(count: int) -> int:
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def naive_path(index: int, start: int, stop: int) -> list[bytes]:
    if stop - start == 1:
        return []
    middle = start + naive_split(stop - start)
    if index < middle:
        return [*naive_path(index, start, middle), naive_root(middle, stop)]
    return [*naive_path(index, middle, stop), naive_root(start, middle)]


def naive_subproof(old: int, start: int, stop: int, whole: bool) -> list[bytes]:
    if old == stop:
        return [] if whole else [naive_root(start, stop)]
    middle = start + naive_split(stop - start)
    if old <= middle:
        return [*naive_subproof(old, start, middle, whole), naive_root(middle, stop)]
    return [*naive_subproof(old, middle, stop, False), naive_root(start, middle)]


def naive_tiles(size: int) -> dict[tuple[int, int], bytes]:
    """All tiles of the first `size` LEAVES, from the definition in tlog-tiles."""
    tiles: dict[tuple[int, int], bytes] = {}
    level, span = 0, 1
    while size // span:
        count = size // span
        for index in range(-(-count // 256)):
            places = range(index * 256, min(index * 256 + 256, count))
            tiles[level, index] = b"".join(naive_root(place * span, (place + 1) * span) for place in places)
        level, span = level + 1, span * 256
    return tiles


@pytest.fixture(scope="module")
def stored() -> MemoryTiles:
    return MemoryTiles(LEAVES[:600])


def test_published_roots_and_proofs() -> None:
    tiles = MemoryTiles([leaf_hash(entry) for entry in ENTRIES])
    assert [root(size, tiles).hex() for size in range(9)] == ROOTS
    for (index, size), path in INCLUSION.items():
        assert [value.hex() for value in inclusion_proof(index, size, tiles)] == path
        proof = [bytes.fromhex(value) for value in path]
        verify_inclusion(leaf_hash(ENTRIES[index]), index, size, proof, bytes.fromhex(ROOTS[size]))
    for (old, new), path in CONSISTENCY.items():
        assert [value.hex() for value in consistency_proof(old, new, tiles)] == path
        proof = [bytes.fromhex(value) for value in path]
        verify_consistency(old, bytes.fromhex(ROOTS[old]), new, bytes.fromhex(ROOTS[new]), proof)


def test_the_empty_tree() -> None:
    assert append_leaves(0, MemoryTiles(), []) == Extension(0, EMPTY_ROOT, {})
    assert CompactRange().root() == EMPTY_ROOT == bytes.fromhex(ROOTS[0])
    assert frontier(0, MemoryTiles()) == []


def test_roots_and_ranges_of_every_size_up_to_600(stored: MemoryTiles) -> None:
    running = CompactRange()
    for size in range(601):
        assert root(size, stored) == running.root() == naive_root(0, size)
        assert frontier(size, stored) == running.hashes
        assert CompactRange(size, running.hashes).root() == naive_root(0, size)
        if size < 600:
            running.append(LEAVES[size])
            assert running.size == size + 1


def test_proofs_of_every_index_and_size_up_to_600_verify() -> None:
    """Every pair, with proofs made by the naive definition."""
    for size in range(1, 601):
        head = naive_root(0, size)
        for index in range(size):
            verify_inclusion(LEAVES[index], index, size, naive_path(index, 0, size), head)
            verify_consistency(index + 1, naive_root(0, index + 1), size, head, naive_subproof(index + 1, 0, size, True))


def test_proofs_from_tiles_are_those_of_the_definition(stored: MemoryTiles) -> None:
    """Every pair up to size 140, and of every size up to 600 the pairs next to a power of two and a few between."""
    for size in range(1, 601):
        edges = {0, 1, size - 1, *(power + by for power in (2, 4, 64, 128, 256, 512) for by in (-1, 0, 1))}
        chosen = range(size) if size <= 140 else sorted({*range(size % 53, size, 53), *edges} & set(range(size)))
        for index in chosen:
            assert inclusion_proof(index, size, stored) == naive_path(index, 0, size)
            assert consistency_proof(index + 1, size, stored) == naive_subproof(index + 1, 0, size, True)
    assert consistency_proof(0, 600, stored) == []


@pytest.mark.parametrize("step", [1, 7, 256, 257, 600])
def test_tiles_do_not_depend_on_how_leaves_were_grouped(step: int) -> None:
    tiles = MemoryTiles(LEAVES[:600], step)
    assert tiles.tiles == naive_tiles(600)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537])
def test_tiles_at_boundaries(size: int) -> None:
    tiles = MemoryTiles(LEAVES[: size - 1], 4_999)
    extension = tiles.extend(LEAVES[size - 1 : size])
    assert extension.root == naive_root(0, size)
    assert tiles.tiles == naive_tiles(size)
    assert {(level, (size - 1) // 256 ** (level + 1)) for level in range(3) if size % 256**level == 0} == set(extension.tiles)


def test_widths_of_the_tree_of_70_000() -> None:
    """The example in tlog-tiles."""
    leaf = leaf_hash(b"")
    tiles = MemoryTiles([leaf] * 70_000).tiles
    widths = {place: len(tile) // 32 for place, tile in tiles.items()}
    assert [widths.pop((0, 273)), widths.pop((1, 1)), widths.pop((2, 0))] == [112, 17, 1]
    assert set(widths.values()) == {256}
    assert len(widths) == 273 + 1


def test_random_growth_and_proofs() -> None:
    chance = random.Random(9162)
    tiles = MemoryTiles()
    sizes = [0]
    while tiles.size < 40_000:
        stop = tiles.size + chance.choice([1, 2, 100, 255, 256, 257, 3_000, chance.randrange(1, 5_000)])
        extension = tiles.extend(LEAVES[tiles.size : stop])
        assert extension.size == stop
        assert extension.root == naive_root(0, stop)
        sizes.append(stop)
    for _ in range(300):
        old, new = sorted(chance.sample(sizes, 2))
        index = chance.randrange(new)
        verify_inclusion(LEAVES[index], index, new, inclusion_proof(index, new, tiles), naive_root(0, new))
        verify_consistency(old, naive_root(0, old), new, naive_root(0, new), consistency_proof(old, new, tiles))


def test_appending_reads_the_right_edge_only_and_each_tile_once() -> None:
    tiles = MemoryTiles(LEAVES[:65_800])
    tiles.read.clear()
    append_leaves(65_800, tiles, LEAVES[65_800:66_000])
    assert sorted(tiles.read) == [(0, 257), (1, 1), (2, 0)]


def test_appending_is_pure() -> None:
    tiles = MemoryTiles(LEAVES[:300])
    before = dict(tiles.tiles)
    assert append_leaves(300, tiles, LEAVES[300:310]) == append_leaves(300, tiles, LEAVES[300:310])
    assert tiles.tiles == before


@pytest.mark.parametrize("stored_size", [299, 301])
def test_appending_to_an_edge_of_another_size_is_refused(stored_size: int) -> None:
    with pytest.raises(VerificationError, match="tile 0/1"):
        append_leaves(300, MemoryTiles(LEAVES[:stored_size]), LEAVES[:1])


@pytest.mark.parametrize("content", [None, b"", b"x" * 31, b"x" * 43 * 32 + b"x", b"x" * 257 * 32])
def test_missing_or_misshapen_tiles_are_named(content: bytes | None) -> None:
    tiles = MemoryTiles(LEAVES[:300])
    del tiles.tiles[0, 1]
    if content is not None:
        tiles.tiles[0, 1] = content
    for act in (
        lambda: root(300, tiles),
        lambda: frontier(300, tiles),
        lambda: inclusion_proof(3, 300, tiles),
        lambda: append_leaves(300, tiles, LEAVES[:1]),
    ):
        with pytest.raises(VerificationError, match="tile 0/1 "):
            act()


def test_arguments_out_of_range_are_refused(stored: MemoryTiles) -> None:
    refused = (
        lambda: root(-1, stored),
        lambda: root(MAX_SIZE + 1, stored),
        lambda: append_leaves(MAX_SIZE, stored, LEAVES[:1]),
        lambda: append_leaves(600, stored, [b"short"]),
        lambda: inclusion_proof(5, 5, stored),
        lambda: inclusion_proof(-1, 5, stored),
        lambda: consistency_proof(6, 5, stored),
        lambda: consistency_proof(-1, 5, stored),
        lambda: CompactRange(3, LEAVES[:1]),
        lambda: CompactRange(1, [b"short"]),
        lambda: CompactRange().append(b"short"),
        lambda: verify_inclusion(LEAVES[0], 1, 1, [], LEAVES[0]),
        lambda: verify_inclusion(LEAVES[0], -1, 1, [], LEAVES[0]),
        lambda: verify_inclusion(b"short", 0, 1, [], b"short"),
        lambda: verify_consistency(-1, LEAVES[0], 1, LEAVES[0], []),
        lambda: verify_consistency(2, LEAVES[0], 1, LEAVES[0], []),
        lambda: verify_consistency(1, b"short", 1, b"short", []),
    )
    for act in refused:
        with pytest.raises(VerificationError):
            act()


def test_consistency_of_equal_and_empty_trees() -> None:
    one, two = naive_root(0, 1), naive_root(0, 2)
    verify_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])
    verify_consistency(0, EMPTY_ROOT, 2, two, [])
    verify_consistency(2, two, 2, two, [])
    for old, old_root, new, new_root, proof in (
        (0, one, 2, two, []),
        (0, one, 0, one, []),
        (0, EMPTY_ROOT, 0, one, []),
        (1, one, 8, two, [LEAVES[1]]),  # a proof for size 2 that claims to be of size 8
        (0, EMPTY_ROOT, 2, two, [one]),
        (2, one, 2, two, []),
        (2, two, 2, two, [one]),
        (1, one, 2, two, []),
        (3, naive_root(0, 3), 5, naive_root(0, 5), []),
    ):
        with pytest.raises(VerificationError):
            verify_consistency(old, old_root, new, new_root, proof)


def flipped(value: bytes, bit: int) -> bytes:
    changed = bytearray(value)
    changed[bit // 8 % len(value)] ^= 1 << bit % 8
    return bytes(changed)


@given(st.data())
def test_a_changed_inclusion_proof_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 600))
    index = data.draw(st.integers(0, size - 1))
    bit = data.draw(st.integers(0, 255))
    proof, head, leaf = naive_path(index, 0, size), naive_root(0, size), LEAVES[index]
    at = data.draw(st.integers(0, len(proof) - 1))
    other = data.draw(st.integers(0, size - 1).filter(lambda number: number != index))
    for changed in (
        (flipped(leaf, bit), index, size, proof, head),
        (leaf, index, size, proof, flipped(head, bit)),
        (leaf, other, size, proof, head),
        (LEAVES[other], index, size, proof, head),
        (leaf, index, size, [*proof[:at], flipped(proof[at], bit), *proof[at + 1 :]], head),
        (leaf, index, size, proof[:at] + proof[at + 1 :], head),
        (leaf, index, size, [*proof, LEAVES[0]], head),
        (leaf, index, size, [LEAVES[0], *proof], head),
        (head, index, size, [], head),
    ):
        with pytest.raises(VerificationError):
            verify_inclusion(*changed)


@given(st.data())
def test_a_changed_consistency_proof_is_refused(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, 600))
    old = data.draw(st.integers(1, new - 1))
    bit = data.draw(st.integers(0, 255))
    proof, old_root, new_root = naive_subproof(old, 0, new, True), naive_root(0, old), naive_root(0, new)
    at = data.draw(st.integers(0, len(proof) - 1))
    for changed in (
        (old, flipped(old_root, bit), new, new_root, proof),
        (old, old_root, new, flipped(new_root, bit), proof),
        (old, naive_root(1, old + 1), new, new_root, proof),
        (old, old_root, new, new_root, [*proof[:at], flipped(proof[at], bit), *proof[at + 1 :]]),
        (old, old_root, new, new_root, proof[:at] + proof[at + 1 :]),
        (old, old_root, new, new_root, [*proof, LEAVES[0]]),
        (old, old_root, new, new_root, [LEAVES[0], *proof]),
    ):
        with pytest.raises(VerificationError):
            verify_consistency(*changed)


@settings(max_examples=200)
@given(st.integers(-2, 2**64), st.integers(-2, 2**64), st.lists(st.binary(max_size=33) | st.just(b"y" * 32), max_size=80))
def test_made_up_proofs_end_in_a_verification_error(first: int, second: int, proof: list[bytes]) -> None:
    with pytest.raises(VerificationError):
        verify_inclusion(b"l" * 32, first, second, proof, b"r" * 32)
    with pytest.raises(VerificationError):
        verify_consistency(first, b"o" * 32, second, b"r" * 32, [b"z" * 32, *proof])


@pytest.mark.parametrize(
    ("level", "index", "width", "path"),
    [
        (0, 0, 256, "tile/0/000"),
        (0, 273, 112, "tile/0/273.p/112"),
        (1, 999, 256, "tile/1/999"),
        (2, 1000, 1, "tile/2/x001/000.p/1"),
        (63, 1234067, 256, "tile/63/x001/x234/067"),
        (0, MAX_SIZE, 256, "tile/0/x009/x223/x372/x036/x854/x775/807"),
    ],
)
def test_tile_paths(level: int, index: int, width: int, path: str) -> None:
    assert tile_path(level, index, width) == path


@pytest.mark.parametrize(("level", "index", "width"), [(-1, 0, 1), (64, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257)])
def test_tile_paths_of_no_tile(level: int, index: int, width: int) -> None:
    with pytest.raises(StoreError, match="no tile"):
        tile_path(level, index, width)
