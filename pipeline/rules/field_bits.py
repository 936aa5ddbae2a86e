"""One field's part in the classification: from a value to the mask of clauses that it leaves alive, remembered within bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pipeline.rules.clauses import Clause
from pipeline.rules.nodes import Test
from pipeline.rules.questions import NONE, Questions
from pipeline.rules.specs import Spec
from pipeline.rules.view import MISSING, FieldPath

MAX_REMEMBERED: Final = 4096
"""Values of one field."""
MAX_BYTES: Final = 512 * 1024
"""Of what one field remembers, estimated."""
MAX_VALUE: Final = 512
"""Bytes of a value that is remembered."""
_PER_ANSWER: Final = 64
_OBJECT: Final = (dict, None)


class FieldBits:
    """The clauses (bit i is clause i) as one field sees them. What it answers never depends on what it remembers."""

    __slots__ = (
        "_alive", "_base", "_bytes", "_denied", "_needed", "_questions", "_several", "_true",
        "memo", "missing", "path", "touched",
    )  # fmt: skip

    def __init__(self, path: FieldPath | None, clauses: Mapping[int, Clause], count: int, test_of: Mapping[Spec, Test]) -> None:
        """`clauses` are those that ask this field something, by their bit; there are `count` in all."""
        self.path = path
        self._needed: dict[int, int] = {}
        self._denied: dict[int, int] = {}
        self._several: dict[int, list[tuple[frozenset[int], int]]] = {}
        places: dict[frozenset[Spec], int] = {}
        touched = needing = 0
        for index, clause in clauses.items():
            bit = 1 << index
            touched |= bit
            needed: set[int] = set()
            for literal in clause:
                if literal.path == path:
                    place = places.setdefault(literal.specs, len(places))
                    if literal.holds:
                        needed.add(place)
                    else:
                        self._denied[place] = self._denied.get(place, 0) | bit
            needing |= bit if needed else 0
            if len(needed) == 1:
                place = needed.pop()
                self._needed[place] = self._needed.get(place, 0) | bit
            for place in needed:
                self._several.setdefault(place, []).append((frozenset(needed), bit))
        self.touched = touched
        """Clauses that ask something of this field."""
        self._base = ((1 << count) - 1) & ~needing
        self._questions = Questions(list(places), test_of)
        self.memo: dict[object, int] = {}
        """Text -> what `mask_of` says of it."""
        self._true: dict[object, frozenset[int]] = {}
        self._alive: dict[frozenset[int], int] = {NONE: self._base}
        self._bytes = 0
        self.missing = self._left(self._questions.answer(MISSING))
        """What `mask_of` says of a field that is not there."""

    def mask(self, values: Sequence[object]) -> int:
        """The clauses that a field with these values leaves alive."""
        if len(values) == 1:
            return self.mask_of(values[0])
        true: set[int] = set()
        for value in values:
            true |= self._true_of(value)
        return self._left(frozenset(true))

    def mask_of(self, value: object) -> int:
        """The clauses that a field with this one value leaves alive."""
        key = value if type(value) is str else _key(value)
        found = self.memo.get(key)
        if found is None:
            found = self._left(self._questions.answer(value))
            if self._room(key, len(self.memo), 0):
                self.memo[key] = found
        return found

    def _true_of(self, value: object) -> frozenset[int]:
        key = value if type(value) is str else _key(value)
        found = self._true.get(key)
        if found is None:
            found = self._questions.answer(value)
            if self._room(key, len(self._true), _PER_ANSWER * len(found)):
                self._true[key] = found
        return found

    def _left(self, true: frozenset[int]) -> int:
        """The clauses left alive when exactly these questions are answered with yes."""
        found = self._alive.get(true)
        if found is not None:
            return found
        found = self._base
        for place in true:
            found |= self._needed.get(place, 0)
            for needed, bit in self._several.get(place, ()):
                if needed <= true:
                    found |= bit
        for place in true:
            denied = self._denied.get(place)
            if denied:
                found &= ~denied
        if self._room("", len(self._alive), found.bit_length() // 8 + _PER_ANSWER * len(true)):
            self._alive[true] = found
        return found

    def _room(self, key: object, kept: int, more: int) -> bool:
        """Is this to be remembered? Makes room: values that never come again must not fill memory."""
        size = _size(key)
        if size > MAX_VALUE or more > MAX_BYTES:
            return False
        if kept >= MAX_REMEMBERED or self._bytes + size + more > MAX_BYTES:
            self.memo.clear()
            self._true.clear()
            self._alive = {NONE: self._base}
            self._bytes = 0
        self._bytes += size + more
        return True


def _key(value: object) -> object:
    """What tells values apart that rules may tell apart: 1, true, "1" and a number written 1 are four. A plain text is itself."""
    if type(value) is str:
        return value
    return _OBJECT if isinstance(value, dict) else (type(value), value)


def _size(key: object) -> int:
    value = key[1] if isinstance(key, tuple) else key
    if isinstance(value, str):
        return len(value) if value.isascii() else 4 * len(value)
    return value.bit_length() // 7 if isinstance(value, int) else 0
