"""Attributes out of anybody's JSON: paths, times in every unit, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.fields import FieldReader, Fields, moment
from collectors.unreadable import Unreadable
from store.records import DAY
from store.times import format_time, parse_time

NOW = parse_time("2026-11-25T00:00:00Z")
FIRST = parse_time("1973-03-03T09:46:40Z")


def read(value: dict[str, Any], **fields: str) -> Any:
    return FieldReader(Fields(**fields), "log.app.audit", "ours").read(value, NOW)


@given(st.integers(FIRST, NOW))
def test_a_time_means_the_same_in_every_form(time: int) -> None:
    seconds, rest = divmod(time, 10**6)
    forms: list[Any] = [
        format_time(time),
        time,
        str(time),
        time * 1000 + 999,
        f"{time // 1000}.{time % 1000:03d}",
        f"{seconds}.{rest:06d}",
        f"{seconds}.{rest:06d}789",
    ]
    assert {moment(form, NOW) for form in forms} == {time}
    assert moment(seconds, NOW) == seconds * 10**6
    assert moment(time // 1000, NOW) == time // 1000 * 1000
    assert abs(moment(time / 10**6, NOW) - time) <= 1


@given(st.integers() | st.floats() | st.text() | st.none() | st.booleans() | st.lists(st.integers()))
def test_whatever_stands_there_is_a_time_or_refused(found: Any) -> None:
    try:
        time = moment(found, NOW)
    except Unreadable:
        return
    assert 0 <= time <= NOW + DAY
    assert isinstance(found, str) or time >= FIRST


@pytest.mark.parametrize(
    "found", [0, 99_999_999, -1_763_632_800, 1e30, float("nan"), float("inf"), "", "1e9", "-5", "٣" * 10, 10**20]
)
def test_numbers_that_are_no_time_are_refused(found: Any) -> None:
    with pytest.raises(Unreadable, match="time"):
        moment(found, NOW)


@pytest.mark.parametrize(
    ("value", "path", "expected"),
    [
        ({"a": {"b": "x"}}, "a.b", "x"),
        ({"a.b": "x"}, "a.b", "x"),
        ({"a": {"b.c": "x"}}, "a.b.c", "x"),
        ({"a": [{"b": "x"}, {"b": "y"}]}, "a.b", "x"),
        ({"a": [[], None, "x"]}, "a", "x"),
        ({"a": 17}, "a", "17"),
        ({"a": None}, "a", "ours"),
        ({}, "a.b", "ours"),
        ({"a": {"b": {}}}, "a.b", "ours"),
        ({"a": "nul\0"}, "a", "sha256:3f4ccb9ae43b2a4ce2b0e8fbe0ef1ba8c8ad0c8ab5a0d3eb0c2ab6e3ba1cd5a4"),
    ],
)
def test_paths(value: dict[str, Any], path: str, expected: str) -> None:
    found = read(value, account=path).account
    if expected.startswith("sha256:"):
        assert found.startswith("sha256:")
        assert len(found) == 71
    else:
        assert found == expected


def test_long_names_become_their_digest_so_that_parts_stay_short() -> None:
    found = read({"a": "x" * 129, "b": "é" * 65, "c": "y" * 600}, account="a", region="b", subject="c")
    assert all(text.startswith("sha256:") for text in (found.account, found.region, found.subject))
    assert read({"a": "x" * 128}, account="a").account == "x" * 128


def test_an_id_must_be_there_and_be_text_or_a_whole_number() -> None:
    assert read({"id": 12345678901234567890}, id="id").id == "12345678901234567890"
    for value in ({}, {"id": ""}, {"id": None}, {"id": 1.5}, {"id": True}, {"id": {"x": 1}}):
        with pytest.raises(Unreadable, match="id"):
            read(value, id="id")


documents = st.recursive(st.none() | st.text(), lambda inner: st.dictionaries(st.text(), inner))


@given(st.binary(max_size=200) | documents.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    reader = FieldReader(Fields(time="a.b", id="id", type="t"), "log.app.audit")
    with pytest.raises(Unreadable):
        reader.parse(data, NOW)
