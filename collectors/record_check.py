"""Is a slice of a file a CloudTrail record? Strict JSON (RFC 8259 without its latitude), an eventID and an eventTime.

Strict: UTF-8, one object, no name twice in an object at any depth, no NaN or Infinity, no number beyond a double's range. A
lone surrogate written as an escape is allowed by the grammar and by us.
"""

from __future__ import annotations

import json
import re
from math import isinf
from typing import Any, Final, NoReturn

import msgspec

from collectors.unreadable import Unreadable
from store.errors import InvalidTime
from store.times import parse_time

MAX_RECORD: Final = 5_000_000
"""Bytes of a record."""
MAX_DEPTH: Final = 64
"""Levels of brackets, the record's own counted."""

MAX_VALUES: Final = 1_000_000
"""Values that one document may hold, counted by its commas and brackets: a list of nothing costs 30 times its bytes."""

_LATEST: Final = parse_time("2100-01-01T00:00:00Z")
_COLON_APART: Final = re.compile(rb'"[ \t\r\n]++:')
_DECODE: Final = msgspec.json.Decoder().decode


def check(data: bytes) -> tuple[str, int]:
    """Return (eventID, eventTime in microseconds). `data` is at most MAX_DEPTH deep. Raises Unreadable."""
    if len(data) > MAX_RECORD:
        raise Unreadable(f"is a record of {len(data)} bytes; at most {MAX_RECORD} are read")
    record = quick(data)
    if record is None:
        record = parse(data)
    if not isinstance(record, dict):
        raise Unreadable("is not a JSON object")
    event_id, event_time = record.get("eventID"), record.get("eventTime")
    if not isinstance(event_id, str) or not event_id:
        raise Unreadable("has no eventID" if event_id is None else "has an eventID that is no text or empty")
    if not isinstance(event_time, str):
        raise Unreadable("has no eventTime" if event_time is None else "has an eventTime that is no text")
    try:
        time = parse_time(event_time)
    except InvalidTime as error:
        raise Unreadable("has a wrong eventTime: RFC 3339 is expected, e.g. 2026-11-24T22:39:04Z") from error
    if time >= _LATEST:
        raise Unreadable("has a wrong eventTime: later than the year 2099")
    return event_id, time


def quick(data: bytes) -> Any:
    """Return the value where it is certain that no name stands twice, else None: then `parse` says what it is.

    A name is a string followed by a colon, so where no space comes before a colon there are at most as many names as there are
    `":`. If the value holds as many, none was lost, hence none stood twice. Strings that hold `":` only make the count too
    high, and the answer None.
    """
    if _too_many(data) or _COLON_APART.search(data):
        return None
    try:
        value = _DECODE(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return value if type(value) is dict and _names(value) == data.count(b'":') else None


def _names(value: dict[str, Any]) -> int:
    """How many names there are in the object and everything in it."""
    count = len(value)
    for item in value.values():
        if type(item) is dict:
            count += _names(item)
        elif type(item) is list:
            count += _names_in_list(item)
    return count


def _names_in_list(items: list[Any]) -> int:
    count = 0
    for item in items:
        if type(item) is dict:
            count += _names(item)
        elif type(item) is list:
            count += _names_in_list(item)
    return count


def _too_many(data: bytes) -> bool:
    """Would the value take many times the memory of its bytes?"""
    return len(data) > MAX_VALUES and data.count(b",") + data.count(b"[") + data.count(b"{") > MAX_VALUES


def parse(data: bytes) -> Any:
    """Decode one JSON document strictly. Raises Unreadable with the reason."""
    if _too_many(data):
        raise Unreadable(f"holds more than {MAX_VALUES} values")
    try:
        return _PARSER.decode(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Unreadable(f"is not UTF-8 at its byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise Unreadable(f"is not JSON: {error.msg} at its character {error.pos}") from error
    except ValueError as error:  # an integer of thousands of digits
        raise Unreadable("holds a number with too many digits") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise Unreadable("has the same name twice in one object")
    return value


def _constant(_name: str) -> NoReturn:
    raise Unreadable("holds NaN or Infinity, which JSON does not have")


def _float(text: str) -> float:
    value = float(text)
    if isinf(value):
        raise Unreadable("holds a number beyond the range of numbers")
    return value


_PARSER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)
