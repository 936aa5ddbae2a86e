"""The first page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from store.records import DAY, HOUR
from tests.web.conftest import Page
from tests.web.dom import parse
from tests.web.fakes import FakeQuery, checkpoint
from tests.web.makers import ACCOUNT, MAPPINGS, NOW, catalogue, control_status, drift


def test_a_sentence_comes_first(page: Page) -> None:
    tree = page("/")
    assert tree.one("h1").text == "Three controls got worse in the last 24 hours, one recovered."
    assert "Monday 15:00 to Tuesday 15:00 UTC, 24 h · 93 controls" in tree.one("main").text


def test_since_is_named(page: Page, query: FakeQuery) -> None:
    tree = page("/?since=2026-11-20T16:02Z")
    assert tree.one("h1").text.startswith("Three controls got worse since 2026-11-20 16:02, one")
    assert next(given["since"] for name, given in query.asked if name == "drift") == NOW - 4 * DAY + HOUR + 2 * 60_000_000


def test_a_finding_is_told_once_with_its_controls(page: Page) -> None:
    lines = [line.text for line in page("/").one("ul", class_="drift").all("li")]
    assert lines[0].startswith("not satisfied 8.15 Logging with 8.16: CloudTrail trail stopped, org-trail 14:22, 38 min")
    assert lines[1].startswith(
        "not satisfied 8.12 Data leakage prevention with 8.3: Bucket made public, exports-0; 2 more like it"
    )
    assert sum("Bucket made public" in line for line in lines) == 1
    assert [line.split(" ")[0] for line in lines] == ["not"] * 4 + ["failing", "stale", "complete", "closed"]


def test_a_finding_leads_to_its_page(page: Page) -> None:
    first = page("/").one("ul", class_="drift").all("li")[0]
    assert "/findings/5a1f0c2e-0001/00000000000000000000000000000001" in [a.attributes["href"] for a in first.all("a")]


def test_the_map_has_every_control_with_its_state_in_words(page: Page) -> None:
    tiles = page("/").all("a", class_="tile")
    assert len(tiles) == 93
    logging = next(t for t in tiles if t.text.endswith(" 8.15"))
    assert logging.text == "not satisfied: 8.15"
    assert logging.attributes["class"] == "tile not-satisfied"
    assert logging.attributes["title"] == "A.8.15 Logging: not satisfied"


def test_the_legend_counts_what_the_map_shows(page: Page) -> None:
    tree = page("/")
    assert tree.one("p", class_="legend").text == "satisfied 74 not satisfied 6 stale 3 not assessed 9 not applicable 1"
    drawn = tree.one("svg", class_="tally").attributes["aria-label"]
    assert drawn == "74 satisfied, 6 not satisfied, 3 stale, 9 not assessed, 1 not applicable"


def test_filters_are_in_the_address(page: Page) -> None:
    tree = page("/?control_type=Detective&properties=Integrity")
    expected = [
        c
        for c in catalogue().values()
        if "Detective" in c.attributes["control_type"] and "Integrity" in c.attributes["properties"]
    ]
    assert len(tree.all("a", class_="tile")) == len(expected)
    chips = {a.text: a for a in tree.all("a", class_="chip")}
    assert chips["Detective"].attributes["aria-current"] == "true"
    assert chips["Detective"].attributes["href"] == "/?properties=Integrity"
    assert chips["Corrective"].attributes["href"] == "/?control_type=Corrective&properties=Integrity"
    assert chips["All"].attributes["href"] == "/"
    assert "Property: Integrity" in [s.text for s in tree.all("summary")]


def test_collection_shows_states_windows_and_holes(page: Page) -> None:
    table = page("/").one("table", class_="collection")
    rows = {row.all("td")[0].text: row for row in table.one("tbody").all("tr")}
    assert [cell.text for cell in rows["aws-prod"].all("td")[:4]] == ["aws-prod", "collecting", "1 min", "15,600"]
    assert rows["gcp-platform"].all("td")[1].text == "gap"
    assert rows["jira-sec"].all("td")[1].text == "failing, 2 times"
    kinds = {name: [r.attributes["class"] for r in row.all("rect")] for name, row in rows.items()}
    assert set(kinds["aws-prod"]) == {"win"}
    assert kinds["gcp-platform"].count("win gap") == 4
    assert kinds["jira-sec"][-2:] == ["win bad", "win bad"]


def test_what_is_not_covered_stands_in_a_table(page: Page) -> None:
    holes = page("/").one("div", class_="scroll").one("tbody").all("tr")
    assert [cell.text for cell in holes[0].all("td")] == [
        "gcp-platform",
        "platform",
        "2026-11-19 15:00:00 UTC",
        "2026-11-20 12:00:00 UTC",
        "21 h",
    ]


def test_the_log_says_plainly_that_it_is_not_anchored(page: Page) -> None:
    facts = page("/").one("dl", class_="facts")
    assert "Entries 124 Signed 124, 12 s ago Anchored not anchored: nobody outside holds a checkpoint" in facts.text
    assert facts.text.endswith("Dead letters 2")


def test_entries_after_the_checkpoint_are_counted(query: FakeQuery, new_client: Callable[..., TestClient]) -> None:
    signed = checkpoint(query)
    query.add("finding", {"source": "attestream"}, None, None, NOW)
    text = parse(new_client(query, signed).get("/").text).one("dl", class_="facts").text
    assert "Signed 124, 12 s ago 1 entry since, not yet signed" in text


def test_a_first_start(empty_client: TestClient) -> None:
    tree = parse(empty_client.get("/").text)
    assert tree.one("h1").text == "Nothing has been assessed yet."
    text = tree.one("main").text
    assert "Nothing has been recorded yet." in text
    assert "No source is set up yet." in text
    assert "Signed not yet" in text
    assert len(tree.all("a", class_="tile")) == 93


def test_a_first_look_compares_with_nothing(query: FakeQuery, new_client: Callable[..., TestClient]) -> None:
    """What was recorded before the period began is nothing: then the page says how things stand, not that they got worse."""
    fresh = FakeQuery(states={"A.8.15": control_status("A.8.15", "not-satisfied", bad=1)})
    fresh.add("window", {"source": "aws-prod"}, None, None, NOW - HOUR)
    tree = parse(new_client(fresh, None).get("/").text)
    assert tree.one("h1").text == "One control is not satisfied."
    assert "A first look: nothing had been recorded before" in tree.one("main").text


def test_the_past_is_marked_as_such(page: Page) -> None:
    tree = page("/?as_of=2026-11-20T10:00Z")
    assert tree.one("p", class_="notice").text.startswith("As of 2026-11-20 10:00:00 UTC")
    assert "Collection and the log are shown as they are now." in tree.one("main").text
    assert tree.all("summary")[0].text == "As of: the past"
    assert "got worse" not in tree.one("h1").text


def test_drift_of_later_than_the_moment_is_left_out(page: Page) -> None:
    lines = page("/?as_of=2026-11-20T16:00Z").all("ul", class_="drift")[0].all("li")
    assert len(lines) == 1
    assert "user-1" in lines[0].text


@pytest.mark.parametrize("known_at", ["0", "5"])
def test_drift_that_was_not_known_is_left_out(page: Page, known_at: str) -> None:
    lines = [line.text for ul in page(f"/?known_at={known_at}").all("ul", class_="drift") for line in ul.all("li")]
    assert any("org-trail" in line for line in lines) is (known_at == "5")  # its entry has index 1
    assert not any("Root account used" in line for line in lines)  # theirs have 5 and 9


def test_controls_that_silence_moved_are_told_together(query: FakeQuery, new_client: Callable[..., TestClient]) -> None:
    ids = [f"A.8.{n}" for n in range(1, 11)]
    query.drifts = [
        drift(n, None, "", "not-assessed", "satisfied", NOW - HOUR, kind="control", controls=(c,)) for n, c in enumerate(ids)
    ]
    lines = parse(new_client(query, None).get("/").text).one("ul", class_="drift").all("li")
    assert len(lines) == 1
    assert "and 6 more" in lines[0].text
    assert "was not assessed" in lines[0].text


def test_a_change_that_a_finding_tells_is_not_told_twice(query: FakeQuery, new_client: Callable[..., TestClient]) -> None:
    told = drift(2, None, "", "satisfied", "not-satisfied", NOW - HOUR, kind="control", controls=("A.8.15",), delivery="told")
    query.drifts = [told, drift(1, MAPPINGS[0], f"{ACCOUNT}/org-trail", "", "not-satisfied", NOW - HOUR, idx=1)]
    lines = parse(new_client(query, None).get("/").text).one("ul", class_="drift").all("li")
    assert len(lines) == 1
    assert "org-trail" in lines[0].text


def test_recovery_is_not_worse(query: FakeQuery, new_client: Callable[..., TestClient]) -> None:
    query.earlier = dict(query.states)
    tree = parse(new_client(query, None).get("/").text)
    assert tree.one("h1").text == (
        "Nothing changed for the worse in the last 24 hours; six controls are not satisfied, three are stale."
    )
