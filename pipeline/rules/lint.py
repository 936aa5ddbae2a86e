"""Everything there is to say against a mapping set before it is used."""

from __future__ import annotations

from pipeline.rules.annex import Control, control_ids
from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.problems import Problem
from pipeline.rules.rule import Expected, Rule
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.trials import TrialResult, run_tests
from pipeline.rules.values import printable


def lint(mapping_set: MappingSet) -> list[Problem]:
    """All problems, by path and line. Errors must be repaired; warnings are worth a look. Never raises for what the set holds."""
    rules = RuleSet.compile(mapping_set)
    problems = set(rules.problems)
    if not mapping_set.annex:
        problems.add(Problem("annex_a.yaml", 1, "error", "the set holds no catalogue of controls", "name the folder that has it"))
    problems.update(_failed(result) for result in run_tests(rules.rules) if not result.passed)
    for rule in rules.rules:
        problems.update(_untested(rule))
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


def _without_evidence(controls: tuple[Control, ...], rules: tuple[Rule, ...]) -> list[Problem]:
    """Controls that nothing speaks to: no mapping, and no attestation expected."""
    spoken = {control for rule in rules for control, _ in rule.record.controls}
    spoken |= {control.id for control in controls if "attestation" in control.evidence}
    silent = [control for control in control_ids() if control not in spoken]
    if not controls or not silent:
        return []
    return [Problem("annex_a.yaml", 1, "warning", f"{len(silent)} controls have no evidence path: {', '.join(silent)}")]
