"""Files of JSON lines: what a file is, whatever it is called by now, and its lines from where the last window ended.

A file is known by its first line (the first 64 KiB of it), not by its name, so that one that was renamed, compressed or copied is
the file that it was. Logs grow: the cursor keeps how far each file was read, with a digest of what stood before that place; where
that does not stand there any more it is another file with the same first line, and it is read from its beginning.

A line's own id, where no field says one, is the SHA-256 of its file's first line, its place in the file, and its bytes: the same
line twice in a file is two events, the same file once more is the same events.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from collectors.base import Cursor, Report
from collectors.delivered import Delivered, Refused
from collectors.delivered_reader import Unfinished
from collectors.fields import FieldReader
from collectors.gz import MAGIC, Limits, unzip
from collectors.json_object import json_object
from collectors.lines import Line, lines
from collectors.listing import Listed
from collectors.record_check import MAX_RECORD
from collectors.unreadable import Excerpt, Unreadable, unreadable_event
from store.records import UNREADABLE, Event

HEAD: Final = 64 * 1024
"""Bytes of a first line that a file is known by."""
TAIL: Final = 4096
"""Bytes before the place where the last window ended that must still stand there."""
MAX_POSITIONS: Final = 1000
"""Files whose place a cursor keeps; one that grows after it was forgotten is read again, and its events are known."""
MAX_BROKEN: Final = 1000
"""Lines that are not understood after which a file is given up: it is no file of JSON lines."""
_BOM: Final = b"\xef\xbb\xbf"

Position = tuple[int, str]
"""Where the last window ended, and the digest of what stood before that place."""


@dataclass(frozen=True, slots=True)
class _Content:
    """A delivered file's text, compressed or not, from any place on."""

    listed: Listed
    delivered: Delivered
    limits: Limits
    zipped: bool

    def at(self, start: int) -> Iterator[bytes]:
        """Yield it. Raises Unreadable when it is no sound gzip file, or one that unfolds to more than the limit."""
        if self.zipped:
            return _from(unzip(self.delivered.chunks(), self.limits), start)
        return _up_to(self.delivered.chunks(start), max(0, self.listed.size - start))

    def tail(self, end: int) -> str:
        """The digest of what stands before a place."""
        start = max(0, end - TAIL)
        digest = hashlib.sha256(b"".join(_up_to(self.at(start), end - start))).digest()
        return base64.b64encode(digest[:9]).decode()

    def first(self) -> Line | None:
        """The first line, or as much of it as the file is known by; None in an empty file."""
        return next(lines(_up_to(self.at(0), HEAD)), None)


