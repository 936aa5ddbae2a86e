"""Checks of one entry, made here and described: what it commits to, and that the signed log includes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from store.checkpoint import open_checkpoint
from store.entries import check_committed
from store.errors import StoreError, VerificationError
from store.note import VerifierKey
from store.reports import EntryView, Query
from store.tiles import leaf_hash, verify_inclusion
from web.site import CheckpointInfo
from web.words import counted, number

HELD = "holds"
BROKEN = "fails"
OPEN = "not yet"


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its name, how it came out (holds, fails, not yet) and what that means."""

    name: str
    outcome: str
    text: str


@dataclass(frozen=True, slots=True)
class Proof:
    """The inclusion proof against the last checkpoint, hashes in hex from the leaf up. `size` 0: there is none yet."""

    size: int
    root: str
    leaf: str
    hashes: Sequence[str]
    checks: Sequence[Check]

    @property
    def outcome(self) -> str:
        """Of all checks together: fails if one fails, not yet if one is still open."""
        outcomes = {check.outcome for check in self.checks}
        return BROKEN if BROKEN in outcomes else OPEN if OPEN in outcomes else HELD


def prove(query: Query, entry: EntryView, checkpoint: CheckpointInfo | None) -> Proof:
    """Check an entry.

    1. Each committed part against its commitment. 2. The leaf against the entry's bytes. 3. The checkpoint's signature and what
    it says. 4. The way from the leaf to the signed root.
    """
    checks: list[Check] = []
    # 1.
    for part, salt, data in (
        ("detail", entry.detail_salt, entry.detail),
        ("payload", entry.payload_salt, entry.payload),
    ):
        if part in entry.fields:
            checks.append(_committed(entry, part, salt, data))
    # 2.
    leaf = leaf_hash(entry.metadata)
    checks.append(_check("leaf", lambda: _same(leaf, entry.leaf), "The entry's bytes hash to the leaf that the log holds."))
    # 3.
    if checkpoint is None or checkpoint.size == 0:
        checks.append(Check("inclusion", OPEN, "The log is not signed yet: the next checkpoint will include this entry."))
        return Proof(0, "", leaf.hex(), (), checks)
    signer = checkpoint.vkey.split("+")[0]
    checks.append(_check("signature", lambda: _signed(checkpoint), f"The checkpoint is signed by {signer}."))
    # 4.
    if entry.idx >= checkpoint.size:
        text = f"The last checkpoint ends before entry {number(checkpoint.size)}: the next one will include this entry."
        checks.append(Check("inclusion", OPEN, text))
        return Proof(checkpoint.size, checkpoint.root, leaf.hex(), (), checks)
    hashes: Sequence[bytes] = ()
    try:
        hashes = query.inclusion(entry.idx, checkpoint.size)
        verify_inclusion(leaf, entry.idx, checkpoint.size, hashes, bytes.fromhex(checkpoint.root))
        way, tree = counted(len(hashes), "hash", "hashes"), counted(checkpoint.size, "entry", "entries")
        text = f"The leaf and {way} give the signed root of {tree}."
        checks.append(Check("inclusion", HELD, text))
    except (StoreError, ValueError) as error:
        checks.append(Check("inclusion", BROKEN, str(error)))
    return Proof(checkpoint.size, checkpoint.root, leaf.hex(), [h.hex() for h in hashes], checks)


def _committed(entry: EntryView, part: str, salt: bytes | None, data: bytes | None) -> Check:
    if data is None and salt is None and entry.erased is not None and part in entry.erased.parts:
        said = f"erased, as entry {number(entry.erased.idx)} says. The commitment stays."
        return Check(part, OPEN, f"The bytes of the {part} are not here: {said}")
    text = f"SHA-256 of salt and {part} is what the entry commits to."
    return _check(part, lambda: check_committed(entry.fields[part], salt, data, entry.idx, part), text)


def _check(name: str, verify: Callable[[], None], text: str) -> Check:
    try:
        verify()
    except VerificationError as error:
        return Check(name, BROKEN, str(error))
    return Check(name, HELD, text)


def _same(leaf: bytes, stored: bytes) -> None:
    if leaf != stored:
        raise VerificationError("the stored leaf is not the hash of the entry's bytes")


def _signed(info: CheckpointInfo) -> None:
    signed = open_checkpoint(info.note.encode(), info.origin, [VerifierKey.parse(info.vkey)])
    if signed.checkpoint.size != info.size or signed.checkpoint.root.hex() != info.root:
        raise VerificationError("the signed note speaks of another size or root than the checkpoint shown")
