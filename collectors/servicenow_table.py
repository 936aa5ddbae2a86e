"""Reading rows of a ServiceNow table by the time of their last change, so that no row is passed over.

Offsets skip a row whenever one before it changes. So pages are cut by keys: rows come in the order of (sys_updated_on, sys_id),
and each request asks from the second of the last row on; what of that second was read already is known and dropped. A page that
lies within one second is followed by `sys_updated_on=T^sys_id>S` until that second is read, then by `sys_updated_on>T`.

Rows that an access rule hides are left out of a page, but X-Total-Count counts them: a page that is too short is asked for
again, and if it stays so there are rows that we may not see. That is never "no tickets". Times are UTC, by the second.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from collectors.base import SourceUnreadable
from collectors.http import Answer, Api, ApiError
from collectors.json_text import elements, members, strict
from collectors.tickets import moment, said_at
from collectors.unreadable import Unreadable
from store.records import SECOND
from store.times import format_time

OLDEST: Final = 946_684_800_000_000
"""2000-01-01, before there was a ServiceNow: where to ask from for everything."""
PAGE: Final = 100
MAX_HIDDEN_PAGES: Final = 1000
"""Pages in a row of nothing but rows that are not shown, after which the count is not believed."""
TRIES: Final = 3
"""Times that a page which lacks rows is asked for: a row may have changed between its count and its list."""

_ID: Final = re.compile(r"[0-9a-f]{32}")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_OURS: Final = re.compile(r"\^(?:NQ|EQ|ORDERBY|GROUPBY|RLQUERY)|^(?:NQ|EQ|ORDERBY|GROUPBY|RLQUERY)")


@dataclass(frozen=True, slots=True)
class Row:
    """A row as delivered: its members are text. `fault` says why it could not be understood; then `value` is empty."""

    raw: bytes
    value: dict[str, Any]
    sys_id: str = ""
    updated: int = 0
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Rows:
    """A page: `total` rows fit the query, and `hidden` of those that belong on this page were not shown."""

    rows: tuple[Row, ...]
    total: int
    hidden: int
    size: int


def selection(query: str) -> str:
    """Check an encoded query that selects: neither a second query (^NQ) nor an order, for that is ours. Raises ValueError."""
    if not query.isprintable() or _OURS.search(query) or query.startswith("^") or query.endswith("^"):
        raise ValueError("must be one encoded query, FIELD=VALUE^FIELD=VALUE, without ^NQ, ^EQ, ORDERBY or GROUPBY")
    return query


def time_of(value: Any) -> int | None:
    """Read a time as ServiceNow stores it, "2026-11-20 10:00:00" in UTC; None for an empty one and for anything else."""
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return None
    return moment(f"{value[:10]}T{value[11:]}Z")


def time_text(time: int) -> str:
    """Write a time as an encoded query has it, cut to the second."""
    return format_time(time)[:19].replace("T", " ")


@dataclass(slots=True)
class Table:
    """One table. `query` selects (selection has passed it); `time` is the field whose order is followed.

    `server` is what time the other side last said it was.
    """

    api: Api
    name: str
    fields: Sequence[str]
    query: str
    limit: int = PAGE
    time: str = "sys_updated_on"
    server: int | None = field(default=None, init=False)

    def oldest(self) -> int | None:
        """When the row that was changed longest ago was changed, None where there is none that we see. Raises ApiError."""
        rows = self._page(f"{self.time}>={time_text(OLDEST)}", self._order).rows
        return next((row.updated for row in rows if not row.fault), None)

    def row(self, sys_id: str) -> Row:
        """One row by its id. Raises ApiError: missing where it is not there or hidden."""
        query = {"sysparm_fields": ",".join(self.fields), **_FORM}
        answer = self.api.get(f"/api/now/table/{self.name}/{sys_id}", query)
        try:
            return read(members(answer.body)["result"])
        except (Unreadable, KeyError, RecursionError) as error:
            raise ApiError(self.api.what, "nonsense", answer.status, "no row") from error

    def walk(self, condition: str, start: int) -> Iterator[Rows]:
        """Every row that fits, changed at `start` or later, once in each state that is met. Raises ApiError, SourceUnreadable."""
        low, sign, behind = time_text(start), ">=", ""
        known: set[str] = set()
        while True:
            own = f"{self.time}={low}^sys_id>{behind}" if behind else f"{self.time}{sign}{low}"
            page = self._page(f"{condition}^{own}" if condition else own, _BY_ID if behind else self._order)
            sound = [row for row in page.rows if not row.fault]
            if any(time_text(row.updated) < low for row in sound):
                raise SourceUnreadable(f"{self._what} answered with rows from before the time asked for: not believed")
            if behind and any(row.sys_id <= behind for row in sound):
                raise SourceUnreadable(f"{self._what} answered with rows that were not asked for: its answer is not believed")
            fresh = tuple(row for row in page.rows if row.fault or _mark(row) not in known)
            yield Rows(fresh, page.total, page.hidden, page.size)
            last = sound[-1] if sound else None
            more = page.total > self.limit and last is not None
            if page.rows and last is None and page.total > self.limit:
                raise ApiError(self._what, "nonsense", 200, f"a page without a row that has sys_id and {self.time}")
            # 1. Inside one second: on behind the last id, or on behind the second.
            if behind:
                behind, sign, known = (last.sys_id, sign, known) if more and last else ("", ">", set())
            # 2. From one second to a later one, of which what was read is known.
            elif not more or last is None:
                return
            elif time_text(last.updated) > low:
                low, sign = time_text(last.updated), ">="
                known = {_mark(row) for row in sound if time_text(row.updated) == low}
            # 3. A page that did not leave its second.
            else:
                behind = last.sys_id

    @property
    def _order(self) -> str:
        return f"ORDERBY{self.time}^ORDERBYsys_id"

    @property
    def _what(self) -> str:
        return f"table {self.name} of {self.api.what}"

    def _page(self, condition: str, order: str) -> Rows:
        """One page that shows a row, if any can be seen; smaller ones from now on where an answer grew too large."""
        while True:
            try:
                return self._shown(condition, order)
            except ApiError as error:
                if error.kind != "nonsense" or "its body" not in str(error) or self.limit == 1:
                    raise
                self.limit //= 2

    def _shown(self, condition: str, order: str) -> Rows:
        """Pages of nothing but hidden rows are passed."""
        query = "^".join([*([self.query] if self.query else []), condition, order])
        hidden = offset = size = 0
        for _ in range(MAX_HIDDEN_PAGES):
            page = self._steady(query, offset)
            hidden, size = hidden + page.hidden, size + page.size
            offset += self.limit
            if page.rows or offset >= page.total:
                return Rows(page.rows, page.total if page.rows else 0, hidden, size)
        raise ApiError(self._what, "nonsense", 200, f"{MAX_HIDDEN_PAGES} pages of rows that it does not show")

    def _steady(self, query: str, offset: int) -> Rows:
        page = self._ask(query, offset)
        for _ in range(TRIES - 1):
            if not page.hidden:
                break
            page = self._ask(query, offset)
        return page

    def _ask(self, query: str, offset: int) -> Rows:
        asked: dict[str, str | int] = {"sysparm_query": query, "sysparm_fields": ",".join(self.fields), **_FORM}
        asked |= {"sysparm_limit": self.limit, "sysparm_offset": offset, "sysparm_suppress_pagination_header": "true"}
        answer = self.api.get(f"/api/now/table/{self.name}", asked)
        self.server = said_at(answer)
        try:
            parts = members(answer.body)
            if "error" in parts:  # a query that took too long: what it found by then, and an error beside it
                raise ApiError(self._what, "failing", answer.status, f"{answer.status}, an error beside its rows")
            rows = tuple(read(raw, self.time) for raw in elements(parts["result"]))
        except (Unreadable, KeyError, RecursionError) as error:
            raise ApiError(self._what, "nonsense", answer.status, "no list of rows") from error
        total = _total(answer, self._what)
        return Rows(rows, total, max(0, min(self.limit, total - offset) - len(rows)), len(answer.body))


_FORM: Final = {"sysparm_display_value": "false", "sysparm_exclude_reference_link": "true"}
_BY_ID: Final = "ORDERBYsys_id"


def _total(answer: Answer, what: str) -> int:
    """How many rows fit, those that are hidden included. Without it an empty answer could not be believed."""
    said = answer.headers.get("x-total-count", "")
    if not said.isascii() or not said.isdigit() or len(said) > 15:
        raise ApiError(what, "nonsense", answer.status, "no X-Total-Count; a proxy may take it away")
    return int(said)


def _mark(row: Row) -> str:
    return f"{row.sys_id}{row.updated // SECOND}"


def read(raw: bytes, time: str = "sys_updated_on") -> Row:
    """Understand one row: strict JSON with sys_id and its time."""
    try:
        value = strict(raw)
    except Unreadable as error:
        return Row(raw, {}, fault=error.reason)
    sys_id = value.get("sys_id") if isinstance(value, dict) else None
    updated = time_of(value.get(time)) if isinstance(value, dict) else None
    if not isinstance(sys_id, str) or not _ID.fullmatch(sys_id) or updated is None:
        return Row(raw, {}, fault=f"is no row with a sys_id and a {time}")
    return Row(raw, value, sys_id, updated)
