"""The issues of a repository by time of update, without passing one over.

A page number is no place in a list that moves: a ticket that changes while pages are read goes to the end, and every later one
moves up by one, over the border of a page. So the next question begins at the last time that was seen (`since` is "at or after"),
and page numbers are used only where one second holds more than a page, and then from the last to the first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from collectors.github_parts.hub import PER_PAGE, Hub
from collectors.tickets import moment
from store.records import SECOND
from store.times import format_time

_STUCK: Final = 10_000


@dataclass(slots=True)
class Changed:
    """Elements of the list of issues updated in [start, end], oldest first; `beyond` is then the next update there is, if any."""

    hub: Hub
    repository: str
    start: int
    end: int
    state: str = "all"
    beyond: int | None = field(default=None, init=False)

    def read(self) -> Iterator[bytes]:
        """Yield each element as it is; one that changes meanwhile may come twice. Raises ApiError."""
        since = self.start // SECOND * SECOND
        before: set[bytes] = set()
        for _ in range(_STUCK):
            path = self._path(since)
            page = self.hub.page(path)
            items, last = page.items, since
            if page.next is not None and self._within(items, since):
                yield from self._second(path, since, before)
                before, since = set(), since + SECOND
                continue
            for item in items:
                updated = _updated(item, last)
                if updated > self.end:
                    self.beyond = updated
                    return
                if item not in before:
                    yield item
                last = max(last, updated)
            if page.next is None:
                return
            before = {item for item in items if _updated(item, last) == last}
            since = last

    def _second(self, path: str, since: int, before: set[bytes]) -> Iterator[bytes]:
        """What one second holds, where that is more than a page: its pages from the last to the first."""
        number, page = 1, self.hub.page(path)
        while page.next is not None and self._within(page.items, since) and number < _STUCK:
            number += 1
            page = self.hub.page(f"{path}&page={number}")
        met = {hash(item) for item in before}
        for back in range(number, 0, -1):
            for item in self.hub.page(f"{path}&page={back}").items:
                if self._within([item], since) and hash(item) not in met:
                    met.add(hash(item))
                    yield item

    @staticmethod
    def _within(items: list[bytes], since: int) -> bool:
        return all(_updated(item, since) <= since for item in items)

    def _path(self, since: int) -> str:
        time = f"{format_time(since)[:19]}Z"
        query = f"state={self.state}&sort=updated&direction=asc&since={time}&per_page={PER_PAGE}"
        return f"/repos/{self.repository}/issues?{query}"


def _updated(item: bytes, otherwise: int) -> int:
    value = json.loads(item)
    found = moment(value.get("updated_at")) if isinstance(value, dict) else None
    return otherwise if found is None else found
