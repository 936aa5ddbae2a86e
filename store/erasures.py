"""What `erasure` entries say: whose bytes may be missing, since when, and why (docs/entry.md).

An erasure names index ranges and which part of their entries is gone: `all` (detail and payload) or `payload`. Windows, mapping
sets, keys and erasures themselves are never erased, whatever a range covers: without them nothing else could be checked.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

from sqlalchemy import Connection, select

from store import schema
from store.blocks import BlockReader
from store.errors import VerificationError
from store.records import Event
from store.reports import Erased

PARTS: Final[Mapping[str, tuple[str, ...]]] = {"all": ("detail", "payload"), "payload": ("payload",)}
NEVER: Final = frozenset({"erasure", "key", "mapping_set", "window"})
"""Types of entries whose bytes are never erased."""


def read_erasure(fields: Mapping[str, Any], index: int) -> tuple[list[tuple[int, int]], tuple[str, ...]]:
    """The ranges (both ends included) and parts that an erasure at `index` names. Raises VerificationError.

    It can only speak of entries before it: bytes that are yet to be written cannot have been erased.
    """
    ranges, parts = fields.get("ranges"), PARTS.get(str(fields.get("part", "all")))
    if not isinstance(ranges, list) or not ranges or parts is None:
        raise VerificationError(f"entry {index}: an erasure that does not say what was erased", index=index)
    found = []
    for one in ranges:
        if not (isinstance(one, list) and len(one) == 2 and all(type(n) is int for n in one) and 0 <= one[0] <= one[1] < index):
            raise VerificationError(f"entry {index}: an erasure of a range that cannot be", index=index)
        found.append((one[0], one[1]))
    return found, parts


class Named:
    """What erasures name, gathered: all are added before the first question."""

    def __init__(self) -> None:
        self._ranges: dict[str, list[tuple[int, int]]] = {"detail": [], "payload": []}
        self._spans: dict[str, tuple[list[int], list[int]]] | None = None

    def add(self, ranges: Iterable[tuple[int, int]], parts: Iterable[str]) -> None:
        """One erasure's ranges and parts (`read_erasure`)."""
        found = list(ranges)
        for part in parts:
            self._ranges[part] += found

    @property
    def any(self) -> bool:
        """Whether anything was erased."""
        return any(self._ranges.values())

    def parts(self, index: int, kind: str) -> tuple[str, ...]:
        """The parts of this entry that were erased, if it has them."""
        if not self.any or kind in NEVER:
            return ()
        if self._spans is None:
            self._spans = {part: _merged(ranges) for part, ranges in self._ranges.items()}
        return tuple(part for part, (starts, ends) in self._spans.items() if _covers(starts, ends, index))


def read_erasures(connection: Connection, after: int = -1) -> Named:
    """What the erasures behind entry `after` name, in one snapshot; those before it cannot speak of it, nor of what follows.

    An erasure that is damaged names nothing: what it hid is then missing.
    """
    named, table = Named(), schema.entry
    rows = select(table.c.idx, table.c.metadata).where(table.c.type == "erasure", table.c.idx > after)
    for row in connection.execute(rows):
        with suppress(VerificationError, ValueError, TypeError, AttributeError, RecursionError):
            named.add(*read_erasure(json.loads(row.metadata), row.idx))
    return named


def _merged(ranges: Iterable[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """Disjoint ranges in order, as their first and their last indexes."""
    starts: list[int] = []
    ends: list[int] = []
    for first, last in sorted(ranges):
        if ends and first <= ends[-1] + 1:
            ends[-1] = max(ends[-1], last)
        else:
            starts.append(first)
            ends.append(last)
    return starts, ends


def _covers(starts: list[int], ends: list[int], index: int) -> bool:
    at = bisect_right(starts, index) - 1
    return at >= 0 and index <= ends[at]


def why_erased(connection: Connection, index: int, kind: str) -> Erased | None:
    """Since when and why bytes of this entry are gone: the last erasure that names it, with the parts that all of them name."""
    table = schema.entry
    if kind in NEVER:
        return None
    gone: set[str] = set()
    last = None
    rows = select(table).where(table.c.type == "erasure", table.c.idx > index).order_by(table.c.idx)
    for row in connection.execute(rows):
        try:
            ranges, parts = read_erasure(json.loads(row.metadata), row.idx)
        except (VerificationError, ValueError):
            continue
        if any(first <= index <= end for first, end in ranges):
            gone.update(parts)
            last = row
    if last is None:
        return None
    detail: dict[str, Any] = {}
    if last.detail_salt is not None:
        detail = json.loads(BlockReader(connection).piece(last.detail_block, last.detail_offset, last.detail_length))
    return Erased(last.idx, last.recorded_at, sorted(gone), str(detail.get("reason", "")), str(detail.get("by", "")))


def event_of(fields: Mapping[str, Any], detail: Mapping[str, Any], payload: bytes) -> Event:
    """As much of the event behind a kept entry as the keys of `seen` are made of."""
    where = {"account": detail["account"], "region": detail["region"]} if "event_type" in fields else {}
    kind = str(fields.get("event_type", ""))
    return Event(fields["source"], detail["id"], kind, 0, payload, subject=detail.get("subject"), **where)
