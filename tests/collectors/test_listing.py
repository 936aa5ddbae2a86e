"""collectors/listing.py: each object is read once, and none that arrives late is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors import listing
from collectors.base import Cursor, Window
from collectors.file_name import FileName
from collectors.listing import Listed, Lister, Refusal, Selection, remember
from store.records import HOUR, MINUTE

NAME = FileName("111122223333", "eu-west-1", 0, True)
T = 1000 * HOUR


def item(key: str, modified: int, arrived: int | None = None, version: str = "1", name: FileName | None = NAME) -> Listed:
    return Listed(key, key, modified, modified if arrived is None else arrived, 10, version, name)


@dataclass
class World:
    """A place with objects in it, and a clock."""

    now: int = T
    there: list[Listed | Refusal] = field(default_factory=list)
    scans: int = 0

    def scan(self) -> Iterator[Listed | Refusal]:
        self.scans += 1
        yield from self.there

    def lister(self, **more: int) -> Lister:
        return Lister(self.scan, lambda: self.now, **more)


def window(start: int, end: int, cursor: Cursor) -> Window:
    return Window("attempt", "logs", start, end, cursor)


def keys(selection: Selection) -> list[str]:
    return [listed.key for listed in selection.due]


def kept(selection: Selection) -> Cursor:
    cursor: Cursor = json.loads(json.dumps(remember(selection, {})))
    return cursor


def test_a_window_reads_what_was_modified_in_it_in_order() -> None:
    world = World(there=[item("d", T), item("a", T - HOUR), item("c", T - 1), item("b", T - 1), item("e", T + 1)])
    selection = world.lister().select(window(T - HOUR, T, {}))
    assert keys(selection) == ["b", "c", "d"], "the start is excluded, the end is included"


def test_the_first_window_begins_just_before_the_oldest_log_file() -> None:
    world = World(there=[item("x", 5, name=None), item("a", T - HOUR), item("b", T)])
    assert world.lister().oldest() == T - HOUR - 1
    assert world.lister(since=T - MINUTE).oldest() == T - MINUTE
    assert world.lister(since=T - 9 * HOUR).oldest() == T - HOUR - 1
    world.there = [item("x", 5, name=None)]
    assert world.lister().oldest() is None


def test_names_that_do_not_fit_are_counted_in_their_window() -> None:
    world = World(there=[item("LICENSE", T - 5, name=None), item("old", T - 2 * HOUR, name=None), item("a", T)])
    selection = world.lister().select(window(T - HOUR, T, {}))
    assert (selection.ignored, keys(selection)) == (1, ["a"])


def test_an_object_on_the_border_seen_late_is_read_once() -> None:
    world = World(there=[item("a", T - MINUTE)])
    first = world.lister().select(window(T - HOUR, T, {}))
    assert keys(first) == ["a"]
    world.now = T + 5 * MINUTE
    world.there += [item("border", T), item("slow", T - 10 * MINUTE), item("new", T + MINUTE)]
    second = world.lister().select(window(T, world.now, kept(first)))
    assert keys(second) == ["slow", "border", "new"]
    world.now = T + 10 * MINUTE
    assert keys(world.lister().select(window(T + 5 * MINUTE, world.now, kept(second)))) == []


def test_a_file_copied_with_its_old_time_is_read_when_it_arrives() -> None:
    world = World(there=[item("a", T - MINUTE)])
    first = world.lister().select(window(T - HOUR, T, {}))
    world.now = T + 2 * HOUR
    world.there.append(item("copied", T - 900 * HOUR, arrived=T + HOUR))
    second = world.lister().select(window(T, world.now, kept(first)))
    assert keys(second) == ["copied"]
    assert keys(world.lister(since=T - HOUR).select(window(T, world.now, kept(first)))) == [], "not what lies before `since`"


def test_a_replaced_object_is_read_again() -> None:
    world = World(there=[item("a", T - MINUTE)])
    first = world.lister().select(window(T - HOUR, T, {}))
    world.now = T + MINUTE
    world.there = [item("a", T - MINUTE, version="2")]
    assert keys(world.lister().select(window(T, world.now, kept(first)))) == ["a"]


def test_a_plan_lists_once_and_reads_fresh_copies_once() -> None:
    days = 24 * HOUR
    world = World(there=[item(f"f{day}", T - day * days - 5, arrived=T - MINUTE) for day in range(5)])
    lister = world.lister()
    assert lister.oldest() == T - 4 * days - 6
    cursor: Cursor = {}
    read = []
    for day in (4, 3, 2, 1, 0):
        selection = lister.select(window(T - (day + 1) * days, T - day * days, cursor))
        read.append(keys(selection))
        cursor = kept(selection)
    assert read == [["f4"], ["f3"], ["f2"], ["f1"], ["f0"]]
    assert world.scans == 1
    world.now = T + MINUTE
    assert keys(lister.select(window(T, world.now, cursor))) == []
    assert world.scans == 2, "a later window lists anew"


def test_a_backfill_reads_its_own_period_only() -> None:
    world = World(there=[item("a", T - 9 * HOUR, arrived=T), item("b", T - 5 * HOUR, arrived=T)])
    assert keys(world.lister().select(window(T - 6 * HOUR, T - HOUR, {}))) == ["b"]


def test_large_places_are_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MAX_HELD", 3)
    world = World(there=[item(str(number), T - number) for number in range(10)])
    lister = world.lister()
    lister.oldest()
    lister.select(window(0, T, {}))
    assert world.scans == 2


def test_what_a_cursor_forgets_is_read_twice_and_never_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MAX_REMEMBERED", 3)
    world = World(there=[item(str(number), T - number) for number in range(10)])
    first = world.lister().select(window(T - HOUR, T, {}))
    assert len(first.remembered) == 3
    world.now = T + MINUTE
    assert keys(world.lister().select(window(T, world.now, kept(first)))) == ["9", "8", "7", "6", "5", "4", "3"]


def test_a_full_cursor_fits() -> None:
    world = World(there=[item(str(number), T - number) for number in range(50_000)])
    assert len(json.dumps(kept(world.lister().select(window(T - HOUR, T, {}))))) < 1_000_000


def test_refusals_are_told_to_every_window() -> None:
    refusal = Refusal("/logs/closed", "permission denied")
    world = World(there=[refusal, item("a", T)])
    assert world.lister().select(window(T - HOUR, T, {})).refused == (refusal,)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=30), st.lists(st.integers(0, 45), max_size=12))
def test_every_object_is_read_exactly_once(objects: list[tuple[int, int]], runs: list[int]) -> None:
    """Objects become visible at any minute, dated up to the overlap before that; runs happen whenever they do."""
    visible = [(seen, item(f"k{n}", T + (seen - late % 15) * MINUTE)) for n, (seen, late) in enumerate(objects)]
    world = World()
    lister = world.lister()
    end, cursor = T - 16 * MINUTE, {}
    read: list[str] = []
    for run in [*sorted(set(runs)), 60]:
        world.now = T + run * MINUTE
        world.there = [listed for seen, listed in visible if seen <= run]
        selection = lister.select(window(end, world.now, cursor))
        read += keys(selection)
        end, cursor = world.now, kept(selection)
    assert sorted(read) == sorted(listed.key for _, listed in visible)
