"""One window of a ServiceNow: table by table what changed, and in the latest window what is open, done lately, or missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from collectors.base import Report, SourceUnreadable, Window
from collectors.http import ApiError
from collectors.servicenow_journal import Journal
from collectors.servicenow_row import Conventions, life
from collectors.servicenow_table import OLDEST, Row, Table, time_text
from collectors.tickets import OpenOnes, check_clock, gone, recent, ticket
from collectors.unreadable import Excerpt, Unreadable, unreadable_event
from store.records import UNREADABLE, Event

WHOLE = ("credentials", "throttled", "unreachable")
"""Faults that are no table's own: nothing else would be answered either."""


def kind_of(table: str) -> str:
    """The event type of a table's rows."""
    return f"ticket.servicenow.{table}"


@dataclass(slots=True)
class _Told:
    """What is said of a table's part of the window."""

    count: int = 0
    hidden: int = 0
    refused: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Look:
    """Reads one window. Raises ApiError and SourceUnreadable where it cannot go on."""

    what: str
    account: str
    tables: Sequence[tuple[Table, Conventions]]
    clock: Callable[[], int]
    overlap: int
    follow: int
    since: int | None
    journal: Journal | None
    window: Window
    report: Report
    looked: int = 0
    responses: dict[str, int | None] = field(default_factory=dict)
    owed: bool = True

    def read(self) -> Iterator[Event]:
        """Yield the window's events, then say what was read and what the next window starts from."""
        self.looked = self.clock()
        known = self.window.cursor.get("tables")
        starts: dict[str, int | None] = dict(known) if isinstance(known, Mapping) else {}
        kept = self.window.cursor.get("open")
        ones = OpenOnes.remembered(kept if self.window.latest else None)
        later: dict[str, int | None] = {}
        failed: list[ApiError] = []
        for table, agreed in self.tables:
            own = starts.get(table.name) if table.name in starts or not starts else max(OLDEST, self.since or 0)
            start = self.window.start if own is None else min(own, self.window.start)
            told = _Told()
            try:
                yield from self._table(table, agreed, start, ones, told)
            except ApiError as error:
                if error.kind in WHOLE:
                    raise
                failed.append(error)
                self._refuse(told, f"table {table.name}", str(error))
            # A first window begins with the oldest row that can be seen: what was refused then may have older ones.
            later[table.name] = None if not told.refused else start if starts else max(OLDEST, self.since or 0)
            notes = () if table is not self.tables[-1][0] else ones.notes()
            kind = kind_of(table.name)
            self.report.part(self.account, kind, complete=not told.refused, read=told.count, errors=(*told.refused[:20], *notes))
        if failed and len(failed) == len(self.tables):
            raise SourceUnreadable(str(failed[0])) from failed[0]
        for name in [name for name in ones.missing() if name.partition("/")[0] not in later]:
            ones.lost(name)  # of a table that is not read any more
        names = ones.names() if self.window.latest else kept
        self.report.keep({"tables": later, "open": names or []}, owed=self.owed)

    def _table(self, table: Table, agreed: Conventions, start: int, ones: OpenOnes, told: _Told) -> Iterator[Event]:
        start -= self.overlap
        again = max(OLDEST, self.looked - self.follow)
        # 1. What changed in the period; in the latest window that is among what comes again, if the period is not longer.
        if not self.window.latest or start < again:
            condition = f"sys_updated_on<={time_text(self.window.end)}"
            yield from self._walk(table, agreed, condition, start, start, ones, told)
        # 2. What is open, and what was done lately.
        if self.window.latest:
            condition = f"{agreed.open.text}^ORsys_updated_on>={time_text(min(again, self.looked))}"
            yield from self._walk(table, agreed, condition, OLDEST, max(start, again), ones, told)
        if told.hidden:
            reason = f"access rules hide rows that fit ({told.hidden} counted): let the account read them, or narrow the query"
            self._refuse(told, f"table {table.name} of {self.what}", reason)
        # 3. What was open, and was not among it.
        if self.window.latest:
            yield from self._missing(table, agreed, ones, told)

    def _walk(
        self, table: Table, agreed: Conventions, condition: str, start: int, changed: int, ones: OpenOnes, told: _Told
    ) -> Iterator[Event]:
        checked = False
        for page in table.walk(condition, max(start, OLDEST)):
            if not checked:
                check_clock(self.clock(), table.server, self.overlap, self.what)
                checked = True
            self.report.page(size=page.size)
            told.hidden += page.hidden
            self._respond(agreed, page.rows, told)
            for row in page.rows:
                yield from self._row(table, agreed, row, changed, ones, told)

    def _respond(self, agreed: Conventions, rows: Sequence[Row], told: _Told) -> None:
        """Find out the first responses of a page's rows, if the journal is read."""
        self.responses = {}
        if self.journal is None or agreed.responded is not None or "number" not in agreed.fields:
            return
        try:
            self.responses = self.journal.responses(rows)
        except ApiError as error:
            if error.kind not in ("denied", "missing", "refused"):
                raise
            self._refuse(told, f"table {self.journal.table.name}", str(error))

    def _row(self, table: Table, agreed: Conventions, row: Row, changed: int, ones: OpenOnes, told: _Told) -> Iterator[Event]:
        if row.fault:
            yield self._unreadable(table, row, row.fault)
            return
        own = life(row, agreed, self.responses)
        if self.window.latest:
            ones.saw(f"{table.name}/{row.sys_id}", own.state)
        if not (row.updated > changed or recent(own, self.looked, self.follow)):
            return
        try:
            subject = f"{self.account}/{table.name}/{row.sys_id}"
            event = ticket(self.window, kind_of(table.name), subject, self.looked, row.raw, own, account=self.account)
        except Unreadable as error:
            yield self._unreadable(table, row, error.reason)
            return
        told.count += 1
        yield event

    def _missing(self, table: Table, agreed: Conventions, ones: OpenOnes, told: _Told) -> Iterator[Event]:
        """Done before `follow`, no longer selected, hidden, or gone: ask for each."""
        for name in [name for name in ones.missing() if name.startswith(f"{table.name}/")]:
            sys_id = name.partition("/")[2]
            try:
                row = table.row(sys_id)
            except ApiError as error:
                if error.kind not in ("denied", "missing"):
                    raise
                if error.kind == "denied" or told.hidden:  # what hides others may hide this one
                    self._refuse(told, f"{table.name} {sys_id}", str(error))
                    continue
                ones.lost(name)
                told.count += 1
                subject = f"{self.account}/{name}"
                yield gone(self.window, kind_of(table.name), subject, self.looked, account=self.account)
                continue
            self.report.page(size=len(row.raw))
            self._respond(agreed, [row], told)
            yield from self._row(table, agreed, row, -1, ones, told)

    def _refuse(self, told: _Told, place: str, reason: str) -> None:
        told.refused.append(f"{place}: {reason}")
        self.report.denied(place, reason)

    def _unreadable(self, table: Table, row: Row, reason: str) -> Event:
        place = f"a row of table {table.name} of {self.what}{f', {row.sys_id}' if row.sys_id else ''}"
        self.report.unreadable(place, reason)
        look, source, attempt = self.looked, self.window.source, self.window.attempt
        like = Event(source, "", UNREADABLE, look, b"", attempt, look, account=self.account)
        return unreadable_event(like, Excerpt.of([row.raw]), place, reason)
