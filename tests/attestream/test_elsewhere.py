"""Controls by the ids of other frameworks and editions, what people supply, and the page of coverage: as commands print them."""

from __future__ import annotations

from pathlib import Path

from attestream.errors import Exit
from pipeline.rules.annex import control_ids
from tests.attestream.conftest import Installation, Run
from tests.repository import ROOT

HOUSE = """id: house-rules
title: House rules
version: "3"
url: https://intranet.example/rules
basis: Ours.
ids: [H1, H2]
map:
  A.8.15: [H2]
"""


def test_a_framework_is_a_view_of_the_same_states(installed: Installation, run: Run) -> None:
    states = {row["id"]: row["state"] for row in run("control", "list", "--json", config=installed.config).lines}
    rows = run("control", "list", "--framework", "nist-csf-2.0", "--json", config=installed.config).lines
    assert len(rows) == 106
    assert {control for row in rows for control in row["controls"]} == set(control_ids())
    for row in rows:
        counted = [states[control] for control in row["controls"]]
        assert row["states"] == {state: counted.count(state) for state in dict.fromkeys(counted)}
    logging = next(row for row in rows if row["id"] == "PR.PS-04")
    assert logging["controls"] == ["A.8.15", "A.8.17"]
    shown = run("control", "list", "--framework", "nist-csf-2.0", config=installed.config)
    assert "A.8.15 A.8.17" in shown.out
    assert "Ours: drawn up" in shown.err


def test_filters_leave_out_controls_and_never_ids(installed: Installation, run: Run) -> None:
    rows = run("control", "list", "--framework", "soc-2", "--theme", "people", "--json", config=installed.config).lines
    assert len(rows) == 61
    assert {control[:3] for row in rows for control in row["controls"]} == {"A.6"}


def test_the_edition_of_2013(installed: Installation, run: Run) -> None:
    rows = run("control", "list", "--edition", "2013", "--json", config=installed.config).lines
    assert len(rows) == 114
    assert next(row for row in rows if row["id"] == "A.12.4.1")["controls"] == ["A.8.15"]
    own = run("control", "list", "--edition", "2022", "--json", config=installed.config).lines
    assert [row["id"] for row in own] == control_ids()


def test_what_is_not_known_is_refused(installed: Installation, run: Run) -> None:
    wrong = run("control", "list", "--framework", "nist-csf-2", config=installed.config)
    assert wrong.code == Exit.USAGE
    assert "did you mean 'nist-csf-2.0'?" in wrong.err
    both = run("control", "list", "--framework", "soc-2", "--edition", "2013", config=installed.config)
    assert both.code == Exit.USAGE


def test_a_framework_of_an_organisation_needs_no_code(installed: Installation, run: Run, tmp_path: Path) -> None:
    (tmp_path / "rules" / "frameworks").mkdir(parents=True)
    (tmp_path / "rules" / "frameworks" / "house.yaml").write_text(HOUSE, encoding="utf-8")
    config = tmp_path / "attestream.yaml"
    text = installed.config.read_text(encoding="utf-8")
    config.write_text(f"{text}\nmappings: {{paths: [{tmp_path / 'rules'}]}}\n", encoding="utf-8")
    rows = run("control", "list", "--framework", "house-rules", "--json", config=config).lines
    assert [(row["id"], row["controls"]) for row in rows] == [("H1", []), ("H2", ["A.8.15"])]
    linted = run("mappings", "lint", str(tmp_path / "rules"), config=installed.config)
    assert linted.code == Exit.DONE
    (tmp_path / "rules" / "frameworks" / "house.yaml").write_text(HOUSE.replace("[H2]\n", "[H3]\n"), encoding="utf-8")
    linted = run("mappings", "lint", str(tmp_path / "rules"), config=installed.config)
    assert linted.code == Exit.FAILED
    assert "rules/frameworks/house.yaml:8: error: 'H3' is none of ids" in linted.out


def test_a_control_says_what_people_supply_and_what_stays_unproven(installed: Installation, run: Run) -> None:
    shown = run("control", "show", "A.5.1", "--json", config=installed.config).json
    assert [one["id"] for one in shown["attestations"]] == ["security-policies"]
    assert shown["attestations"][0]["four_eyes"] is True
    assert shown["unproven"] == "That staff have read the policies and work by them."
    assert shown["elsewhere"]["2013"] == ["A.5.1.1", "A.5.1.2"]
    assert shown["elsewhere"]["nist-csf-2.0"] == ["GV.PO-01", "GV.PO-02"]
    text = run("control", "show", "A.5.1", config=installed.config).out
    assert "security-policies" in text
    assert "Stays unproven: That staff have read" in text
    assert "GV.PO-01 GV.PO-02" in text


def test_the_page_of_coverage_is_printed_as_it_is_kept(run: Run, installed: Installation) -> None:
    page = run("mappings", "coverage", "--markdown", config=installed.config)
    assert page.out == (ROOT / "docs" / "coverage.md").read_text(encoding="utf-8")
