"""Signed tree heads: the C2SP tlog-checkpoint format, the place that keeps them, the signer that recomputes before it signs.

    <origin>
    <tree size, decimal>
    <root hash, base64>
    <extension lines, if any>

is the text of a signed note (store/note.py). The place is a directory of its own, not in the database: `latest` is the last
checkpoint signed, `by-size/N` an immutable copy of each, `lock` the file that signers lock. Whoever puts an older database back
without the place is found out by it.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar

from store.errors import StoreError, VerificationError
from store.files import os_errors, read_small, sync_directory, try_lock, write_whole
from store.note import SigningKey, VerifierKey, check_text, decode_base64, encode_base64, open_note, sign_note
from store.tiles import EMPTY_ROOT, HASH_SIZE, MAX_SIZE, TILE_WIDTH, CompactRange, TileReader, frontier

LOCK_TIMEOUT: Final = 60.0
"""Seconds to wait for another signer."""

_RESTORED: Final = "was an older or another database put in place? Nothing is signed until the signed one is back"
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")


class Refused(VerificationError):
    """The signer will not sign: the log is smaller than, or another than, what was signed before, or its bytes do not fit."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: which log, how many leaves, the root over them (32 bytes), and opaque extension lines."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """The note text. Raises VerificationError when `parse` would not read the same from it."""
        lines = (self.origin, str(self.size), encode_base64(self.root), *self.extensions)
        text = "".join(f"{line}\n" for line in lines)
        if Checkpoint.parse(text) != self:
            raise VerificationError("the checkpoint cannot be written: a line of it holds a newline")
        return text

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read a note text. Strict: one spelling for each checkpoint. Raises VerificationError."""
        check_text(text)
        lines = text.split("\n")[:-1]
        if len(lines) < 3 or not all(lines):
            raise VerificationError("a checkpoint must have an origin, a size and a root, and no empty line")
        if _SIZE.fullmatch(lines[1]) is None or int(lines[1]) > MAX_SIZE:
            raise VerificationError("a checkpoint's size must be a decimal number below 2^63 without leading zeros")
        root = decode_base64(lines[2], "root of the checkpoint")
        if len(root) != HASH_SIZE:
            raise VerificationError(f"a checkpoint's root must have {HASH_SIZE} bytes, not {len(root)}")
        if lines[1] == "0" and root != EMPTY_ROOT:
            raise VerificationError("a checkpoint of size 0 must have the root of the empty tree")
        return cls(lines[0], int(lines[1]), root, tuple(lines[3:]))


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A verified checkpoint and the bytes of its note."""

    checkpoint: Checkpoint
    note: bytes


def open_checkpoint(note: bytes, origin: str, keys: Sequence[VerifierKey]) -> SignedCheckpoint:
    """Verify the note against known keys, read it, and check that it speaks of the log `origin`. Raises VerificationError."""
    checkpoint = Checkpoint.parse(open_note(note, keys).text)
    if checkpoint.origin != origin:
        raise VerificationError(f"the checkpoint is of the log {checkpoint.origin!r}, not of {origin!r}")
    return SignedCheckpoint(checkpoint, note)


class CheckpointStore:
    """The place: a directory with `latest`, `by-size/N` and `lock`. It keeps bytes and verifies nothing. Raises StoreError."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._copies = directory / "by-size"
        self._highest: int | None = None

    @contextmanager
    def lock(self, timeout: float = LOCK_TIMEOUT) -> Iterator[None]:
        """Hold the place alone, against other processes and threads. Waits up to `timeout` seconds. Creates the directory."""
        deadline = time.monotonic() + timeout
        with os_errors(f"use the checkpoint directory {self.directory}"):
            if not self._copies.exists():
                self._copies.mkdir(parents=True, exist_ok=True)
                sync_directory(self.directory)
                sync_directory(self.directory.parent)
            descriptor = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            while not try_lock(descriptor):
                if time.monotonic() >= deadline:
                    raise StoreError(f"another process is signing in {self.directory}; try again when it is done")
                time.sleep(0.02)
            yield
        finally:
            os.close(descriptor)  # releases the lock

    def latest(self) -> bytes | None:
        """The last checkpoint's note, None before the first. Needs no lock: the file is only ever replaced whole."""
        return read_small(self.directory / "latest")

    def signed_at(self) -> int | None:
        """When the last checkpoint was written, microseconds; None before the first."""
        latest = self.directory / "latest"
        with os_errors(f"look at {latest}"):
            return latest.stat().st_mtime_ns // 1000 if latest.exists() else None

    def read(self, size: int) -> bytes | None:
        """The copy of the checkpoint of this size, None where none was signed."""
        return read_small(self._copies / str(size))

    def highest(self) -> int | None:
        """The largest size that this place ever kept (the directory is listed once per object). Call with the lock held."""
        if self._highest is None:
            with os_errors(f"list {self._copies}"):
                names = [path.name for path in self._copies.iterdir()]
            self._highest = max((int(name) for name in names if _SIZE.fullmatch(name)), default=None)
        return self._highest

    def keep(self, size: int, note: bytes) -> None:
        """Make `note` the latest, then keep its copy. Call with the lock held. A copy that differs is never replaced.

        `latest` comes first: it is the one act that counts. Where the copy is missing after a crash, the next call writes it.
        """
        copy = self.read(size)
        if copy is not None and copy != note:
            raise Refused(f"{self._copies / str(size)} already holds another checkpoint of this size")
        with os_errors(f"write a checkpoint to {self.directory}"):
            if self.latest() != note:
                write_whole(self.directory / "latest", note, 0o644)
            if copy is None:
                write_whole(self._copies / str(size), note, 0o444)
        self._highest = max(size, self._highest or 0)


