"""The list of controls and the page of one."""

from __future__ import annotations

from fastapi.testclient import TestClient

from tests.web.conftest import Page
from tests.web.dom import parse


def test_the_list_filters_by_state_theme_and_attribute(page: Page) -> None:
    tree = page("/controls?state=not-satisfied&theme=technological")
    rows = tree.one("table").one("tbody").all("tr")
    assert [row.all("th")[0].text for row in rows][:2] == ["8.2 Privileged access rights", "8.3 " + rows[1].all("th")[0].text[4:]]
    assert len(rows) == 6
    assert tree.one("h1").text == "6 of 93 controls"
    assert [o.attributes["value"] for s in tree.all("select") for o in s.all("option") if "selected" in o.attributes] == [
        "not-satisfied",
        "technological",
    ]


def test_filters_that_nothing_fits_are_said(page: Page) -> None:
    assert "No control fits these filters." in page("/controls?theme=people&state=not-satisfied").one("main").text


def test_why_a_control_is_not_satisfied(page: Page) -> None:
    tree = page("/controls/A.8.15")
    assert tree.one("h1").text == "8.15 Logging"
    why = tree.one("p", class_="why").text
    assert why == "not satisfied 1 finding speaks against it: CloudTrail trail stopped, since 14:22 (38 min)."


def test_what_speaks_comes_open_first_and_silence_is_told_as_watching(page: Page) -> None:
    sections = [s.one("h2").text for s in page("/controls/A.8.15").all("section")]
    assert sections == [
        "What speaks against it",
        "What speaks for it",
        "Statement of Applicability",
        "Evidence",
        "Mappings that speak to it",
        "What could say more",
    ]
    text = page("/controls/A.8.15").one("main").text
    assert "watched, nothing found over covered time aws-prod, 123456789012/eu-west-1" in text


def test_a_stale_voice_is_named(page: Page) -> None:
    assert "What fell silent" in [s.one("h2").text for s in page("/controls/A.8.12").all("section")]


def test_mappings_say_how_strongly_and_what_to_do(page: Page) -> None:
    articles = page("/controls/A.8.15").all("article")
    assert len(articles) == 1
    assert "strong; a match says not satisfied, silence over covered time says satisfied" in articles[0].text
    assert "What to do: Undo it, and find out who did." in articles[0].text
    weak = page("/controls/A.5.28").one("article").text
    assert "evidence only (weak): it shows that a process is alive and claims nothing" in weak


def test_not_assessed_says_what_would_speak(empty_client: TestClient) -> None:
    why = parse(empty_client.get("/controls/A.5.1").text).one("p", class_="why").text
    assert why == (
        "not assessed No source for it: aws-account or jira would speak; so would a person's statement (an attestation)."
    )
    only = parse(empty_client.get("/controls/A.5.9").text).one("p", class_="why").text
    assert only == "not assessed No source can speak to it: it needs a person's statement (an attestation), and there is none."


def test_evidence_per_day_is_drawn_and_tabled(page: Page) -> None:
    figure = page("/controls/A.8.15").one("figure")
    assert figure.one("svg").attributes["aria-label"].startswith("Evidence per day: 4,005 entries in 30 days, at most ")
    assert len(figure.one("table").one("tbody").all("tr")) == 30
    bars = len(figure.one("svg").all("rect"))
    filled = [row for row in figure.one("tbody").all("tr") if row.all("td")[0].text != "0"]
    assert bars == len(filled)


def test_the_short_number_leads_there_too(page: Page) -> None:
    assert page("/controls/8.15").one("h1").text == "8.15 Logging"


def test_an_unknown_control_is_named(page: Page) -> None:
    assert "There is no control “A.9.1”: Annex A has A.5.1 to A.8.34." in page("/controls/A.9.1", status=404).one("main").text
