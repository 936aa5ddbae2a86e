"""When things happen: two weeks that end now, with working hours, nights, weekends and one quiet day."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from attestream.demo.world import DAY, HOUR, MINUTE, SECOND, moment

LENGTH = 14 * DAY


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` to `end` (microseconds UTC, end excluded); `quiet` is the midnight of a day on which nobody worked."""

    start: int
    end: int
    quiet: int

    def days(self) -> Iterator[int]:
        """Midnight of each day that the period touches."""
        yield from range(self.start - self.start % DAY, self.end, DAY)

    def working_days(self) -> Iterator[int]:
        return (day for day in self.days() if is_weekday(day) and day != self.quiet)

    def holds(self, at: int) -> bool:
        return self.start <= at < self.end


def period_until(now: int) -> Period:
    """The two weeks that end at `now`. The quiet day is the first weekday that lies whole in the second half of the
    first week, so that it is there whatever weekday it is now."""
    start = now - LENGTH
    first = start - start % DAY + 4 * DAY
    quiet = next(day for day in range(first, first + 4 * DAY, DAY) if is_weekday(day))
    return Period(start, now, quiet)


def is_weekday(day: int) -> bool:
    return moment(day).weekday() < 5


def working_moment(day: int, chance: random.Random) -> int:
    """A moment of the working day, 06:30 to 16:30 UTC, more often before noon and after lunch than at its edges."""
    hour = chance.choices(range(10), weights=(2, 6, 9, 9, 7, 5, 8, 9, 7, 3))[0]
    return day + 6 * HOUR + 30 * MINUTE + hour * HOUR + chance.randrange(3600) * SECOND


def steps(at: int, count: int, chance: random.Random, within: int = 25) -> Iterator[int]:
    """`count` moments from `at` on, a few seconds apart (at most `within`): a person clicking or a program at work."""
    for _ in range(count):
        yield at
        at += chance.randint(1, within) * SECOND
