"""One window of a Jira: what changed, and in the latest window what is open or was done lately and what is missing of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from collectors.base import Report, Window
from collectors.http import ApiError
from collectors.jira_issue import Conventions, NotAnswered, life, slas
from collectors.jira_search import OLDEST, Issue, within
from collectors.jira_site import KEY, Site
from collectors.tickets import Life, OpenOnes, check_clock, gone, recent, ticket
from collectors.unreadable import Excerpt, Unreadable, unreadable_event
from store.records import UNREADABLE, Event

KIND: Final = "ticket.jira.issue"
MAX_MEMO: Final = 20_000
Memo = dict[tuple[str, int], Mapping[str, int | None]]
"""Times that cost more requests, by an issue in one state: it is asked about once as long as it does not change."""


@dataclass(slots=True)
class Look:
    """Reads one window. Raises ApiError and SourceUnreadable where it cannot go on."""

    site: Site
    agreed: Conventions
    clock: Callable[[], int]
    overlap: int
    follow: int
    memo: Memo
    window: Window
    report: Report
    looked: int = 0
    count: int = 0
    refused: list[str] = field(default_factory=list)
    asked: bool = False
    owed: bool = True
    projects: dict[str, bool] = field(default_factory=dict)

    def read(self) -> Iterator[Event]:
        """Yield the window's events, then say what was read and what the next window starts from."""
        self.looked = self.clock()
        who, server = self.site.whoami()
        self.report.identity(who)
        self.report.page()
        check_clock(self.looked, server, self.overlap, self.site.api.what)
        settled = min(self.looked, server or self.looked) - self.overlap
        kept = self.window.cursor.get("open")
        ones = OpenOnes.remembered(kept if self.window.latest else None)
        yield from self._changed(ones, settled)
        if self.window.latest:
            yield from self._missing(ones)
            kept = ones.names()
        errors = (*self.refused[:20], *ones.notes())
        self.report.part(self.site.account, KIND, complete=not self.refused, read=self.count, errors=errors)
        self.report.keep({"open": kept or []}, owed=self.owed)

    def _changed(self, ones: OpenOnes, settled: int) -> Iterator[Event]:
        """What changed in the window and, in the latest, what comes again."""
        start, end = self.window.start - self.overlap, self.window.end
        condition, first = within(start, end), max(start, OLDEST)
        if self.window.latest:
            again = self.looked - self.follow
            condition = f"(statusCategory != Done OR updated >= {again // 1000} OR ({condition}))"
            first = OLDEST
        for page in self.site.search.walk(condition, first, settled):
            self.report.page(size=page.size)
            for issue in page.issues:
                yield from self._issue(issue, ones, always=False)

    def _issue(self, issue: Issue, ones: OpenOnes, *, always: bool) -> Iterator[Event]:
        if issue.fault:
            yield self._unreadable(issue, issue.fault)
            return
        own = self._life(issue)
        if self.window.latest:
            ones.saw(issue.key, own.state)
        changed = issue.updated > self.window.start - self.overlap
        if not (always or changed or recent(own, self.looked, self.follow)):
            return
        try:
            yield self._event(issue, own)
        except Unreadable as error:
            yield self._unreadable(issue, error.reason)

    def _event(self, issue: Issue, own: Life) -> Event:
        subject, account, clocks = self.site.subject(issue.key), self.site.account, slas(issue)
        more = {"_sla": clocks} if clocks else None
        event = ticket(self.window, KIND, subject, self.looked, issue.raw, own, account=account, more=more)
        self.count += 1
        return event

    def _unreadable(self, issue: Issue, reason: str) -> Event:
        place = f"an issue of {self.site.api.what}{f', {issue.key}' if issue.key else ''}"
        self.report.unreadable(place, reason)
        like = Event(
            source=self.window.source,
            id="",
            type=UNREADABLE,
            time=self.looked,
            payload=b"",
            window=self.window.attempt,
            collected_at=self.looked,
            account=self.site.account,
        )
        return unreadable_event(like, Excerpt.of([issue.raw]), place, reason)

    def _life(self, issue: Issue) -> Life:
        name = (issue.key, issue.updated)
        self.asked = False
        own = life(issue, self.agreed, self, self.memo.get(name))
        if self.asked and "first_response" not in own.unread and "reviewed" not in own.unread:
            if len(self.memo) >= MAX_MEMO:
                self.memo.clear()
            self.memo[name] = {"first_response": own.first_response, "closed": own.closed, "reviewed": own.reviewed}
        return own

    def history(self, issue: Issue) -> Iterable[Mapping[str, Any]]:
        """See More."""
        return self._more(issue, "history", self.site.history)

    def comments(self, issue: Issue) -> Iterable[Mapping[str, Any]]:
        """See More."""
        return self._more(issue, "comments", self.site.comments)

    def _more(self, issue: Issue, what: str, ask: Callable[[str], Iterator[Mapping[str, Any]]]) -> Iterator[Mapping[str, Any]]:
        self.asked = True
        try:
            yield from ask(issue.key)
        except ApiError as error:
            if error.kind not in ("denied", "missing"):
                raise
            self._refuse(f"{what} of {issue.key}", str(error))
            self.owed = False  # an issue that is done may not come again by itself
            raise NotAnswered from error

    def _refuse(self, place: str, reason: str) -> None:
        self.refused.append(f"{place}: {reason}")
        self.report.denied(place, reason)

    def _missing(self, ones: OpenOnes) -> Iterator[Event]:
        """What was open and was not found now: done before `follow`, moved, no longer selected, or gone."""
        for key in ones.missing():
            if not KEY.fullmatch(key):
                ones.lost(key)
                continue
            try:
                issue = self.site.issue(key)
            except ApiError as error:
                if error.kind not in ("denied", "missing"):
                    raise
                yield from self._absent(key, error, ones)
                continue
            self.report.page(size=len(issue.raw))
            if issue.key and issue.key != key:
                yield self._gone(key, ones)
            yield from self._issue(issue, ones, always=True)

    def _absent(self, key: str, error: ApiError, ones: OpenOnes) -> Iterator[Event]:
        """It is gone if its project can be seen; else it may only be hidden, and is asked for again."""
        project = key.rpartition("-")[0]
        if error.kind == "missing":
            if project not in self.projects:
                self.projects[project] = self.site.sees_project(project)
            if self.projects[project]:
                yield self._gone(key, ones)
                return
        self._refuse(key, f"{error}; its project {project} cannot be seen either" if error.kind == "missing" else str(error))

    def _gone(self, key: str, ones: OpenOnes) -> Event:
        ones.lost(key)
        self.count += 1
        return gone(self.window, KIND, self.site.subject(key), self.looked, account=self.site.account)
