"""Which fields of a JSON object of anybody's are its id, time, type, subject, account and Region: settings, and their reading.

A path is dotted ("actor.user.name") and read as in mappings; where a list is met its first scalar counts. A time is RFC 3339 text
with an offset, or a number (also as text) since 1970 in seconds, milliseconds, microseconds or nanoseconds: which of the four is
told from its size, from March 1973 on.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from collectors.json_object import json_object
from collectors.record_check import MAX_RECORD
from collectors.unreadable import Unreadable
from pipeline.rules.view import FieldPath, View
from store.errors import InvalidTime
from store.records import DAY
from store.text import clean_attribute
from store.times import parse_time

WORD: Final = r"^[a-z][a-z0-9_]{0,63}$"
MAX_NAME: Final = 128
AHEAD: Final = DAY
"""How far ahead of the clock an event's time may be before it is a wrong time."""
_TYPE: Final = re.compile(r"log(?:\.[a-z][a-z0-9_-]{0,63}){2,3}")
_NUMBER: Final = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,9})?")
_UNITS: Final = ((10**8, 10**11, 10**6), (10**11, 10**14, 10**3), (10**14, 10**17, 1))
_NANOS: Final = (10**17, 10**20)
_LATEST: Final = parse_time("2100-01-01T00:00:00Z")
_MISSING: Final = object()

Path = Annotated[str, Field(min_length=1, max_length=256)]


class Fields(BaseModel):
    """`fields:` of a source: for each attribute the path where it stands. What is not named is not read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    time: Path | None = None
    id: Path | None = None
    type: Path | None = None
    subject: Path | None = None
    account: Path | None = None
    region: Path | None = None


@dataclass(frozen=True, slots=True)
class Attributes:
    """What was read of one object; None where the settings name no field. `time` in microseconds."""

    type: str
    time: int | None
    id: str | None
    subject: str | None
    account: str
    region: str


class FieldReader:
    """Reads attributes. `type` and `account` are what counts where no field says it."""

    __slots__ = ("_account", "_id", "_region", "_subject", "_time", "_type", "account", "type")

    def __init__(self, fields: Fields, type_: str, account: str = "") -> None:
        self.type, self.account = type_, account
        self._time, self._id, self._type = _path(fields.time), _path(fields.id), _path(fields.type)
        self._subject, self._account, self._region = _path(fields.subject), _path(fields.account), _path(fields.region)

    def parse(self, data: bytes, now: int, most: int = MAX_RECORD) -> Attributes:
        """Return the attributes of the object that `data` is, of at most `most` bytes. Raises Unreadable."""
        return self.read(json_object(data, most), now)

    def read(self, value: dict[str, Any], now: int) -> Attributes:
        """Return the attributes. Raises Unreadable where one that is mapped is missing or wrong (subject, account and Region may
        be missing)."""
        return Attributes(
            self.type if self._type is None else _kind(value, self._type),
            None if self._time is None else _time(value, self._time, now),
            None if self._id is None else _id(value, self._id),
            None if self._subject is None else clean_attribute(_text(value, self._subject, "subject")) or None,
            (self._account and short(_text(value, self._account, "account"))) or self.account,
            (self._region and short(_text(value, self._region, "region"))) or "",
        )


def _path(text: str | None) -> FieldPath | None:
    return None if text is None else FieldPath.of(text)


def first(value: dict[str, Any], path: FieldPath) -> Any:
    """The first scalar at the path; None where there is none."""
    found: Any = value
    for part in path.parts:
        found = found.get(part, _MISSING) if type(found) is dict else _MISSING
    if type(found) in (str, int, float, bool):
        return found
    scalars = (item for item in View(value).values(path) if isinstance(item, str | int | float))
    return next(scalars, None)


def _text(value: dict[str, Any], path: FieldPath, what: str) -> str:
    """A text or whole number as text, "" where there is nothing."""
    found = first(value, path)
    if found is None:
        return ""
    if isinstance(found, str):
        return found
    if type(found) is int:
        return str(found)
    raise Unreadable(f"has a {what} that is neither text nor a whole number (fields: {what})")


def _id(value: dict[str, Any], path: FieldPath) -> str:
    found = _text(value, path, "id")
    if not found:
        raise Unreadable("has no id where fields: id points to")
    return clean_attribute(found)


def short(text: str) -> str:
    """A name as it may stand in a part's: itself up to 128 bytes, else its digest."""
    clean = clean_attribute(text)
    return clean if len(clean.encode()) <= MAX_NAME else "sha256:" + hashlib.sha256(clean.encode()).hexdigest()


def _kind(value: dict[str, Any], path: FieldPath) -> str:
    found = first(value, path)
    if not isinstance(found, str) or _TYPE.fullmatch(found) is None:
        raise Unreadable("has no type of the form log.PRODUCT.SERVICE where fields: type points to")
    return found


def _time(value: dict[str, Any], path: FieldPath, now: int) -> int:
    found = first(value, path)
    if found is None:
        raise Unreadable("has no time where fields: time points to")
    return moment(found, now)


def moment(found: object, now: int) -> int:
    """Read a time; return microseconds. Raises Unreadable for what is no time, or lies over a day after `now`."""
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        raise Unreadable("has a time that is neither text nor a number")
    time = _moment(found)
    if time > now + AHEAD or time >= _LATEST:
        raise Unreadable("has a time that lies in the future")
    return time


def _moment(found: str | int | float) -> int:
    if isinstance(found, str):
        if _NUMBER.fullmatch(found):
            whole, _, fraction = found.partition(".")
            return _since_1970(int(whole), fraction)
        try:
            return parse_time(found)
        except InvalidTime as error:
            wanted = "RFC 3339 with an offset, e.g. 2026-11-24T22:39:04Z, or a number since 1970"
            raise Unreadable(f"has a wrong time: {wanted} is expected") from error
    if isinstance(found, int):
        return _since_1970(found, "")
    if not 0 <= found < 10**20:
        raise Unreadable("has a number for its time that is none since 1973")
    whole, _, fraction = f"{found:.6f}".partition(".")
    return _since_1970(int(whole), fraction)


def _since_1970(whole: int, fraction: str) -> int:
    """Seconds, milliseconds, microseconds or nanoseconds; digits beyond the microsecond are cut off."""
    if _NANOS[0] <= whole < _NANOS[1]:
        return whole // 1000
    for least, beyond, unit in _UNITS:
        if least <= whole < beyond:
            return whole * unit + int(f"{fraction}000000"[: len(str(unit)) - 1] or 0)
    raise Unreadable("has a number for its time that is none since 1973")


def as_text(mapping: Mapping[str, Any], *keys: str) -> str:
    """The text at nested keys, "" where there is none: for objects whose form is known."""
    found: Any = mapping
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else ""
