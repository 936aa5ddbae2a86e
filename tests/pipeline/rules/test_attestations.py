"""Templates of attestations."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.rules.annex import parse_annex
from pipeline.rules.attestations import AttestationTemplate, parse_attestations
from pipeline.rules.catalogues import Catalogues, read_catalogues
from pipeline.rules.problems import Problem
from pipeline.rules.reader import builtin_annex, read_set
from store.records import DAY

GOOD = """templates:
  - id: security-policies
    control: A.5.1
    title: Approved security policies
    kind: document
    supply: The approved policies.
    ask: [version, approved by]
    owner: CISO
    max_age: 365d
    four_eyes: true
    strength: strong
    rationale: The approved text is the control itself.
    unproven: Approval does not show that anybody has read it.
"""


@pytest.fixture(scope="module")
def builtin() -> Catalogues:
    return read_catalogues([])


def problems(text: str) -> list[Problem]:
    return [problem for report in parse_attestations(text, "attestations.yaml")[1] for problem in report.problems]


def test_a_template_as_it_is_read() -> None:
    (template,), _ = parse_attestations(GOOD, "attestations.yaml")
    assert template == AttestationTemplate(
        id="security-policies", control="A.5.1", title="Approved security policies", kind="document",
        supply="The approved policies.", ask=("version", "approved by"), owner="CISO", max_age=365 * DAY, four_eyes=True,
        strength="strong", rationale="The approved text is the control itself.",
        unproven="Approval does not show that anybody has read it.",
    )  # fmt: skip
    assert problems(GOOD) == []


def test_the_products_templates_are_those_that_the_catalogue_expects(builtin: Catalogues) -> None:
    controls, _ = parse_annex(builtin_annex(), "annex_a.yaml")
    expected = {control.id: control.attestation_max_age for control in controls if "attestation" in control.evidence}
    assert {template.control for template in builtin.attestations.values()} == set(expected)
    assert [t.id for t in builtin.attestations.values() if t.max_age > expected[t.control]] == []
    assert len(builtin.attestations) >= 83
    assert sum(1 for template in builtin.attestations.values() if template.four_eyes) >= 10
    assert all(template.ask for template in builtin.attestations.values())


def test_what_is_only_a_rule_is_never_strong(builtin: Catalogues) -> None:
    titles = [t.title.lower() for t in builtin.attestations.values() if t.strength == "strong" and t.kind == "document"]
    assert [title for title in titles if title.startswith("rules")] == []


def test_an_organisations_own_takes_the_place(tmp_path: Path) -> None:
    own = GOOD.replace("owner: CISO", "owner: the board").replace("templates:\n", "templates:\n") + GOOD.partition("\n")[
        2
    ].replace("security-policies", "house-policy")
    (tmp_path / "attestations.yaml").write_text(own, encoding="utf-8")
    found = read_catalogues([tmp_path])
    assert found.problems == ()
    assert found.attestations["security-policies"].owner == "the board"
    assert [t.id for t in found.templates("A.5.1")] == ["security-policies", "house-policy"]
    assert len(found.attestations) == len(read_catalogues([]).attestations) + 1


def test_catalogues_are_no_part_of_a_mapping_set(tmp_path: Path) -> None:
    (tmp_path / "attestations.yaml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "frameworks").mkdir()
    (tmp_path / "frameworks" / "a.yaml").write_text("id: a\n", encoding="utf-8")
    assert read_set([tmp_path]).files == {}


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("id: security-policies", "id: Policies!", 2, "'Policies!' is no id"),
        ("control: A.5.1", "control: A.5.99", 3, "'A.5.99' is no control"),
        ("kind: document", "kind: paper", 5, "kind is document or record"),
        ("strength: strong", "strength: weak", 11, "strength is strong or partial"),
        ("max_age: 365d", "max_age: yearly", 9, "max_age: 'yearly' is no duration"),
        ("max_age: 365d", "max_age: 3600d", 9, "between a moment and three years"),
        ("ask: [version, approved by]", "ask: version", 7, "ask must be a list"),
        ("four_eyes: true", "four_eyes: maybe", 10, "four_eyes is true or false"),
        ("owner: CISO", "owner: ''", 8, "owner must be text"),
        ("owner: CISO", "ownr: CISO", 8, "unknown key 'ownr'"),
        ("    unproven: Approval does not show that anybody has read it.\n", "", 2, "unproven must be text"),
    ],
)
def test_faults_are_named_at_their_line(old: str, new: str, line: int, message: str) -> None:
    text = GOOD.replace(old, new, 1)
    assert parse_attestations(text, "attestations.yaml")[0] == ()
    assert (line, "error") in [(p.line, p.severity) for p in problems(text) if message in p.message]


@pytest.mark.parametrize("text", ["", "[", "templates: 5", "templates: [5]", GOOD + GOOD.partition("\n")[2]])
def test_what_is_no_list_of_templates(text: str) -> None:
    assert problems(text)
