"""What is peeked at is what the whole payload holds, or the peek says that it cannot tell."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.rules.peek import UNSURE, Peek, apart, readable
from pipeline.rules.values import PayloadError, decode_payload
from pipeline.rules.view import FieldPath, View, elements

PATHS = [FieldPath.of(name) for name in ("a", "b.c", "b.d", "e.f.g", "e.f.h", "x y")]
NAMES = st.sampled_from(["a", "b", "c", "d", "e", "f", "g", "h", "b.c", "f.g", "e.f", "e.f.g", "x y", "z"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-2, 10**20), st.sampled_from([1.0, 1e300, "", "v", "ü"])),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=8,
)


@settings(deadline=None, max_examples=400)
@given(st.lists(st.tuples(NAMES, VALUES), max_size=5), st.sampled_from([b"", b"x", b"\xff", b"}"]))
def test_a_read_gives_what_a_full_decode_gives_or_is_unsure(pairs: list[tuple[str, Any]], tail: bytes) -> None:
    payload = f"{{{','.join(f'{json.dumps(key)}:{json.dumps(value)}' for key, value in pairs)}}}".encode() + tail
    peek = Peek(PATHS)
    opened = peek.open(payload)
    try:
        view = View(decode_payload(payload))
    except PayloadError:
        assert opened is None
        return
    if opened is None:
        return
    for path in PATHS:
        value = peek.read(path)(opened)
        if value is not UNSURE:
            found = elements(value) if isinstance(value, list) else (value,)
            assert list(found) == list(view.values(path))
            assert list(map(type, found)) == list(map(type, view.values(path)))


def test_the_common_case_is_never_unsure() -> None:
    peek = Peek(PATHS)
    opened = peek.open(b'{"a":"1","b":{"c":2,"d":[1]},"e":{"f":{"g":null}},"more":[{"x":1}]}')
    assert opened is not None
    values = [peek.read(path)(opened) for path in PATHS]
    assert UNSURE not in values
    assert values[:3] == ["1", 2, [1]]


@pytest.mark.parametrize("payload", [b"", b"[]", b"null", b"1", b'{"a":', b'{"z":"\xff"}', b'{"a":NaN}', b'{"b":' + b"[" * 9000])
def test_what_is_no_object_is_not_opened(payload: bytes) -> None:
    assert Peek(PATHS).open(payload) is None


def test_which_paths_one_peek_reads() -> None:
    assert readable(FieldPath.of("userIdentity.type"))
    assert not readable(FieldPath.of('a"b'))
    assert not readable(FieldPath.of("a..b"))
    assert apart(FieldPath.of("a.b"), [FieldPath.of("a.c"), FieldPath.of("ab")])
    assert not apart(FieldPath.of("a.b"), [FieldPath.of("a")])
    assert not apart(FieldPath.of("a"), [FieldPath.of("a.b")])
