"""Where the elements of a JSON list begin and end, in a text that comes in chunks: exact slices, in bounded memory.

Told from brackets and strings alone: whether a slice is JSON is for its reader to decide. The slices do not depend on where the
chunks are cut.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable
from typing import Final

from collectors.record_check import MAX_RECORD
from collectors.unreadable import MAX_KEPT, Excerpt, Taker, Unreadable

_SPACE: Final = b" \t\r\n"
_SKIP_SPACE: Final = re.compile(rb"[ \t\r\n]*+")
_SEPARATOR: Final = re.compile(rb"[ \t\r\n]*+[,\]]")
_STRING: Final = rb'"[^"\\]*+(?>\\.[^"\\]*+)*+"'
_INSIDE: Final = re.compile(rb'(?>[^"{}\[\]]*+' + _STRING + rb'|[^"{}\[\]]++)*+', re.S)  # stops at a bracket or a cut string
_OUTSIDE: Final = re.compile(rb'(?>[^"{}\[\],]*+' + _STRING + rb'|[^"{}\[\],]++)*+', re.S)  # and at a comma
_QUOTED: Final = re.compile(rb'[^"\\]*+(?>\\.[^"\\]*+)*+', re.S)  # stops at the closing quote, or at a last backslash
_OPENING: Final = re.compile(rb"[{\[]++")
_CLOSING: Final = re.compile(rb"[}\]]++")
_QUOTE, _COMMA, CLOSE_LIST, CLOSE_OBJECT = b'",]}'


def _nested(levels: int) -> re.Pattern[bytes]:
    """A whole object at most `levels` deep. Every group is atomic, so that a failure costs no more than its one pass."""
    inner = _INSIDE.pattern
    for _ in range(levels - 1):
        inner = rb'(?>[^"{}\[\]]*+' + _STRING + rb'|[^"{}\[\]]++|[{\[]' + inner + rb"[}\]])*+"
    return re.compile(rb"\{" + inner + rb"\}", re.S)


_WHOLE: Final = _nested(16)

Slice = tuple[bytes, int, Excerpt | None]
"""An element's bytes and how deep its brackets nest (0: no deeper than 16); of one over 8 MiB no bytes and an excerpt."""


def elements(text: Text, name: str) -> Generator[Slice, None, str]:
    """Yield what stands between the commas up to the end of list `name`; return what is wrong with the list, if anything is."""
    odd = ""
    if text.peek() == CLOSE_LIST:
        text.take(b"]", "")
        return odd
    while True:
        text.peek()
        found = text.whole() or text.walk(CLOSE_LIST)
        if found[0] or found[2] is not None:
            yield found
        else:
            odd = f"is not JSON: a comma in {name} without a record"
        if text.take(b",]", "is not JSON: something stands between its records") == CLOSE_LIST:
            return odd


class Text:
    """The chunks as one text, of which only what is not yet consumed is held."""

    __slots__ = ("_buffer", "_chunks", "_pos")

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._buffer = b""
        self._pos = 0

    def _more(self) -> bool:
        for chunk in self._chunks:
            if chunk:
                self._buffer = self._buffer[self._pos :] + chunk
                self._pos = 0
                return True
        return False

    def peek(self) -> int | None:
        """Skip white space; return the byte that follows, None at the end."""
        while True:
            found = _SKIP_SPACE.match(self._buffer, self._pos)
            self._pos = found.end() if found else self._pos
            if self._pos < len(self._buffer):
                return self._buffer[self._pos]
            if not self._more():
                return None

    def take(self, allowed: bytes, otherwise: str) -> int:
        """Skip white space and consume one of the allowed bytes. Raises Unreadable(otherwise)."""
        byte = self.peek()
        if byte is None:
            raise Unreadable("ends before its JSON document does" if self._buffer else "is empty: not JSON")
        if byte not in allowed:
            raise Unreadable(otherwise)
        self._pos += 1
        return byte

    def expect(self, byte: bytes, otherwise: str) -> None:
        """Consume this one byte. Raises Unreadable(otherwise)."""
        self.take(byte, otherwise)

    def key(self) -> bytes:
        """Consume one string, as written with its quotes. Raises Unreadable."""
        self.take(b'"', "is not JSON: a name was expected")
        size = 0
        while True:
            found = _QUOTED.match(self._buffer, self._pos + size)
            size = (found.end() if found else self._pos) - self._pos
            if size < len(self._buffer) - self._pos and self._buffer[self._pos + size] == _QUOTE:
                break
            if size > MAX_RECORD or not self._more():
                raise Unreadable("ends before its JSON document does")
        return b'"' + self._cut(size + 1)

    def whole(self) -> Slice | None:
        """Consume one object that lies whole in the buffer and is followed by a separator: the common case, in one match."""
        found = _WHOLE.match(self._buffer, self._pos)
        if found is None:
            return None
        behind = _SEPARATOR.match(self._buffer, found.end())
        if behind is None or len(found[0]) > MAX_KEPT:
            return None
        self._pos = found.end()
        return found[0], 0, None

    def walk(self, closing: int) -> Slice:
        """Consume up to a comma or `closing` outside brackets and strings, white space behind left out. Raises Unreadable."""
        at = depth = deepest = 0
        quoted = False
        large: Taker | None = None
        while True:
            pattern = _QUOTED if quoted else _INSIDE if depth else _OUTSIDE
            found = pattern.match(self._buffer, self._pos + at)
            at = (found.end() if found else self._pos) - self._pos
            here = self._pos + at
            if here >= len(self._buffer) or (quoted and self._buffer[here] != _QUOTE):
                if at > MAX_KEPT:  # it will not be kept whole: only its digest goes on
                    large = large or Taker()
                    large.add(self._cut(at))
                    at = 0
                if not self._more():
                    raise Unreadable("ends within a record or value")
                continue
            byte = self._buffer[here]
            if byte == _QUOTE:
                quoted = not quoted
                at += 1
            elif opened := _OPENING.match(self._buffer, here):
                depth += opened.end() - here
                deepest = max(deepest, depth)
                at = opened.end() - self._pos
            elif not depth:
                if byte not in (_COMMA, closing):
                    raise Unreadable("is not JSON: a bracket closes what was not opened")
                break
            elif closed := _CLOSING.match(self._buffer, here, here + depth):
                depth -= closed.end() - here
                at = closed.end() - self._pos
        data = self._cut(at)
        if large is None:
            return data.rstrip(_SPACE), deepest, None
        large.add(data)
        return b"", deepest, large.excerpt()

    def _cut(self, size: int) -> bytes:
        """Consume so many bytes of the buffer."""
        data = self._buffer[self._pos : self._pos + size]
        self._pos += size
        return data