class Indexed(Protocol):
    """What the signer must know of an entry: its place in the log."""

    @property
    def index(self) -> int:
        """Index of the entry."""
        ...


StoredEntry = TypeVar("StoredEntry", bound=Indexed)
StoredEntryOut = TypeVar("StoredEntryOut", bound=Indexed, covariant=True)


class LogSource(TileReader, Protocol[StoredEntryOut]):
    """The log as stored. All that it says is checked."""

    def head(self) -> tuple[int, bytes]:
        """Size and root."""
        ...

    def entries(self, start: int, stop: int) -> Iterator[StoredEntryOut]:
        """Entries [start, stop) in order of index, read from storage one by one or in small batches."""
        ...


class CheckpointSigner(Generic[StoredEntry]):
    """Signs the head of one log, and never two heads that are not consistent.

    `check_entry` recomputes an entry's leaf hash from its stored metadata, checks the stored bytes of its committed parts, and
    raises StoreError when they do not fit.
    """

    def __init__(
        self,
        key: SigningKey,
        origin: str,
        place: CheckpointStore,
        source: LogSource[StoredEntry],
        check_entry: Callable[[StoredEntry], bytes],
    ) -> None:
        if key.verifier.name != origin:
            raise StoreError(f"the signing key is named {key.verifier.name!r}: its name must be the log's origin, {origin!r}")
        self._key, self._origin, self._place, self._source, self._check = key, origin, place, source, check_entry

    def publish(self) -> SignedCheckpoint:
        """Sign the head of the log and keep it; where nothing was appended, return the last. Raises Refused or StoreError.

        1. Lock the place: nobody else signs until the end. 2. Read the last checkpoint there and verify it. 3. Read the log's
        head; it must not be smaller. 4. The stored tree at the last size must have the root that was signed. 5. Go on from there
        with every new entry, recomputed from stored bytes; it must be the leaf that the tiles hold. 6. The recomputed tree
        must be the head and the stored tree. 7. Sign, unless nothing is new. 8. Keep.
        """
        # 1.
        with self._place.lock():
            # 2.
            last = self._last()
            signed = last.checkpoint if last else Checkpoint(self._origin, 0, EMPTY_ROOT)
            # 3.
            size, root = self._source.head()
            if size < signed.size:
                raise Refused(f"the log has {size} entries, but {signed.size} were signed: {_RESTORED}")
            # 4.
            tree = self._stored_range(signed.size)
            if tree.root() != signed.root:
                raise Refused(f"the log's first {signed.size} entries are not those that were signed: {_RESTORED}")
            # 5.
            self._extend(tree, size)
            # 6.
            if tree.root() != root or tree.hashes != self._stored_range(size).hashes:
                raise Refused(f"the head of the log (size {size}) has a root that its stored entries do not give")
            # 7.
            if last is None or size != signed.size:
                head = Checkpoint(self._origin, size, root)
                last = SignedCheckpoint(head, sign_note(head.text(), [self._key]))
            # 8.
            self._place.keep(size, last.note)
            return last

    def _last(self) -> SignedCheckpoint | None:
        """The last checkpoint in the place, verified. Refuses a place that lost its latest, or whose latest is not the last."""
        note, highest = self._place.latest(), self._place.highest()
        path = self._place.directory / "latest"
        if note is None:
            if highest is not None:
                raise Refused(
                    f"{path} is missing, but a checkpoint of size {highest} was signed: put by-size/{highest} in its place"
                )
            return None
        try:
            last = open_checkpoint(note, self._origin, [self._key.verifier])
        except VerificationError as error:
            raise Refused(
                f"{path} is not a checkpoint signed by {self._key.verifier.name} with this key ({error}): "
                "put the right key back, or the newest file of by-size in its place"
            ) from error
        if highest is not None and highest > last.checkpoint.size:
            raise Refused(
                f"{path} is of size {last.checkpoint.size}, but {highest} was signed: put by-size/{highest} in its place"
            )
        if self._place.read(last.checkpoint.size) not in (None, note):
            raise Refused(f"{path} and by-size/{last.checkpoint.size} differ: find out which one others were given")
        return last

    def _stored_range(self, size: int) -> CompactRange:
        """The tree of the first `size` leaves as the tiles hold it."""
        try:
            return CompactRange(size, frontier(size, self._source))
        except VerificationError as error:
            raise Refused(f"the stored tree of the log's first {size} entries cannot be read: {error}") from error

    def _extend(self, tree: CompactRange, stop: int) -> None:
        """Append the entries up to `stop`, each recomputed, in order, and equal to the leaf that its tile holds."""
        tile = b""
        for entry in self._source.entries(tree.size, stop):
            index = tree.size
            if entry.index != index or index >= stop:
                raise Refused(f"entry {index} is missing: the log gave entry {entry.index} in its place", index=index)
            at = index % TILE_WIDTH * HASH_SIZE
            if not tile or at == 0:
                tile = self._leaves(index // TILE_WIDTH)
            try:
                leaf = self._check(entry)
            except StoreError as error:
                raise Refused(f"entry {index} does not verify: {error}", index=index) from error
            if leaf != tile[at : at + HASH_SIZE]:
                raise Refused(f"entry {index} was changed: its stored bytes do not give the leaf in the log", index=index)
            tree.append(leaf)
        if tree.size != stop:
            raise Refused(f"entry {tree.size} is missing: the log's head says {stop} entries", index=tree.size)

    def _leaves(self, tile: int) -> bytes:
        try:
            return self._source.tile(0, tile)
        except (KeyError, VerificationError) as error:
            raise Refused(f"tile 0/{tile} of the stored tree cannot be read", index=tile * TILE_WIDTH) from error
