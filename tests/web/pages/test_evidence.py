"""Evidence: the list, an entry with bytes, tags and proof."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from store.times import parse_time
from tests.web.conftest import Page
from tests.web.dom import Element, parse
from tests.web.fakes import FakeQuery, checkpoint, drop_bytes
from tests.web.makers import HOSTILE, MAPPINGS, NOW
from tests.web.story import HOSTILE_PAYLOAD, PAYLOAD
from web.pages.evidence import SHOWN_BYTES, shown


def checks(tree: Element) -> dict[str, str]:
    rows = tree.one("table", class_="checks").one("tbody").all("tr")
    return {row.one("th").text: row.all("td")[0].text for row in rows}


def test_filters_reach_the_store(page: Page, query: FakeQuery) -> None:
    page("/evidence?control=A.8.15&mapping=m&source=aws-prod&start=2026-11-20&end=2026-11-21T10:00Z")
    given = next(given for name, given in query.asked if name == "evidence")
    assert given["control"] == "A.8.15"
    assert given["start"] == parse_time("2026-11-20T00:00:00Z")
    assert given["end"] == parse_time("2026-11-21T10:00:00Z")


def test_every_entry_is_reached_by_pages(page: Page, query: FakeQuery) -> None:
    seen, address = [], "/evidence?limit=40"
    while address:
        tree = page(address)
        seen.extend(row.all("td")[-1].text for row in tree.one("table").one("tbody").all("tr"))
        following = tree.all("a", rel="next")
        address = following[0].attributes["href"] if following else ""
    assert len(seen) == len(set(seen)) == len(query.rows)


def test_an_event_id_finds_its_entries(page: Page) -> None:
    rows = page("/evidence?id=e-000121-4c53-9f7e-0b8f0a4f6f1d").one("table").one("tbody").all("tr")
    assert [row.all("td")[-1].text for row in rows] == ["121"]


def test_the_bytes_are_text_whatever_they_say(page: Page) -> None:
    pre = page("/evidence/122").all("pre")[0]
    assert "</pre><script>alert(3)</script>⟨ESC⟩]0;x⟨BEL⟩" in pre.text
    assert [s.attributes["title"] for s in pre.all("span", class_="hidden-char")] == ["U+202E", "U+001B", "U+0007"]
    assert not pre.all("script")


def test_raw_bytes_come_as_a_text_attachment(client: TestClient) -> None:
    for idx, data in ((121, PAYLOAD), (122, HOSTILE_PAYLOAD)):
        response = client.get(f"/evidence/{idx}/raw")
        assert response.content == data
        assert response.headers["content-type"] == "text/plain; charset=utf-8"
        assert response.headers["content-disposition"] == f'attachment; filename="entry-{idx}.txt"'


def test_big_and_binary_bytes_are_cut_and_said(page: Page) -> None:
    tree = page("/evidence/123")
    pre = tree.all("pre")[0]
    assert pre.text.startswith("\\xff\\xfe⟨NUL⟩ not text AAAA")
    assert len(pre.text) < SHOWN_BYTES + 100
    assert "not UTF-8: bytes that are no text stand as \\xNN; the last 4 KiB are not shown" in tree.one("main").text


def test_a_cut_never_splits_a_character() -> None:
    data = b"x" + "ü".encode() * SHOWN_BYTES
    cut = shown(data, "text/plain")
    assert cut is not None
    assert cut.text == "x" + "ü" * (SHOWN_BYTES // 2 - 1)
    assert cut.is_utf8
    assert cut.left_out == len(data) - SHOWN_BYTES


def test_tags_say_why(page: Page) -> None:
    row = page("/evidence/121").all("table")[0].one("tbody").all("tr")[0]
    assert [cell.text for cell in row.all("td")] == [
        "CloudTrail trail stopped on org-trail",
        "not satisfied",
        "eventName is StopLogging",
        "8.15, 8.16, 5.28",
    ]


def test_the_proof_holds_under_the_signed_root(page: Page, query: FakeQuery) -> None:
    tree = page("/evidence/121")
    assert set(checks(tree).values()) == {"holds"}
    assert list(checks(tree)) == ["detail", "payload", "leaf", "signature", "inclusion"]
    assert query.root.hex() in tree.one("main").text
    assert query.entries[121].leaf.hex() in tree.one("main").text


def test_what_is_not_signed_yet_is_said(query: FakeQuery, new_client: Callable[..., TestClient]) -> None:
    signed = checkpoint(query)
    idx = query.add_evidence(NOW, MAPPINGS[0], "late", PAYLOAD)
    later = parse(new_client(query, signed).get(f"/evidence/{idx}").text)
    assert checks(later)["inclusion"] == "not yet"
    never = parse(new_client(query, None).get("/evidence/121").text)
    assert checks(never) == {"detail": "holds", "payload": "holds", "leaf": "holds", "inclusion": "not yet"}


@pytest.mark.parametrize(
    ("change", "fails"),
    [
        ({"payload": b"{}"}, "payload"),
        ({"detail": b"{}"}, "detail"),
        ({"payload": None}, "payload"),
        ({"metadata": b"{}"}, "leaf"),
        ({"metadata": b"{}"}, "inclusion"),
        ({"leaf": b"x" * 32}, "leaf"),
    ],
)
def test_a_changed_byte_is_named(page: Page, query: FakeQuery, change: dict[str, bytes], fails: str) -> None:
    query.entries[121] = replace(query.entries[121], **change)  # type: ignore[arg-type]
    tree = page("/evidence/121")
    assert checks(tree)[fails] == "fails"
    assert "What is stored is not what the log committed to." in tree.one("main").text


def test_a_checkpoint_of_another_key_or_root_fails(query: FakeQuery, new_client: Callable[..., TestClient]) -> None:
    signed = checkpoint(query)
    for wrong in (
        replace(signed, root="00" * 32),
        replace(signed, origin="log.other.org"),
        replace(signed, vkey="x+00000000+AQ=="),
    ):
        tree = parse(new_client(query, wrong).get("/evidence/121").text)
        assert checks(tree)["signature"] == "fails"


def test_erased_bytes_are_no_failure(page: Page, query: FakeQuery, client: TestClient) -> None:
    drop_bytes(query, 121)
    tree = page("/evidence/121")
    assert "The bytes were erased." in tree.one("main").text
    assert "by carol, for this reason: asked for <b>by</b> them (entry 122)" in tree.one("main").text
    assert checks(tree)["payload"] == "not yet"
    assert checks(tree)["inclusion"] == "holds"
    assert client.get("/evidence/121/raw").status_code == 404


def test_bytes_that_are_gone_and_no_erasure_says_why_are_a_failure(page: Page, query: FakeQuery) -> None:
    drop_bytes(query, 121)
    query.entries[121] = replace(query.entries[121], erased=None)
    tree = page("/evidence/121")
    assert "no erasure in the log says why" in tree.one("main").text
    assert checks(tree)["payload"] == "fails"


def test_a_conflict_leads_to_the_first(page: Page) -> None:
    notice = page("/evidence/122").one("p", class_="notice")
    assert notice.one("a").attributes["href"] == "/evidence/5"


def test_other_entries_have_a_page_of_their_own(page: Page) -> None:
    assert "Entry 0 of the log is not evidence, its type is “mapping_set”" in page("/evidence/0", status=404).one("main").text
    tree = page("/log/0")
    assert tree.one("h1").text == "A mapping set"
    assert '{"rules": []}' in tree.one("main").text


@pytest.mark.parametrize("index", ["124", "-1", "x", "1e3", "9" * 30, "%00"])
def test_unknown_entries_are_not_found(page: Page, index: str) -> None:
    page(f"/evidence/{index}", status=404)
    page(f"/log/{index}", status=404)


def test_hostile_ids_are_looked_up_whole(page: Page, client: TestClient) -> None:
    response = client.get("/search", params={"q": HOSTILE})
    assert response.status_code == 303
    assert response.headers["location"] == "/evidence/122"
