"""collectors/observation.py and json_text.py: ids, one form for equal values, own bytes kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.base import Window
from collectors.json_text import attach, elements, members, render, strict
from collectors.observation import MAX_NAMES, observation, snapshot, summary
from collectors.unreadable import Unreadable

WINDOW = Window("attempt", "aws", 0, 10, {})
TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def test_an_id_is_subject_content_and_time() -> None:
    def made(**more: Any) -> str:
        plain = {"kind": "snapshot.aws.s3.bucket", "subject": "b", "looked": 5, "payload": b"{}"}
        return observation(WINDOW, **{**plain, **more}).id

    ids = [
        made(),
        made(subject="c"),
        made(payload=b"[]"),
        made(looked=6),
        made(account="1"),
        made(region="r"),
        made(kind="x.y.z"),
    ]
    assert len(set(ids)) == len(ids)
    assert made() == made()


def test_what_was_not_answered_is_named_and_left_out() -> None:
    event = snapshot(WINDOW, "snapshot.aws.s3.bucket", "b", 5, {"Name": "b", "Policy": None}, unread=["Tags", "Acl", "Tags"])
    assert json.loads(event.payload) == {"Name": "b", "Policy": None, "_unread": ["Acl", "Tags"]}
    assert (event.time, event.collected_at, event.window, event.source) == (5, 5, "attempt", "aws")


def test_a_summary_counts_all_and_names_as_many_as_fit() -> None:
    event = summary(WINDOW, "summary.aws.s3.bucket", 5, [f"b{n:06d}" for n in range(MAX_NAMES + 1)], account="1", region="r")
    value = json.loads(event.payload)
    assert (value["count"], len(value["names"]), event.subject) == (MAX_NAMES + 1, MAX_NAMES, "1/r")


@given(TREES)
def test_equal_values_have_one_form_whatever_the_order(value: Any) -> None:
    data = render(value)
    assert json.loads(data) == value
    assert render(json.loads(json.dumps(value, sort_keys=True))) == data


def test_times_bytes_and_lone_surrogates_have_a_form() -> None:
    assert render(datetime(2026, 11, 25, tzinfo=UTC)) == b'"2026-11-25T00:00:00Z"'
    assert render(b"\x00\xff") == b'"AP8="'
    assert render({"b": "\ud800", "a": 1}) == b'{"a":1,"b":"\\ud800"}'


@given(st.dictionaries(st.text(), TREES, max_size=4), st.sampled_from([{}, {"_a": 1}, {"_life": {"x": None}, "_b": []}]))
def test_attaching_keeps_the_own_bytes(value: dict[str, Any], extra: dict[str, Any]) -> None:
    data = json.dumps(value, indent=1).encode()
    if set(extra) & set(value):
        return
    made = attach(data, extra)
    assert json.loads(made) == {**value, **extra}
    assert made.endswith(data.strip()[1:])


def test_a_name_of_ours_that_is_there_already_is_refused() -> None:
    with pytest.raises(Unreadable, match="_life"):
        attach(b'{"_life":1}', {"_life": 2})


@given(st.lists(TREES, max_size=5))
def test_parts_are_the_exact_bytes(values: list[Any]) -> None:
    written = [json.dumps(value, indent=2).encode() for value in values]
    data = b"[ " + b" ,\n".join(written) + b" ]"
    assert elements(data) == written
    named = {str(number): text for number, text in enumerate(written)}
    assert members(b"{" + b",".join(f'"{k}" : '.encode() + v for k, v in named.items()) + b"}") == named


@pytest.mark.parametrize(
    "data", [b'{"a":1,"a":1}', b"[Infinity]", b"[1e999]", b"{}x", b"[" * 65 + b"]" * 65, b'"\xed\xa0\x80"', b""]
)
def test_strict(data: bytes) -> None:
    with pytest.raises(Unreadable):
        strict(data)


def test_as_deep_as_allowed() -> None:
    assert strict(b"[" * 64 + b"]" * 64)
