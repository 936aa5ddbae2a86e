"""The catalogue of controls."""

from __future__ import annotations

import pytest

from pipeline.rules.annex import control_ids, control_of_tag, parse_annex
from pipeline.rules.problems import Problem, RulesError
from store.records import DAY


def problems(text: str) -> list[Problem]:
    return [problem for report in parse_annex(text, "annex_a.yaml")[1] for problem in report.problems]


def test_93_ids_in_order() -> None:
    ids = control_ids()
    assert (len(ids), ids[0], ids[36], ids[37], ids[-1]) == (93, "A.5.1", "A.5.37", "A.6.1", "A.8.34")


def test_a_whole_catalogue(annex: str) -> None:
    controls, _ = parse_annex(annex, "annex_a.yaml")
    assert problems(annex) == []
    assert [control.id for control in controls] == control_ids()
    assert controls[0].evidence == ("automated", "attestation")
    assert controls[0].attestation_max_age == 365 * DAY
    assert (controls[-1].title, controls[-1].theme) == ("Control 8.34", "technological")


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("- {id: A.5.2,", "- {id: A.5.99,", 4, "'A.5.99' is no control"),
        ("- {id: A.5.2,", "- {id: A.5.1,", 4, "A.5.1 is there twice"),
        ("title: Control 5.1,", "titel: Control 5.1,", 3, "unknown key 'titel'"),
        ("title: Control 5.1,", "title: 5,", 3, "title must be text"),
        ("theme: organizational", "theme: people", 3, "the theme of A.5.1 is organizational"),
        ("evidence: [automated, attestation]", "evidence: [automatic]", 3, "unknown kind of evidence"),
        ("evidence: [automated, attestation]", "evidence: automated", 3, "must be a list"),
        ("attestation_max_age: 365d", "attestation_max_age: year", 3, "no duration"),
        ("- {id: A.5.1,", "- 5\n- {id: A.5.1,", 3, "a control is a map"),
    ],
)
def test_faults_are_named_at_their_line(annex: str, old: str, new: str, line: int, message: str) -> None:
    found = [problem for problem in problems(annex.replace(old, new, 1)) if message in problem.message]
    assert [(problem.line, problem.severity) for problem in found] == [(line, "error")]


def test_missing_controls_are_named(annex: str) -> None:
    (problem,) = problems("\n".join(line for line in annex.split("\n") if "A.7.3," not in line and "A.8.34," not in line))
    assert problem.message == "2 of the 93 controls are missing: A.7.3, A.8.34"


@pytest.mark.parametrize("text", ["", "[", "controls: 5", "[]"])
def test_no_catalogue_at_all(text: str) -> None:
    controls, _ = parse_annex(text, "annex_a.yaml")
    assert controls == ()
    assert problems(text)


def test_tags() -> None:
    assert control_of_tag("iso27001-2022.a.8.15") == "A.8.15"
    assert control_of_tag("ISO27001-2022.A.8.15") == "A.8.15"
    assert control_of_tag("attack.t1562.008") is None
    with pytest.raises(RulesError, match="names no control"):
        control_of_tag("iso27001-2022.a.8")
