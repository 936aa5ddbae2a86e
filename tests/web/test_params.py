"""Parameters: what is read, and that what cannot be read is named."""

from __future__ import annotations

import contextlib

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from store.reports import Moment
from store.times import MAX_TIME, format_time, parse_time
from tests.web.conftest import Page
from tests.web.fakes import FakeQuery
from tests.web.makers import NOW
from web.errors import BadParameter, NotFound
from web.params import cut, read_choice, read_index, read_time


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("2026-11-24T22:39:04Z", "2026-11-24T22:39:04Z"),
        ("2026-11-24T22:39Z", "2026-11-24T22:39:00Z"),
        ("2026-11-24T22:39", "2026-11-24T22:39:00Z"),
        ("2026-11-24 22:39:04", "2026-11-24T22:39:04Z"),
        ("2026-11-24", "2026-11-24T00:00:00Z"),
        ("2026-11-24T22:39:04.5", "2026-11-24T22:39:04.5Z"),
        ("2026-11-24T22:39:04+02:00", "2026-11-24T20:39:04Z"),
        ("2026-11-24T22:39:04 02:00", "2026-11-24T20:39:04Z"),
        (" 2026-11-24T22:39:04Z ", "2026-11-24T22:39:04Z"),
    ],
)
def test_times_are_read(text: str, means: str) -> None:
    assert read_time("since", text) == parse_time(means)


@given(st.integers(min_value=0, max_value=MAX_TIME))
def test_written_times_are_read_back(micros: int) -> None:
    assert read_time("since", format_time(micros)) == micros


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-13-01", "2026-11-24T25:00", "1", "2026-11-24T22:39:04+99:00", "٢٠٢٦-11-24", "9" * 900]
)
def test_what_is_no_time_is_named(text: str) -> None:
    with pytest.raises(BadParameter, match=r"^since: a time like 2026-11-24T22:39Z"):
        read_time("since", text)


def test_nothing_is_no_time() -> None:
    assert read_time("since", " ") is None


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    found: int | None = None
    with contextlib.suppress(BadParameter):
        found = read_time("since", text)
    assert found is None or 0 <= found <= MAX_TIME


def test_choices_suggest_the_nearest() -> None:
    assert read_choice("state", "stale", ["stale", "satisfied"]) == "stale"
    assert read_choice("state", "", ["stale"]) is None
    with pytest.raises(BadParameter, match="did you mean satisfied"):
        read_choice("state", "satisified", ["stale", "satisfied"])
    with pytest.raises(BadParameter, match="one of stale, satisfied is wanted"):
        read_choice("state", "zzz", ["stale", "satisfied"])


@pytest.mark.parametrize("text", ["", "-1", "01", "1.0", "x", "9" * 19, "٣", "1 "])
def test_what_is_no_index_is_not_found(text: str) -> None:
    with pytest.raises(NotFound):
        read_index(text)


def test_cut() -> None:
    assert cut([1, 2, 3], 2) == ([1, 2], True)
    assert cut([1, 2], 2) == ([1, 2], False)
    assert cut([], 2) == ([], False)


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/?as_of=never", "as_of: a time"),
        ("/?known_at=soon", "known_at: a time"),
        ("/?known_at=99999", "known_at: the log has 124 entries, not 99999"),
        ("/?since=x", "since: a time"),
        ("/?concepts=Detec", "concepts: there is no “Detec”; did you mean Detect?"),
        ("/controls?state=bad", "state: there is no “bad”"),
        ("/controls?theme=human", "theme: there is no “human”"),
        ("/findings?state=opne", "state: "),
        ("/findings?silence=maybe", "silence: "),
        ("/findings?control=A.9.9", "control: "),
        ("/findings?limit=0", "limit: input should be greater than or equal to 1"),
        ("/findings?limit=many", "limit: input should be a valid integer"),
        ("/evidence?start=x", "start: a time"),
        ("/evidence?after=zzz", "after: 'zzz' is no cursor"),
        ("/evidence?sorce=x", "this address has no such parameter; did you mean source?"),
        ("/drift?kind=findings", "kind: there is no “findings”; did you mean finding?"),
        ("/log?limit=201", "limit: input should be less than or equal to 200"),
        ("/search?q=" + "x" * 2000, "q: string should have at most 1024 characters"),
    ],
)
def test_a_bad_parameter_is_named(page: Page, client: TestClient, path: str, named: str) -> None:
    tree = page(path, status=400)
    assert tree.one("h1").text == "Bad parameter"
    assert named in tree.one("main").text
    if path.startswith(("/?", "/search", "/log")):
        return
    problem = client.get("/api/v1" + path)
    assert problem.status_code == 400
    assert named in problem.json()["detail"]


def test_empty_fields_of_a_form_mean_nothing(page: Page) -> None:
    page("/?as_of=&known_at=&since=")
    page("/findings?state=&control=&mapping=&source=&silence=")
    page("/evidence?start=&end=&control=&mapping=&source=")


def test_the_moment_reaches_the_store(page: Page, query: FakeQuery) -> None:
    page("/controls?as_of=2026-11-20T10:00:00Z&known_at=100")
    assert ("controls", {"moment": Moment(parse_time("2026-11-20T10:00:00Z"), 100)}) in query.asked


def test_known_at_may_be_a_time(page: Page, query: FakeQuery) -> None:
    page("/controls?known_at=" + format_time(NOW - 7 * 86_400_000_000))
    size = next(given["moment"].known_at for name, given in query.asked if name == "controls")
    assert 0 < size < len(query.entries)


def test_links_carry_the_moment_on(page: Page) -> None:
    tree = page("/?as_of=2026-11-20T10:00:00Z&known_at=100")
    tiles = tree.all("a", class_="tile")
    assert len(tiles) == 93
    assert all("as_of=2026-11-20T10%3A00%3A00.000000Z&known_at=100" in tile.attributes["href"] for tile in tiles)
    assert "As of 2026-11-20 10:00:00 UTC, as known when the log had 100 entries" in tree.one("p", class_="notice").text
    assert 'class="notice"' not in str(page("/").one("main").text)
