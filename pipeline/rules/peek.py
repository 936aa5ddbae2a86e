"""Reading a few fields of a payload without decoding the rest: msgspec steps over what no Struct names, checking it as JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final

import msgspec

from pipeline.rules.values import Real
from pipeline.rules.view import MISSING, FieldPath

UNSURE: Final = object()
"""Only the whole payload can say: a list of objects, or a key that holds dots, is on the way."""

Read = Callable[[Any], object]
"""From what `Peek.open` gives to the value at a path: a JSON value (a list as it is), MISSING or UNSURE."""

_NAME: Final = re.compile(r"[A-Za-z0-9_@:/ -]+")
_UNSET: Final = msgspec.UNSET


def readable(path: FieldPath) -> bool:
    """Can this path be peeked at? Names of letters that JSON need not escape can."""
    return all(_NAME.fullmatch(part) for part in path.parts)


def apart(path: FieldPath, others: Iterable[FieldPath]) -> bool:
    """True when neither of `path` and any other is below the other: one Struct reads both."""
    return not any(_below(path.parts, other.parts) or _below(other.parts, path.parts) for other in others)


def _below(parts: tuple[str, ...], above: tuple[str, ...]) -> bool:
    return parts[: len(above)] == above


@dataclass(slots=True)
class _Branch:
    """One object on the way to some paths: its keys, and the keys with dots that might stand for longer ways."""

    keys: dict[str, _Branch | None] = field(default_factory=dict)
    dotted: dict[str, None] = field(default_factory=dict)

    def add(self, parts: tuple[str, ...]) -> None:
        """Make a way for the path with these parts."""
        head, rest = parts[0], parts[1:]
        for end in range(2, len(parts) + 1):
            self.dotted[".".join(parts[:end])] = None
        if not rest:
            self.keys[head] = None
            return
        below = self.keys.get(head)
        if below is None:
            below = self.keys[head] = _Branch()
        below.add(rest)

    def struct(self) -> type[msgspec.Struct]:
        """The Struct that reads the keys (k0, k1 …) and the dotted ones (d0, d1 …)."""
        names: dict[str, str] = {}
        fields: list[tuple[str, Any, Any]] = []
        for number, (key, below) in enumerate(self.keys.items()):
            fields.append((f"k{number}", Any if below is None else _value_with(below.struct()), _UNSET))
            names[f"k{number}"] = key
        for number, key in enumerate(self.dotted):
            fields.append((f"d{number}", Any, _UNSET))
            names[f"d{number}"] = key
        return msgspec.defstruct("Peeked", fields, rename=names, gc=False)


def _value_with(struct: type[msgspec.Struct]) -> Any:
    return struct | list[msgspec.Raw] | str | int | float | bool | None


class Peek:
    """Reads some paths, none below another and all `readable`."""

    def __init__(self, paths: Iterable[FieldPath]) -> None:
        self._root = _Branch()
        for path in paths:
            self._root.add(path.parts)
        self._decoder = msgspec.json.Decoder(self._root.struct(), float_hook=Real)
        self.decode = self._decoder.decode

    def open(self, payload: bytes) -> object | None:
        """What the reads read, or None when only a full decode can say what the payload is (or that it is none)."""
        try:
            opened = self.decode(payload)
            # What is stepped over is checked as JSON in all but its UTF-8.
            if not payload.isascii():
                payload.decode("utf-8")
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None
        return opened

    def read(self, path: FieldPath) -> Read:
        """The function that reads `path`, one of those this was made for."""
        branch, parts = self._root, path.parts
        getters: list[tuple[Read, Read]] = []
        for at, part in enumerate(parts):
            number = list(branch.keys).index(part)
            longer = [".".join(parts[at:end]) for end in range(at + 2, len(parts) + 1)]
            odd = [list(branch.dotted).index(key) for key in longer]
            getters.append((attrgetter(f"k{number}"), _any_set([f"d{index}" for index in odd])))
            below = branch.keys[part]
            if below is not None:
                branch = below
        if len(parts) == 1:
            return _only(getters[0][0])
        return _two(getters) if len(parts) == 2 else _along(getters)


def _any_set(names: list[str]) -> Read:
    """Is any of these keys there?"""
    getters = [attrgetter(name) for name in names]
    return lambda opened: any(get(opened) is not _UNSET for get in getters)


def _only(get: Read) -> Read:
    def read(opened: object) -> object:
        value = get(opened)
        return MISSING if value is _UNSET else value

    return read


def _two(getters: list[tuple[Read, Read]]) -> Read:
    """`_along` for the depth that is asked for most."""
    (above, _), (last, _) = getters
    slowly, struct = _along(getters), msgspec.Struct

    def read(opened: object) -> object:
        node = above(opened)
        if isinstance(node, struct):
            value = last(node)
            if value is not _UNSET:
                return value
        return slowly(opened)

    return read


def _along(getters: list[tuple[Read, Read]]) -> Read:
    last = len(getters) - 1

    def read(opened: object) -> object:
        node: Any = opened
        for at, (get, _) in enumerate(getters):
            value = get(node)
            if at == last and value is not _UNSET:
                return value
            if not isinstance(value, msgspec.Struct):
                return UNSURE if type(value) is list or odd(opened, at) else MISSING
            node = value
        return MISSING

    def odd(opened: object, depth: int) -> bool:
        """Is there a key with dots on the way so far?"""
        node: Any = opened
        for get, any_set in getters[: depth + 1]:
            if any_set(node):
                return True
            node = get(node)
        return False

    return read
