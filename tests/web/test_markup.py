"""What a page is made of: no markup of anybody else's, nothing inline, and what people need who do not see it."""

from __future__ import annotations

import re
from itertools import pairwise
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient

from tests.web.conftest import client_of
from tests.web.dom import Element, parse
from tests.web.fakes import FakeQuery, checkpoint
from tests.web.makers import HOSTILE
from tests.web.story import story
from tests.web.test_app import PAGES, WRONG
from web.words import is_hidden, visible

OURS = re.findall(
    r"\w+",
    "html head meta title link body a header nav form input details summary label p button main footer div h1 h2 h3 "
    "section article ul ol li span b code bdi time svg rect line figure figcaption table caption thead tbody tr th "
    "td dl dt dd pre select option br ",
)
HOSTILE_SEARCH = "/search?q=%3Cscript%3Ealert(1)%3C/script%3E%22%27%1B%00%E2%80%AE"
EVERY = [*PAGES, *[path for path in WRONG if not path.startswith(("/api", "/static"))], HOSTILE_SEARCH]


@pytest.fixture(scope="module")
def trees() -> dict[str, Element]:
    """Every page once: none of these tests changes anything."""
    query = story()
    client = client_of(query, checkpoint(query))
    return {path: parse(client.get(path).text) for path in EVERY}


@pytest.fixture(params=EVERY)
def tree(request: pytest.FixtureRequest, trees: dict[str, Element]) -> Element:
    return trees[request.param]


def test_only_elements_of_ours(tree: Element) -> None:
    assert {e.tag for e in tree.walk()} - {"#root"} <= set(OURS)


def test_nothing_inline(tree: Element) -> None:
    for element in tree.walk():
        assert "style" not in element.attributes
        assert not [name for name in element.attributes if name.startswith("on")]
        assert not element.attributes.get("href", "").lower().startswith(("javascript:", "data:", "http:", "https:", "//"))


def test_no_hidden_character_reaches_the_page(tree: Element) -> None:
    texts = [tree.text, *(value for e in tree.walk() for value in e.attributes.values())]
    hidden = {c for text in texts for c in text if is_hidden(c)}
    assert hidden == set()


def test_one_h1_and_landmarks(tree: Element) -> None:
    assert len(tree.all("h1")) == 1
    assert len(tree.all("main")) == 1
    assert len(tree.all("footer")) == 1
    assert tree.one("html").attributes["lang"] == "en"
    assert tree.one("head").one("title").text.endswith("· Attestream")
    names = [nav.attributes.get("aria-label") for nav in tree.all("nav")]
    assert all(names)
    assert len(set(names)) == len(names)
    assert tree.all("a", class_="skip")[0].attributes["href"] == "#main"


def test_headings_do_not_skip_a_level(tree: Element) -> None:
    levels = [int(e.tag[1]) for e in tree.walk() if re.fullmatch("h[1-6]", e.tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_field_has_a_label(tree: Element) -> None:
    inside = {id(e) for label in tree.all("label") if label.text for e in label.walk()}
    for element in tree.walk():
        if element.tag in ("input", "select") and element.attributes.get("type") != "hidden":
            assert element.attributes.get("aria-label") or id(element) in inside


def test_tables_have_headers_and_cells_their_labels(tree: Element) -> None:
    for table in tree.all("table"):
        columns = table.one("thead").all("th", scope="col")
        assert columns
        for row in table.one("tbody").all("tr"):
            cells = [c for c in row.children if isinstance(c, Element)]
            assert sum(int(c.attributes.get("colspan", "1")) for c in cells) == len(columns)
            if "stack" in table.attributes.get("class", ""):
                assert all("data-label" in c.attributes or "colspan" in c.attributes for c in cells)


def test_pictures_are_described_and_times_are_exact(tree: Element) -> None:
    for svg in tree.all("svg"):
        assert svg.attributes["role"] == "img"
        assert svg.attributes["aria-label"]
    for time in tree.all("time"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", time.attributes["datetime"])
        assert time.attributes["title"].endswith(" UTC")


def test_links_have_words_and_states_have_words(tree: Element) -> None:
    assert all(link.text for link in tree.all("a"))
    assert all(state.text for state in tree.all("span", class_="state"))


def test_hostile_names_are_shown_as_text(client: TestClient) -> None:
    text = client.get("/evidence/122").text
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "{{7*7}}" in parse(text).text  # a name is no template
    assert "⟨ESC⟩[31m⟨U+202E⟩evil⟨NUL⟩" in parse(text).text


def test_the_whole_hostile_name_stands_in_the_title(client: TestClient) -> None:
    tree = parse(client.get("/drift").text)
    assert any(e.attributes.get("title") == visible(HOSTILE) for e in tree.all("bdi"))


def test_every_link_leads_somewhere(client: TestClient, query: FakeQuery) -> None:
    """Follow every link of the site from the first page on."""
    found, waiting = {"/"}, ["/"]
    while waiting and len(found) < 900:
        address = waiting.pop()
        response = client.get(address)
        assert response.status_code == 200, f"{address}: {response.status_code}"
        if not response.headers["content-type"].startswith("text/html"):
            continue
        tree = parse(response.text)
        ids = {e.attributes["id"] for e in tree.walk() if "id" in e.attributes}
        for link in tree.all("a"):
            target = link.attributes["href"]
            if target.startswith("#"):
                assert target[1:] in ids
                continue
            plain = urlsplit(target)._replace(fragment="").geturl()
            if plain not in found:
                found.add(plain)
                waiting.append(plain)
    assert len(found) > 300
    assert any("/evidence/122" in address for address in found)
    assert any(address.startswith("/windows/") for address in found)
