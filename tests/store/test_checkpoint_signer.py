"""The checkpoint signer: what it signs, what it refuses, and the place where it keeps checkpoints."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from store.checkpoint import Checkpoint, CheckpointSigner, CheckpointStore, Refused, open_checkpoint
from store.errors import StoreError, VerificationError
from store.note import SigningKey, sign_note
from store.tiles import EMPTY_ROOT, append_leaves, consistency_proof, leaf_hash, root, verify_consistency

ORIGIN = "example.com/log"


def key(name: str = ORIGIN, seed: int = 1) -> SigningKey:
    return SigningKey(name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


@dataclass(frozen=True, slots=True)
class Entry:
    index: int
    metadata: bytes


def check(entry: Entry) -> bytes:
    """Stands for the check of the committed parts: bytes that begin with ! do not fit."""
    if entry.metadata.startswith(b"!"):
        raise VerificationError("its payload is not what was committed to")
    return leaf_hash(entry.metadata)


class MemoryLog:
    """A log in memory, whose parts a test may change one by one."""

    def __init__(self, entries: Sequence[bytes] = ()) -> None:
        self.rows: list[Entry] = []
        self.tiles: dict[tuple[int, int], bytes] = {}
        self.size, self.root = 0, EMPTY_ROOT
        self.asked: list[tuple[int, int]] = []
        self.extend(entries)

    def extend(self, entries: Sequence[bytes]) -> None:
        extension = append_leaves(self.size, self, [leaf_hash(entry) for entry in entries])
        self.rows += [Entry(index, entry) for index, entry in enumerate(entries, self.size)]
        self.tiles.update(extension.tiles)
        self.size, self.root = extension.size, extension.root

    def head(self) -> tuple[int, bytes]:
        return self.size, self.root

    def tile(self, level: int, index: int) -> bytes:
        return self.tiles[level, index]

    def entries(self, start: int, stop: int) -> Iterator[Entry]:
        self.asked.append((start, stop))
        return iter([row for row in self.rows if start <= row.index < stop])


def numbered(start: int, stop: int, word: str = "entry") -> list[bytes]:
    return [f"{word} {number}".encode() for number in range(start, stop)]


@pytest.fixture
def place(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "data" / "checkpoints")


def signer(place: CheckpointStore, log: MemoryLog, signing: SigningKey | None = None) -> CheckpointSigner[Entry]:
    return CheckpointSigner(signing or key(), ORIGIN, place, log, check)


def files(place: CheckpointStore) -> dict[str, bytes]:
    found = {path.relative_to(place.directory).as_posix(): path for path in place.directory.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if name != "lock"}


def test_publishing_signs_what_the_log_holds(place: CheckpointStore) -> None:
    log = MemoryLog(numbered(0, 300))
    signed = signer(place, log).publish()
    assert signed.checkpoint == Checkpoint(ORIGIN, 300, log.root)
    assert open_checkpoint(signed.note, ORIGIN, [key().verifier]) == signed
    assert files(place) == {"latest": signed.note, "by-size/300": signed.note}
    assert place.latest() == place.read(300) == signed.note
    assert place.read(299) is None


def test_an_empty_log_can_be_signed_and_extended(place: CheckpointStore) -> None:
    log = MemoryLog()
    assert signer(place, log).publish().checkpoint == Checkpoint(ORIGIN, 0, EMPTY_ROOT)
    log.extend(numbered(0, 3))
    assert signer(place, log).publish().checkpoint == Checkpoint(ORIGIN, 3, log.root)
    assert set(files(place)) == {"latest", "by-size/0", "by-size/3"}


def test_i4_two_signed_checkpoints_are_always_consistent(place: CheckpointStore) -> None:
    log, heads = MemoryLog(), []
    sizes = [0, 1, 2, 3, 255, 256, 257, 600, 1025]
    for size in sizes:
        log.extend(numbered(log.size, size))
        heads.append(signer(place, log).publish().checkpoint)
    for old in heads:
        for new in heads[heads.index(old) :]:
            verify_consistency(old.size, old.root, new.size, new.root, consistency_proof(old.size, new.size, log))
    assert [head.size for head in heads] == sizes


def test_only_new_entries_are_read_again(place: CheckpointStore) -> None:
    log = MemoryLog(numbered(0, 500))
    signer(place, log).publish()
    log.extend(numbered(500, 520))
    signer(place, log).publish()
    assert log.asked == [(0, 500), (500, 520)]


def test_an_unchanged_log_gets_no_new_file(place: CheckpointStore) -> None:
    log = MemoryLog(numbered(0, 10))
    signing = signer(place, log)
    first = signing.publish()
    kept, written = files(place), (place.directory / "latest").stat()
    assert signing.publish() == first
    assert files(place) == kept
    now = (place.directory / "latest").stat()
    assert (now.st_ino, now.st_mtime_ns) == (written.st_ino, written.st_mtime_ns)


def test_an_unchanged_size_with_another_root_is_refused(place: CheckpointStore) -> None:
    signer(place, MemoryLog(numbered(0, 10))).publish()
    kept = files(place)
    changed = MemoryLog(numbered(0, 10))
    changed.root = bytes(32)
    with pytest.raises(Refused, match="head of the log"):
        signer(place, changed).publish()
    with pytest.raises(Refused, match="not those that were signed"):
        signer(place, MemoryLog(numbered(0, 10, "forged"))).publish()
    assert files(place) == kept


def test_i4_a_smaller_log_is_refused(place: CheckpointStore) -> None:
    signer(place, MemoryLog(numbered(0, 300))).publish()
    kept = files(place)
    with pytest.raises(Refused, match="has 299 entries, but 300 were signed"):
        signer(place, MemoryLog(numbered(0, 299))).publish()
    assert files(place) == kept


def test_i4_an_old_database_that_grew_again_is_refused(place: CheckpointStore) -> None:
    log = MemoryLog(numbered(0, 200))
    signer(place, log).publish()
    log.extend(numbered(200, 300))
    signer(place, log).publish()
    kept = files(place)
    restored = MemoryLog([*numbered(0, 250), *numbered(250, 400, "after the restore")])
    with pytest.raises(Refused, match="first 300 entries are not those that were signed"):
        signer(place, restored).publish()
    assert files(place) == kept


def test_a_changed_new_entry_is_named(place: CheckpointStore) -> None:
    log = MemoryLog(numbered(0, 700))
    log.rows[513] = Entry(513, b"changed")
    with pytest.raises(Refused, match="entry 513 was changed") as caught:
        signer(place, log).publish()
    assert caught.value.index == 513
    assert files(place) == {}


def test_an_entry_whose_parts_do_not_fit_is_named(place: CheckpointStore) -> None:
    log = MemoryLog([*numbered(0, 5), b"! wrong payload", *numbered(6, 8)])
    with pytest.raises(Refused, match="entry 5 does not verify: its payload") as caught:
        signer(place, log).publish()
    assert caught.value.index == 5


@pytest.mark.parametrize(
    ("at", "row"), [(4, None), (9, None), (4, Entry(5, b"entry 5")), (4, Entry(4, b"entry 5")), (9, Entry(10, b"entry 10"))]
)
def test_missing_and_swapped_entries_are_named(place: CheckpointStore, at: int, row: Entry | None) -> None:
    log = MemoryLog(numbered(0, 10))
    log.rows[at : at + 1] = [] if row is None else [row]
    with pytest.raises(Refused, match=f"entry {at} ") as caught:
        signer(place, log).publish()
    assert caught.value.index == at


def test_entries_beyond_the_head_are_refused(place: CheckpointStore) -> None:
    log = MemoryLog(numbered(0, 10))
    log.entries = lambda start, stop: iter(log.rows)  # type: ignore[method-assign]
    log.size, log.root = 9, root(9, log)
    with pytest.raises(Refused, match="entry 9 is missing: the log gave entry 9") as caught:
        signer(place, log).publish()
    assert caught.value.index == 9


def test_a_head_that_the_entries_do_not_give_is_refused(place: CheckpointStore) -> None:
    log = MemoryLog(numbered(0, 10))
    log.root = root(9, log)
    with pytest.raises(Refused, match=r"head of the log \(size 10\)"):
        signer(place, log).publish()


def test_a_changed_tile_above_the_leaves_is_refused(place: CheckpointStore) -> None:
    log = MemoryLog(numbered(0, 600))
    log.tiles[1, 0] = bytes(64)
    with pytest.raises(Refused, match="head of the log"):
        signer(place, log).publish()


@pytest.mark.parametrize("tile", [(0, 0), (0, 1), (0, 2), (1, 0)])
def test_a_missing_tile_is_refused(place: CheckpointStore, tile: tuple[int, int]) -> None:
    log = MemoryLog(numbered(0, 400))
    signer(place, log).publish()
    log.extend(numbered(400, 600))
    del log.tiles[tile]
    if tile == (0, 0):  # no longer on the right edge, and signed before
        assert signer(place, log).publish().checkpoint.size == 600
        return
    with pytest.raises(Refused, match=f"tile {tile[0]}/{tile[1]}"):
        signer(place, log).publish()


def test_the_key_must_be_named_like_the_log(place: CheckpointStore) -> None:
    with pytest.raises(StoreError, match="its name must be the log's origin"):
        signer(place, MemoryLog(), key("example.com/other"))


def test_another_key_is_refused(place: CheckpointStore) -> None:
    log = MemoryLog(numbered(0, 3))
    signer(place, log).publish()
    kept = files(place)
    log.extend(numbered(3, 6))
    with pytest.raises(Refused, match=r"is not a checkpoint signed by example\.com/log with this key"):
        signer(place, log, key(seed=2)).publish()
    assert files(place) == kept


def test_a_checkpoint_of_another_log_in_the_place_is_refused(place: CheckpointStore) -> None:
    with place.lock():
        place.keep(1, sign_note(Checkpoint("example.com/other", 1, bytes(32)).text(), [key()]))
    with pytest.raises(Refused, match=r"of the log 'example\.com/other'"):
        signer(place, MemoryLog(numbered(0, 3))).publish()


# The place


@pytest.mark.parametrize("damage", ["empty", "cut", "zeros", "bit"])
def test_a_torn_latest_is_refused_and_kept(place: CheckpointStore, damage: str) -> None:
    log = MemoryLog(numbered(0, 3))
    note = signer(place, log).publish().note
    torn = {"empty": b"", "cut": note[:-20], "zeros": bytes(len(note)), "bit": note[:5] + bytes([note[5] ^ 1]) + note[6:]}[damage]
    (place.directory / "latest").write_bytes(torn)
    log.extend(numbered(3, 6))
    with pytest.raises(Refused, match="latest is not a checkpoint signed by"):
        signer(place, log).publish()
    assert place.latest() == torn


def test_a_latest_put_back_or_taken_away_is_refused(place: CheckpointStore) -> None:
    log = MemoryLog(numbered(0, 3))
    first = signer(place, log).publish()
    log.extend(numbered(3, 6))
    signer(place, log).publish()
    (place.directory / "latest").write_bytes(first.note)
    with pytest.raises(Refused, match="is of size 3, but 6 was signed: put by-size/6 in its place"):
        signer(CheckpointStore(place.directory), log).publish()
    (place.directory / "latest").unlink()
    with pytest.raises(Refused, match="is missing, but a checkpoint of size 6 was signed"):
        signer(CheckpointStore(place.directory), log).publish()
    (place.directory / "latest").write_bytes((place.directory / "by-size" / "6").read_bytes())
    assert signer(CheckpointStore(place.directory), log).publish().checkpoint.size == 6


def test_a_copy_that_differs_is_refused(place: CheckpointStore) -> None:
    log = MemoryLog(numbered(0, 3))
    signer(place, log).publish()
    other = sign_note(Checkpoint(ORIGIN, 3, bytes(32)).text(), [key()])
    (place.directory / "by-size" / "3").unlink()
    (place.directory / "by-size" / "3").write_bytes(other)
    with pytest.raises(Refused, match="by-size/3 differ"):
        signer(place, log).publish()
    with place.lock(), pytest.raises(Refused, match="already holds another checkpoint of this size"):
        place.keep(3, sign_note(Checkpoint(ORIGIN, 3, bytes(range(32))).text(), [key()]))


def test_a_crash_between_the_two_files_is_mended(place: CheckpointStore) -> None:
    log = MemoryLog(numbered(0, 3))
    signed = signer(place, log).publish()
    (place.directory / "by-size" / "3").unlink()
    assert signer(CheckpointStore(place.directory), log).publish() == signed
    assert place.read(3) == signed.note


def test_copies_are_read_only_and_leftovers_do_no_harm(place: CheckpointStore) -> None:
    log = MemoryLog(numbered(0, 3))
    signer(place, log).publish()
    assert (place.directory / "by-size" / "3").stat().st_mode & 0o777 == 0o444
    (place.directory / "by-size" / ".9.torn").write_bytes(b"half")
    log.extend(numbered(3, 6))
    assert signer(CheckpointStore(place.directory), log).publish().checkpoint.size == 6


def test_i10_a_full_disk_is_an_error_and_changes_nothing(place: CheckpointStore, monkeypatch: pytest.MonkeyPatch) -> None:
    log = MemoryLog(numbered(0, 3))
    signer(place, log).publish()
    kept = files(place)
    log.extend(numbered(3, 6))

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match=r"cannot write a checkpoint to .*No space left"):
            signer(place, log).publish()
    assert files(place) == kept
    assert signer(place, log).publish().checkpoint.size == 6


def test_a_place_that_is_no_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match=r"cannot use the checkpoint directory .*file"):
        signer(CheckpointStore(tmp_path / "file"), MemoryLog()).publish()
