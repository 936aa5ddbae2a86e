"""One gzip member, streamed: RFC 1952 with bounds, since files are delivered by whoever can write to the place.

Exactly one member and nothing after it: tools that ignore what follows see another file than those that go on.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from collectors.unreadable import Unreadable

MAGIC: Final = b"\x1f\x8b"
"""What a gzip file begins with."""
_GZIP: Final = 16 + zlib.MAX_WBITS  # a gzip header is demanded, and the trailer's CRC and length are checked
_STEP: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one delivered file: bytes of content, and content per byte delivered once `ratio_from` bytes came out."""

    size: int = 256 * 1024 * 1024
    ratio: int = 200
    ratio_from: int = 1024 * 1024


def unzip(chunks: Iterable[bytes], limits: Limits) -> Iterator[bytes]:
    """Yield the content in chunks of at most 256 KiB. Raises Unreadable; what was yielded before that was in the file."""
    inflate = zlib.decompressobj(_GZIP)
    taken = given = 0
    for chunk in chunks:
        if inflate.eof:
            if chunk:
                raise Unreadable(_after(chunk))
            continue
        data = chunk
        while True:
            out = _inflate(inflate, data)
            taken += len(data) - len(inflate.unconsumed_tail) - len(inflate.unused_data)
            given += len(out)
            _check(taken, given, limits)
            if out:
                yield out
            data = inflate.unconsumed_tail
            if inflate.eof or (not data and len(out) < _STEP):
                break
        if inflate.unused_data:
            raise Unreadable(_after(inflate.unused_data))
    if not inflate.eof:
        raise Unreadable("is a gzip file cut short" if taken else "is empty: not a gzip file")


def plain(chunks: Iterable[bytes], limits: Limits) -> Iterator[bytes]:
    """Yield the chunks of a file delivered without compression. Raises Unreadable when they are more than the limit."""
    given = 0
    for chunk in chunks:
        given += len(chunk)
        if given > limits.size:
            raise Unreadable(f"holds more than {limits.size} bytes, the most that is read of one file (max_file_size)")
        yield chunk


def _inflate(inflate: zlib._Decompress, data: bytes) -> bytes:
    try:
        return inflate.decompress(data, _STEP)
    except zlib.error as error:
        # zlib's own words name the fault ("incorrect data check"); they never hold content
        raise Unreadable(f"is not a sound gzip file ({str(error).rpartition(': ')[2]})") from error


def _check(taken: int, given: int, limits: Limits) -> None:
    if given > limits.size:
        raise Unreadable(f"unfolds to more than {limits.size} bytes, the most that is read of one file (max_file_size)")
    if given > limits.ratio_from and given > taken * limits.ratio:
        raise Unreadable(f"unfolds to more than {limits.ratio} times its size, as no log does")


def _after(rest: bytes) -> str:
    if rest.startswith(b"\x1f\x8b"):
        return "holds a second gzip member; exactly one is delivered"
    return "has bytes after the end of its gzip member"
