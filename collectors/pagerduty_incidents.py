"""Incidents of PagerDuty: which changed, by the log; each as it is now, with its log; those still open.

`since` and `until` of /incidents filter by creation, so changes are found in /log_entries: every change of an incident leaves an
entry. A period whose entries are more than pages reach is cut in two until each fits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import quote

import msgspec

from collectors.base import Report, SourceUnreadable, Window
from collectors.http import ApiError
from collectors.pagerduty_calls import Account, TooMany, text
from collectors.tickets import Life, OpenOnes, earliest, gone, moment, ticket
from collectors.unreadable import Excerpt, Unreadable, shown, unreadable_event
from store.records import DAY, SECOND, UNREADABLE, Event
from store.times import format_time

KIND: Final = "ticket.pagerduty.incident"
MAX_OWED: Final = 2_000
MAX_DONE: Final = 8_000
MAX_LOG: Final = 8 * 1024 * 1024
"""Bytes of an incident's log that are kept with it; of a longer one only what its life says."""
AGAIN: Final = DAY
"""How often incidents resolved lately are read again."""
_OPEN: Final = "/incidents?statuses[]=triggered&statuses[]=acknowledged&date_range=all&sort_by=created_at:asc"
_NOISE: Final = frozenset({"notify_log_entry", "notify_log_entry_reference"})


def instant(micros: int) -> str:
    """A time as PagerDuty reads it."""
    return f"{format_time(micros)[:19]}Z"


