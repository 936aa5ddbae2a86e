"""A small evaluator of JQL: comparisons joined by AND, OR, NOT and brackets, and ORDER BY.

Dates as Jira reads them: a number is milliseconds since 1970; text ("2026/11/20 10:00") is a time of day in the account's time
zone; both are compared by the minute.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

MINUTE = 60_000
DATES = frozenset({"created", "updated", "resolutiondate", "resolved", "duedate"})
_TOKEN = re.compile(
    r"\s*(?:(?P<quoted>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')|(?P<sign>[(),]|>=|<=|!=|=|>|<|~)|(?P<word>[^\s(),=<>!~\"']+))",
    re.S,
)
Row = Mapping[str, Any]
"""Searchable values of an issue by lower-case field name: text, numbers (dates: milliseconds), lists, None."""
Test = Callable[[Row], bool]


class Refused(ValueError):
    """The query cannot be read; Jira answers 400."""


@dataclass(frozen=True, slots=True)
class Query:
    """What fits, whether anything restricts it, and by which fields it is ordered (name, descending)."""

    fits: Test
    bounded: bool
    order: tuple[tuple[str, bool], ...]


def parse(text: str, zone: tzinfo) -> Query:
    """Read a query. Raises Refused."""
    reader = _Reader(_tokens(text), zone)
    fits: Test = lambda _row: True  # noqa: E731
    bounded = reader.peek() not in ("", "order")
    if bounded:
        fits = reader.any_of()
    order = reader.order()
    if reader.peek():
        raise Refused(f"Expecting operator but got '{reader.peek()}'.")
    return Query(fits, bounded, order)


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise Refused("a quote is not closed")
        at = match.end()
        if match["quoted"] is not None:
            found.append(("text", re.sub(r"\\(.)", r"\1", match["quoted"][1:-1])))
        else:
            found.append(("sign", match["sign"]) if match["sign"] else ("word", match["word"]))
    return found


class _Reader:
    def __init__(self, tokens: Sequence[tuple[str, str]], zone: tzinfo) -> None:
        self.tokens, self.zone, self.at = tokens, zone, 0

    def peek(self) -> str:
        """The next token, words in lower case; "" at the end."""
        kind, value = self.tokens[self.at] if self.at < len(self.tokens) else ("", "")
        return value.lower() if kind == "word" else value if kind == "sign" else '"' if kind else ""

    def next(self) -> str:
        if self.at >= len(self.tokens):
            raise Refused("the query ends too early")
        self.at += 1
        return self.tokens[self.at - 1][1]

    def take(self, word: str) -> bool:
        if self.peek() == word:
            self.at += 1
            return True
        return False

    def any_of(self) -> Test:
        tests = [self.all_of()]
        while self.take("or"):
            tests.append(self.all_of())
        return lambda row: any(test(row) for test in tests)

    def all_of(self) -> Test:
        tests = [self.one()]
        while self.take("and"):
            tests.append(self.one())
        return lambda row: all(test(row) for test in tests)

    def one(self) -> Test:
        if self.take("not"):
            inner = self.one()
            return lambda row: not inner(row)
        if self.take("("):
            inner = self.any_of()
            if not self.take(")"):
                raise Refused("a bracket is not closed")
            return inner
        return self.comparison()

    def comparison(self) -> Test:
        name = self.next().lower()
        if self.take("is"):
            wanted = not self.take("not")
            if self.next().lower() not in ("empty", "null"):
                raise Refused("IS takes EMPTY")
            return lambda row: (row.get(name) in (None, "", [])) is wanted
        negated = self.take("not")
        if self.take("in"):
            values = self.several()
            return lambda row: _among(row.get(name), values) is not negated
        sign = self.next()
        if negated or sign not in ("=", "!=", ">=", "<=", ">", "<", "~"):
            raise Refused(f"'{sign}' is no operator")
        value = self.next()
        if name in DATES:
            return _dated(name, sign, self.moment(value))
        if sign in ("=", "!="):
            return lambda row: row.get(name) is not None and _among(row.get(name), [value]) is (sign == "=")
        if sign == "~":
            return lambda row: value.lower() in str(row.get(name) or "").lower()
        raise Refused(f"'{sign}' is not for the field '{name}'")

    def several(self) -> list[str]:
        if not self.take("("):
            raise Refused("IN takes a list")
        values = [self.next()]
        while self.take(","):
            values.append(self.next())
        if not self.take(")"):
            raise Refused("a bracket is not closed")
        return values

    def moment(self, value: str) -> int:
        if value.isascii() and value.isdigit():
            return int(value)
        for form in ("%Y/%m/%d %H:%M", "%Y-%m-%d %H:%M", "%Y/%m/%d", "%Y-%m-%d"):
            try:
                return int(datetime.strptime(value, form).replace(tzinfo=self.zone).timestamp() * 1000)
            except ValueError:
                continue
        raise Refused(f"Date value '{value}' is invalid.")

    def order(self) -> tuple[tuple[str, bool], ...]:
        if not self.take("order"):
            return ()
        if not self.take("by"):
            raise Refused("ORDER takes BY")
        found = []
        while True:
            name = self.next().lower()
            found.append((name, self.take("desc") or (self.take("asc") and False)))
            if not self.take(","):
                return tuple(found)


def _dated(name: str, sign: str, value: int) -> Test:
    limit = value // MINUTE
    tests: dict[str, Callable[[int], bool]] = {
        ">=": lambda time: time >= limit,
        "<=": lambda time: time <= limit,
        ">": lambda time: time > limit,
        "<": lambda time: time < limit,
        "=": lambda time: time == limit,
        "!=": lambda time: time != limit,
    }
    return lambda row: row.get(name) is not None and tests[sign](int(row[name]) // MINUTE)


def _among(have: Any, values: Sequence[str]) -> bool:
    known = {value.lower() for value in values}
    return any(str(item).lower() in known for item in (have if isinstance(have, list) else [have]))
