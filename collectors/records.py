"""A CloudTrail log file, {"Records": [{...}, ...]}, as the exact bytes of each record, in bounded memory.

The file is never parsed as a whole and a record is never written anew: `slices` finds where each element begins and ends, from
brackets and strings alone; `check` then decides whether a slice is a record. What is not comes out as Broken with its bytes,
and the rest goes on. A file that is not of this form raises Unreadable at the end of what could be told apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from collectors.record_check import MAX_DEPTH, MAX_RECORD, check
from collectors.slicing import CLOSE_OBJECT, Slice, Text, elements
from collectors.unreadable import Excerpt, Unreadable

MAX_BROKEN: Final = 1000
"""Broken records after which a file is given up: what is wrong with it is the file."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record that was understood: its place in the file (from 1), its bytes, its eventID and its eventTime."""

    number: int
    data: bytes
    id: str
    time: int


@dataclass(frozen=True, slots=True)
class Broken:
    """An element of Records that is no record, with its bytes."""

    number: int
    excerpt: Excerpt
    reason: str


def records(chunks: Iterable[bytes]) -> Iterator[Record | Broken]:
    """Yield every element in order. Raises Unreadable when the file itself is not what it should be, or what `chunks` raises."""
    broken = 0
    for number, (data, depth, large) in enumerate(slices(chunks), 1):
        try:
            if large is not None:
                raise Unreadable(f"is a record of {large.size} bytes; at most {MAX_RECORD} are read")
            if depth > MAX_DEPTH:
                raise Unreadable(f"is nested {depth} deep; at most {MAX_DEPTH} levels are read")
            found = Record(number, data, *check(data))
        except Unreadable as error:
            broken += 1
            yield Broken(number, large or Excerpt.of([data]), error.reason)
            if broken > MAX_BROKEN:
                raise Unreadable(f"holds more than {MAX_BROKEN} records that could not be understood") from error
        else:
            yield found


def slices(chunks: Iterable[bytes]) -> Iterator[Slice]:
    """Yield each element of Records. The slices do not depend on where the chunks are cut. Raises Unreadable."""
    text = Text(chunks)
    odd = ""
    seen = False
    text.expect(b"{", "is not a JSON object")
    while True:
        if text.peek() == CLOSE_OBJECT:
            raise Unreadable("has no Records list")
        key = text.key()
        text.expect(b":", "is not JSON: a name without its value")
        if key == b'"Records"' and not seen:
            seen = True
            text.expect(b"[", "has Records that are no list")
            odd = (yield from elements(text, "Records")) or odd
        else:
            odd = odd or "has another name than Records beside it, or Records twice"
            text.walk(CLOSE_OBJECT)
        if text.take(b",}", "is not JSON: something stands between its values") == CLOSE_OBJECT:
            break
    if text.peek() is not None:
        raise Unreadable("has something after the end of its JSON document")
    if not seen:
        raise Unreadable("has no Records list")
    if odd:
        raise Unreadable(odd)