@dataclass(slots=True)
class JsonLines:
    """Reads files of JSON lines for one window: a FileForm (collectors/delivered_reader.py).

    `settle`: microseconds that a last line without its end is waited for. `spooled`: files are fetched whole.
    """

    fields: FieldReader
    report: Report
    limits: Limits
    settle: int
    clock: Callable[[], int]
    spooled: bool
    positions: dict[str, Position] = field(default_factory=dict)
    grows: bool = True
    logs: bool = True

    @property
    def kind(self) -> str:
        """See FileForm."""
        return self.fields.type

    def cursor(self) -> Mapping[str, Any]:
        """How far the files read last were read."""
        newest = list(self.positions.items())[-MAX_POSITIONS:]
        return {"positions": {name: list(position) for name, position in newest}}

    def read(self, listed: Listed, delivered: Delivered, like: Event) -> Iterator[Event]:
        """Yield the events of the lines that were not read yet. See FileForm."""
        if self.spooled and listed.size > self.limits.size:
            raise Unreadable(f"is {listed.size} bytes as delivered; at most {self.limits.size} are read (max_file_size)")
        content = _Content(listed, delivered, self.limits, next(delivered.chunks(), b"")[:2] == MAGIC)
        first = content.first()
        if first is None:
            return
        if not first.ended and first.end < HEAD and not _whole(first):
            yield self._cut_short(content, first, like)
            return
        head = _digest(first)
        name = base64.b64encode(head[:12]).decode()
        place = min(TAIL, listed.size)
        begins = place, content.tail(place)
        start = self._start(name, content)
        marks = [begins, *([self.positions[name]] if start else [])]
        try:
            reached = yield from self._lines(content, start, like, head)
        except Unreadable:
            _same(delivered, content, head, marks)
            self._keep(name, listed.size, content)
            raise
        _same(delivered, content, head, marks)
        self._keep(name, reached[0], content)
        if reached[1] is not None:
            yield self._cut_short(content, reached[1], like)

    def _lines(self, content: _Content, start: int, like: Event, head: bytes) -> Generator[Event, None, tuple[int, Line | None]]:
        """Yield what the lines are; return how far they were read, and the last line if it has no end yet."""
        broken, reached = 0, start
        for line in lines(content.at(start), start):
            if not line.ended and not _whole(line):
                return reached, line
            event = self._event(content.listed, line, like, head)
            reached = line.end
            if event is None:
                continue
            yield event
            broken += event.type == UNREADABLE
            if broken > MAX_BROKEN:
                raise Unreadable(f"holds more than {MAX_BROKEN} lines that could not be understood")
        return reached, None

    def _event(self, listed: Listed, line: Line, like: Event, head: bytes) -> Event | None:
        """The event of a line; None of an empty one."""
        data = _bare(line)
        if line.large is None and (not data or data.isspace()):
            return None
        try:
            if line.large is not None:
                raise Unreadable(f"is {line.large.size} bytes long; at most {MAX_RECORD} are read")
            found = self.fields.parse(data, like.collected_at)
        except Unreadable as error:
            return self._unreadable(listed, line, like, error.reason)
        id_ = found.id or hashlib.sha256(head + line.start.to_bytes(8, "big") + data).hexdigest()
        time = like.time if found.time is None else found.time
        return Event(
            like.source, id_, found.type, time, data, like.window, like.collected_at, found.subject, found.account, found.region
        )

    def _cut_short(self, content: _Content, line: Line, like: Event) -> Event:
        """What becomes of a last line without its end. Raises Unfinished while more may come."""
        listed = content.listed
        if not content.zipped and self.clock() - max(listed.modified, listed.arrived) < self.settle:
            raise Unfinished
        return self._unreadable(listed, line, like, "is cut short: the file ends in it")

    def _unreadable(self, listed: Listed, line: Line, like: Event, reason: str) -> Event:
        place = f"{listed.place} line at byte {line.start}"
        self.report.unreadable(place, reason)
        return unreadable_event(like, line.large or Excerpt.of([line.data]), place, reason)

    def _start(self, name: str, content: _Content) -> int:
        """Where the last window ended in this file; 0 where it was another one."""
        offset, tail = self.positions.get(name, (0, ""))
        return offset if offset and content.tail(offset) == tail else 0

    def _keep(self, name: str, reached: int, content: _Content) -> None:
        self.positions.pop(name, None)  # the newest stand last
        if not content.zipped and reached:
            self.positions[name] = (reached, content.tail(reached))


def sample(listed: Listed, delivered: Delivered, limits: Limits) -> bytes | None:
    """The first line of a file (at most 64 KiB of it), None of an empty one. Raises Refused, Unreadable."""
    first = _Content(listed, delivered, limits, next(delivered.chunks(), b"")[:2] == MAGIC).first()
    return None if first is None else _bare(first)


def positions(cursor: Cursor) -> dict[str, Position]:
    """The places that a cursor keeps."""
    return {name: (int(found[0]), str(found[1])) for name, found in cursor.get("positions", {}).items()}


def _same(delivered: Delivered, content: _Content, head: bytes, marks: Sequence[Position]) -> None:
    """Raises Refused where another content stands in the file's place than when reading began: only growing is meant.

    Files of one logger may begin with the same line, so its first bytes and those before the place where reading began count too.
    """
    if not delivered.changed():
        return
    now = content.first()
    if now is None or _digest(now) != head or any(content.tail(end) != tail for end, tail in marks):
        raise Refused("was replaced or truncated while it was read; it will be read again")


def _digest(first: Line) -> bytes:
    return hashlib.sha256(_bare(first)).digest()


def _bare(line: Line) -> bytes:
    return line.data.removeprefix(_BOM) if line.start == 0 else line.data


def _whole(line: Line) -> bool:
    """Is a last line without its end all there? A JSON object is never the beginning of another."""
    data = _bare(line)
    if line.large is not None:
        return False
    try:
        if data.strip():
            json_object(data)
    except Unreadable:
        return False
    return True


def _up_to(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The first `size` bytes."""
    for chunk in chunks:
        if len(chunk) >= size:
            yield chunk[:size]
            return
        size -= len(chunk)
        yield chunk


def _from(chunks: Iterable[bytes], start: int) -> Iterator[bytes]:
    """All but the first `start` bytes."""
    for chunk in chunks:
        if start < len(chunk):
            yield chunk[start:] if start else chunk
        start = max(0, start - len(chunk))
