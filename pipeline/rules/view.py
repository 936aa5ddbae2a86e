"""An event's payload as rules read it: the values at a dotted path, and every scalar however deep.

A list means each of its elements, at any level. A path is read as nested keys; only where that finds nothing are keys that hold
dots themselves (`labels."authorization.k8s.io/decision"`) tried, shortest first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final


class Gap(Enum):
    """What stands where there is no value."""

    MISSING = "missing"
    EMPTY = "empty list"


MISSING: Final = Gap.MISSING
EMPTY: Final = Gap.EMPTY
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

    __slots__ = ("_leaves", "_memo", "payload")

    def __init__(self, payload: dict[str, object]) -> None:
        self.payload = payload
        self._memo: dict[str, Sequence[object]] = {}
        self._leaves: list[object] | None = None

    def values(self, path: FieldPath) -> Sequence[object]:
        """What is at `path`, list elements one by one: at least one of scalar, None, object, MISSING, EMPTY."""
        found = self._memo.get(path.name)
        if found is None:
            found = self._memo[path.name] = _read(self.payload, path.parts)
        return found

    def leaves(self) -> list[object]:
        """Every scalar in the payload, in document order (nulls are none)."""
        if self._leaves is None:
            self._leaves = []
            _gather(self.payload, self._leaves)
        return self._leaves


def _read(payload: dict[str, object], parts: tuple[str, ...]) -> Sequence[object]:
    current: object = payload
    for part in parts:
        if type(current) is not dict or part not in current:
            return _find(payload, parts, 0)
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
