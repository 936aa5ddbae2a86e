"""JSON values as rules see them: exact numbers, the text of a scalar, folding of case, instants."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final, NoReturn

import msgspec

from pipeline.rules.problems import RulesError

MAX_SHOWN: Final = 120
"""Characters of a value that a reason shows."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INT_DIGITS: Final = 4000
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_INSTANT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}.*)?", re.DOTALL)


class Real(str):
    """A JSON number that is no integer (or a very long one), as the text that was delivered: no digit is lost."""

    __slots__ = ()


class PayloadError(RulesError):
    """The payload of an event is not a JSON object."""


_DECODER: Final = msgspec.json.Decoder(float_hook=Real)


def decode_payload(payload: bytes) -> dict[str, object]:
    """The JSON object in `payload`: int exact, other numbers `Real`. Raises PayloadError."""
    try:
        value = _DECODER.decode(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        # msgspec refuses lone surrogates and numbers of thousands of digits, which JSON allows.
        value = _decode_slowly(payload)
    if not isinstance(value, dict):
        raise PayloadError("the payload is not a JSON object")
    return value


def _decode_slowly(payload: bytes) -> object:
    try:
        return json.loads(payload.decode("utf-8"), parse_int=_integer, parse_float=Real, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"the payload is not JSON: {error}") from error


def _integer(text: str) -> int | Real:
    return int(text) if len(text) <= _INT_DIGITS else Real(text)


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def text_of(value: object) -> str | None:
    """The text of a scalar, a number as it was delivered; None for null, an object, a list or nothing at all."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else None


def is_number(value: object) -> bool:
    """True for a JSON number (a boolean is none)."""
    return isinstance(value, Real) or (isinstance(value, int) and not isinstance(value, bool))


def number_of(value: object) -> int | Decimal | None:
    """The exact number that a JSON number, or a text in JSON's notation of numbers, stands for; else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        try:
            return Decimal(value)
        except InvalidOperation:  # an exponent beyond all measure
            return None
    return None


def fold(text: str) -> str:
    """`text` for comparison without case, character by character: the length never changes, so `?` keeps its meaning."""
    if text.isascii():
        return text.lower()
    return "".join(map(_fold_character, text))


def _fold_character(character: str) -> str:
    folded = character.casefold()
    if len(folded) == 1:
        return folded
    lower = character.lower()
    return lower if len(lower) == 1 else character


def same(left: object, right: object, cased: bool) -> bool:
    """True when two scalars are equal: as text, or as the same number when either is a JSON number."""
    one, other = text_of(left), text_of(right)
    if one is None or other is None:
        return False
    if one == other or (not cased and fold(one) == fold(other)):
        return True
    if is_number(left) or is_number(right):
        number = number_of(left)
        return number is not None and number == number_of(right)
    return False


def instant_of(value: object) -> datetime | None:
    """The UTC time that an ISO 8601 text or a number of seconds (milliseconds from 10^11 on) since 1970 stands for, else None."""
    try:
        if is_number(value):
            seconds = number_of(value)
            if seconds is None or not 0 <= seconds < 10**14:
                return None
            return datetime.fromtimestamp(float(seconds) if seconds < 10**11 else float(seconds) / 1000, UTC)
        if isinstance(value, str) and _INSTANT.fullmatch(value):
            time = datetime.fromisoformat(value)
            return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return None


def micros(time: datetime) -> int:
    """Microseconds since 1970."""
    return (time - _EPOCH) // timedelta(microseconds=1)


def printable(text: str, limit: int = MAX_SHOWN) -> str:
    """`text` for people: cut at `limit` characters, with everything that would not print escaped."""
    shown = text if len(text) <= limit else text[: limit - 1] + "…"
    if shown.isprintable():
        return shown
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in shown)
