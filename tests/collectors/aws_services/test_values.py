"""One form for what the SDK hands out: equal for equal states, whatever order AWS chose."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.aws_services.values import MAX_DOCUMENT, day, document, moment, plain
from collectors.json_text import render
from collectors.unreadable import Unreadable

LEAVES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4))


def shuffled(value: Any, luck: random.Random) -> Any:
    if isinstance(value, dict):
        items = [(key, shuffled(item, luck)) for key, item in value.items()]
        luck.shuffle(items)
        return dict(items)
    if isinstance(value, list):
        inner = [shuffled(item, luck) for item in value]
        luck.shuffle(inner)
        return inner
    return value


@given(VALUES, st.randoms(use_true_random=False))
def test_the_order_in_which_aws_lists_makes_no_difference(value: Any, luck: random.Random) -> None:
    assert render(plain(value, documents=())) == render(plain(shuffled(value, luck), documents=()))


@given(VALUES)
def test_nothing_is_lost_or_added(value: Any) -> None:
    once = plain({"Value": value}, documents=())
    assert plain(once, documents=()) == once
    assert sorted(map(repr, leaves(once))) == sorted(map(repr, leaves({"Value": value})))


def leaves(value: Any, path: tuple[str, ...] = ()) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for key, item in value.items() if key != "ResponseMetadata" for leaf in leaves(item, (*path, key))]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item, path)]
    return [(path, value)]


def test_order_stays_where_it_means_something() -> None:
    policy = {"Statement": [{"Action": ["b", "a"]}], "At": datetime(2026, 1, 1, tzinfo=UTC)}
    value = {"PolicyDocument": policy, "Command": ["z", "a"], "Tags": ["z", "a"]}
    found = plain(value, ordered=("Command",))
    assert found["PolicyDocument"]["Statement"] == [{"Action": ["b", "a"]}]
    assert found["PolicyDocument"]["At"] == "2026-01-01T00:00:00Z"
    assert found["Command"] == ["z", "a"]
    assert found["Tags"] == ["a", "z"]


def test_times_are_utc_wherever_this_machine_stands() -> None:
    here = datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=13)))
    assert moment(here) == "2026-02-28T12:30:00Z"
    assert moment(datetime(2026, 3, 1, 1, 30, 0, 500000)) == "2026-03-01T01:30:00.500000Z"
    assert day(here) == "2026-02-28T00:00:00Z"
    assert day("2026-02-28T12:30:00Z") == "2026-02-28T00:00:00Z"


@pytest.mark.parametrize("value", [None, "N/A", "", 5, True, "2026-02-28"])
def test_what_is_no_time_stays_as_it_is(value: Any) -> None:
    assert day(value) == value


@given(st.dictionaries(st.text(max_size=5), LEAVES, max_size=5))
def test_a_policy_is_the_same_percent_encoded_or_not(value: dict[str, Any]) -> None:
    text = json.dumps(value)
    assert document(text) == value
    assert document(quote(text)) == value


@pytest.mark.parametrize(
    "text", ["", "no", "%7B", '{"a": 1, "a": 2}', '{"a": NaN}', "%ff%fe", "[" * 100 + "]" * 100, "x" * (MAX_DOCUMENT + 1)]
)
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises((Unreadable, UnicodeDecodeError)):
        document(text)
