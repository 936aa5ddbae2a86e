"""Pages of what people stated: applicability, exceptions, attestations, risks, and where they stand beside a control."""

from __future__ import annotations

from collections.abc import Callable

from fastapi.testclient import TestClient

from tests.web.dom import Element, parse

Page = Callable[..., Element]


def rows_of(tree: Element) -> list[Element]:
    return tree.one("main").all("tbody")[-1].all("tr")


def test_what_needs_somebody_comes_first(page: Page) -> None:
    items = [li.text for li in page("/records").one("ul", class_="drift").all("li")]
    assert [item.split(" ")[0] + " " + item.split(" ")[1] for item in items] == [
        "to review",
        "to review",
        "expired Security",
        "ends soon",
        "ends soon",
    ]
    assert "stated by Carol: another person must approve it" in items[0]
    counted = page("/records").one("tbody").text
    assert "1 not applicable" in counted
    assert "2 valid, 1 expired, 1 revoked" in counted


def test_the_statement_of_applicability_shows_each_control_with_its_status(page: Page) -> None:
    assert len(rows_of(page("/records/soa"))) == 93
    [row] = rows_of(page("/records/soa?applies=no"))
    assert row.text.startswith("7.4 Title of A.7.4 no not applicable No premises of our own.") or "not applicable" in row.text
    assert "premises of our own" in row.text
    erased = next(r for r in rows_of(page("/records/soa")) if r.all("th")[0].text.startswith("5.6 "))
    assert "(erased)" in erased.text


def test_an_exception_says_why_by_whom_and_until_when(page: Page) -> None:
    [first, second] = rows_of(page("/records/exceptions?state=valid"))
    assert "an open data set, on purpose" in first.text
    assert "C. Iso" in first.text
    assert "all subjects" in second.text
    assert page("/findings?state=accepted").one("main").one("tbody").all("tr")[0].text.startswith("accepted ")
    gone = rows_of(page("/records/exceptions?state=revoked"))[0].text
    assert gone.count("(erased)") == 2


def test_an_attestation_shows_what_speaks_what_waits_and_its_files(page: Page) -> None:
    tree = page(f"/records/attestations/{3:032x}")
    assert [s.one("h2").text for s in tree.one("main").all("section")] == [
        "Waits for review",
        "What is stated",
        "About it",
        "What was done",
    ]
    links = [a.attributes["href"] for a in tree.one("main").all("a")]
    assert "/log/7/raw" in links
    assert "ab" * 32 in tree.one("main").text
    no = page(f"/records/attestations/{5:032x}").one("main").text
    assert "somebody says otherwise" in no


def test_the_list_is_filtered_by_state_and_control(page: Page) -> None:
    [row] = rows_of(page("/records/attestations?state=expired&control=A.5.2"))
    assert row.text.startswith("expired Security roles given by name satisfied 5.2, 5.4")
    assert "fits these filters" in page("/records/attestations?state=valid&control=A.5.2").one("main").text


def test_a_risk_stands_with_the_status_of_its_controls(page: Page) -> None:
    first = rows_of(page("/records/risks"))[0].text
    assert first.startswith("R-1 A laptop is lost encrypted")
    assert "not satisfied 8.15" in first


def test_a_control_shows_what_was_stated_of_it(page: Page) -> None:
    excluded = page("/controls/A.7.4")
    assert "excludes it: " in excluded.one("p", class_="why").text
    assert "premises of our own. Its evidence stays visible." in excluded.one("p", class_="why").text
    roles = page("/controls/A.5.2").one("main").text
    assert "What is attested" in roles
    assert "Security roles given by name" in roles
    assert "A laptop is lost" in page("/controls/A.8.15").one("main").text


def test_the_first_page_says_that_something_needs_somebody(page: Page) -> None:
    assert "5 records need somebody" in page("/").one("main").text


def test_nothing_stated_is_said_with_what_to_do(empty_client: TestClient) -> None:
    def said(path: str) -> str:
        return parse(empty_client.get(path).text).one("main").text

    assert "no review is open" in said("/records")
    assert "attestream attestation templates" in said("/records/attestations")
    assert "every open finding counts" in said("/records/exceptions")
    assert "attestream risk set" in said("/records/risks")
