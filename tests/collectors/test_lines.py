"""Lines with their places, however the text is cut into chunks."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors import lines as module
from collectors.lines import Line, lines


def cut(text: bytes, sizes: list[int]) -> list[bytes]:
    chunks, at = [], 0
    for size in sizes:
        chunks.append(text[at : at + size])
        at += size
    return [*chunks, text[at:]]


texts = st.lists(st.sampled_from([b"\n", b"\r", b"\r\n", b"a", b"\x00", b"{}", b"\xff"])).map(b"".join)


@given(texts, st.lists(st.integers(0, 9)), st.integers(0, 2**40))
def test_lines_are_those_of_the_text_whatever_the_chunks(text: bytes, sizes: list[int], start: int) -> None:
    found = list(lines(cut(text, sizes), start))
    whole = text.split(b"\n")
    ended = [(piece.removesuffix(b"\r"), True) for piece in whole[:-1]]
    last = [(piece.removesuffix(b"\r"), False) for piece in whole[-1:] if piece]
    assert [(line.data, line.ended) for line in found] == [*ended, *last]
    assert [line.start for line in found] == [start, *(line.end for line in found)][: len(found)]
    assert not found or found[-1].end == start + len(text)


@given(texts, st.lists(st.integers(0, 9)))
def test_large_lines_are_excerpts_whatever_the_chunks(text: bytes, sizes: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MAX_KEPT", 4)
        found = list(lines(cut(text, sizes)))
    for line in found:
        piece = text[line.start : line.end].removesuffix(b"\n") if line.ended else text[line.start : line.end]
        if line.large is None:
            assert line.data == piece.removesuffix(b"\r")
        else:
            assert line.data == b""
            assert (line.large.size, line.large.digest) == (len(piece), hashlib.sha256(piece).hexdigest())
    assert sum(line.end - line.start for line in found) == len(text)


def test_an_empty_text_has_no_line() -> None:
    assert list(lines([])) == list(lines([b"", b""])) == []
    assert list(lines([b"a"])) == [Line(0, 1, b"a", None, ended=False)]
