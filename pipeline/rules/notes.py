"""What is weak in a mapping set that nothing is wrong with: for whoever wants to know how far its word goes."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.rules.annex import Control
from pipeline.rules.problems import Problem
from pipeline.rules.rule import Rule
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.samples import Samples


def notes(rules: RuleSet, samples: Samples) -> list[Problem]:
    """One-sided mappings, missing levels, controls that are only near, fields that only documentation knows; by path."""
    found = {note for rule in rules.rules for note in (*_of(rule), *_documented(rule, samples))}
    return sorted([*found, *_unjudged(rules.controls, rules.rules)])


def _of(rule: Rule) -> Iterator[Problem]:
    record = rule.record
    if record.finding != "evidence" and not (record.silence or record.two_sided):
        yield _note(rule, "one-sided: only a match speaks, no match and silence say nothing")
    if not rule.levelled:
        yield _note(rule, f"no level: drift of it is told as {record.level}", "add level: low, medium, high or critical")
    near = [control for control, strength in record.controls if strength == "weak"]
    if near:
        yield _note(rule, f"weak for {', '.join(near)}: evidence that something is alive, never that the control is met")
    if not record.controls:
        yield _note(rule, "speaks to no control", "add a tag such as iso27001-2022.a.8.15, or an overlay's entry")


def _documented(rule: Rule, samples: Samples) -> Iterator[Problem]:
    known = samples.of(rule.record.types)
    if known is not None and rule.own:
        only = sorted(rule.fields() & (known[1] - known[0]))
        if only:
            yield _note(rule, f"known from documentation alone, in no recorded event: {', '.join(only)}")


def _unjudged(controls: tuple[Control, ...], rules: tuple[Rule, ...]) -> Iterator[Problem]:
    """Controls whose state no mapping can change."""
    judged = {control for rule in rules for control in rule.record.speaks_for()}
    left = [control.id for control in controls if control.id not in judged]
    if left:
        yield Problem("annex_a.yaml", 1, "note", f"{len(left)} controls that no mapping judges: {', '.join(left)}")


def _note(rule: Rule, message: str, hint: str = "") -> Problem:
    return Problem(rule.record.path, rule.line, "note", message, hint)
