"""A window over delivered files of any form: what a source with files of its own form does not have to do itself.

The form is a `FileForm`: it yields a file's events, those of what it could not understand among them. Parts are the accounts and
Regions that the events say (collectors/places.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from collectors.base import Report, SourceUnreadable, Window
from collectors.delivered import Delivered, Open, Refused
from collectors.listing import Listed, Selection, fingerprint, remember
from collectors.places import Places
from collectors.unreadable import Excerpt, Unreadable, sentence, unreadable_event
from store.records import UNREADABLE, Event

MAX_REFUSED: Final = 10
"""Files refused one after another, after which the rest of the window is not asked for."""


class Unfinished(Exception):
    """A file is still being written: what of it is whole was yielded, and it will be looked at again."""


class FileForm(Protocol):
    """How one kind of file is read."""

    @property
    def kind(self) -> str:
        """Event type of a part of which nothing was read."""
        ...

    @property
    def grows(self) -> bool:
        """Is a file that changes while it is read nothing special?"""
        ...

    @property
    def logs(self) -> bool:
        """Can its events speak by silence, so that delivery times are coverage?"""
        ...

    def read(self, listed: Listed, delivered: Delivered, like: Event) -> Iterator[Event]:
        """Yield the file's events, `unreadable` ones too (and report these). `like` has what they share.

        Raises Unreadable when the file as a whole is not what it should be, Unfinished, Refused.
        """
        ...

    def cursor(self) -> Mapping[str, Any]:
        """What the next window must know of the files, beside the listing."""
        ...


@dataclass(slots=True)
class DeliveredReader:
    """Reads one window's files. Made for each window; the counts are the window's. `account`: the part that has no other name."""

    window: Window
    report: Report
    open: Open
    form: FileForm
    clock: Callable[[], int]
    account: str = ""
    _places: Places = field(init=False)
    _waiting: set[str] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        self._places = Places(self.window, self.account, self.form.kind)

    def read(self, selection: Selection) -> Iterator[Event]:
        """Yield the events of every due file in order, then report. Raises SourceUnreadable if no file could be had."""
        self.report.page(ignored=selection.ignored)
        for refusal in selection.refused:
            self.report.denied(refusal.place, refusal.reason)
        first = next((sentence(refusal.place, refusal.reason) for refusal in selection.refused), "")
        had = in_a_row = 0
        for number, listed in enumerate(selection.due):
            try:
                yield from self._file(listed)
            except Refused as error:
                first = first or sentence(listed.place, str(error))
                self._spoil(listed, sentence(listed.place, str(error)))
                self.report.denied(listed.place, str(error))
                in_a_row += 1
                if in_a_row == MAX_REFUSED:
                    self._give_up(selection.due[number + 1 :])
                    break
            else:
                had += 1
                in_a_row = 0
        if first and not had:
            raise SourceUnreadable(first)
        self._finish(selection)

    def _file(self, listed: Listed) -> Iterator[Event]:
        like = Event(self.window.source, "", "", listed.modified, b"", self.window.attempt, self.clock(), account=self.account)
        seen: set[str] = set()
        with self.open(listed) as delivered:
            try:
                for event in self.form.read(listed, delivered, like):
                    if event.type == UNREADABLE:
                        self._spoil(listed, str(event.subject))
                    else:
                        seen.add(self._places.count(event))
                    yield event
            except Unfinished:
                self._waiting.add(fingerprint(listed))
            except Unreadable as error:
                if not self.form.grows and delivered.changed():
                    raise Refused("changed while it was read; it will be read again when it is whole") from error
                self._spoil(listed, sentence(listed.place, error.reason))
                self.report.unreadable(listed.place, error.reason)
                yield unreadable_event(like, Excerpt.of(delivered.chunks()), listed.place, error.reason)
        self._places.delivered(seen, listed.modified)
        self.report.page(files=1, size=listed.size)

    def _spoil(self, listed: Listed, text: str) -> None:
        self._places.spoil(listed.modified, text)

    def _give_up(self, rest: Sequence[Listed]) -> None:
        for listed in rest:
            self._spoil(listed, sentence(listed.place, "was not asked for"))
        if rest:
            reason = f"{len(rest)} more files were not asked for after {MAX_REFUSED} refusals one after another"
            self.report.denied(rest[0].place, reason)

    def _finish(self, selection: Selection) -> None:
        self._places.finish(self.report)
        covered = self._places.cover(self.report, selection.listed) if self.form.logs else {}
        left = replace(selection, remembered=tuple(print_ for print_ in selection.remembered if print_ not in self._waiting))
        self.report.keep({**remember(left, {}), **covered, **self.form.cursor()})
