"""The coverage table."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.rules.annex import control_ids
from pipeline.rules.catalogues import read_catalogues
from pipeline.rules.coverage import by_strength, coverage
from pipeline.rules.coverage_page import coverage_page
from pipeline.rules.reader import builtin_mappings, read_set
from pipeline.rules.ruleset import RuleSet
from tests.repository import ROOT


def test_mappings_are_counted_by_control_and_kind(compiled: Callable[..., RuleSet], stopped: str, third_party: str) -> None:
    table = coverage(compiled(stopped, third_party))
    assert table["mappings"] == 2  # the rule of others, with no control, among them
    controls = table["controls"]
    assert isinstance(controls, dict)
    assert len(controls) == 93
    assert controls["A.8.15"] == {"log": 1, "snapshot": 0, "ticket": 0, "finding": 0, "attestation": 1}
    assert controls["A.5.1"] == {"log": 0, "snapshot": 0, "ticket": 0, "finding": 0, "attestation": 1}


def test_strengths_say_what_is_automated(compiled: Callable[..., RuleSet], stopped: str) -> None:
    strong = compiled(stopped)
    assert (coverage(strong)["automated"], coverage(strong)["automated_without_tickets"]) == (2, 2)
    assert by_strength(strong)["A.8.15"]["log"] == {"strong": 1, "partial": 0, "weak": 0}
    strength = "strength: {A.8.15: strong, A.8.16: partial}"
    kept = stopped.replace(strength, "strength: weak").partition("finding:")[0] + "finding: evidence\n"
    kept += "tests:" + stopped.partition("tests:")[2].rpartition("  - {name: started")[0]
    weak = compiled(kept)
    assert by_strength(weak)["A.8.15"]["log"] == {"strong": 0, "partial": 0, "weak": 1}
    assert coverage(weak)["automated"] == 0
    assert coverage(weak)["with_evidence_path"] == 93  # the test catalogue expects an attestation of every control


def test_the_page_of_the_documentation_is_current() -> None:
    made = coverage_page(RuleSet.compile(read_set([builtin_mappings()])), read_catalogues([]))
    page = (ROOT / "docs" / "coverage.md").read_text(encoding="utf-8")
    assert page == made, "run: attestream mappings coverage --markdown > docs/coverage.md"


def test_the_page_has_a_row_for_every_control_and_what_stays_unproven() -> None:
    made = coverage_page(RuleSet.compile(read_set([builtin_mappings()])), read_catalogues([]))
    rows = {line.split(" | ")[0].removeprefix("| "): line.split(" | ") for line in made.splitlines() if line.startswith("| A.")}
    assert list(rows) == control_ids()
    assert [control for control, cells in rows.items() if len(cells) != 8 or not cells[7].removesuffix(" |").strip()] == []
    assert [control for control, cells in rows.items() if not any(cells[2:7])] == []
