"""collectors/gz.py: one bounded gzip member."""

from __future__ import annotations

import gzip
import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.gz import Limits, plain, unzip
from collectors.unreadable import Unreadable


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def text(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size // 2).hex().encode()


@given(st.binary(max_size=3000), st.integers(1, 200))
def test_content_comes_out_whatever_the_chunks(content: bytes, size: int) -> None:
    assert b"".join(unzip(cut(gzip.compress(content), size), Limits())) == content


def test_large_content_comes_in_small_chunks() -> None:
    content = text(3_000_000)
    chunks = list(unzip([gzip.compress(content)], Limits()))
    assert b"".join(chunks) == content
    assert max(map(len, chunks)) <= 256 * 1024


@given(st.binary(max_size=500), st.data())
def test_every_truncation_is_refused(content: bytes, data: st.DataObject) -> None:
    packed = gzip.compress(content)
    kept = data.draw(st.integers(0, len(packed) - 1))
    with pytest.raises(Unreadable, match=r"cut short|is empty"):
        list(unzip(cut(packed[:kept], 64), Limits()))


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("rest", [b"\0", b"\0" * 512, b"x", gzip.compress(b"", mtime=0), gzip.compress(b"more", mtime=0)])
def test_nothing_may_follow_the_member(rest: bytes, size: int) -> None:
    with pytest.raises(Unreadable, match="second gzip member" if size > 99 and rest[:1] == b"\x1f" else "gzip member"):
        list(unzip(cut(gzip.compress(b"content") + rest, size), Limits()))


def test_changed_bytes_are_refused() -> None:
    packed = bytearray(gzip.compress(text(5000)))
    for at in (0, 2, 40, len(packed) - 6, len(packed) - 2):
        changed = bytearray(packed)
        changed[at] ^= 0xFF
        with pytest.raises(Unreadable, match="not a sound gzip"):
            list(unzip([bytes(changed)], Limits()))


def test_raw_deflate_and_zlib_are_no_gzip() -> None:
    for data in (zlib.compress(b"x" * 100), b"PK\x03\x04" + b"x" * 50, b'{"Records":[]}'):
        with pytest.raises(Unreadable, match="not a sound gzip"):
            list(unzip([data], Limits()))


def test_a_bomb_is_refused_early() -> None:
    out: list[int] = []
    with pytest.raises(Unreadable, match="200 times its size"):
        out.extend(map(len, unzip([gzip.compress(b"\0" * 50_000_000)], Limits())))
    assert sum(out) <= 2 * 1024 * 1024


def test_small_files_may_pack_well() -> None:
    content = b"a" * 1_000_000
    assert b"".join(unzip([gzip.compress(content)], Limits())) == content


def test_size_is_capped() -> None:
    with pytest.raises(Unreadable, match="more than 1000 bytes"):
        list(unzip([gzip.compress(text(1002))], Limits(size=1000)))
    assert len(b"".join(unzip([gzip.compress(text(1000))], Limits(size=1000)))) == 1000
    with pytest.raises(Unreadable, match="more than 1000 bytes"):
        list(plain([b"x" * 999, b"yy"], Limits(size=1000)))
    assert b"".join(plain([b"x" * 999, b"y"], Limits(size=1000))) == b"x" * 999 + b"y"
