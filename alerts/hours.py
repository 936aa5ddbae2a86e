"""When a route keeps quiet, and when its digest is due: times of day in a time zone. Pure; times are microseconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from datetime import time as Daytime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from store.records import SECOND

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_LOOK_BACK: Final = 8
"""Days back in which the last digest of a week was due."""


def zone_of(name: str) -> tzinfo:
    """The time zone of that name, as Europe/Berlin. Raises ValueError for what is none."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name[:40]!r} is no time zone that is known here, like Europe/Berlin") from error


@dataclass(frozen=True, slots=True)
class Quiet:
    """Quiet from `start` to `end` (which may be on the next day) on nights or days that begin on one of `days` (0: Monday).

    What is of `level` or above (a place in LEVELS) is told all the same.
    """

    start: Daytime
    end: Daytime
    days: frozenset[int]
    zone: tzinfo
    level: int

    def until(self, now: int) -> int | None:
        """When the quiet that holds at `now` ends, None where none does. Days without a break between them are one."""
        moment, end = _local(now, self.zone), None
        for begins, ends in self._spans(moment.date()):
            reached = end if end is not None else moment
            if begins <= reached < ends:
                end = ends
        return _micros(end) if end is not None else None

    def _spans(self, today: date) -> Iterator[tuple[datetime, datetime]]:
        """From yesterday's to those a week ahead, in order."""
        for ahead in range(-1, 8):
            day = today + timedelta(days=ahead)
            if day.weekday() in self.days:
                last = day if self.end > self.start else day + timedelta(days=1)
                yield _at(day, self.start, self.zone), _at(last, self.end, self.zone)


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest each day at `at`, or where `day` is given (0: Monday) each week on it."""

    at: Daytime
    zone: tzinfo
    day: int | None = None

    def slot(self, now: int) -> int:
        """The last moment up to `now` at which a digest was due."""
        today = _local(now, self.zone).date()
        for back in range(_LOOK_BACK):
            day = today - timedelta(days=back)
            moment = _micros(_at(day, self.at, self.zone))
            if moment <= now and self.day in (None, day.weekday()):
                return moment
        raise AssertionError("a week has seven days")


def _local(micros: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(micros // SECOND, UTC).astimezone(zone)


def _at(day: date, at: Daytime, zone: tzinfo) -> datetime:
    """The moment in UTC, so that moments compare by themselves; a time that a change of clocks skips comes after it."""
    return datetime.combine(day, at, tzinfo=zone).astimezone(timezone.utc)  # noqa: UP017  UTC is this zone's name


def _micros(moment: datetime) -> int:
    return int(moment.timestamp()) * SECOND
