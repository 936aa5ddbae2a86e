"""collectors/record_check.py: the quick way never accepts what the strict one refuses."""

from __future__ import annotations

import json
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.record_check import MAX_RECORD, check, parse, quick
from collectors.unreadable import Unreadable

NAMES = ("a", "b", 'a":', ":", '\\"', "", "\\u0061", "é", " ")
LEAVES = ("1", "-0", "0.5", "1e3", "1e999", "01", "NaN", "null", "true", '"x"', '"\\":"', '":"', '"\\ud800"', '"\t"')
SPACES = ("", "", "", " ", "\n", "\x0b", "\u00a0")


def quoted(name: str) -> str:
    return f'"{name}"' if name.startswith("\\") else json.dumps(name)


def text(pick: Random, depth: int = 3) -> str:
    """JSON, or nearly, with names that come twice."""
    kind = pick.randrange(3) if depth else 2
    if kind == 0:
        names = [(quoted(pick.choice(NAMES)), pick.choice(SPACES), pick.choice(SPACES)) for _ in range(pick.randrange(4))]
        return "{" + ",".join(f"{name}{a}:{b}{text(pick, depth - 1)}" for name, a, b in names) + "}"
    if kind == 1:
        return "[" + ",".join(text(pick, depth - 1) for _ in range(pick.randrange(4))) + "]"
    return pick.choice(LEAVES)


texts = st.integers(0, 2**64 - 1).map(lambda seed: [text(pick) for pick in [Random(seed)] for _ in range(20)])
"""Twenty at a time: to draw each sign of each costs a hundred times what the check does."""


@settings(max_examples=150, deadline=None)
@given(texts)
def test_what_the_quick_way_accepts_the_strict_one_does_too(many: list[str]) -> None:
    for some in many:
        data = some.encode()
        found = quick(data)
        if found is not None:
            assert json.dumps(parse(data)) == json.dumps(found)


@settings(max_examples=100, deadline=None)
@given(texts)
def test_what_is_accepted_can_be_decoded_by_whoever_reads_the_payload(many: list[str]) -> None:
    for some in many:
        try:
            parse(some.encode())
        except Unreadable:
            continue
        if "\\ud800" not in some:  # allowed as bytes; no decoder makes text of it
            msgspec.json.decode(some.encode())


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
