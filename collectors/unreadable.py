"""What becomes of bytes that cannot be understood: they are kept, named by their digest, and said to be unreadable.

Up to 8 MiB the bytes themselves travel; of more, the first MiB does, and the media type says of how many bytes it is the head.
Either way the event's id is the SHA-256 of all of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from collectors.base import CollectorError
from store.records import UNREADABLE, Event
from store.text import MAX_ATTRIBUTE

MAX_KEPT: Final = 8 * 1024 * 1024
"""Bytes up to which the whole of what was not understood is kept."""
HEAD: Final = 1024 * 1024
"""Bytes kept of anything larger."""
MEDIA_TYPE: Final = "application/octet-stream"


class Unreadable(CollectorError):
    """Bytes are not what they should be. `reason` completes the sentence "this place ..."."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Bytes, or the head of them: `size` and `digest` (SHA-256, hex) are of the whole."""

    head: bytes
    size: int
    digest: str

    @property
    def whole(self) -> bool:
        """Is the head all there is?"""
        return len(self.head) == self.size

    @classmethod
    def of(cls, chunks: Iterable[bytes]) -> Excerpt:
        """Read the chunks to their end in bounded memory."""
        taker = Taker()
        for chunk in chunks:
            taker.add(chunk)
        return taker.excerpt()


class Taker:
    """Takes chunks and keeps what an Excerpt may hold of them."""

    __slots__ = ("_digest", "_head", "_size")

    def __init__(self) -> None:
        self._head = bytearray()
        self._size = 0
        self._digest = hashlib.sha256()

    def add(self, chunk: bytes) -> None:
        """Append a chunk."""
        self._digest.update(chunk)
        if self._size <= MAX_KEPT:  # beyond that the head is final
            self._head += chunk
        self._size += len(chunk)
        if self._size > MAX_KEPT:
            del self._head[HEAD:]

    def excerpt(self) -> Excerpt:
        """Return what was taken."""
        return Excerpt(bytes(self._head), self._size, self._digest.hexdigest())


def shown(text: str) -> str:
    """Return a path or key as it may be shown: control characters and bytes that are no text become backslash escapes."""
    clean = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in clean)


def sentence(place: str, reason: str, limit: int = MAX_ATTRIBUTE) -> str:
    """Return "place: reason" in at most `limit` bytes of UTF-8: the reason stays, a place too long loses its beginning."""
    tail = f": {reason}".encode()[: limit - 3].decode("utf-8", "ignore")
    room = limit - len(tail.encode())
    head = place.encode("utf-8", "backslashreplace")
    if len(head) > room:
        head = "…".encode() + head[len(head) - room + 3 :]
    return head.decode("utf-8", "ignore") + tail


def unreadable_event(like: Event, excerpt: Excerpt, place: str, reason: str) -> Event:
    """Return the event that carries what was not understood; source, window, times and part are those of `like`."""
    return Event(
        source=like.source,
        id=excerpt.digest,
        type=UNREADABLE,
        time=like.time,
        payload=excerpt.head,
        window=like.window,
        collected_at=like.collected_at,
        subject=sentence(place, reason),
        account=like.account,
        region=like.region,
        media_type=MEDIA_TYPE if excerpt.whole else f"{MEDIA_TYPE}; part=head; size={excerpt.size}",
    )
