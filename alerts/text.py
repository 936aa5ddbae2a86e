"""Alerts in words. Every text that comes from outside passes `plain` before anybody sees it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from store.records import MINUTE
from store.times import MAX_TIME, format_time

MAX_TEXT: Final = 500
MAX_NAME: Final = 200
LATE: Final = 5 * MINUTE
"""What was known later than this after it happened says so."""
_HIDDEN: Final = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_NAMED: Final = 5


def plain(text: str, limit: int = MAX_TEXT) -> str:
    """The text on one line, at most `limit` characters, without anything that a terminal or a reader could take for orders."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    if cut.isascii() and cut.isprintable():
        return cut
    return "".join("\ufffd" if unicodedata.category(c) in _HIDDEN else c for c in cut)


def when(micros: int) -> str:
    """A time to the second, UTC."""
    return f"{format_time(min(max(micros, 0), MAX_TIME))[:19].replace('T', ' ')} UTC"


def period(since: int, until: int) -> str:
    """As "2026-11-24 10:00:00 to 10:12:00 UTC", with the second day where it is another."""
    start, end = when(since), when(until)
    return f"{start[:19]} to {end[11:] if start[:10] == end[:10] else end}"


def late(changed_at: int, known_at: int) -> str:
    """What is added where it was known late, else ""."""
    return f" Known at {when(known_at)}." if known_at - changed_at > LATE else ""


def listed(names: Sequence[str], count: int) -> str:
    """As "a, b and 3 more"."""
    shown = names[:_NAMED]
    more = count - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 and shown else "")


def whose(names: Sequence[str], count: int, account: str) -> str:
    """As "a, b in account X"; a subject that is the account itself is not said twice."""
    place = f"account {account}" if account else ""
    if list(names) == [account]:
        return place
    subjects = listed(names, count) or f"{count} subjects"
    return f"{subjects} in {place}" if place else subjects


def about(controls: Sequence[str]) -> str:
    """As " Controls: A.8.15, A.8.16.", "" for none."""
    return f" Control{'s' if len(controls) > 1 else ''}: {', '.join(controls)}." if controls else ""


def short(name: str, account: str) -> str:
    """A subject's name without the account before it."""
    return plain(name.removeprefix(f"{account}/") if account and name != account else name, MAX_NAME)


def page(link: str, *segments: str | int) -> str:
    """The address of a page of the dashboard, "" where no link is set."""
    if not link:
        return ""
    path = "/".join(quote(str(segment).encode("utf-8", "replace"), safe="") for segment in segments)
    return f"{link.rstrip('/')}/{path}"
