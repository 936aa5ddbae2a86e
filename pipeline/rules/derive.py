"""Numbers computed from an event, by a fixed set of functions: what a mapping's `derive` names.

derive:
  age: days_between(CreateDate, @time)     # days from the first to the second, with fractions; hours_between likewise
  keys: count(AccessKeys)                  # how many elements a list has
  share: ratio(covered, total)             # the first divided by the second
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Final, TypeVar

from pipeline.rules.problems import RulesError, nearest
from pipeline.rules.report import Report
from pipeline.rules.values import Real, instant_of, micros, number_of, printable, text_of
from pipeline.rules.view import EMPTY, MISSING, FieldPath, View, length

FUNCTIONS: Final = {"hours_between": 2, "days_between": 2, "count": 1, "ratio": 2}
"""How many arguments each takes."""
TIME: Final = "@time"
_NOTHING: Final = (None, MISSING, EMPTY, "")

_CALL: Final = re.compile(r"\s*([A-Za-z_]+)\s*\(([^()]*)\)\s*")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SMALLEST: Final = Decimal("1e-12")
_PRECISION: Final = 60
T = TypeVar("T")
_UNITS: Final = {"hours_between": 3_600_000_000, "days_between": 86_400_000_000}


class DeriveError(RulesError):
    """A number cannot be computed from what an event holds."""


@dataclass(frozen=True, slots=True)
class Derived:
    """One number: its name, the function and the fields (or, None, the event's own time) that it takes."""

    name: str
    function: str
    arguments: tuple[FieldPath | None, ...]

    def value(self, view: View, time: int) -> object:
        """An int or a Real (at most 12 digits after the point), or MISSING where an argument is null or not there.

        `time`: the event's, in microseconds. Raises DeriveError for what cannot be understood, ArithmeticError for what no
        number can hold.
        """
        if self.function == "count":
            return _count(self.arguments[0], view)
        if self.function == "ratio":
            part, whole = (_number_at(path, view) for path in self.arguments)
            return _ratio(part, whole)
        start, end = (_instant(path, view, time) for path in self.arguments)
        if start is None or end is None:
            return MISSING
        return _number(Decimal(end - start), Decimal(_UNITS[self.function]))


def _count(path: FieldPath | None, view: View) -> object:
    assert path is not None
    found = [node for node in view.raw(path) if node is not None and node is not MISSING]
    if not found:
        return MISSING
    total = 0
    for node in found:
        if not isinstance(node, list):
            raise DeriveError(f"{printable(path.name)} is no list: there is nothing to count")
        total += length(node)
    return total


def _number_at(path: FieldPath | None, view: View) -> int | Decimal | None:
    return _scalar(path, view, number_of, "number")


def _ratio(part: int | Decimal | None, whole: int | Decimal | None) -> object:
    if part is None or whole is None or whole == 0:
        return MISSING
    return _number(Decimal(part), Decimal(whole))


def _number(part: Decimal, whole: Decimal) -> int | Real:
    with localcontext() as context:
        context.prec = _PRECISION
        value = (part / whole).quantize(_SMALLEST)
        if value == value.to_integral_value():
            return int(value)
        return Real(format(value.normalize(), "f"))


def _instant(path: FieldPath | None, view: View, time: int) -> int | None:
    return time if path is None else instant_at(path, view)


def instant_at(path: FieldPath, view: View) -> int | None:
    """Microseconds since 1970 of the one time at `path`, None where there is none. Raises DeriveError."""
    found = _scalar(path, view, instant_of, "time")
    return None if found is None else micros(found)


def _scalar(path: FieldPath | None, view: View, parse: Callable[[object], T], kind: str) -> T | None:
    """The one value at `path`, parsed; None where there is none (an empty text is none)."""
    assert path is not None
    found = [value for value in view.values(path) if value not in _NOTHING]
    if not found:
        return None
    if len(found) > 1:
        raise DeriveError(f"{printable(path.name)} holds {len(found)} values where one {kind} is meant")
    parsed = parse(found[0])
    if parsed is None:
        raise DeriveError(f"{printable(path.name)} is no {kind}: {printable(text_of(found[0]) or 'an object')}")
    return parsed


def parse_derive(raw: object, rename: Callable[[str], str], report: Report) -> tuple[Derived, ...] | None:
    """The numbers that a mapping's `derive` names, in their order; None when one cannot be used (reported)."""
    if not isinstance(raw, dict) or not raw:
        report.error(
            ("derive",), "derive is a map of names to functions of fields", "derive: {age: days_between(CreateDate, @time)}"
        )
        return None
    found: dict[str, Derived] = {}
    usable = True
    for name, text in raw.items():
        try:
            found[name] = _parsed(name, text, raw, found, rename)
        except _Refused as error:
            report.error(("derive", name), str(error), error.hint)
            usable = False
    return tuple(found.values()) if usable else None


class _Refused(RulesError):
    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def _parsed(
    name: str, text: object, raw: Mapping[str, object], above: Mapping[str, Derived], rename: Callable[[str], str]
) -> Derived:
    if not _NAME.fullmatch(name):
        raise _Refused(f"the name {name!r} must be letters, digits and _")
    call = _CALL.fullmatch(text) if isinstance(text, str) else None
    if call is None:
        cut = isinstance(text, str) and text.count("(") > text.count(")")
        hint = "in { } a function is quoted" if cut else f"one of {', '.join(FUNCTIONS)}, as in days_between(CreateDate, @time)"
        raise _Refused(f"{text!r} is no function of fields", hint)
    function, arguments = call[1], [argument.strip() for argument in call[2].split(",")]
    if function not in FUNCTIONS:
        raise _Refused(f"unknown function {function!r}", nearest(function, FUNCTIONS) or f"it may be {', '.join(FUNCTIONS)}")
    if len(arguments) != FUNCTIONS[function] or not all(arguments):
        raise _Refused(f"{function} takes {FUNCTIONS[function]} fields, not {call[2].strip()!r}")
    for argument in arguments:
        if argument == TIME and function not in _UNITS:
            raise _Refused(f"{TIME} is a time: {function} cannot take it")
        if argument.startswith("@") and argument != TIME and argument.lower().strip("@ ") in ("time", "now"):
            raise _Refused(f"unknown {argument!r}", f"the event's own time is {TIME}")
        if argument in above and function != "ratio":
            raise _Refused(f"{function} cannot take {argument!r}: that is a number")
        if argument in raw and argument not in above:
            raise _Refused(f"{function} takes {argument!r}, which is not derived above it")
    paths = tuple(
        None if argument == TIME else FieldPath.of(argument if argument in above else rename(argument)) for argument in arguments
    )
    return Derived(name, function, paths)
