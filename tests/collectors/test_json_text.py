"""Exact bytes of the parts of JSON text, lone surrogates included."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.json_text import attach, elements, members, strict
from collectors.unreadable import Unreadable

TEXT = st.text(st.characters(codec=None), max_size=8)  # lone surrogates too
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
SEPARATORS = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t: ")])


def written(value: Any, separators: tuple[str, str]) -> bytes:
    return b" \n" + json.dumps(value, separators=separators).encode() + b"\r\n"


@given(st.dictionaries(TEXT, VALUE, max_size=4), SEPARATORS)
def test_members_are_the_exact_bytes(value: dict[str, Any], separators: tuple[str, str]) -> None:
    data = written(value, separators)
    found = members(data)
    assert {name: json.loads(raw) for name, raw in found.items()} == value
    assert all(raw in data and raw == raw.strip() for raw in found.values())


@given(st.lists(VALUE, max_size=4), SEPARATORS)
def test_elements_are_the_exact_bytes(value: list[Any], separators: tuple[str, str]) -> None:
    data = written(value, separators)
    found = elements(data)
    assert [json.loads(raw) for raw in found] == value
    assert all(raw in data and raw == raw.strip() for raw in found)


@given(st.dictionaries(TEXT.filter(lambda name: not name.startswith("_")), VALUE, max_size=4), SEPARATORS)
def test_what_is_attached_stands_before_and_changes_nothing_else(value: dict[str, Any], separators: tuple[str, str]) -> None:
    data = written(value, separators)
    attached = attach(data, {"_a": 1, "_b": ["x"]})
    assert strict(attached) == {"_a": 1, "_b": ["x"], **value}
    assert attached.endswith(data.strip()[1:])


@pytest.mark.parametrize(
    "data", [b"1", b'"x"', b"null", b"true", b"[", b"{", b'{"a":1', b"[1", b"", b'{"\\ud800":', b'["\\ud800"']
)
def test_what_is_neither_is_unreadable(data: bytes) -> None:
    for read in (members, elements):
        with pytest.raises(Unreadable):
            read(data)


def test_one_is_not_taken_for_the_other() -> None:
    for data in (b'["\\ud800"]', b"[]"):
        with pytest.raises(Unreadable, match="object"):
            members(data)
    for data in (b'{"\\ud800": 1}', b"{}"):
        with pytest.raises(Unreadable, match="list"):
            elements(data)
