"""One JSON object of somebody's log, strictly and fast: the rules are those of collectors/json_text.py."""

from __future__ import annotations

from typing import Any

from collectors.json_text import strict
from collectors.record_check import MAX_DEPTH, MAX_RECORD, quick
from collectors.unreadable import Unreadable


def json_object(data: bytes, most: int = MAX_RECORD) -> dict[str, Any]:
    """Return the object that `data` is, of at most `most` bytes. Raises Unreadable with the reason."""
    if len(data) > most:
        raise Unreadable(f"is {len(data)} bytes long; at most {most} are read")
    value = quick(data)
    if value is None or (data.count(b"{") + data.count(b"[") > MAX_DEPTH and _deep(value)):
        value = strict(data)
    if not isinstance(value, dict):
        raise Unreadable("is not a JSON object")
    return value


def _deep(value: Any) -> bool:
    """Is it nested deeper than is read?"""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for item in level
            for inner in (item.values() if isinstance(item, dict) else item)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True
