"""Tally and days: what is drawn is what is counted."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.records import DAY, HOUR
from tests.web.makers import NOW, catalogue, control_status
from web.catalogue import ATTRIBUTES, order, values_of
from web.views.controls import ControlFilter, segments, tally, theme_rows
from web.views.days import HEIGHT, per_day, span


@given(st.lists(st.integers(0, 93), min_size=5, max_size=5))
def test_the_tally_fills_its_bar(counts: list[int]) -> None:
    pairs = list(zip("abcde", counts, strict=True))
    pieces = segments(pairs)
    assert [p.state for p in pieces] == [name for name, n in pairs if n]
    if pieces:
        assert pieces[-1].x + pieces[-1].width == pytest.approx(1000, abs=0.1)
        assert all(b.x - (a.x + a.width) == pytest.approx(2, abs=0.05) for a, b in pairwise(pieces))
        assert all(p.width > 3 for p in pieces)


def test_bigger_counts_have_longer_pieces() -> None:
    widths = {p.state: p.width for p in segments([("a", 75), ("b", 4), ("c", 14)])}
    assert widths["a"] > widths["c"] > widths["b"]


def test_the_map_has_every_control_once_in_order() -> None:
    rows = theme_rows(catalogue(), {}, ControlFilter({}))
    assert [(row.word, len(row.tiles)) for row in rows] == [
        ("Organisational", 37),
        ("People", 8),
        ("Physical", 14),
        ("Technological", 34),
    ]
    ids = [t.info.id for row in rows for t in row.tiles]
    assert ids == sorted(ids, key=order)
    assert tally([t for row in rows for t in row.tiles]) == [
        ("satisfied", 0),
        ("not-satisfied", 0),
        ("stale", 0),
        ("not-assessed", 93),
    ]


def test_not_applicable_is_counted_where_there_is_one() -> None:
    rows = theme_rows(catalogue(), {"A.5.1": control_status("A.5.1", "not-applicable")}, ControlFilter({}))
    assert tally([t for row in rows for t in row.tiles])[-1] == ("not-applicable", 1)


def test_values_come_in_the_order_of_the_standard() -> None:
    assert [v for v, _ in values_of(catalogue(), "control_type")] == ["Preventive", "Detective", "Corrective"]
    for name, _ in ATTRIBUTES:
        assert sum(n for _, n in values_of(catalogue(), name)) >= 93


@given(st.lists(st.tuples(st.integers(-40, 2), st.integers(0, 23), st.integers(0, 1000))))
def test_days_add_up(hours: list[tuple[int, int, int]]) -> None:
    start, end = span(NOW)
    given_hours = [(end - DAY + day * DAY + hour * HOUR, n) for day, hour, n in hours]
    drawn = per_day(given_hours, NOW)
    assert len(drawn.days) == 30
    assert drawn.total == sum(n for hour, n in given_hours if start <= hour < end)
    assert drawn.most == max(d.count for d in drawn.days)
    for day in drawn.days:
        assert (day.height > 0) == (day.count > 0)
        assert day.y + day.height == pytest.approx(HEIGHT, abs=0.02)
        assert day.height <= HEIGHT
