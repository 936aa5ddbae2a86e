"""JSON from elsewhere: strict, bounded in size and depth, and the exact bytes of the parts of it.

Strict as in record_check.py: UTF-8, no name twice in an object, no NaN or Infinity, numbers within a double's range, at most 64
levels deep.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from collectors.record_check import MAX_DEPTH, parse
from collectors.unreadable import Unreadable

_RAW_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_RAW_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_SCAN: Final = json.JSONDecoder().raw_decode
_SPACE: Final[Any] = re.compile(r"[ \t\n\r]*").match


def strict(data: bytes) -> Any:
    """Return the value of one JSON document. Raises Unreadable with the reason ("is not JSON: ...")."""
    try:
        value = parse(data)
    except RecursionError as error:
        raise Unreadable(f"is nested more than {MAX_DEPTH} deep") from error
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for item in level if isinstance(item, dict | list) for inner in _inside(item)]
        if not level:
            return value
    if any(isinstance(item, dict | list) for item in level):
        raise Unreadable(f"is nested more than {MAX_DEPTH} deep")
    return value


def _inside(item: Any) -> Sequence[Any]:
    return list(item.values()) if isinstance(item, dict) else item


def members(data: bytes) -> dict[str, bytes]:
    """The exact bytes of each member of an object, spaces around them left out. `data` passed `strict`. Raises Unreadable."""
    try:
        return {name: bytes(raw) for name, raw in _RAW_OBJECT.decode(data).items()}
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return dict(_patiently(data, "{}", "is no JSON object", error))


def elements(data: bytes) -> list[bytes]:
    """The exact bytes of each element of a list. `data` passed `strict`. Raises Unreadable."""
    try:
        return [bytes(raw) for raw in _RAW_LIST.decode(data)]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return [raw for _, raw in _patiently(data, "[]", "is no JSON list", error)]


def _patiently(data: bytes, brackets: str, wrong: str, cause: Exception) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of what is in an object or list (no names there) that msgspec refuses: it takes no lone surrogates."""
    try:
        text, at = data.decode("utf-8"), 0
        at = _SPACE(text).end()
        if text[at : at + 1] != brackets[0]:
            raise Unreadable(wrong) from cause
        at = _SPACE(text, at + 1).end()
        while text[at] != brackets[1]:
            name = ""
            if brackets == "{}":
                name, at = _SCAN(text, at)
                at = _SPACE(text, _SPACE(text, at).end() + 1).end()  # the colon
            end = _SCAN(text, at)[1]
            yield name, text[at:end].encode("utf-8")
            at = _SPACE(text, end).end()
            at = _SPACE(text, at + 1).end() if text[at] == "," else at
    except (ValueError, IndexError, StopIteration) as error:
        raise Unreadable(wrong) from error


def attach(data: bytes, extra: Mapping[str, Any]) -> bytes:
    """Return the object with members of ours put before its own bytes, which stay as they are. Raises Unreadable.

    Names of ours begin with an underscore; an object that has one of them already is refused, for a name may not stand twice.
    """
    own = members(data)
    for name in extra:
        if name in own:
            raise Unreadable(f"has a member {name}, which is a name of ours")
    if not extra:
        return data
    head = render(extra)[:-1]
    rest = data.strip()[1:]
    return head + (b"," if own else b"") + rest


def render(value: Any) -> bytes:
    """Write a value in the one form that equal values share: names sorted, no spaces, times as RFC 3339, bytes as base64."""
    try:
        return msgspec.json.encode(value, order="sorted")
    except UnicodeEncodeError:  # a lone surrogate, which JSON can only write as an escape
        plain = msgspec.to_builtins(value)
        return json.dumps(plain, sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode()
