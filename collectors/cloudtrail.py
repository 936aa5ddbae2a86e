"""What both CloudTrail file sources share: read the files of a window, yield their records, say what was covered.

Every record's payload is its exact slice of the delivered file. Account and Region come from the file's name. A file or record
that cannot be understood travels as an `unreadable` event; a file that cannot be had at all makes the window partial.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from collectors.base import Cursor, Report, SourceUnreadable, Window
from collectors.cloudtrail_audit import Audit, content_hash
from collectors.cloudtrail_chain import SPOILT, Break
from collectors.cloudtrail_digest import DigestName
from collectors.coverage import Times, covers, later_cuts, vouched
from collectors.delivered import Delivered, Open, Refused
from collectors.file_name import FileName
from collectors.gz import Limits, plain, unzip
from collectors.listing import Listed, Selection, remember
from collectors.records import Broken, records
from collectors.unreadable import Excerpt, Unreadable, sentence, shown, unreadable_event
from store.records import DAY, SECOND, Cover, Event

EVENT_TYPE: Final = "log.aws.cloudtrail"
MAX_REFUSED: Final = 10
"""Files refused one after another, after which the rest of the window is not asked for."""
MAX_ERRORS: Final = 10
"""Errors that are named per part."""
Hash = Any
"""A hashlib object; the library has no name for its type."""
AHEAD: Final = DAY
"""How far ahead of the clock an eventTime may be before it is a wrong time."""


@dataclass(slots=True)
class _Part:
    times: Times = field(default_factory=Times)
    read: int = 0
    broken: int = 0
    errors: list[str] = field(default_factory=list)

    def spoil(self, name: FileName, place: str, reason: str) -> None:
        self.broken += 1
        self.times.cut.add(name.delivered)
        self._tell(sentence(place, reason))

    def broken_by(self, breaks: Sequence[Break]) -> None:
        self.broken += len(breaks)
        for item in breaks:
            self.times.cut |= {item.start + SECOND, max(item.start, item.end - SECOND)}
            self._tell(sentence(shown(item.subject), item.reason))

    def _tell(self, error: str) -> None:
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(error)


@dataclass(slots=True)
class WindowReader:
    """Reads one window's files. Made for each window; the counts are the window's."""

    window: Window
    report: Report
    open: Open
    limits: Limits
    clock: Callable[[], int]
    audit: Audit | None = None
    _parts: dict[str, _Part] = field(default_factory=dict, init=False)

    def read(self, selection: Selection) -> Iterator[Event]:
        """Yield the events of every due file in order, then report. Raises SourceUnreadable if no file could be had."""
        self.report.page(ignored=selection.ignored)
        for refusal in selection.refused:
            self.report.denied(refusal.place, refusal.reason)
        first = next((sentence(refusal.place, refusal.reason) for refusal in selection.refused), "")
        had = in_a_row = 0
        due = _logs_first(selection.due)
        for number, listed in enumerate(due):
            try:
                yield from self._file(listed)
            except Refused as error:
                first = first or sentence(listed.place, str(error))
                self._refuse(listed, str(error))
                in_a_row += 1
                if in_a_row == MAX_REFUSED:
                    self._give_up(due[number + 1 :])
                    break
            else:
                had += 1
                in_a_row = 0
        if first and not had:
            raise SourceUnreadable(first)
        if self.audit is not None and self.window.latest:
            yield from self.audit.overdue({place: max(part.times.good, default=0) for place, part in self._parts.items()})
        self._finish(selection)

    def _file(self, listed: Listed) -> Iterator[Event]:
        name = listed.name
        assert name is not None, "only log files and digests are due"
        like = self._like(name)
        part = self._parts.setdefault(name.part, _Part())
        with self.open(listed) as delivered:
            try:
                if isinstance(name, DigestName):
                    yield from self._digest(listed, name, delivered)
                else:
                    yield from self._log(listed, name, delivered, like)
            except Unreadable as error:
                if delivered.changed():
                    raise Refused("changed while it was read; it will be read again when it is whole") from error
                part.spoil(name, listed.place, error.reason)
                self.report.unreadable(listed.place, error.reason)
                yield unreadable_event(like, Excerpt.of(delivered.chunks()), listed.place, error.reason)
                if isinstance(name, DigestName) and self.audit is not None:
                    yield from self.audit.unreadable(name, listed.place, error.reason)
        if not isinstance(name, DigestName):
            part.times.good.add(name.delivered)  # a cut of the same minute wins
        self.report.page(files=1, size=listed.size)

    def _digest(self, listed: Listed, name: DigestName, delivered: Delivered) -> Iterator[Event]:
        assert self.audit is not None, "digests are due only where they are checked"
        if listed.size > self.limits.size:
            raise Unreadable(f"is {listed.size} bytes as delivered; at most {self.limits.size} are read (max_file_size)")
        yield from self.audit.digest(listed, name, delivered)

    def _log(self, listed: Listed, name: FileName, delivered: Delivered, like: Event) -> Iterator[Event]:
        """A log file's records; what its content's hash is goes to the audit, be the content understood or not."""
        known = hashlib.sha256()
        if self.audit is None:
            yield from self._records(listed, name, delivered, like, None)
            return
        identity, broken = self.audit.originals.identity(listed.key), self._parts[name.part].broken
        try:
            yield from self._records(listed, name, delivered, like, known)
        except Unreadable:
            if listed.size <= self.limits.size and (digest := content_hash(delivered, self.limits, zipped=name.zipped)):
                self.audit.chains.saw(identity, digest)
            self.audit.chains.saw(identity, SPOILT)
            raise
        self.audit.chains.saw(identity, known.hexdigest())
        if self._parts[name.part].broken > broken:
            self.audit.chains.saw(identity, SPOILT)

    def _records(self, listed: Listed, name: FileName, delivered: Delivered, like: Event, known: Hash | None) -> Iterator[Event]:
        if listed.size > self.limits.size:
            raise Unreadable(f"is {listed.size} bytes as delivered; at most {self.limits.size} are read (max_file_size)")
        content = (unzip if name.zipped else plain)(delivered.chunks(), self.limits)
        if known is not None:
            content = _hashed(content, known)
        part = self._parts[name.part]
        source, window, account, region, seen = like.source, like.window, like.account, like.region, like.collected_at
        for item in records(content):
            if isinstance(item, Broken):
                place = f"{listed.place} record {item.number}"
                part.spoil(name, place, item.reason)
                self.report.unreadable(place, item.reason)
                yield unreadable_event(like, item.excerpt, place, item.reason)
            elif item.time > seen + AHEAD:
                place, reason = f"{listed.place} record {item.number}", "has an eventTime that lies in the future"
                part.spoil(name, place, reason)
                self.report.unreadable(place, reason)
                yield unreadable_event(like, Excerpt.of([item.data]), place, reason)
            else:
                part.read += 1
                yield Event(source, item.id, EVENT_TYPE, item.time, item.data, window, seen, None, account, region)

    def _like(self, name: FileName) -> Event:
        """The attributes that the file's events share; `time` is the delivery's, for what has no time of its own."""
        return Event(
            source=self.window.source,
            id="",
            type="",
            time=name.delivered,
            payload=b"",
            window=self.window.attempt,
            collected_at=self.clock(),
            account=name.account,
            region=name.region,
        )

    def _refuse(self, listed: Listed, reason: str) -> None:
        assert listed.name is not None, "only log files are due"
        part = self._parts.setdefault(listed.name.part, _Part())
        part.spoil(listed.name, listed.place, reason)
        self.report.denied(listed.place, reason)

    def _give_up(self, rest: tuple[Listed, ...]) -> None:
        for listed in rest:
            assert listed.name is not None, "only log files are due"
            self._parts.setdefault(listed.name.part, _Part()).spoil(listed.name, listed.place, "was not asked for")
        if rest:
            reason = f"{len(rest)} more files were not asked for after {MAX_REFUSED} refusals one after another"
            self.report.denied(rest[0].place, reason)

    def _finish(self, selection: Selection) -> None:
        cuts = self.window.cursor.get("cuts", {})
        if self.audit is not None:
            for place, breaks in self.audit.breaks.items():
                self._parts.setdefault(place, _Part()).broken_by(breaks)
                for item in breaks:
                    self.report.broken(shown(item.subject), item.reason)
        found = []
        for place, part in sorted(self._parts.items()):
            complete = not part.times.cut and not part.broken
            self.report.part(place, EVENT_TYPE, complete=complete, read=part.read, errors=part.errors)
            found += self._covers(place, part.times, cuts)
        self.report.covered(found)
        times = {place: part.times for place, part in self._parts.items()}
        kept = remember(selection, later_cuts(times, found, cuts, selection.listed))
        self.report.keep(kept if self.audit is None else self.audit.remember(kept))

    def _covers(self, place: str, times: Times, cuts: Cursor) -> list[Cover]:
        """By digests from where they begin; before that, and without any, by the names of the files."""
        if self.audit is None:
            return covers(place, times, cuts)
        begun = self.audit.chains.begun.get(place)
        by_name = Times({at for at in times.good if begun is None or at < begun}, times.cut)
        named = [] if self.audit.required else covers(place, by_name, cuts)
        return named + vouched(place, self.audit.vouched.get(place, ()), times, cuts)


def _logs_first(due: tuple[Listed, ...]) -> tuple[Listed, ...]:
    """Log files as they were delivered, then digests, each chain in its order."""
    logs = [listed for listed in due if not isinstance(listed.name, DigestName)]
    digests = [(listed.name, listed) for listed in due if isinstance(listed.name, DigestName)]
    digests.sort(key=lambda item: (item[0].part, item[0].chain, item[0].delivered, item[0].backfill))
    return (*logs, *(listed for _, listed in digests))


def _hashed(chunks: Iterable[bytes], known: Hash) -> Iterator[bytes]:
    for chunk in chunks:
        known.update(chunk)
        yield chunk
