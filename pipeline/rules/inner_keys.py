"""The keys `each` and `derive` of a mapping: read, and checked against the rest of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pipeline.rules.derive import TIME, parse_derive
from pipeline.rules.inner import Inner
from pipeline.rules.nodes import fields_of
from pipeline.rules.report import Report
from pipeline.rules.rule import Rule
from pipeline.rules.view import FieldPath


def parse_inner(raw: Mapping[str, object], rename: Callable[[str], str], report: Report) -> Inner | None:
    """What `each` and `derive` say (nothing, where neither is there); None when one cannot be used (reported)."""
    each = raw.get("each")
    if "each" in raw and (not isinstance(each, str) or not each.strip() or "|" in each or "[" in each):
        report.error(("each",), f"each is the path of a list, not {each!r}", "each: Statement")
        return None
    derive = parse_derive(raw["derive"], rename, report) if "derive" in raw else ()
    if derive is None:
        return None
    return Inner(FieldPath.of(rename(each.strip())) if isinstance(each, str) else None, derive)


def check_inner(rule: Rule, report: Report) -> None:
    """Reports numbers that are never asked for, or asked for where they are not known."""
    inner = rule.inner
    if inner is None:
        return
    names = inner.names()
    used = fields_of(rule.matches) | {path.name for one in inner.derive for path in one.arguments if path is not None}
    for name in sorted(names - used):
        report.warning(("derive", name), f"the detection never uses {name!r}")
    for key, node in (("population", rule.population), ("until", rule.until)):
        for name in sorted(names & fields_of(node)) if node is not None else ():
            report.error((key,), f"{key} cannot use {name!r}: it is asked of the event before any number is derived")
    if inner.each is not None:
        if rule.subject is not None and inner.below(rule.subject.path):
            report.error(("subject",), "a mapping says one thing of an event: its subject cannot lie below each")
        if not any(inner.below(FieldPath.of(name)) for name in used):
            report.error(("each",), f"the detection reads nothing of {inner.each.name!r}, whose elements it is asked of")
    if any(None in one.arguments for one in inner.derive):
        for case in rule.tests:
            if case.time is None:
                report.at_line(case.line, "error", f"the test {case.name!r} needs a time: the mapping derives from {TIME}",
                               "time: 2026-11-25T10:00:00Z")  # fmt: skip
