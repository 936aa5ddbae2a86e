"""Drift, sources, windows, mappings, the log, search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from tests.web.conftest import Page
from tests.web.dom import parse
from tests.web.fakes import FakeQuery, checkpoint
from tests.web.makers import LONG


def test_drift_tells_every_change(page: Page) -> None:
    rows = page("/drift").one("table").one("tbody").all("tr")
    assert len(rows) == 19
    assert rows[0].text.startswith("not satisfied CloudTrail trail stopped: org-trail satisfied 8.15, 8.16 14:22, 38 min")
    assert rows[0].all("a")[0].attributes["href"] == "/log/1"


@pytest.mark.parametrize(
    ("filters", "count"), [("kind=source", 1), ("control=8.12", 3), ("since=2026-11-24T14:00Z", 1), ("kind=clock", 0)]
)
def test_drift_is_filtered(page: Page, filters: str, count: int) -> None:
    tables = page(f"/drift?{filters}").all("table")
    assert sum(len(t.one("tbody").all("tr")) for t in tables) == count


def test_sources_say_how_many_need_a_look(page: Page, query: FakeQuery) -> None:
    assert page("/sources").one("h1").text == "Four of 5 sources need a look"
    query.statuses = query.statuses[:1]
    assert page("/sources").one("h1").text == "The source is collecting"


def test_a_source_shows_windows_coverage_and_errors(page: Page) -> None:
    tree = page("/sources/jira-sec")
    assert "with 2 errors: 401 Unauthorized: the token was refused" in tree.one("p", class_="why").text
    windows = tree.all("table", class_="stack")[-1].one("tbody").all("tr")
    assert [row.all("td")[0].text for row in windows[:3]] == ["failed", "failed", "complete"]
    assert len(windows) == 50
    assert tree.all("a", rel="next")
    assert "Collected 52,503 Evidence 1,200 Unmatched 51,000 Duplicate 300 Dead letters 3" in tree.one("main").text


def test_counts_of_a_window_add_up(page: Page) -> None:
    text = page("/windows/w-000001?source=aws-prod").one("main").text
    assert "Collected 3,120 Evidence 4 Unmatched 3,100 Duplicate 16 Dead letters 0" in text
    assert "arn:aws:iam::123456789012:role/reader" in text


@pytest.mark.parametrize("path", ["/windows/none", "/windows/w-000001?source=jira-sec", "/sources/none", "/mappings/none"])
def test_what_is_not_there_is_said(page: Page, path: str) -> None:
    assert page(path, status=404).one("h1").text == "Not found"


def test_a_mapping_says_what_a_match_means(page: Page) -> None:
    tree = page("/mappings/5a1f0c2e-0001")
    assert tree.one("p", class_="says").text == "A match says not satisfied; silence over covered time says satisfied"
    rows = tree.all("table")[0].one("tbody").all("tr")
    assert [row.one("td").text for row in rows] == ["strong", "partial", "weak evidence only"]
    assert page("/mappings/5a1f0c2e-0004").one("p", class_="says").text == "A match says evidence; silence says nothing"


def test_the_log_shows_the_note_that_was_signed(page: Page, query: FakeQuery) -> None:
    tree = page("/log")
    signed = checkpoint(query)
    assert tree.one("h1").text == "124 entries, all under a signed root"
    assert " ".join(signed.note.split()) == tree.all("pre")[0].text
    assert signed.vkey in tree.one("main").text
    assert "not anchored: nobody outside holds a checkpoint" in tree.one("main").text
    assert "attestream evidence verify" in tree.one("main").text


def test_the_log_says_what_is_not_signed(query: FakeQuery, new_client: Callable[..., TestClient]) -> None:
    signed = replace(checkpoint(query), size=100)
    assert parse(new_client(query, signed).get("/log").text).one("h1").text == "124 entries, the first 100 under a signed root"
    assert parse(new_client(query, None).get("/log").text).one("h1").text == "124 entries, not signed yet"
    assert parse(new_client(FakeQuery(), None).get("/log").text).one("h1").text == "The log is empty"


def test_dead_letters_lead_to_their_bytes(page: Page) -> None:
    section = page("/log").one("section", id="dead-letters")
    assert [row.all("td")[-1].one("a").attributes["href"] for row in section.one("tbody").all("tr")] == ["/log/3", "/log/2"]


@pytest.mark.parametrize(
    ("wanted", "target"),
    [
        ("8.15", "/controls/A.8.15"),
        ("a.8.15", "/controls/A.8.15"),
        ("121", "/log/121"),
        ("#121", "/log/121"),
        ("e-000121-4c53-9f7e-0b8f0a4f6f1d", "/evidence/121"),
        ("5a1f0c2e-0001", "/mappings/5a1f0c2e-0001"),
        ("aws-prod", "/sources/aws-prod"),
    ],
)
def test_an_id_leads_straight_there(client: TestClient, wanted: str, target: str) -> None:
    response = client.get("/search", params={"q": wanted})
    assert response.status_code == 303
    assert response.headers["location"] == target


def test_words_find_controls_mappings_and_subjects(page: Page) -> None:
    tree = page("/search?q=trail")
    assert [s.one("h2").text for s in tree.all("section")] == ["Findings", "Mappings", "Sources"]
    assert tree.one("h1").text == "4 results for “trail”"


def test_a_pasted_arn_finds_the_subject_by_its_end(page: Page) -> None:
    tree = page("/search?q=arn:aws:cloudtrail:eu-west-1:123456789012:trail/org-trail")
    assert [row.one("code").text for row in tree.one("table").one("tbody").all("tr")] == ["org-trail"]
    assert len(page("/search?q=" + LONG).one("table").one("tbody").all("tr")) == 1


def test_nothing_found_is_said(page: Page) -> None:
    assert page("/search?q=zzzz").one("h1").text == "Nothing found for “zzzz”"
