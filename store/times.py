"""Times as the product writes and reads them: integer microseconds since 1970-01-01T00:00:00Z beside RFC 3339 text."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final

from store.errors import InvalidTime
from store.records import DAY, HOUR, MINUTE, SECOND

Clock = Callable[[], int]
"""Gives the time."""
MAX_TIME: Final = 253_402_300_799_999_999
"""9999-12-31T23:59:59.999999Z, the last time that can be written."""

_EPOCH: Final = datetime(1970, 1, 1)  # naive on purpose: everything here is UTC
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_MICROSECOND: Final = timedelta(microseconds=1)
_WRITTEN: Final = len("2026-11-24T22:39:04.123456Z")
_LONGEST: Final = 64
_RFC3339: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)


def wall_clock() -> int:
    """Now."""
    return time.time_ns() // 1000


def format_time(micros: int) -> str:
    """Return "2026-11-24T22:39:04.123456Z": UTC, always six digits, 27 characters, so that text sorts like time.

    Raises InvalidTime outside 1970..9999.
    """
    if not 0 <= micros <= MAX_TIME:
        raise InvalidTime(f"time out of range: {micros} microseconds is not within the years 1970 to 9999")
    seconds, fraction = divmod(micros, 1_000_000)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    return f"{_date(day)}T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z"


@lru_cache(maxsize=1024)
def _date(day: int) -> str:
    """The date of a day since 1970."""
    return (_EPOCH + timedelta(days=day)).date().isoformat()


def parse_time(text: str) -> int:
    """Read an RFC 3339 date-time with `Z` or a numeric offset, at any precision; return microseconds.

    Digits beyond the sixth are cut off, never rounded up into the future. Raises InvalidTime for anything else, for a leap
    second (it has no place on this scale) and outside 1970..9999.
    """
    if len(text) == _WRITTEN and (micros := _parse_written(text)) is not None:
        return micros
    found = _RFC3339.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        raise InvalidTime(f"not an RFC 3339 time with an offset: {text[:_LONGEST]!r} (expected e.g. 2026-11-24T22:39:04Z)")
    year, month, day, hour, minute, second, fraction, sign, offset_hour, offset_minute = found.groups()
    if second == "60":
        raise InvalidTime(f"leap second: {text!r} has no place among UTC seconds of equal length")
    if hour > "23" or minute > "59" or second > "59":
        raise InvalidTime(f"no such time of day: {text!r}")
    try:
        days = date(int(year), int(month), int(day)).toordinal() - _EPOCH_DAY
    except ValueError as error:
        raise InvalidTime(f"no such day: {text!r}") from error
    micros = days * DAY + int(hour) * HOUR + int(minute) * MINUTE + int(second) * SECOND
    if fraction:
        micros += int(fraction[:6].ljust(6, "0"))
    if sign:
        micros -= _offset(text, sign, offset_hour, offset_minute)
    if not 0 <= micros <= MAX_TIME:
        raise InvalidTime(f"time out of range: {text!r} is not within the years 1970 to 9999")
    return micros


def _parse_written(text: str) -> int | None:
    """A time as `format_time` writes it, which is most of what is read; None for any other text."""
    try:
        moment = datetime.fromisoformat(text[:-1])
    except ValueError:
        return None
    if moment < _EPOCH or moment.isoformat(timespec="microseconds") + "Z" != text:
        return None
    return (moment - _EPOCH) // _MICROSECOND


def _offset(text: str, sign: str, hour: str, minute: str) -> int:
    if hour > "23" or minute > "59":
        raise InvalidTime(f"no such offset from UTC: {text!r}")
    size = int(hour) * HOUR + int(minute) * MINUTE
    return -size if sign == "-" else size
