"""Leaving members out keeps the bytes of the others."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from collectors.github_parts.shape import only, without

NAMES = st.sampled_from(["a", "b", "c", "secret", "é"])
INNER = st.dictionaries(NAMES, st.integers() | st.text(max_size=3), max_size=4)
OBJECT = st.dictionaries(NAMES, st.integers() | st.floats(allow_nan=False, allow_infinity=False) | INNER, max_size=5)


@given(OBJECT, NAMES, NAMES)
def test_without_leaves_out_just_what_is_named(value: dict[str, Any], one: str, two: str) -> None:
    data = json.dumps(value, indent=1).encode()
    left = json.loads(without(data, (one, f"{two}.secret")))
    expected = {name: inner for name, inner in value.items() if name != one}
    if isinstance(expected.get(two), dict):
        expected[two] = {name: inner for name, inner in expected[two].items() if name != "secret"}
    assert left == expected
    if one not in value and not (isinstance(value.get(two), dict)):
        assert without(data, (one, f"{two}.secret")) == data


@given(OBJECT, NAMES)
def test_only_keeps_just_what_is_named_in_one_place(value: dict[str, Any], place: str) -> None:
    kept = json.loads(only(json.dumps(value).encode(), place, ("a", "é")))
    inner = value.get(place)
    expected = {**value, place: {name: inner[name] for name in inner if name in ("a", "é")}} if isinstance(inner, dict) else value
    assert kept == expected


def test_numbers_and_escapes_keep_their_bytes() -> None:
    data = b'{"n": 1.0e2, "s": "\\u0041\\ud800", "secret": 1}'
    assert without(data, ("secret",)) == b'{"n":1.0e2,"s":"\\u0041\\ud800"}'
