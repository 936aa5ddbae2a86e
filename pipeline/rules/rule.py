"""One usable mapping: what the store needs of it, its logic, and its test events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pipeline.rules.keys import SubjectPath
from pipeline.rules.nodes import Node
from pipeline.rules.problems import nearest
from pipeline.rules.report import Report
from pipeline.rules.values import printable, text_of
from pipeline.rules.view import View
from store.records import MappingRecord

Expected = Literal[True, False, "until"]

MAX_SUBJECT: Final = 300
_TEST_KEYS: Final = ("name", "match", "event")


@dataclass(frozen=True, slots=True)
class TestCase:
    """One test event of a mapping: the payload, and whether it must match, must not, or must close."""

    __test__ = False  # not one of pytest's

    name: str
    expected: Expected
    event: dict[str, object]
    line: int


@dataclass(frozen=True, slots=True)
class Rule:
    """A mapping that compiled. `own`: it carries our keys, so lint asks more of it."""

    record: MappingRecord
    matches: Node
    until: Node | None
    population: Node | None
    subject: SubjectPath | None
    tests: tuple[TestCase, ...]
    own: bool
    line: int

    def subject_of(self, account: str, view: View) -> str:
        """account/value at the subject's path (the first, of several), or the account alone where there is none."""
        if self.subject is None:
            return account
        text = next((text for value in view.values(self.subject.path) if (text := text_of(value))), "")
        if self.subject.tail:
            text = max(text.rpartition("/")[2], text.rpartition(":")[2], key=lambda tail: -len(tail)) or text
        text = printable(text, MAX_SUBJECT)
        return f"{account}/{text}" if account and text else account or text


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
        name = entry.get("name")
        shown = name if isinstance(name, str) and name else f"test {index + 1}"
        cases.append(TestCase(shown, expected, entry["event"], line_of[index]))
    return tuple(cases)
