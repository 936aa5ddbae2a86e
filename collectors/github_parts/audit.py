"""The audit log of an organisation: what was done to repositories, members and settings, and by whom.

GitHub answers for it in GitHub Enterprise alone; elsewhere it says "Not Found", as to those who may not see it. Entries are
found by when they were created, to the second; each carries an id of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from collectors.base import Report, Window
from collectors.github_parts.hub import Hub
from collectors.github_parts.memory import Memory
from collectors.http import ApiError
from collectors.json_text import strict
from collectors.unreadable import Excerpt, Unreadable, unreadable_event
from store.records import SECOND, UNREADABLE, Event
from store.times import Clock, format_time

AUDIT: Final = "log.github.audit"
"""As public rules name the logsource: product github, service audit."""
OWED: Final = "audit-log"
"""Its name among what a cursor owes; repositories have a slash in theirs."""
MAX_ERRORS: Final = 20
_MILLI: Final = 1000


@dataclass(slots=True)
class AuditLog:
    """Reads one window of an organisation's audit log."""

    hub: Hub
    window: Window
    report: Report
    memory: Memory
    organisation: str
    overlap: int
    clock: Clock
    read: int = 0
    errors: list[str] = field(default_factory=list)

    def entries(self) -> Iterator[Event]:
        """Yield what was entered in the window's period, or since the time that is owed. What is refused is owed."""
        owed = self.memory.owed.get(OWED)
        start = self.window.start if owed is None else min(owed, self.window.start)
        try:
            for item in self.hub.follow(question(self.organisation, max(start - self.overlap, 0), self.window.end)):
                yield self._event(item)
        except ApiError as error:
            place = f"audit log of {self.organisation}"
            self.report.denied(place, str(error))
            self.errors.append(f"{place}: {error}")
            self.memory.owed[OWED] = start
        else:
            self.memory.owed.pop(OWED, None)
        self.report.part(self.organisation, AUDIT, complete=not self.errors, read=self.read, errors=self.errors[:MAX_ERRORS])

    def _event(self, item: bytes) -> Event:
        now = self.clock()
        source, attempt, account = self.window.source, self.window.attempt, self.organisation
        try:
            name, time = known(strict(item))
        except Unreadable as error:
            place = f"an entry of the audit log of {account}"
            self.report.unreadable(place, error.reason)
            self.errors.append(f"{place}: {error.reason}")
            like = Event(source, "-", UNREADABLE, now, b"", attempt, now, account=account)
            return unreadable_event(like, Excerpt.of([item]), place, error.reason)
        self.read += 1
        return Event(source, name, AUDIT, time, item, attempt, now, account=account)


def question(organisation: str, start: int, end: int) -> str:
    """The path that asks for entries created from `start` to `end` (microseconds), the oldest first."""
    first, last = format_time(start // SECOND * SECOND)[:19], format_time(-(-end // SECOND) * SECOND)[:19]
    phrase = quote(f"created:{first}Z..{last}Z", safe="")
    return f"/orgs/{organisation}/audit-log?phrase={phrase}&include=web&order=asc&per_page=100"


def known(value: Any) -> tuple[str, int]:
    """An entry's id, and its time in microseconds. Raises Unreadable."""
    name = value.get("_document_id") if isinstance(value, dict) else None
    time = value.get("@timestamp") if isinstance(value, dict) else None
    if not isinstance(name, str) or not 0 < len(name) <= 200 or not name.isprintable():
        raise Unreadable("has no id")
    if isinstance(time, bool) or not isinstance(time, int) or not 0 <= time < 253_402_300_800_000:
        raise Unreadable("has no time")
    return name, time * _MILLI
