"""Calling PagerDuty (REST v2): pages by offset, which end at 10,000, and lists that move while they are read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from collectors.base import CollectorError
from collectors.calls import Calls
from collectors.http import ApiError
from collectors.json_text import elements, members
from collectors.unreadable import Unreadable

PER_PAGE: Final = 100
DEEPEST: Final = 10_000
"""offset + limit may not be more (developer.pagerduty.com, "Pagination")."""
MEDIA: Final = "application/vnd.pagerduty+json;version=2"


class TooMany(CollectorError):
    """A list has more elements than pages reach: the question must be narrowed. Never leaves the collector."""


@dataclass(frozen=True, slots=True)
class Page:
    """The elements of a page, exact bytes; whether there are more; how many there are, where that is told."""

    items: list[bytes]
    more: bool
    total: int | None


@dataclass(slots=True)
class Account(Calls):
    """See Calls."""

    def page(self, path: str, member: str, offset: int) -> Page:
        """One page of the list `member`. Raises ApiError, TooMany where it lies beyond what pages reach."""
        if offset + PER_PAGE > DEEPEST:
            raise TooMany
        mark = "&" if "?" in path else "?"
        answer = self.get(f"{path}{mark}limit={PER_PAGE}&offset={offset}&total=true")
        value = answer.json(self.api.what)
        try:
            items = elements(members(answer.body).get(member, b""))
        except Unreadable as error:
            raise ApiError(self.api.what, "nonsense", answer.status, f"no list of {member}") from error
        more, total = value.get("more"), value.get("total")
        if not isinstance(more, bool) or (more and not items):
            raise ApiError(self.api.what, "nonsense", answer.status, f"a list of {member} that does not say whether it goes on")
        return Page(items, more, total if isinstance(total, int) else None)

    def follow(self, path: str, member: str) -> Iterator[bytes]:
        """Every element, from the first page on. Raises ApiError, TooMany (at once where the total is told)."""
        offset = 0
        while True:
            page = self.page(path, member, offset)
            if page.total is not None and page.total > DEEPEST:
                raise TooMany
            yield from page.items
            if not page.more:
                self._whole(page, offset, member)
                return
            offset += PER_PAGE

    def every(self, path: str, member: str) -> Iterator[bytes]:
        """As `follow`; where there are several pages they are read once more, backwards, so that an element which moved over a
        border while they were read is met all the same. Some come twice."""
        offset = 0
        while True:
            page = self.page(path, member, offset)
            yield from page.items
            if not page.more:
                self._whole(page, offset, member)
                break
            offset += PER_PAGE
        for back in range(offset, -1, -PER_PAGE) if offset else ():
            yield from self.page(path, member, back).items

    def _whole(self, page: Page, offset: int, member: str) -> None:
        """Raises ApiError where the last page ends before what was counted."""
        if page.total is not None and offset + len(page.items) < page.total:
            words = f"a count of {page.total} {member}, of which it shows {offset + len(page.items)}"
            raise ApiError(self.api.what, "nonsense", 200, words)

    def one(self, path: str, member: str) -> bytes:
        """The object `member` of an answer. Raises ApiError."""
        answer = self.get(path)
        answer.json(self.api.what)
        try:
            found = members(answer.body)[member]
            members(found)
        except (Unreadable, KeyError) as error:
            raise ApiError(self.api.what, "nonsense", answer.status, f"no {member}") from error
        return found


def text(item: bytes, *names: str) -> str | None:
    """The text at a path of names; None where there is none."""
    value = json.loads(item)
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None
