"""collectors/records.py: the exact bytes of each record, whatever the white space and the chunks."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.records import MAX_BROKEN, Broken, Record, records, slices
from collectors.unreadable import HEAD, Unreadable

TIME = "2026-11-20T10:00:00Z"
troublesome = st.sampled_from(['"', "\\", '\\"', "{[", "]}", ",", '":', "\\\\"])
characters = st.text(st.characters(codec="utf-8"), max_size=12) | troublesome
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | characters,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(characters, inner, max_size=4),
    max_leaves=12,
)
space = st.text(" \t\r\n", max_size=3)


@st.composite
def written(draw: st.DrawFn, value: Any) -> str:
    """The value as JSON with white space and escapes of any kind."""
    if isinstance(value, dict):
        items = [f"{draw(space)}{draw(written(k))}{draw(space)}:{draw(space)}{draw(written(v))}" for k, v in value.items()]
        return "{" + f"{draw(space)},".join(items) + draw(space) + "}"
    if isinstance(value, list):
        return "[" + ",".join(draw(space) + draw(written(item)) + draw(space) for item in value) + "]"
    return json.dumps(value, ensure_ascii=draw(st.booleans()))


@st.composite
def documents(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """A file and the bytes of its records."""
    names = characters.filter(lambda text: text not in ("eventID", "eventTime"))
    contents = draw(st.lists(st.dictionaries(names, values, max_size=4), max_size=4))
    texts = [draw(written({"eventID": f"id-{at}", **content, "eventTime": TIME})) for at, content in enumerate(contents)]
    body = ",".join(f"{draw(space)}{text}{draw(space)}" for text in texts)
    opening = f'{draw(space)}{{{draw(space)}"Records"{draw(space)}:{draw(space)}['
    document = f"{opening}{body}{draw(space)}]{draw(space)}}}{draw(space)}"
    return document.encode(), [text.encode() for text in texts]


def cut(data: bytes, size: int) -> Iterable[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def read(data: bytes, size: int = 4096) -> tuple[list[Record | Broken], str]:
    """What comes out, and why it ended."""
    found: list[Record | Broken] = []
    try:
        for item in records(cut(data, size)):
            found.append(item)
    except Unreadable as error:
        return found, error.reason
    return found, ""


def good(text: str = "") -> bytes:
    return f'{{"eventID":"a","eventTime":"{TIME}"{text}}}'.encode()


@settings(max_examples=150, deadline=None)
@given(documents(), st.integers(1, 60))
def test_slices_are_exact_in_order_and_independent_of_chunks(document: tuple[bytes, list[bytes]], size: int) -> None:
    data, expected = document
    found, ended = read(data, size)
    assert not ended
    assert [item.data for item in found if isinstance(item, Record)] == expected
    assert [item.number for item in found] == list(range(1, len(expected) + 1))
    assert [item.id for item in found if isinstance(item, Record)] == [f"id-{at}" for at in range(len(expected))]


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60) | documents().map(lambda d: d[0]), st.data())
def test_hostile_bytes_give_records_or_unreadable_and_the_same_for_every_chunking(data: bytes, draw: st.DataObject) -> None:
    at = draw.draw(st.integers(0, len(data)))
    hostile = data[:at] + draw.draw(st.binary(max_size=3)) + data[at + draw.draw(st.integers(0, 2)) :]
    whole = read(hostile, max(1, len(hostile)))
    assert read(hostile, draw.draw(st.integers(1, 9))) == whole
    try:
        correct = json.loads(hostile)  # whatever this library refuses we must not call whole and sound
        assert isinstance(correct, dict)
    except (ValueError, AssertionError, RecursionError):
        assert whole[1] or any(isinstance(item, Broken) for item in whole[0])


def test_the_real_shape() -> None:
    found, ended = read(b'{"Records":[' + good() + b"," + good(',"n":{"a":[1,{"b":"\\""}]}') + b"]}\n")
    assert not ended
    assert [item.data for item in found if isinstance(item, Record)] == [good(), good(',"n":{"a":[1,{"b":"\\""}]}')]
    assert read(b'{"Records":[]}') == ([], "")


@pytest.mark.parametrize(
    ("element", "reason"),
    [
        (b"1", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'"text, with ] and }"', "not a JSON object"),
        (b"[1,2]", "not a JSON object"),
        (b'{"eventID":"a","eventTime":"' + TIME.encode() + b'","x":1,"x":1}', "same name twice"),
        (good(',"x":{"y":[{"z":1,"z":2}]}'), "same name twice"),
        (good(',"x":{"y" :1,"y":2}'), "same name twice"),
        (good(',"x":{"\\u0079":1,"y":2}'), "same name twice"),
        (good(',"x":NaN'), "NaN"),
        (good(',"x":-Infinity'), "NaN"),
        (good(',"x":1e999'), "range of numbers"),
        (good(',"x":' + "9" * 5000), "too many digits"),
        (good(',"x":01'), "not JSON"),
        (good(',"x":.5'), "not JSON"),
        (good(',"x":tru'), "not JSON"),
        (good(",'x':1"), "not JSON"),
        (good(","), "not JSON"),
        (good(',"x":[1}'[:-1] + "}"), "not JSON"),
        (good(',"x":"\x01"'), "not JSON"),
        (good() + b" x", "not JSON"),
        (good()[:-1] + b',"x":"\xff"}', "not UTF-8"),
        (good(',"x":' + "[" * 64 + "]" * 64), "nested 65 deep"),
        (b'{"eventTime":"' + TIME.encode() + b'"}', "no eventID"),
        (b'{"eventID":"","eventTime":"' + TIME.encode() + b'"}', "eventID"),
        (b'{"eventID":7,"eventTime":"' + TIME.encode() + b'"}', "eventID"),
        (b'{"eventID":"a"}', "no eventTime"),
        (b'{"eventID":"a","eventTime":1}', "eventTime"),
        (b'{"eventID":"a","eventTime":"yesterday"}', "wrong eventTime"),
        (b'{"eventID":"a","eventTime":"2026-11-20 10:00:00"}', "wrong eventTime"),
        (b'{"eventID":"a","eventTime":"1969-12-31T23:59:59Z"}', "wrong eventTime"),
        (b'{"eventID":"a","eventTime":"2100-01-01T00:00:00Z"}', "wrong eventTime"),
        (b'{"eventID":"a","eventTime":"2026-02-30T00:00:00Z"}', "wrong eventTime"),
    ],
)
def test_what_is_no_record_is_broken_with_its_bytes_and_the_rest_goes_on(element: bytes, reason: str) -> None:
    for size in (1, 5, 100_000):
        found, ended = read(b'{"Records":[' + good() + b", " + element + b" ," + good() + b"]}", size)
        assert not ended
        assert [type(item) for item in found] == [Record, Broken, Record]
        broken = found[1]
        assert isinstance(broken, Broken)
        assert broken.number == 2
        assert reason in broken.reason
        assert broken.excerpt.head == element
        assert broken.excerpt.digest == hashlib.sha256(element).hexdigest()


@pytest.mark.parametrize(
    "text",
    [
        ',"x":"\\ud800"',
        ',"x":"\\ud83d\\ude00"',
        ',"x":' + "[" * 63 + "]" * 63,
        ',"x":123456789012345678901234567890',
        ',"x":"\\":"',
    ],
)
def test_what_the_grammar_allows_is_a_record(text: str) -> None:
    found, ended = read(b'{"Records":[' + good(text) + b"]}")
    assert not ended
    assert [item.data for item in found if isinstance(item, Record)] == [good(text)]


@pytest.mark.parametrize(
    ("data", "before", "reason"),
    [
        (b"", 0, "is empty"),
        (b"   ", 0, "ends before"),
        (b"hello", 0, "not a JSON object"),
        (b"[]", 0, "not a JSON object"),
        (b"\xef\xbb\xbf{}", 0, "not a JSON object"),
        (b"{}", 0, "no Records list"),
        (b'{"records":[]}', 0, "no Records list"),
        (b'{"Records":{}}', 0, "Records that are no list"),
        (b'{"Records":null}', 0, "Records that are no list"),
        (b'{"Records" [', 0, "a name without its value"),
        (b'{"Records":[%s', 0, "ends within"),  # nothing says that the record was whole
        (b'{"Records":[%s,', 1, "ends within"),
        (b'{"Records":[%s,{"a":"b', 1, "ends within"),
        (b'{"Records":[%s]', 1, "ends before"),
        (b'{"Records":[%s]}{"Records":[]}', 1, "after the end"),
        (b'{"Records":[%s]}\0', 1, "after the end"),
        (b'{"Records":[%s],}', 1, "no Records list|a name was expected"),
        (b'{"Records":[%s],"more":1}', 1, "another name"),
        (b'{"more":{"x":[1,"]}"]},"Records":[%s]}', 1, "another name"),
        (b'{"Records":[%s],"Records":[]}', 1, "Records twice"),
        (b'{"Records":[%s,]}', 1, "comma in Records"),
        (b'{"Records":[,%s]}', 1, "comma in Records"),
        (b'{"Records":[%s}]', 0, "closes what was not opened"),
        (b'{"Recor', 0, "ends before"),
    ],
)
def test_a_file_of_another_form_is_unreadable_after_what_it_said(data: bytes, before: int, reason: str) -> None:
    whole = data.replace(b"%s", good())
    for size in (1, 3, 100_000):
        found, ended = read(whole, size)
        assert any(word in ended for word in reason.split("|")), ended
        assert [type(item) for item in found] == [Record] * before


def test_a_record_over_five_megabytes_is_broken_with_its_bytes() -> None:
    large = good(',"x":"' + "a" * 5_000_000 + '"')
    found, ended = read(b'{"Records":[' + good() + b"," + large + b"," + good() + b"]}", 65536)
    assert not ended
    assert [type(item) for item in found] == [Record, Broken, Record]
    assert isinstance(found[1], Broken)
    assert found[1].excerpt.whole
    assert found[1].excerpt.head == large
    assert "at most 5000000" in found[1].reason


def test_of_a_record_over_eight_mebibytes_head_size_and_digest_stay() -> None:
    large = good(',"x":["' + 'a","' * 2_500_000 + '"]')
    found, ended = read(b'{"Records":[' + large + b"," + good() + b"]}", 65536)
    assert not ended
    assert [type(item) for item in found] == [Broken, Record]
    assert isinstance(found[0], Broken)
    assert (found[0].excerpt.size, found[0].excerpt.digest) == (len(large), hashlib.sha256(large).hexdigest())
    assert found[0].excerpt.head == large[:HEAD]


def test_a_file_of_nothing_but_broken_records_is_given_up() -> None:
    found, ended = read(b'{"Records":[' + b",".join([b"{}"] * 5000) + b"]}")
    assert len(found) == MAX_BROKEN + 1
    assert f"more than {MAX_BROKEN}" in ended


def test_hostile_nesting_ends() -> None:
    found, ended = read(b'{"Records":[' + b"[" * 3_000_000 + b"]" * 3_000_000 + b"," + good() + b"]}", 65536)
    assert not ended
    assert [type(item) for item in found] == [Broken, Record]
    assert isinstance(found[0], Broken)
    assert "nested 3000000 deep" in found[0].reason


def test_a_long_file_is_never_held() -> None:
    def chunks() -> Iterable[bytes]:
        yield b'{"Records":['
        for _ in range(2000):
            yield good(',"x":"' + "a" * 30_000 + '"') + b","
        yield good() + b"]}"

    tracemalloc.start()
    try:
        number = sum(1 for _ in records(chunks()))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert number == 2001
    assert peak < 2 * 1024 * 1024, "of 60 MB"


def test_slices_do_not_wait_for_the_end_of_the_file() -> None:
    def chunks() -> Iterable[bytes]:
        yield b'{"Records":[' + good() + b","
        raise ConnectionError("the rest never came")

    found: list[bytes] = []
    with pytest.raises(ConnectionError):
        found.extend(item[0] for item in slices(chunks()))
    assert found == [good()]
