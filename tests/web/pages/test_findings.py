"""Findings and their history."""

from __future__ import annotations

from tests.web.conftest import Page
from tests.web.fakes import FakeQuery
from tests.web.makers import ACCOUNT, MAPPINGS, NOW, finding

PATH = "/findings/5a1f0c2e-0001/00000000000000000000000000000001"


def test_filters_reach_the_store(page: Page, query: FakeQuery) -> None:
    page("/findings?state=stale&control=8.12&mapping=5a1f0c2e-0002&source=gcp-platform&silence=yes")
    given = next(given for name, given in query.asked if name == "findings")
    assert {k: v for k, v in given.items() if k != "moment"} == {
        "control": "A.8.12",
        "mapping": "5a1f0c2e-0002",
        "state": "stale",
        "source": "gcp-platform",
        "silence": True,
    }


def test_pages_go_on_where_the_last_one_ended(page: Page, query: FakeQuery) -> None:
    query.found = [finding(n, MAPPINGS[0], f"{ACCOUNT}/trail-{n}", "not-satisfied", NOW - n) for n in range(7)]
    seen, address = [], "/findings?state=not-satisfied&limit=3"
    for expected in (3, 3, 1):
        tree = page(address)
        rows = tree.one("table").one("tbody").all("tr")
        assert len(rows) == expected
        seen.extend(row.one("code").text for row in rows)
        following = tree.all("a", rel="next")
        address = following[0].attributes["href"] if following else ""
    assert seen == [f"trail-{n}" for n in range(7)]
    assert address == ""


def test_silence_is_told_as_watching(page: Page) -> None:
    text = page("/findings?silence=yes").one("table").text
    assert "CloudTrail trail stopped: watched, nothing found in 123456789012/eu-west-1" in text
    assert "Bucket made public: watching 123456789012/eu-west-1" in text


def test_an_erased_name_is_said(page: Page) -> None:
    assert "Root account used: (name erased)" in page("/findings?state=closed").one("table").text


def test_the_history_links_its_causes(page: Page) -> None:
    tree = page(PATH)
    rows = tree.one("table").one("tbody").all("tr")
    assert [row.all("td")[1].text for row in rows] == ["not satisfied", "closed replaced later", "not satisfied"]
    assert [a.attributes["href"] for a in rows[1].all("td")[3].all("a")] == ["/log/1", "/log/2"]
    assert rows[0].all("td")[3].text == "time alone"
    assert "replaced" in rows[1].attributes["class"]


def test_it_says_what_on_what_since_when(page: Page) -> None:
    assert page(PATH).one("p", class_="why").text == "not satisfied org-trail, since 14:22, 38 min."


def test_an_unknown_finding_is_not_found(page: Page) -> None:
    for path in (
        "/findings/5a1f0c2e-0001/" + "f" * 32,
        "/findings/none/" + "0" * 32,
        "/findings/5a1f0c2e-0001/..%2Fx",
        "/findings/x/y",
    ):
        assert "There is no finding" in page(path, status=404).one("main").text
