"""Detections as YAML gives them -> pySigma's items. pySigma applies the modifiers; what it would lose is kept here: exact
numbers, `utf16le`, encodings of any text, and `%name%` placeholders filled from the organisation's lists before anything else.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from sigma.exceptions import SigmaError
from sigma.modifiers import SigmaModifier, modifier_mapping
from sigma.rule import SigmaDetection, SigmaDetectionItem
from sigma.types import SigmaBool, SigmaNull, SigmaNumber, SigmaString, SigmaType

from pipeline.rules.encode import encoded, split
from pipeline.rules.problems import RulesError, nearest
from pipeline.rules.regex import quoted, searcher
from pipeline.rules.values import Real
from pipeline.rules.yamldoc import Place

MODIFIERS: Final = tuple(sorted({*modifier_mapping, "utf16le"}))
MAX_EXPANDED: Final = 20_000
_TEXT_MODIFIERS: Final = frozenset(
    {"contains", "startswith", "endswith", "cased", "windash", "wide", "utf16", "utf16le", "utf16be"}
)
"""With one of these a number in a rule means its digits."""

_BESIDE_SETS: Final = frozenset({"all", "neq"})
_PLACEHOLDER: Final = re.compile(r"%([^%\\]+)%")


class DetectionError(RulesError):
    """A detection cannot be used. `place` says where in the document, from its root."""

    def __init__(self, message: str, place: Place, hint: str = "") -> None:
        super().__init__(message)
        self.place = place
        self.hint = hint


class EmptyListError(DetectionError):
    """A placeholder's list is missing or empty: the mapping cannot be used until the organisation fills it."""


class ExactNumber(SigmaNumber):
    """A number with all its digits (pySigma's own goes through a float)."""

    def __init__(self, value: int | Real) -> None:
        self.exact: int | Decimal = Decimal(value) if isinstance(value, Real) else value
        self.number = value if isinstance(value, int) else float(value)


class MemberOf(SigmaString):
    """A placeholder that stands for whoever is in a set when the event is judged."""

    def __init__(self, name: str) -> None:
        super().__init__("")
        self.set_name = name


@dataclass(frozen=True, slots=True)
class Names:
    """What the names in a detection stand for: the organisation's lists, how a logsource's profile renames fields, the sets."""

    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rename: Callable[[str], str] = str
    sets: Collection[str] = ()

    def beside(self, own: Collection[str]) -> Names:
        """These names, with some that are the rule's own and are never renamed."""
        rename = self.rename
        return replace(self, rename=lambda name: name if name in own else rename(name)) if own else self


def build_selection(raw: object, names: Names, place: Place) -> SigmaDetection:
    """One selection: a map (all must hold), a list of maps (any), or keywords. Raises DetectionError."""
    if isinstance(raw, dict):
        items: list[Any] = [_item(key, value, names, (*place, key)) for key, value in raw.items()]
    elif isinstance(raw, list) and any(isinstance(element, dict | list) for element in raw):
        items = [build_selection(element, names, (*place, index)) for index, element in enumerate(raw)]
    else:
        items = [_item(None, raw, names, place)]
    try:
        return SigmaDetection(items)
    except SigmaError as error:
        raise DetectionError(_said(error), place) from error


def _item(key: str | None, value: object, names: Names, place: Place) -> SigmaDetectionItem:
    name, *modifiers = key.split("|") if key is not None else [""]
    for modifier in modifiers:
        if modifier not in MODIFIERS:
            raise DetectionError(f"unknown modifier {modifier!r}", place, nearest(modifier, MODIFIERS))
    values = value if isinstance(value, list) else [value]
    if not values:
        raise DetectionError("an empty list never matches", place, "give at least one value, or null for a missing field")
    if any(isinstance(element, dict | list) for element in values):
        raise DetectionError("a field's value cannot be a map or a list in a list", place, "write the path with dots: a.b")
    if not name and any(element is None for element in values):
        raise DetectionError("a keyword cannot be null", place)
    try:
        return _apply(names.rename(name) if name else None, modifiers, values, names, place)
    except DetectionError:
        raise
    except (SigmaError, RulesError, ValueError, OverflowError, RecursionError) as error:
        raise DetectionError(_said(error), place) from error


