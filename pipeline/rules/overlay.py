"""Overlays: what the rules of others mean here, without touching their files.

rules: ../sigma/rules/cloud            # folder or glob, relative to this file; or a list of these
map:
  - where: {tags: attack.t1562*}       # id, tags, path, level, logsource: all that are given must fit
    controls: [A.8.15]
    rationale: ...
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from sigma.types import SigmaString

from pipeline.rules.logsource import LogSource
from pipeline.rules.problems import RulesError, nearest
from pipeline.rules.wildcards import matcher, parts_of
from pipeline.rules.yamldoc import Document, YamlError, read_documents

WHERE: Final = ("id", "tags", "path", "level", "logsource")
_TOP: Final = ("title", "description", "rules", "map")
_LOGSOURCE: Final = ("product", "service", "category")


class OverlayError(RulesError):
    """An overlay cannot be used; `place` says where in the document."""

    def __init__(self, message: str, place: tuple[str | int, ...] = (), hint: str = "") -> None:
        super().__init__(message)
        self.place = place
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Facts:
    """What an entry's `where` is compared with, of one rule."""

    id: str
    tags: tuple[str, ...]
    path: str
    level: str
    logsource: LogSource


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a `map`: its conditions and the keys that a rule it fits gets."""

    index: int
    where: tuple[Callable[[Facts], bool], ...]
    keys: Mapping[str, object]

    def fits(self, facts: Facts) -> bool:
        """True when every condition of `where` fits the rule."""
        return all(holds(facts) for holds in self.where)


def _condition(key: str, wanted: object) -> Callable[[Facts], bool]:
    if key == "logsource" and isinstance(wanted, dict):
        parts = [(name, _like(patterns)) for name, patterns in wanted.items()]
        return lambda facts: all(like(getattr(facts.logsource, name)) for name, like in parts)
    like = _like(wanted)
    if key == "tags":
        return lambda facts: any(like(tag) for tag in facts.tags)
    return lambda facts: like(str(getattr(facts, key)))


def _like(wanted: object) -> Callable[[str], bool]:
    patterns = wanted if isinstance(wanted, list) else [wanted]
    tests = [matcher(parts_of(SigmaString(str(pattern))), cased=False) for pattern in patterns]
    return lambda text: any(test(text) for test in tests)


def is_overlay(text: str) -> bool:
    """True for a file that is an overlay by its content: `rules` and `map`, and no `detection`."""
    if "map:" not in text and '"map"' not in text:
        return False
    try:
        documents = read_documents(text)
    except YamlError:
        return False
    data = documents[0].data if documents else None
    return isinstance(data, dict) and "map" in data and "rules" in data and "detection" not in data


def rule_patterns(text: str) -> list[str]:
    """The folders and globs that an overlay names. Raises OverlayError."""
    data = read_documents(text)[0].data
    rules = data.get("rules") if isinstance(data, dict) else None
    patterns = rules if isinstance(rules, list) else [rules]
    if not patterns or not all(isinstance(pattern, str) and pattern for pattern in patterns):
        raise OverlayError("rules must name a folder or a glob, relative to the overlay's file", ("rules",))
    return [str(pattern) for pattern in patterns]


def parse_overlay(document: Document) -> list[Entry]:
    """The entries of an overlay, in their order. Raises OverlayError for the first that cannot be used."""
    data = document.data
    if not isinstance(data, dict):
        raise OverlayError("an overlay is a map with rules and map")
    for key in data:
        if key not in _TOP:
            raise OverlayError(f"unknown key {key!r} in an overlay", (key,), nearest(key, _TOP))
    entries = data.get("map")
    if not isinstance(entries, list) or not entries:
        raise OverlayError("map must be a list of entries with where and controls", ("map",))
    return [_entry(index, raw) for index, raw in enumerate(entries)]


def _entry(index: int, raw: object) -> Entry:
    place = ("map", index)
    if not isinstance(raw, dict):
        raise OverlayError("an entry is a map with where and controls", place)
    where = raw.get("where")
    if not isinstance(where, dict) or not where:
        raise OverlayError(f"an entry needs where: {', '.join(WHERE)}, each with wildcards", (*place, "where"))
    for key, wanted in where.items():
        at = (*place, "where", key)
        if key not in WHERE:
            raise OverlayError(f"unknown key {key!r} in where", at, nearest(key, WHERE) or f"it takes {', '.join(WHERE)}")
        if key == "logsource":
            _check_logsource(wanted, at)
        elif not _is_text(wanted):
            raise OverlayError(f"where.{key} must be text with wildcards, or a list of these", at)
    try:
        conditions = tuple(_condition(key, wanted) for key, wanted in where.items())
    except RulesError as error:
        raise OverlayError(str(error), (*place, "where")) from error
    return Entry(index, conditions, {key: value for key, value in raw.items() if key != "where"})


def _check_logsource(wanted: object, place: tuple[str | int, ...]) -> None:
    if not isinstance(wanted, dict) or not wanted or not all(_is_text(value) for value in wanted.values()):
        raise OverlayError("where.logsource must be a map of product, service, category", place)
    for key in wanted:
        if key not in _LOGSOURCE:
            raise OverlayError(f"unknown key {key!r} in where.logsource", (*place, key), nearest(key, _LOGSOURCE))


def _is_text(value: object) -> bool:
    values = value if isinstance(value, list) else [value]
    return bool(values) and all(isinstance(each, str) for each in values)
