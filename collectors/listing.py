"""What lies in a directory or bucket, and which of it a window has to read.

The cursor's axis is when an object was modified (LastModified, mtime). A window reads what was modified in (start, end]. Beside
that, nothing that *arrived late* may be lost: an object that lies in its past and was not there, or not visible, when the
source was last listed (a clock a little off, a long upload, a file copied with its old mtime). So each listing notes when it
was made, and the next window also reads what arrived since then less an overlap, whatever its modified time. Which objects of
the overlap were read already stands in the cursor, as a hash of name and version. When there are more of them than a cursor
holds, the oldest are forgotten: these are read twice, and the second reading changes nothing.

No time is left to settle at the end of a window: what becomes visible later is late, and late is dealt with.

Where a whole listing is long, a `Quick` one takes its place for up to a day: of the newest folders alone, or of what messages
told. What it could not show is late for the whole listing that follows, counted from the whole listing before.
"""

from __future__ import annotations

import base64
import hashlib
import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from collectors.base import Cursor, Window
from collectors.file_name import FileName
from store.records import DAY, MINUTE

OVERLAP: Final = 15 * MINUTE
MAX_REMEMBERED: Final = 40_000
"""Objects of the overlap that a cursor remembers: 24 bytes each."""
MAX_HELD: Final = 100_000
"""Objects up to which a listing is held between the windows of one plan."""
HOLD: Final = 10 * MINUTE


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as it was listed. `key` opens it, `place` is for people; `name` is None when it is not a log file's.

    `modified` is the cursor's axis; `arrived` says when it came to lie there (a file's ctime): the same where nothing tells.
    """

    key: str
    place: str
    modified: int
    arrived: int
    size: int
    version: str
    name: FileName | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A place below the source that could not be listed."""

    place: str
    reason: str


Scan = Callable[[], Iterator[Listed | Refusal]]
"""Lists the source from its beginning. Raises SourceUnreadable."""


class Quick(Protocol):
    """A listing of what is new."""

    @property
    def repeats(self) -> bool:
        """Does it show again what an earlier one showed, so that nothing older needs to be remembered?"""
        ...

    def scan(self, window: Window, since: int) -> Iterator[Listed | Refusal] | None:
        """List what arrived since then; None where only a whole listing can tell. Raises SourceUnreadable."""
        ...

    def near(self, item: Listed) -> bool:
        """Does a quick listing made after the object's arrival certainly show it?"""
        ...


@dataclass(frozen=True, slots=True)
class Selection:
    """What a window has to read, in order, and what the next window's cursor has to remember of the listing.

    `whole`: when the whole was last listed, 0 where each listing is whole.
    """

    due: tuple[Listed, ...]
    ignored: int
    refused: tuple[Refusal, ...]
    listed: int
    remembered: tuple[str, ...]
    whole: int = 0


@dataclass(slots=True)
class Lister:
    """Lists a source and selects. A listing is held for some minutes, so that a long plan does not list for each window."""

    scan: Scan
    clock: Callable[[], int]
    overlap: int = OVERLAP
    since: int | None = None
    quick: Quick | None = None
    whole_every: int = DAY
    _held: tuple[Listed | Refusal, ...] | None = field(default=None, init=False)
    _held_at: int = field(default=0, init=False)

    def oldest(self) -> int | None:
        """Exclusive start of the first window: just before the oldest log file, but not before `since`; None without any."""
        times = [item.modified for item in self._items(self.clock())[1] if isinstance(item, Listed) and item.name]
        if not times:
            return None
        return max(0, min(times) - 1, self.since or 0)

    def select(self, window: Window) -> Selection:
        """List, and choose what is due in this window."""
        before, whole = window.cursor.get("listed"), window.cursor.get("whole")
        known = frozenset(window.cursor.get("remembered", ()))
        told = self._quickly(window, before, whole)
        listed, items = self._items(window.end) if told is None else (self.clock(), told)
        due: list[Listed] = []
        refused: list[Refusal] = []
        recent: list[tuple[int, str]] = []
        ignored = 0
        for item in items:
            if isinstance(item, Refusal):
                refused.append(item)
            elif item.modified <= window.end and item.name is None:
                ignored += item.modified > window.start
            elif item.modified <= window.end:
                within = item.modified > window.start
                far = self.quick is not None and not self.quick.near(item)
                late = not within and self._late(item, (whole or before) if far else before, listed)
                if item.arrived > listed - self.overlap or (far and told is not None):  # what was told of may be told again
                    recent.append((item.arrived, fingerprint(item)))
                if (within or late) and not (known and fingerprint(item) in known):
                    due.append(item)
        due.sort(key=lambda item: (item.modified, item.key))
        remembered = self._remembered(recent, window.cursor if told is not None else {})
        at = 0 if self.quick is None else whole if told is not None and isinstance(whole, int) else listed
        return Selection(tuple(due), ignored, tuple(refused), listed, remembered, at)

    def _remembered(self, recent: Iterable[tuple[int, str]], before: Cursor) -> tuple[str, ...]:
        """The newest of what was seen, and what was remembered `before` a quick listing that does not show it again."""
        newest = [print_ for _, print_ in heapq.nlargest(MAX_REMEMBERED, recent)]
        if self.quick is None or self.quick.repeats:
            return tuple(newest)
        return tuple(dict.fromkeys([*newest, *before.get("remembered", ())]))[:MAX_REMEMBERED]

    def _quickly(self, window: Window, before: Any, whole: Any) -> Iterator[Listed | Refusal] | None:
        """A quick listing, where there is one and the last whole one is fresh enough."""
        if self.quick is None or not isinstance(before, int) or not isinstance(whole, int):
            return None
        if not 0 <= self.clock() - whole < self.whole_every:
            return None
        return self.quick.scan(window, before - self.overlap)

    def _late(self, item: Listed, before: Any, listed: int) -> bool:
        """Did it come to lie in the past since the listing that the cursor knows of? Never within one and the same listing."""
        if not isinstance(before, int) or before == listed:
            return False
        return item.arrived > before - self.overlap and item.modified > (self.since or -1)

    def _items(self, end: int) -> tuple[int, Iterable[Listed | Refusal]]:
        """Return (when it was listed, what was there): a held listing if it is fresh and was made at or after `end`."""
        now = self.clock()
        if self._held is not None and self._held_at >= end and 0 <= now - self._held_at < HOLD:
            return self._held_at, self._held
        self._held = None
        return now, self._list(now)

    def _list(self, now: int) -> Iterator[Listed | Refusal]:
        held: list[Listed | Refusal] | None = []
        for item in self.scan():
            if held is not None:
                held.append(item)
                if len(held) > MAX_HELD:
                    held = None
            yield item
        if held is not None:
            self._held, self._held_at = tuple(held), now


def fingerprint(item: Listed) -> str:
    """16 characters that stand for the object in this version."""
    text = f"{item.key}\0{item.version}\0{item.size}\0{item.modified}"
    return base64.b64encode(hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()[:12]).decode()


def remember(selection: Selection, cuts: Cursor) -> Cursor:
    """The cursor for the window after this one; `cuts` is collectors/coverage.py's."""
    whole = {"whole": selection.whole} if selection.whole else {}
    return {"listed": selection.listed, "remembered": list(selection.remembered), "cuts": dict(cuts), **whole}
