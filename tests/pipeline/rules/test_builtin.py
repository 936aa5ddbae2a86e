"""The mappings that come with the product."""

from __future__ import annotations

import pytest

from pipeline.rules.coverage import coverage
from pipeline.rules.lint import lint
from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.reader import builtin_mappings, read_set
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.trials import run_tests


@pytest.fixture(scope="module")
def builtin() -> MappingSet:
    """Our own set, with no list filled in."""
    return read_set([builtin_mappings()], {})


def test_lint_has_no_error(builtin: MappingSet) -> None:
    assert [str(problem) for problem in lint(builtin) if problem.severity == "error"] == []


def test_every_test_event_passes(builtin: MappingSet) -> None:
    results = run_tests(RuleSet.compile(builtin).rules)
    assert len(results) >= 50
    assert [result for result in results if not result.passed] == []


def test_it_survives_its_bytes(builtin: MappingSet) -> None:
    again = MappingSet.from_bytes(builtin.to_bytes())
    assert again == builtin
    assert RuleSet.compile(again).mappings == RuleSet.compile(builtin).mappings


def test_its_size(builtin: MappingSet) -> None:
    rules = RuleSet.compile(builtin)
    table = coverage(rules)
    assert isinstance(table["mappings"], int)
    assert table["mappings"] >= 25
    assert len(rules.controls) == 93
    assert {record.types[0].partition(".")[0] for record in rules.mappings} == {"log", "snapshot", "summary", "ticket", "finding"}
