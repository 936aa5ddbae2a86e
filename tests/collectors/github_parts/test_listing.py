"""The list of issues by time of update: whatever changes while it is read, no ticket is passed over."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from attestream.demo.servers.github import stamp
from collectors.github_parts.hub import Page
from collectors.github_parts.listing import Changed
from store.records import SECOND

START, SIZE = 1_790_000_000, 3


@dataclass
class Moving:
    """A list in pages of three in which tickets change between requests (`changes`: which, at each request)."""

    updated: dict[int, int]
    changes: list[list[int]]
    now: int
    asked: int = 0
    moved: set[int] = field(default_factory=set)

    def page(self, path: str) -> Page:
        for number in self.changes[self.asked] if self.asked < len(self.changes) else ():
            if number in self.updated:
                self.now += 1
                self.updated[number] = self.now
                self.moved.add(number)
        self.asked += 1
        query = dict(parse_qsl(urlsplit(path).query))
        since = int(datetime.fromisoformat(query["since"]).timestamp())
        rows = sorted((at, number) for number, at in self.updated.items() if at >= since)
        at = int(query.get("page", 1)) - 1
        found = [json.dumps({"number": number, "updated_at": stamp(when)}).encode() for when, number in rows]
        more = "next" if (at + 1) * SIZE < len(found) else None
        return Page(found[at * SIZE : (at + 1) * SIZE], more, None)


@given(
    st.dictionaries(st.integers(1, 30), st.integers(0, 12), max_size=30),
    st.lists(st.lists(st.integers(1, 30), max_size=3), max_size=12),
    st.integers(0, 12),
    st.integers(0, 12),
)
def test_no_ticket_is_passed_over(seconds: dict[int, int], changes: list[list[int]], one: int, two: int) -> None:
    first, last = START + min(one, two), START + max(one, two)
    hub: Any = Moving({number: START + second for number, second in seconds.items()}, changes, START + 100)
    changed = Changed(hub, "acme/shop", first * SECOND, last * SECOND)
    read = [json.loads(item) for item in changed.read()]
    numbers = {value["number"] for value in read}
    wanted = {number for number, second in seconds.items() if first <= START + second <= last}
    # 1. What did not change meanwhile was read; what did lies after the period, where the next one finds it.
    assert wanted - hub.moved <= numbers
    assert all(hub.updated[number] > last for number in wanted - numbers)
    # 2. Nothing outside the period was read.
    assert all(stamp(first) <= value["updated_at"] <= stamp(last) for value in read)
    # 3. What is said to lie beyond is the next there is.
    if changed.beyond is not None:
        assert changed.beyond > last * SECOND
        assert not [n for n, at in hub.updated.items() if last * SECOND < at * SECOND < changed.beyond and n not in hub.moved]


@given(st.integers(1, 40))
def test_a_second_of_many_pages_is_read_once(count: int) -> None:
    hub: Any = Moving(dict.fromkeys(range(count), START) | {99: START + 1}, [], START + 100)
    read = [json.loads(item)["number"] for item in Changed(hub, "acme/shop", START * SECOND, (START + 5) * SECOND).read()]
    assert sorted(read) == [*range(count), 99]
    assert hub.asked <= 3 * (count // SIZE + 2)
