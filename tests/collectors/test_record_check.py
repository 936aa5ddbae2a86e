"""collectors/record_check.py: the quick way never accepts what the strict one refuses."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.record_check import MAX_RECORD, check, parse, quick
from collectors.unreadable import Unreadable

names = st.sampled_from(["a", "b", 'a":', ":", '\\"', "", "\\u0061", "é", " "])
numbers = st.sampled_from(["1", "-0", "0.5", "1e3", "1e999", "01", "NaN"])
leaves = numbers | st.sampled_from(["null", "true", '"x"', '"\\":"', '":"', '"\\ud800"', '"\t"'])
spaces = st.sampled_from(["", "", "", " ", "\n", "\x0b", "\u00a0"])


def quoted(name: str) -> str:
    return f'"{name}"' if name.startswith("\\") else json.dumps(name)


@st.composite
def texts(draw: st.DrawFn, depth: int = 3) -> str:
    """JSON, or nearly, with names that come twice."""
    kind = draw(st.integers(0, 2)) if depth else 2
    if kind == 0:
        items = draw(st.lists(st.tuples(names, spaces, spaces), max_size=3))
        return "{" + ",".join(f"{quoted(n)}{a}:{b}{draw(texts(depth - 1))}" for n, a, b in items) + "}"
    if kind == 1:
        return "[" + ",".join(draw(texts(depth - 1)) for _ in range(draw(st.integers(0, 3)))) + "]"
    return draw(leaves)


@settings(max_examples=1500, deadline=None)
@given(texts())
def test_what_the_quick_way_accepts_the_strict_one_does_too(text: str) -> None:
    data = text.encode()
    found = quick(data)
    if found is not None:
        assert json.dumps(parse(data)) == json.dumps(found)


@settings(max_examples=500, deadline=None)
@given(texts())
def test_what_is_accepted_can_be_decoded_by_whoever_reads_the_payload(text: str) -> None:
    try:
        parse(text.encode())
    except Unreadable:
        return
    if "\\ud800" not in text:  # allowed as bytes; no decoder makes text of it
        msgspec.json.decode(text.encode())


def test_the_quick_way_takes_what_is_common() -> None:
    assert quick(b'{"eventID":"a","x":{"y":[1,{"z":"q"}]}}') == {"eventID": "a", "x": {"y": [1, {"z": "q"}]}}
    assert quick(b'{"a":1,"a":1}') is None


def test_identity_and_time() -> None:
    assert check(b'{"eventID":"a","eventTime":"1970-01-01T00:00:01Z"}') == ("a", 1_000_000)
    assert check('{"eventTime" : "2023-07-10T11:45:02.5+02:00", "eventID": "é\\ud800"}'.encode()) == ("é\ud800", 1688982302500000)


def test_size_is_bounded() -> None:
    with pytest.raises(Unreadable, match="at most"):
        check(b'{"eventID":"' + b"a" * MAX_RECORD + b'","eventTime":"1970-01-01T00:00:01Z"}')


def test_a_list_of_very_many_nothings_is_refused_before_it_is_made() -> None:
    for data in (b'{"a":[' + b"[]," * 600_000 + b"1]}", b'{"a":[' + b"1," * 1_000_001 + b"1]}"):
        with pytest.raises(Unreadable, match="more than 1000000 values"):
            parse(data)
        assert quick(data) is None
