"""Safe YAML with line numbers: plain values only, built from parser events within fixed limits.

YAML 1.1 as Sigma rules use it, with three deliberate differences that keep what the author wrote: dates stay text, numbers
are exact (`Real` keeps the digits of a fraction), and only plain decimal numbers are numbers (`012345670123`, `1:30` and
`0x1F` stay text).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import yaml

from pipeline.rules.problems import RulesError
from pipeline.rules.values import Real

MAX_DEPTH: Final = 64
MAX_NODES: Final = 100_000
"""Nodes of one file after its aliases are expanded: a bomb of aliases ends here."""

MAX_ALIASES: Final = 200

Place = tuple[str | int, ...]
"""Where a value is in a document: keys and list positions from the root."""

_BOOLS: Final = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_INT: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_REAL: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)\.[0-9]+([eE][-+]?[0-9]+)?")
_MAX_DIGITS: Final = 4000
_STR_TAG: Final = "tag:yaml.org,2002:str"


class YamlError(RulesError):
    """A file is not YAML that we take. `line` counts from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document as plain values, and the line of each key and list element."""

    data: object
    lines: Mapping[Place, int]
    line: int

    def line_of(self, place: Place) -> int:
        """Line of `place`, or of the nearest enclosing value whose line is known."""
        for end in range(len(place), 0, -1):
            if place[:end] in self.lines:
                return self.lines[place[:end]]
        return self.line


def read_documents(text: str) -> list[Document]:
    """All documents of a YAML text that hold something. Raises YamlError."""
    try:
        return list(_Reader(text).documents())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line = min(mark.line, text.rstrip().count("\n")) + 1 if mark else 1  # what is not closed is missed behind the end
        what = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read"
        raise YamlError(f"not valid YAML: {what}", line) from error


class _Reader:
    """Builds values from events. A node's size counts what its aliases stand for."""

    def __init__(self, text: str) -> None:
        self._events: Iterator[yaml.Event] = iter(yaml.parse(text, Loader=yaml.CSafeLoader))
        self._anchors: dict[str, tuple[object, int]] = {}
        self._lines: dict[Place, int] = {}
        self._aliases = 0
        self._nodes = 0

    def documents(self) -> Iterator[Document]:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors, self._lines = {}, {}
                first = next(self._events)
                line = _line(first)
                data, _ = self._value(first, ())
                if data is not None:
                    yield Document(data, self._lines, line)

    def _value(self, event: yaml.Event, place: Place) -> tuple[object, int]:
        if len(place) > MAX_DEPTH:
            raise YamlError(f"nested deeper than {MAX_DEPTH} levels", _line(event))
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        tag = getattr(event, "tag", None)
        if tag not in (None, "!", _STR_TAG):
            raise YamlError(f"the tag {tag} is not allowed", _line(event))
        if isinstance(event, yaml.ScalarEvent):
            value, size = (event.value if tag == _STR_TAG else _scalar(event)), 1
        elif isinstance(event, yaml.SequenceStartEvent):
            value, size = self._sequence(place)
        else:
            value, size = self._mapping(place)
        self._count(1, event)
        anchor = getattr(event, "anchor", None)
        if anchor:
            self._anchors[anchor] = (value, size)
        return value, size

    def _alias(self, event: yaml.AliasEvent) -> tuple[object, int]:
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            raise YamlError(f"more than {MAX_ALIASES} aliases", _line(event))
        if event.anchor not in self._anchors:
            raise YamlError(f"the alias *{event.anchor} names nothing that ends before it", _line(event))
        value, size = self._anchors[event.anchor]
        self._count(size, event)
        return value, size

    def _count(self, size: int, event: yaml.Event) -> None:
        self._nodes += size
        if self._nodes > MAX_NODES:
            raise YamlError(f"more than {MAX_NODES} values, with its aliases expanded", _line(event))

    def _sequence(self, place: Place) -> tuple[list[object], int]:
        items: list[object] = []
        total = 1
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            here = (*place, len(items))
            self._lines[here] = _line(event)
            value, size = self._value(event, here)
            items.append(value)
            total += size
        return items, total

    def _mapping(self, place: Place) -> tuple[dict[str, object], int]:
        items: dict[str, object] = {}
        total = 1
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            if not isinstance(event, yaml.ScalarEvent):
                raise YamlError("a key must be plain text", _line(event))
            key = str(event.value)
            if key == "<<" and event.implicit[0]:
                raise YamlError("merge keys (<<) are not taken", _line(event))
            if key in items:
                raise YamlError(f"the key {key!r} is there twice", _line(event))
            here = (*place, key)
            self._lines[here] = _line(event)
            items[key], size = self._value(next(self._events), here)
            total += size + 1
        return items, total


def _line(event: yaml.Event) -> int:
    mark = event.start_mark
    return int(mark.line) + 1 if mark else 1


def _scalar(event: yaml.ScalarEvent) -> object:
    text = str(event.value)
    if not event.implicit[0]:  # quoted or block text
        return text
    if text in _NULLS:
        return None
    if text.lower() in _BOOLS and text in (text.lower(), text.upper(), text.capitalize()):
        return _BOOLS[text.lower()]
    if len(text) <= _MAX_DIGITS:
        if _INT.fullmatch(text):
            return int(text)
        if _REAL.fullmatch(text):
            return Real(text.removeprefix("+"))
    return text
