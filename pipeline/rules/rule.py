"""One usable mapping: what the store needs of it, its logic, and its test events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from pipeline.rules.derive import instant_at
from pipeline.rules.inner import Inner
from pipeline.rules.keys import SubjectPath
from pipeline.rules.members import SetsError
from pipeline.rules.nodes import Node, fields_of, sets_of
from pipeline.rules.problems import nearest
from pipeline.rules.report import Report
from pipeline.rules.values import instant_of, micros, printable, text_of
from pipeline.rules.view import FieldPath, View
from pipeline.rules.yamldoc import Place
from store.records import MappingRecord

Expected = Literal[True, False, "until"]

MAX_SUBJECT: Final = 300
_TEST_KEYS: Final = ("name", "match", "event", "time", "sets")


@dataclass(frozen=True, slots=True)
class TestCase:
    """One test event of a mapping: the payload, its time (microseconds), and whether it must match, must not, or must close."""

    __test__ = False  # not one of pytest's

    name: str
    expected: Expected
    event: dict[str, object]
    line: int
    time: int | None = None
    sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Who is in which set."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A mapping that compiled. `own`: it carries our keys, so lint asks more of it."""

    record: MappingRecord
    matches: Node
    until: Node | None
    population: Node | None
    subject: SubjectPath | None
    inner: Inner | None
    fact: FieldPath | None
    tests: tuple[TestCase, ...]
    own: bool
    line: int
    levelled: bool = True
    """Does it say its level?"""
    lasts: int | None = None
    """Of a set, which reads events as a mapping does: how long a member stays one, in microseconds."""

    def fields(self) -> set[str]:
        """The names of the fields that the rule reads of an event."""
        nodes = (self.matches, self.until, self.population)
        found = {name for node in nodes if node is not None for name in fields_of(node)}
        if self.inner is not None:
            found -= self.inner.names()
            found |= self.inner.fields()
        if self.fact is not None:
            found.add(self.fact.name)
        return found

    def sets(self) -> set[str]:
        """The names of the sets that the rule asks."""
        return {name for node in (self.matches, self.until, self.population) if node is not None for name in sets_of(node)}

    def member_of(self, view: View) -> str:
        """Of a set: the member that an event names. Raises SetsError where it names none, or several."""
        assert self.subject is not None
        found = list(dict.fromkeys(text for value in view.values(self.subject.path) if (text := text_of(value))))
        if len(found) != 1:
            raise SetsError(f"{printable(self.subject.path.name)} names {len(found) or 'no'} members where one is meant")
        return _tail(found[0]) if self.subject.tail else found[0]

    def fact_of(self, view: View) -> int | None:
        """When that became so which can't change any more; None where the mapping or the event names no such time.

        Raises DeriveError for what is no time.
        """
        return None if self.fact is None else instant_at(self.fact, view)

    def subject_of(self, account: str, view: View) -> str:
        """account/value at the subject's path (the first, of several), or the account alone where there is none."""
        if self.subject is None:
            return account
        text = next((text for value in view.values(self.subject.path) if (text := text_of(value))), "")
        if self.subject.tail:
            text = _tail(text)
        text = printable(text, MAX_SUBJECT)
        return f"{account}/{text}" if account and text else account or text


def _tail(text: str) -> str:
    """What follows the last / or : of a text."""
    return max(text.rpartition("/")[2], text.rpartition(":")[2], key=lambda tail: -len(tail)) or text


def parse_tests(raw: object, report: Report, line_of: Sequence[int]) -> tuple[TestCase, ...]:
    """The `tests` of a mapping; what is wrong is reported and left out. `line_of` holds the line of each element."""
    if raw is None:
        return ()
    if not isinstance(raw, list):
        report.error(("tests",), "tests must be a list of {name, match, event}")
        return ()
    cases: list[TestCase] = []
    for index, entry in enumerate(raw):
        place = ("tests", index)
        if not isinstance(entry, dict) or not isinstance(entry.get("event"), dict):
            report.error(place, "a test is {name, match: true | false | until, event: a map}")
            continue
        for key in entry:
            if key not in _TEST_KEYS:
                report.error((*place, key), f"unknown key {key!r} in a test", nearest(key, _TEST_KEYS))
        expected = entry.get("match")
        if expected is not True and expected is not False and expected != "until":
            report.error((*place, "match"), f"match is true, false or until, not {expected!r}")
            continue
        time = instant_of(entry.get("time"))
        if time is None and "time" in entry:
            report.error((*place, "time"), f"time is a time such as 2026-11-25T10:00:00Z, not {entry['time']!r}")
            continue
        sets = _members(entry.get("sets"), (*place, "sets"), report)
        name = entry.get("name")
        shown = name if isinstance(name, str) and name else f"test {index + 1}"
        cases.append(TestCase(shown, expected, entry["event"], line_of[index], None if time is None else micros(time), sets))
    return tuple(cases)


def _members(raw: object, place: Place, report: Report) -> dict[str, tuple[str, ...]]:
    if raw is None:
        return {}
    if not isinstance(raw, dict) or not all(isinstance(members, list) for members in raw.values()):
        report.error(place, "sets is a map of sets to lists of their members", "sets: {leavers: [alice]}")
        return {}
    return {name: tuple(str(member) for member in members) for name, members in raw.items()}
