"""Counts per day, and the bars that draw them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from store.records import DAY

DAYS: Final = 30
HEIGHT: Final = 60.0
"""Units that the highest bar has; the width of a day is 10."""


@dataclass(frozen=True, slots=True)
class Day:
    """One day with its count, and its bar in the drawing's units."""

    start: int
    count: int
    x: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Days:
    """The last days, oldest first. `most` is the highest count of a day."""

    days: Sequence[Day]
    most: int
    total: int


def span(now: int, days: int = DAYS) -> tuple[int, int]:
    """From the beginning of the first day to the end of today (UTC), microseconds."""
    end = now - now % DAY + DAY
    return end - days * DAY, end


def per_day(hours: Iterable[tuple[int, int]], now: int, days: int = DAYS) -> Days:
    """Add hourly counts up to days. Every day has its bar; one that has anything can be seen."""
    start, _ = span(now, days)
    counts = [0] * days
    for hour, count in hours:
        if 0 <= (hour - start) // DAY < days:
            counts[(hour - start) // DAY] += count
    most = max(counts, default=0)
    drawn = []
    for number, count in enumerate(counts):
        height = max(1.5, HEIGHT * count / most) if count else 0.0
        drawn.append(Day(start + number * DAY, count, number * 10 + 1.0, round(HEIGHT - height, 2), round(height, 2)))
    return Days(drawn, most, sum(counts))
