"""Everything there is to say against a mapping set before it is used."""

from __future__ import annotations

from pipeline.rules.annex import Control, control_ids
from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.problems import Problem, nearest
from pipeline.rules.rule import Expected, Rule
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.samples import Samples
from pipeline.rules.trials import TrialResult, run_tests
from pipeline.rules.values import printable


def lint(mapping_set: MappingSet, samples: Samples | None = None) -> list[Problem]:
    """All problems, by path and line. Errors must be repaired; warnings are worth a look. Never raises for what the set holds.

    With `samples`, a field that no event of its source has is a problem too.
    """
    rules = RuleSet.compile(mapping_set)
    problems = set(rules.problems)
    if not mapping_set.annex:
        problems.add(Problem("annex_a.yaml", 1, "error", "the set holds no catalogue of controls", "name the folder that has it"))
    problems.update(_failed(result) for result in run_tests((*rules.rules, *rules.sets)) if not result.passed)
    for rule in (*rules.rules, *rules.sets):
        problems.update(_untested(rule))
        if samples is not None and rule.own:
            problems.update(_unknown_fields(rule, samples, mapping_set.files.get(rule.record.path, "")))
    problems.update(_without_evidence(rules.controls, rules.rules))
    return sorted(problems)


def _failed(result: TrialResult) -> Problem:
    wanted = {True: "must match", False: "must not match", "until": "must close"}[result.expected]
    said = f"it says {result.said.value} ({result.reason})" if result.said else "it says nothing"
    return Problem(result.path, result.line, "error", f"the test {printable(result.name)!r} {wanted}, and {said}")


def _untested(rule: Rule) -> list[Problem]:
    if not rule.own:
        return []
    expected = {case.expected for case in rule.tests}
    wanted: list[tuple[Expected, str]] = [(True, "that matches"), (False, "that does not match")]
    if rule.until:
        wanted.append(("until", "that closes"))
    return [
        Problem(
            rule.record.path,
            rule.line,
            "error",
            f"the mapping has no test event {what}",
            f"add one to tests: match: {key}".lower(),
        )
        for key, what in wanted
        if key not in expected
    ]


def _unknown_fields(rule: Rule, samples: Samples, text: str) -> list[Problem]:
    """Fields that the mapping reads and no event of its source has."""
    found = samples.of(rule.record.types)
    if found is None:
        said = f"no event of type {rule.record.types[0]} was recorded: the mapping's fields cannot be checked"
        return [Problem(rule.record.path, rule.line, "warning", said, "list the fields of a real one in samples/")]
    known = frozenset().union(*found)
    return [
        Problem(
            rule.record.path,
            _line_of(name, text, rule.line),
            "warning",
            f"no recorded event of this logsource has the field {printable(name)!r}",
            nearest(name, known, cutoff=0.8) or "is it spelt as delivered? if so, list it in samples/",
        )
        for name in sorted(rule.fields() - known)
    ]


def _line_of(name: str, text: str, first: int) -> int:
    """The line of a mapping's text, from its first on, that names a field."""
    lines = text.split("\n")
    return next((at for at, line in enumerate(lines[first - 1 :], first) if name in line and "event:" not in line), first)


def _without_evidence(controls: tuple[Control, ...], rules: tuple[Rule, ...]) -> list[Problem]:
    """Controls that nothing speaks to: no mapping, and no attestation expected."""
    spoken = {control for rule in rules for control, _ in rule.record.controls}
    spoken |= {control.id for control in controls if "attestation" in control.evidence}
    silent = [control for control in control_ids() if control not in spoken]
    if not controls or not silent:
        return []
    return [Problem("annex_a.yaml", 1, "warning", f"{len(silent)} controls have no evidence path: {', '.join(silent)}")]
