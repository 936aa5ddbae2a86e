"""Erasing, inside an append: bytes become zeros where they stand, salts go, an entry of the log says so (docs/erasure.md).

Everything that the log commits to stays: entries, leaves, tiles, and the rows derived from them, so that status and proofs are as
they were. What is gone cannot be guessed from what is left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Row, select

from store import schema
from store.blocks import BlockReader, close_block, open_block
from store.entries import canonical, committed, decode
from store.erase_names import erase_names
from store.erasures import NEVER, PARTS, event_of
from store.errors import StoreError
from store.records import Erasure, Judged
from store.seen import ERASED, UNMATCHED, id_keys, keys_of
from store.sql import change, chunks, fetch, find_rows
from store.writer import EntryWriter

MAX_RANGES: Final = 200
"""Index ranges that one erasure names: more might not fit its entry."""
GAP: Final = 200
"""Indexes that a range of payloads may pass over, where there is nothing to erase."""
_NO_DIGEST: Final = bytes(16)
"""Stands for a subject whose newest observation was erased: no payload has it, so that the next one is stored anew."""


@dataclass(slots=True)
class _Entry:
    """An entry with parts that are to be erased."""

    row: Row[Any]
    fields: Mapping[str, Any]
    parts: tuple[str, ...]

    def place(self, part: str) -> tuple[int, int, int]:
        """(block, offset, length) of a part."""
        said = self.row._mapping
        return said[f"{part}_block"], said[f"{part}_offset"], said[f"{part}_length"]


@dataclass(slots=True)
class _Work:
    """What one erasure changes."""

    entries: list[_Entry] = field(default_factory=list)
    pieces: dict[int, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))

    def without_detail(self) -> list[int]:
        """Indexes that lose their detail now."""
        return [entry.row.idx for entry in self.entries if "detail" in entry.parts]


def erase(writer: EntryWriter, secret: bytes, erasure: Erasure) -> int | None:
    """Erase, and add the entry that says so; returns its index. None, and nothing changes, where all was erased before.

    Raises StoreError for an index that is not there or that is never erased.

    1. Find what is still there. 2. What was seen keeps a tombstone; it is made from the bytes, so it comes first. 3. Zeros in the
    blocks. 4. No salts. 5. Names that no entry holds any more, and drift that repeats them. 6. The entry.
    """
    connection = writer.connection
    # 1.
    work = _find(writer, erasure)
    if not work.entries:
        return None
    # 2.
    _forget(writer, secret, work)
    # 3.
    for block, pieces in sorted(work.pieces.items()):
        _zero(writer, block, pieces)
    # 4.
    for part in PARTS["all"]:
        gone = [entry.row.idx for entry in work.entries if part in entry.parts]
        for some in chunks(gone):
            table = schema.entry
            connection.execute(table.update().where(table.c.idx.in_(some)).values({f"{part}_salt": None}))
    # 5.
    names = erase_names(connection, work.without_detail(), erasure.value)
    # 6. Whoever looked things up before this must look again: it is no append whose touched keys are known.
    change(connection, "DELETE FROM recent WHERE appends = ?", writer.head.appends + 1)
    ranges = _ranges(writer, [entry.row.idx for entry in work.entries], erasure.payload_only)
    detail = canonical({"by": erasure.by, "entries": len(work.entries), "names": names, "reason": erasure.reason})
    fields = {"part": "payload" if erasure.payload_only else "all", "ranges": ranges}
    return writer.add("erasure", "attestream", writer.now, writer.now, fields, committed(detail))


def _find(writer: EntryWriter, erasure: Erasure) -> _Work:
    work = _Work()
    parts = PARTS["payload" if erasure.payload_only else "all"]
    wanted = sorted(set(erasure.indexes))
    table = schema.entry
    for some in chunks(wanted):
        rows = writer.connection.execute(select(table).where(table.c.idx.in_(some)).order_by(table.c.idx)).all()
        missing = set(some) - {row.idx for row in rows}
        if missing:
            raise StoreError(f"there is no entry {min(missing)} to erase: the log has {writer.head.size}")
        for row in rows:
            check_erasable(row.idx, row.type)
            there = tuple(part for part in parts if row._mapping[f"{part}_salt"] is not None)
            if not there:
                continue
            entry = _Entry(row, decode(row.metadata, row.idx), there)
            work.entries.append(entry)
            for part in there:
                block, offset, length = entry.place(part)
                work.pieces[block].append((offset, length))
    return work


def check_erasable(index: int, kind: str) -> None:
    """Raises StoreError for an entry whose bytes are never erased."""
    if kind in NEVER:
        said = {"mapping_set": "the mapping set that judged what follows", "window": "the record of what was collected"}
        why = said.get(kind, f"of type {kind}")
        raise StoreError(f"entry {index} is {why}: it is never erased, for without it nothing else could be checked")


def _zero(writer: EntryWriter, block: int, pieces: Iterable[tuple[int, int]]) -> None:
    """Zeros of equal length in place of these pieces of a block."""
    rows = fetch(writer.connection, "SELECT length, data FROM block WHERE id = ?", block)
    if not rows:
        raise StoreError(f"block {block} is missing: run attestream evidence verify")
    raw = bytearray(open_block(bytes(rows[0][1]), rows[0][0], block))
    for offset, length in pieces:
        raw[offset : offset + length] = bytes(length)
    change(writer.connection, "UPDATE block SET data = ? WHERE id = ?", close_block(bytes(raw)), block)


def _forget(writer: EntryWriter, secret: bytes, work: _Work) -> None:
    """Of kept events: a tombstone under the id where the detail goes, no digest where the payload goes."""
    connection, reader = writer.connection, BlockReader(writer.connection)
    kept = [entry for entry in work.entries if entry.row.type in ("evidence", "dead_letter")]
    for entry in kept:
        index, source = entry.row.idx, str(entry.fields["source"])
        to = ERASED if "detail" in entry.parts else index
        detail = decode(reader.piece(*entry.place("detail")), index)
        has_payload = "payload" in entry.parts
        judged = Judged(event_of(entry.fields, detail, reader.piece(*entry.place("payload")) if has_payload else b""))
        keys = keys_of(secret, judged) if has_payload else None
        candidates = [keys.id, keys.both] if keys is not None else id_keys(secret, [judged])
        if not any(_mark(writer, source, key, index, to) for key in candidates):
            # Known by id and content together, and the content went before: it is found the long way.
            for source_, key in fetch(connection, "SELECT source, key FROM seen WHERE source = ? AND idx = ?", source, index):
                _mark(writer, source_, bytes(key), index, to)
    # A subject does not stand as what is erased: how it is next time is news.
    for (index,) in find_rows(connection, schema.observed, ("idx",), "idx", [entry.row.idx for entry in kept]):
        change(connection, "UPDATE observed SET idx = ?, digest = ? WHERE idx = ?", UNMATCHED, _NO_DIGEST, index)


def _mark(writer: EntryWriter, source: str, key: bytes, index: int, to: int) -> bool:
    statement = "UPDATE seen SET idx = ?, digest = NULL WHERE source = ? AND key = ? AND idx = ?"
    return change(writer.connection, statement, to, source, key, index) > 0


def _ranges(writer: EntryWriter, indexes: Sequence[int], payload_only: bool) -> list[list[int]]:
    """Index ranges; one of payloads passes over a few entries that have none, or whose payloads are never erased."""
    ranges: list[list[int]] = []
    for index in indexes:
        if ranges and (index == ranges[-1][1] + 1 or (payload_only and _is_empty(writer, ranges[-1][1] + 1, index))):
            ranges[-1][1] = index
        else:
            ranges.append([index, index])
    if len(ranges) > MAX_RANGES:
        raise StoreError(f"{len(ranges)} index ranges are too many for one erasure; {MAX_RANGES} fit")
    return ranges


def _is_empty(writer: EntryWriter, start: int, stop: int) -> bool:
    """Whether naming the payloads of start <= index < stop would claim nothing that is not so."""
    if stop - start > GAP:
        return False
    table = schema.entry
    there = select(table.c.idx).where(table.c.idx >= start, table.c.idx < stop, table.c.payload_salt.is_not(None))
    return writer.connection.execute(there.where(table.c.type.not_in(sorted(NEVER))).limit(1)).first() is None
