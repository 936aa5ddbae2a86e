"""Reading issues out of Jira by JQL, Cloud and Data Center, so that no issue is passed over.

Pages are cut by the time of update, never by a position alone: Data Center's `startAt` skips an issue whenever one before it
leaves the result. So the issues come in the order of `updated`, and each request asks from the minute of the last one on; what of
that minute was read already is known and dropped. Only inside one minute (a bulk change) are pages taken by token or position.
Minutes, because JQL compares times by the minute; epoch milliseconds, because it reads other times in the account's time zone.

Results come from an index that lags behind the issues they hold: an issue that changed just now stands where it stood before and
says its new time. The time to ask from therefore never comes from an issue that changed after the read began.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from collectors.base import SourceUnreadable
from collectors.http import Api, ApiError
from collectors.json_text import elements, members, render, strict
from collectors.tickets import moment
from collectors.unreadable import Unreadable
from store.records import MINUTE

Edition = Literal["cloud", "data-center"]
OLDEST: Final = 946_684_800_000_000
"""2000-01-01, before there was a Jira: where to ask from for everything."""
PAGE: Final = 50
MAX_RESTARTS: Final = 5
MAX_EMPTY: Final = 100

_QUOTED: Final = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'", re.S)
_ORDER: Final = re.compile(r"\border\s+by\b", re.I)


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue as delivered. `fault` says why it could not be understood; then `value` is empty."""

    raw: bytes
    value: dict[str, Any]
    key: str = ""
    updated: int = 0
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """`after` asks for the next one (a token, a position), None: it was the last."""

    issues: tuple[Issue, ...]
    after: str | int | None
    size: int


def selection(jql: str) -> str:
    """Check the part of a JQL that selects: closed quotes and brackets, and no ORDER BY, for both are ours. Raises ValueError."""
    bare = _QUOTED.sub('""', jql)
    if not jql.isprintable() or '"' in bare.replace('""', "") or "'" in bare:
        raise ValueError("has a quote that is not closed, or characters that cannot be printed")
    if _ORDER.search(bare):
        raise ValueError("must not say ORDER BY: the order is Attestream's")
    depth = 0
    for char in bare:
        depth += (char == "(") - (char == ")")
        if depth < 0:
            break
    if depth:
        raise ValueError("has brackets that do not match")
    return jql.strip()


def within(start: int, end: int) -> str:
    """JQL: updated from the minute of `start` to the end of the minute of `end` (microseconds)."""
    return f"updated >= {_minute(start) // 1000} AND updated <= {(_minute(end) + MINUTE) // 1000}"


def _minute(time: int) -> int:
    return time - time % MINUTE


@dataclass(slots=True)
class Search:
    """Asks one Jira. `jql` selects (selection has passed it); `fields` are asked for."""

    api: Api
    edition: Edition
    jql: str
    fields: Sequence[str]
    page_size: int = PAGE

    @property
    def root(self) -> str:
        """Path of the REST API."""
        return "/rest/api/3" if self.edition == "cloud" else "/rest/api/2"

    def oldest(self) -> int | None:
        """When the issue that was changed longest ago was changed, None where there is none. Raises ApiError."""
        page = self._page(self._asked("", OLDEST), None, 1)
        return page.issues[0].updated if page.issues else None

    def sample(self) -> list[str]:
        """Keys of some issues. Raises ApiError."""
        return [issue.key for issue in self.page(self._asked("", OLDEST), None).issues if issue.key]

    def page(self, jql: str, after: str | int | None) -> Page:
        """One page; smaller ones from now on where the answer grew too large. Raises ApiError."""
        least = 2 if isinstance(after, int) and after else 1  # a position further on begins with an issue that is known
        while True:
            try:
                return self._page(jql, after, max(self.page_size, least))
            except ApiError as error:
                if error.kind != "nonsense" or "its body" not in str(error) or self.page_size <= least:
                    raise
                self.page_size //= 2

    def walk(self, condition: str, start: int, settled: int) -> Iterator[Page]:
        """Every issue that fits, changed at `start` or later, once in each of its states that is met.

        `settled`: what changed later than this by Jira's own clock may still move. Raises ApiError, SourceUnreadable.
        """
        walk = _Walk(_minute(start), settled)
        empty = 0
        asked: set[tuple[int, str | int]] = set()
        while True:
            if walk.after is None:
                asked.clear()
            elif (walk.low, walk.after) in asked:
                raise ApiError(self.api.what, "nonsense", 200, "pages that lead back to themselves")
            else:
                asked.add((walk.low, walk.after))
            back = walk.after - 1 if isinstance(walk.after, int) else walk.after
            page = self.page(self._asked(condition, walk.low), back)
            fresh = walk.take(page, self.api.what)
            yield Page(fresh, page.after, page.size)
            empty = 0 if page.issues else empty + 1
            if empty > MAX_EMPTY:
                raise ApiError(self.api.what, "nonsense", 200, f"{MAX_EMPTY} empty pages in a row")
            if walk.ended:
                return

    def _asked(self, condition: str, low: int) -> str:
        own = [f"({self.jql})"] if self.jql else []
        return " AND ".join([*own, *([condition] if condition else []), f"updated >= {low // 1000}"]) + (
            " ORDER BY updated ASC, key ASC"
        )

    def _page(self, jql: str, after: str | int | None, count: int) -> Page:
        body: dict[str, Any] = {"jql": jql, "fields": list(self.fields), "maxResults": count}
        if self.edition == "cloud":
            body |= {"expand": "changelog", **({} if after is None else {"nextPageToken": after})}
            answer = self.api.post(f"{self.root}/search/jql", render(body))
        else:
            body |= {"expand": ["changelog"], "startAt": after or 0}
            answer = self.api.post(f"{self.root}/search", render(body))
        try:
            parts = members(answer.body)
            issues = tuple(read(raw) for raw in elements(parts["issues"]))
            token, last = strict(parts.get("nextPageToken", b"null")), strict(parts.get("isLast", b"null"))
            total = strict(parts["total"]) if self.edition == "data-center" else 0
            warned = strict(parts.get("warningMessages", b"null")) or strict(parts.get("errorMessages", b"null"))
        except (Unreadable, KeyError, RecursionError) as error:
            raise ApiError(self.api.what, "nonsense", answer.status, "no list of issues") from error
        if warned:  # part of the query was passed over
            raise ApiError(self.api.what, "refused", answer.status, f"{answer.status}, with warnings or errors")
        if self.edition == "data-center":
            at = int(after or 0) + len(issues)
            if not isinstance(total, int) or total < 0:
                raise ApiError(self.api.what, "nonsense", answer.status, "no count of issues")
            if not issues and at < total:
                raise ApiError(self.api.what, "nonsense", answer.status, f"a count of {total} issues and none of them")
            return Page(issues, at if issues and isinstance(total, int) and at < total else None, len(answer.body))
        if not (token is None or isinstance(token, str)) or (last is False and not token) or (token and token == after):
            raise ApiError(self.api.what, "nonsense", answer.status, "no token of a further page")
        return Page(issues, None if last is True else token or None, len(answer.body))


