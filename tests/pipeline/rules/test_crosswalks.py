"""Frameworks and editions: ids only, all of them known, and none lost between the two ways to look."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.rules.annex import Control, control_ids, parse_annex
from pipeline.rules.catalogues import Catalogues, read_catalogues
from pipeline.rules.crosswalks import parse_crosswalk
from pipeline.rules.reader import builtin_annex

GOOD = """id: house-rules
title: House rules
version: "3"
url: https://intranet.example/rules
basis: Ours.
ids: [H1, H2, H10]
map:
  A.5.1: [H1]
  A.8.15: [H10, H1]
"""


@pytest.fixture(scope="module")
def builtin() -> Catalogues:
    return read_catalogues([])


@pytest.fixture(scope="module")
def controls() -> tuple[Control, ...]:
    return parse_annex(builtin_annex(), "annex_a.yaml")[0]


def test_what_comes_with_the_product(builtin: Catalogues) -> None:
    assert builtin.problems == ()
    assert {name: len(walk.ids) for name, walk in builtin.frameworks.items()} == {
        "nist-csf-2.0": 106,
        "soc-2": 61,
        "cis-controls-v8": 153,
    }
    assert {name: len(walk.ids) for name, walk in builtin.editions.items()} == {"2013": 114}
    assert all(walk.basis for walk in [*builtin.frameworks.values(), *builtin.editions.values()])


def test_every_control_is_found_in_csf_and_soc_2(builtin: Catalogues) -> None:
    for name in ("nist-csf-2.0", "soc-2"):
        assert list(builtin.frameworks[name].by_control) == control_ids()


def test_the_edition_of_2013_is_a_view_of_the_catalogue(builtin: Catalogues, controls: tuple[Control, ...]) -> None:
    walk = builtin.editions["2013"]
    assert walk.by_id()["A.12.4.1"] == ("A.8.15",)
    assert walk.by_id()["A.16.1.7"] == ("A.5.28",)
    assert list(walk.ids)[:2] == ["A.5.1.1", "A.5.1.2"]
    assert walk.ids.index("A.9.4.5") < walk.ids.index("A.10.1.1")
    new = {control.id for control in controls if not control.iso27002_2013}
    assert len(new) == 11  # controls that the edition of 2022 brought
    assert new == set(control_ids()) - set(walk.by_control)


def test_both_directions_hold_the_same_pairs(builtin: Catalogues) -> None:
    for walk in [*builtin.frameworks.values(), *builtin.editions.values()]:
        there = {(control, each) for control, ids in walk.by_control.items() for each in ids}
        back = {(control, each) for each, found in walk.by_id().items() for control in found}
        assert there == back
        assert list(walk.by_id()) == list(walk.ids)


def test_one_of_an_organisation(tmp_path: Path) -> None:
    (tmp_path / "frameworks").mkdir()
    (tmp_path / "frameworks" / "house.yaml").write_text(GOOD, encoding="utf-8")
    found = read_catalogues([tmp_path])
    assert found.problems == ()
    assert found.frameworks["house-rules"].by_id() == {"H1": ("A.5.1", "A.8.15"), "H2": (), "H10": ("A.8.15",)}
    assert "soc-2" in found.frameworks


def test_a_file_of_the_same_id_takes_the_place(tmp_path: Path) -> None:
    (tmp_path / "editions").mkdir()
    text = GOOD.replace("house-rules", '"2013"')
    (tmp_path / "editions" / "mine.yaml").write_text(text, encoding="utf-8")
    assert read_catalogues([tmp_path]).editions["2013"].title == "House rules"


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("A.5.1: [H1]", "A.5.99: [H1]", 8, "'A.5.99' is no control"),
        ("A.5.1: [H1]", "A.5.1: [H3]", 8, "'H3' is none of ids"),
        ("A.5.1: [H1]", "A.5.1: []", 8, "A.5.1 has no list of ids"),
        ("A.5.1: [H1]", "A.5.1: H1", 8, "A.5.1 has no list of ids"),
        ("[H1, H2, H10]", "[H1, H1, H10]", 6, "there twice: H1"),
        ("[H1, H2, H10]", "[H1, 2, H10]", 6, "2 is no id (a number goes into quotes)"),
        ("[H1, H2, H10]", "[]", 6, "ids must list"),
        ('version: "3"', "version: 3", 3, "version must be text"),
        ("title: House", "titel: House", 2, "unknown key 'titel'"),
        ("id: house-rules", "id: ../house", 1, "'../house' is no id"),
        ("map:\n", "member: iso27002_2013\nmap:\n", 1, "map, or member"),
    ],
)
def test_faults_are_named_at_their_line(old: str, new: str, line: int, message: str, controls: tuple[Control, ...]) -> None:
    walk, report = parse_crosswalk(GOOD.replace(old, new, 1), "f.yaml", controls)
    assert walk is None
    assert (line, "error") in [(p.line, p.severity) for p in report.problems if message in p.message]


@pytest.mark.parametrize("text", ["", "[", "5", "id: a\n---\nid: b\n"])
def test_no_crosswalk_at_all(text: str, controls: tuple[Control, ...]) -> None:
    walk, report = parse_crosswalk(text, "f.yaml", controls)
    assert walk is None
    assert report.problems


def test_a_member_that_holds_no_ids(controls: tuple[Control, ...]) -> None:
    text = GOOD.partition("ids:")[0] + "member: title\n"
    walk, report = parse_crosswalk(text, "f.yaml", controls)
    assert walk is None
    assert [p.message for p in report.problems] == ["member is iso27002_2013, not 'title'"]