def _apply(name: str | None, modifiers: list[str], raw: list[Any], names: Names, place: Place) -> SigmaDetectionItem:
    regex = "re" in modifiers
    if "expand" in modifiers:
        modifiers = [modifier for modifier in modifiers if modifier != "expand"]
        raw = [filled for element in raw for filled in _filled(element, names, regex, place)]
        if any(isinstance(element, MemberOf) for element in raw) and not _BESIDE_SETS.issuperset(modifiers):
            raise DetectionError("a set's members are whole values: beside expand only all and neq may stand", place)
        if len(raw) > MAX_EXPANDED:
            raise DetectionError(f"the placeholders stand for more than {MAX_EXPANDED} values", place)
    chain, modifiers = split(modifiers)
    as_text = bool(chain) or not _TEXT_MODIFIERS.isdisjoint(modifiers)
    values = [element if isinstance(element, MemberOf) else _value(element, regex, as_text) for element in raw]
    if chain:
        values = [encoded(element, chain) if isinstance(element, SigmaString) else element for element in values]
    if "fieldref" in modifiers:
        values = [SigmaString.from_str(names.rename(v.original)) if isinstance(v, SigmaString) else v for v in values]
    classes: list[type[SigmaModifier[Any, Any]]] = [
        modifier_mapping["wide" if modifier == "utf16le" else modifier] for modifier in modifiers
    ]
    return SigmaDetectionItem(name, classes, values)


def _value(raw: object, regex: bool, as_text: bool) -> SigmaType:
    """A plain value as pySigma's type. Regular expressions are tried here first: RE2 through pySigma logs to stderr."""
    if regex:
        text = str(raw)
        if raw is None or isinstance(raw, bool):
            raise RulesError("a regular expression must be text")
        searcher(text)
        return SigmaString.from_str(text)
    if raw is None:
        return SigmaNull()
    if isinstance(raw, bool):
        return SigmaBool(raw)
    if isinstance(raw, int | Real) and not as_text:
        return ExactNumber(raw)
    return SigmaString(str(raw))


def _filled(raw: object, names: Names, regex: bool, place: Place) -> list[object]:
    """`raw` with each %name% replaced by each member of its list: literal in a regular expression, else `*` and `?` count."""
    if not isinstance(raw, str) or isinstance(raw, Real):
        return [raw]
    whole = _PLACEHOLDER.fullmatch(raw)
    if whole is not None and whole[1] in names.sets:
        return [MemberOf(whole[1])]
    pieces = _PLACEHOLDER.split(raw)  # text, name, text, name, … text
    choices: list[tuple[str, ...]] = []
    for index, piece in enumerate(pieces):
        if index % 2 == 0:
            choices.append((piece,))
            continue
        if piece in names.sets:
            raise DetectionError(f"the members of the set {piece!r} are whole values, never part of a text", place)
        members = names.lists.get(piece, ())
        if not members:
            raise EmptyListError(f"the list {piece!r} is empty", place, _list_hint(piece, names))
        choices.append(tuple(quoted(member) for member in members) if regex else members)
    count = 1
    for choice in choices:
        count *= len(choice)
        if count > MAX_EXPANDED:
            raise DetectionError(f"the placeholders stand for more than {MAX_EXPANDED} values", place)
    return ["".join(parts) for parts in itertools.product(*choices)]


def _list_hint(name: str, names: Names) -> str:
    return (
        nearest(name, [*names.lists, *names.sets])
        or f"fill in mappings.lists.{name} in the settings; until then this mapping never matches"
    )


def _said(error: Exception) -> str:
    return str(error).strip() or type(error).__name__