@dataclass(slots=True)
class _Walk:
    """Where a walk stands: it asks from minute `low` on; `known` were read of what that answers."""

    low: int
    settled: int
    after: str | int | None = None
    ended: bool = False
    known: set[int] = field(default_factory=set)
    border: int | None = None
    restarts: int = 0

    def take(self, page: Page, what: str) -> tuple[Issue, ...]:
        """Return what is new in a page, and decide what is asked for next. Raises SourceUnreadable."""
        times = [issue.updated for issue in page.issues if not issue.fault]
        if any(time < self.low - MINUTE for time in times):
            raise SourceUnreadable(
                f"{what} answered with issues from before the time that was asked for: its answer is not believed"
            )
        marks = [_mark(issue) for issue in page.issues]
        fresh = tuple(issue for issue, mark in zip(page.issues, marks, strict=True) if mark not in self.known)
        # 1. A position further on begins with the last issue of the page before; with another one the list has moved.
        if isinstance(self.after, int) and self.border is not None and (not marks or marks[0] != self.border):
            self.restarts += 1
            if self.restarts > MAX_RESTARTS:
                raise SourceUnreadable(f"{what} changes faster than it can be read: nothing is lost, the next run asks again")
            self.known.update(marks)
            self.after, self.border = None, None
            return fresh
        self.known.update(marks)
        # 2. The last page.
        if page.after is None:
            self.ended = True
            return fresh
        # 3. From a later minute on, if the page reaches one: of what is behind only that minute is known. The last issue but one
        #    says which, where it is the earlier: then one that the index has not followed for long does not carry us away.
        still = [time for time in times if time <= self.settled]
        if still and _minute(min(still[-2:])) > self.low:
            self.low = _minute(min(still[-2:]))
            self.known = {
                mark for issue, mark in zip(page.issues, marks, strict=True) if issue.fault or issue.updated >= self.low
            }
            self.after, self.border, self.restarts = None, None, 0
            return fresh
        # 4. More of the same minute.
        self.after, self.border = page.after, marks[-1] if marks else self.border
        return fresh


def _mark(issue: Issue) -> int:
    """An issue in one state."""
    return hash(issue.raw) if issue.fault else hash((issue.key, issue.updated))


def read(raw: bytes) -> Issue:
    """Understand one issue: strict JSON with a key and a time of update."""
    try:
        value = strict(raw)
    except Unreadable as error:
        return Issue(raw, {}, fault=error.reason)
    fields = value.get("fields") if isinstance(value, dict) else None
    key = value.get("key") if isinstance(value, dict) else None
    updated = moment(fields.get("updated")) if isinstance(fields, dict) else None
    if not isinstance(key, str) or not re.fullmatch(r"[A-Z][A-Z0-9_]{0,254}-[0-9]{1,18}", key) or updated is None:
        return Issue(raw, {}, fault="is no issue with a key and a time of update")
    return Issue(raw, value, key, updated)
