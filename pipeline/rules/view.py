"""An event's payload as rules read it: the values at a dotted path, and every scalar however deep.

A list means each of its elements, at any level. A path is read as nested keys; only where that finds nothing are keys that hold
dots themselves (`labels."authorization.k8s.io/decision"`) tried, shortest first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from pipeline.rules.members import Members


class Gap(Enum):
    """What stands where there is no value."""

    MISSING = "missing"
    EMPTY = "empty list"


MISSING: Final = Gap.MISSING
EMPTY: Final = Gap.EMPTY
_NO_SETS: Final = Members(None, 0)
_ABSENT: Final[tuple[object, ...]] = (MISSING,)


@dataclass(frozen=True, slots=True)
class FieldPath:
    """A field's name and the keys it is made of."""

    name: str
    parts: tuple[str, ...] = field(compare=False)

    @classmethod
    def of(cls, name: str) -> FieldPath:
        """The path of a dotted field name."""
        return cls(name, tuple(name.split(".")))


class View:
    """One payload with what has been read of it so far. Not shared between threads."""

    __slots__ = ("_leaves", "_memo", "members", "payload")

    def __init__(self, payload: dict[str, object], members: Members | None = None) -> None:
        self.payload = payload
        self.members = members
        self._memo: dict[str, Sequence[object]] = {}
        self._leaves: list[object] | None = None

    def values(self, path: FieldPath) -> Sequence[object]:
        """What is at `path`, list elements one by one: at least one of scalar, None, object, MISSING, EMPTY."""
        found = self._memo.get(path.name)
        if found is None:
            found = self._memo[path.name] = values_at(self.payload, path.parts)
        return found

    def has(self, set_name: str, value: object) -> bool:
        """Is `value` a member of the set? Raises SetsError where the set was not read."""
        return (self.members or _NO_SETS).has(set_name, value)

    def raw(self, path: FieldPath) -> Sequence[object]:
        """The nodes at `path`, a list there as it is: at least one (MISSING where there is none)."""
        return raw_at(self.payload, path.parts)

    def leaves(self) -> list[object]:
        """Every scalar in the payload, in document order (nulls are none)."""
        if self._leaves is None:
            self._leaves = []
            _gather(self.payload, self._leaves)
        return self._leaves


def values_at(node: object, parts: tuple[str, ...]) -> Sequence[object]:
    """What is at a path below a node that is no list, as `View.values` gives it."""
    current = node
    for part in parts:
        if type(current) is not dict or part not in current:
            return _find(node, parts, 0)
        current = current[part]
    return elements(current) if isinstance(current, list) else (current,)


def _find(node: object, parts: tuple[str, ...], at: int) -> Sequence[object]:
    if isinstance(node, list):
        if at == len(parts):
            return elements(node)
        return [value for element in _flat(node, MISSING) for value in _find(element, parts, at)]
    if at == len(parts):
        return (node,)
    if not isinstance(node, dict):
        return _ABSENT
    for end in range(at + 1, len(parts) + 1):
        key = parts[at] if end == at + 1 else ".".join(parts[at:end])
        if key in node:
            found = _find(node[key], parts, end)
            if any(value is not MISSING for value in found):
                return found
    return _ABSENT


def raw_at(node: object, parts: tuple[str, ...], at: int = 0) -> Sequence[object]:
    """What is below a node at the path from its part `at` on, a list at its end left whole."""
    if at == len(parts):
        return (node,)
    if isinstance(node, list):
        return [value for element in _flat(node, MISSING) for value in raw_at(element, parts, at)]
    if not isinstance(node, dict):
        return _ABSENT
    for end in range(at + 1, len(parts) + 1):
        key = parts[at] if end == at + 1 else ".".join(parts[at:end])
        if key in node:
            found = raw_at(node[key], parts, end)
            if any(value is not MISSING for value in found):
                return found
    return _ABSENT


def length(values: list[object]) -> int:
    """How many elements a list has, those of lists in it too."""
    return sum(1 for value in _flat(values, EMPTY) if value is not EMPTY)


def elements(values: list[object]) -> Sequence[object]:
    """The elements of a list, of lists in it too: at least one (EMPTY where there is none)."""
    return [value for value in _flat(values, EMPTY) if value is not EMPTY] or (EMPTY,)


def _flat(values: list[object], gap: Gap) -> Iterator[object]:
    """What lists in lists hold, however deep; `gap` stands for each that is empty. No recursion: events choose the depth."""
    above: list[Iterator[object]] = []
    current = iter(values or (gap,))
    while True:
        for value in current:
            if isinstance(value, list):
                above.append(current)
                current = iter(value or (gap,))
                break
            yield value
        else:
            if not above:
                return
            current = above.pop()


def _gather(payload: dict[str, object], out: list[object]) -> None:
    above: list[Iterator[object]] = []
    current: Iterator[object] = iter(payload.values())
    while True:
        for value in current:
            if isinstance(value, dict | list):
                above.append(current)
                current = iter(value.values() if isinstance(value, dict) else value)
                break
            if value is not None:
                out.append(value)
        else:
            if not above:
                return
            current = above.pop()