def changed(account: Account, start: int, end: int) -> Iterator[str]:
    """Ids of incidents that have a log entry in [start, end], each once. Raises ApiError, SourceUnreadable."""
    seen: set[str] = set()
    periods = [(start // SECOND * SECOND, -(-end // SECOND) * SECOND + SECOND)]
    while periods:
        first, last = periods.pop()
        path = f"/log_entries?since={instant(first)}&until={instant(last)}&is_overview=false"
        try:
            for entry in account.follow(path, "log_entries"):
                name = text(entry, "incident", "id")
                if name is not None and name not in seen:
                    seen.add(name)
                    yield name
        except TooMany:
            if last - first <= SECOND:
                many = "more than 10,000 log entries within one second cannot be read page by page"
                raise SourceUnreadable(f"{account.api.what}: {many} (at {instant(first)})") from None
            middle = first + (last - first) // 2 // SECOND * SECOND
            periods += [(max(middle, first + SECOND), last), (first, max(middle, first + SECOND))]


def life(value: Mapping[str, Any], log: Sequence[Mapping[str, Any]]) -> Life:
    """The life of an incident, by its log (newest first).

    First response is the first acknowledgement; reviewed, the first note or status update after it was resolved; the owner of a
    resolved one is to whom it was assigned last.
    """
    done = value.get("status") == "resolved"
    resolved = _latest(log, "resolve_log_entry") if done else None
    resolved = resolved or (moment(value.get("resolved_at")) or moment(value.get("last_status_change_at")) if done else None)
    after = [
        moment(entry.get("created_at"))
        for entry in log
        if str(entry.get("type")).startswith(("annotate_log_entry", "status_update_log_entry"))
    ]
    return Life(
        "done" if done else "open",
        opened=moment(value.get("created_at")),
        owner=_owner(value, log),
        severity=_summary(value.get("priority")) or _word(value.get("urgency")),
        first_response=earliest(_times(log, "acknowledge_log_entry")),
        resolved=resolved,
        closed=resolved,
        reviewed=earliest(time for time in after if resolved is not None and time is not None and time >= resolved),
        updated=moment(value.get("updated_at")) or moment(value.get("last_status_change_at")),
    )


def _times(log: Sequence[Mapping[str, Any]], kind: str) -> list[int]:
    found = (moment(entry.get("created_at")) for entry in log if str(entry.get("type")).startswith(kind))
    return [time for time in found if time is not None]


def _latest(log: Sequence[Mapping[str, Any]], kind: str) -> int | None:
    return max(_times(log, kind), default=None)


def _owner(value: Mapping[str, Any], log: Sequence[Mapping[str, Any]]) -> str | None:
    """Newest first, as the log comes."""
    assignments = value.get("assignments")
    for item in assignments if isinstance(assignments, list) else ():
        if isinstance(item, dict) and (found := _summary(item.get("assignee"))):
            return found
    for entry in log:
        assignees = entry.get("assignees")
        for item in assignees if isinstance(assignees, list) else ():
            if found := _summary(item):
                return found
    return None


def _summary(item: Any) -> str | None:
    return _word(item.get("summary")) or _word(item.get("id")) if isinstance(item, dict) else None


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


@dataclass(slots=True)
class Incidents:
    """Reads the incidents of one window. `owed`: ids that could not be read before; `done`: resolved ones, and when."""

    account: Account
    window: Window
    report: Report
    host: str
    overlap: int
    follow: int
    clock: Callable[[], int]
    open: OpenOnes
    owed: set[str]
    done: dict[str, int]
    followed: int
    count: int = 0
    errors: list[str] = field(default_factory=list)
    _read: set[str] = field(default_factory=set)

    def read(self) -> Iterator[Event]:
        """Everything of the window, and its part. Raises ApiError, SourceUnreadable."""
        for name in sorted(self.owed):
            yield from self._incident(name)
        for name in changed(self.account, max(self.window.start - self.overlap, 0), self.window.end):
            yield from self._incident(name)
        if self.window.latest:
            yield from self._still_open()
            yield from self._lately()
        notes = self.open.notes() if self.window.latest else ()
        self.report.part(self.host, KIND, complete=not self.errors, read=self.count, errors=[*self.errors[:20], *notes])

    def _still_open(self) -> Iterator[Event]:
        """Open ones, changed or not; then those that were open and are in neither list, by name."""
        try:
            for item in self.account.every(_OPEN, "incidents"):
                if (name := text(item, "id")) is not None:
                    yield from self._incident(name, listed=True)
        except (ApiError, TooMany) as error:
            words = "there are more than 10,000 of them, and pages reach no further" if isinstance(error, TooMany) else str(error)
            self._wrong("open incidents", words)
            return
        for name in self.open.missing():
            yield from self._incident(name)

    def _lately(self) -> Iterator[Event]:
        """Once a day those resolved within `follow`, so that their verdicts stay fresh."""
        now = self.window.end
        recent = sorted(((time, name) for name, time in self.done.items() if time >= now - self.follow), reverse=True)
        self.done = {name: time for time, name in recent[:MAX_DONE]}
        if 0 <= now - self.followed < AGAIN:
            return
        for name in list(self.done) if self.followed else ():
            yield from self._incident(name)
        self.followed = now

    def _incident(self, name: str, *, listed: bool = False) -> Iterator[Event]:
        """One incident as it is now, once a window. `listed`: it has just been shown among others, so it cannot be gone."""
        if name in self._read:
            return
        self._read.add(name)
        path, subject = f"/incidents/{quote(name, safe='')}", f"{self.host}/incidents/{shown(name)}"
        data = b""
        try:
            data = self.account.one(path, "incident")
            entries = list(dict.fromkeys(self.account.follow(f"{path}/log_entries?is_overview=false", "log_entries")))
        except (ApiError, TooMany) as error:
            if isinstance(error, ApiError) and error.kind == "missing" and not (data or listed):  # the log alone may be missing
                self._forget(name)
                yield gone(self.window, KIND, subject, self.clock(), account=self.host)
                return
            self.owed.add(name)
            self._wrong(
                f"incident {shown(name)}", "its log is longer than pages go" if isinstance(error, TooMany) else str(error)
            )
            return
        kept = [entry for entry in entries if text(entry, "type") not in _NOISE]
        told = sum(map(len, kept)) <= MAX_LOG
        found = life(json.loads(data), [value for value in map(json.loads, kept) if isinstance(value, dict)])
        self.owed.discard(name)
        try:
            more = {"_log_entries": [msgspec.Raw(entry) for entry in kept]} if told else {}
            found = found if told else replace(found, unread=("_log_entries",))
            event = ticket(self.window, KIND, subject, self.clock(), data, found, account=self.host, more=more)
        except Unreadable as error:
            yield self._unreadable(subject, data, error)
            return
        self._remember(name, found)
        self.count += 1
        yield event

    def _remember(self, name: str, found: Life) -> None:
        if self.window.latest:
            self.open.saw(name, found.state)
        self.done.pop(name, None)
        if found.state == "done":
            self.done[name] = found.done_at() or self.window.end

    def _forget(self, name: str) -> None:
        self.owed.discard(name)
        self.done.pop(name, None)
        self.open.lost(name)

    def _wrong(self, place: str, words: str) -> None:
        self.report.denied(place, words)
        self.errors.append(f"{place}: {words}")

    def _unreadable(self, place: str, data: bytes, error: Unreadable) -> Event:
        looked = self.clock()
        self.report.unreadable(place, error.reason)
        like = Event(self.window.source, "-", UNREADABLE, looked, b"", self.window.attempt, looked, account=self.host)
        return unreadable_event(like, Excerpt.of([data]), place, error.reason)
