"""Bytes that a dead letter kept, read again as a file of their source's form (collectors/delivered_reader.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from collectors.delivered_reader import FileForm, Unfinished
from collectors.listing import Listed
from collectors.report import Silent, WindowReport
from collectors.unreadable import Unreadable
from store.records import UNREADABLE, Event

_PLACE: Final = "what is kept"


@dataclass(frozen=True, slots=True)
class Kept:
    """A Delivered of bytes at hand."""

    data: bytes

    def chunks(self, start: int = 0) -> Iterator[bytes]:
        """Yield the bytes from `start` on."""
        yield self.data[start:]

    def changed(self) -> bool:
        """Never."""
        return False


def read_kept(letter: Event, data: bytes, form: Callable[[WindowReport], FileForm]) -> Iterator[Event]:
    """Yield what a form, made with the report that it is to speak to, understands of `data`; the times are the letter's.

    Raises Unreadable at the end with the first thing that is still not understood.
    """
    report = WindowReport(Silent(), {})
    listed = Listed(_PLACE, _PLACE, letter.time, letter.time, len(data), "", None)
    like = Event(letter.source, "", "", letter.time, b"", "", letter.collected_at, account=letter.account)
    try:
        yield from (event for event in form(report).read(listed, Kept(data), like) if event.type != UNREADABLE)
    except Unfinished as error:
        raise Unreadable("has no end") from error
    if report.errors:
        raise Unreadable(report.errors[0].removeprefix(_PLACE).strip())
