"""Lines of a text that comes in chunks, with their places in it, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from collectors.unreadable import MAX_KEPT, Excerpt, Taker


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end (LF or CRLF). `start` and `end` are bytes of the text, the line's end within.

    Of a line over 8 MiB there is no data but an excerpt (a CR included). `ended` is false for what follows the last line feed.
    """

    start: int
    end: int
    data: bytes
    large: Excerpt | None = None
    ended: bool = True


def lines(chunks: Iterable[bytes], start: int = 0) -> Iterator[Line]:
    """Yield every line of a text whose first byte is at `start`. Empty lines are lines; after a last line feed there is none."""
    at, kept = start, b""
    large: Taker | None = None
    taken = 0
    for chunk in chunks:
        pieces = (kept + chunk).split(b"\n")
        kept = pieces.pop()
        for piece in pieces:
            if large is not None:
                large.add(piece)
                end = at + taken + len(piece) + 1
                yield Line(at, end, b"", large.excerpt())
                large, taken = None, 0
            else:
                end = at + len(piece) + 1
                yield _line(at, end, piece, ended=True)
            at = end
        if large is not None or len(kept) > MAX_KEPT:  # it will not be kept whole: only its digest goes on
            large = large or Taker()
            large.add(kept)
            taken += len(kept)
            kept = b""
    if large is not None:
        yield Line(at, at + taken, b"", large.excerpt(), ended=False)
    elif kept:
        yield _line(at, at + len(kept), kept, ended=False)


def _line(start: int, end: int, piece: bytes, *, ended: bool) -> Line:
    if len(piece) > MAX_KEPT:
        return Line(start, end, b"", Excerpt.of([piece]), ended)
    return Line(start, end, piece[:-1] if piece.endswith(b"\r") else piece, None, ended)
