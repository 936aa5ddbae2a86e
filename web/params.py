"""Parameters of addresses: read, checked, and named when they cannot be used."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Final, TypeVar

from fastapi import Depends, Query, Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query as QueryInfo
from fastapi.routing import APIRoute

from store.errors import InvalidTime
from store.reports import Moment
from store.times import format_time, parse_time
from web.errors import BadParameter, NotFound
from web.site import SiteOf

MAX_LIMIT: Final = 200
PAGE: Final = 50
LONGEST: Final = 1024
"""Characters that any parameter may have."""

_LOCAL: Final = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?[Zz]?)?", re.ASCII)
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)

Cursor = Annotated[str, Query(description="Where to go on: `next` of the page before", max_length=LONGEST)]
Limit = Annotated[int, Query(description="Rows in a page", ge=1, le=MAX_LIMIT)]

Row = TypeVar("Row")


def read_time(name: str, text: str) -> int | None:
    """Read a time: RFC 3339, or a date with or without a time of day, then UTC. None for "". Raises BadParameter."""
    text = text.strip()
    if not text:
        return None
    local = _LOCAL.fullmatch(text)
    if local is not None:
        day, minute, second, fraction = local.groups()
        text = f"{day}T{minute or '00:00'}:{second or '00'}.{fraction or '0'}Z"
    try:
        # A plus sign in an address is read as a space: give it back, so that "+02:00" means what it says.
        return parse_time(text.replace(" ", "+") if local is None else text)
    except InvalidTime as error:
        raise BadParameter(name, "a time like 2026-11-24T22:39Z or a day like 2026-11-24 is wanted (UTC)") from error


def read_choice(name: str, text: str, choices: Iterable[str]) -> str | None:
    """One of `choices`, or None for "". Raises BadParameter, with the nearest of them."""
    if not text:
        return None
    allowed = list(choices)
    if text in allowed:
        return text
    near = get_close_matches(text, allowed, n=1)
    hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(allowed[:20])} is wanted"
    raise BadParameter(name, f"there is no {middle_quote(text)}; {hint}")


def middle_quote(text: str) -> str:
    """Somebody's text in quotes and at most 60 characters."""
    return f"“{text if len(text) <= 60 else text[:59] + '…'}”"


@dataclass(frozen=True, slots=True)
class AsOf:
    """The moment that is asked about, and the parameters that ask for it again."""

    moment: Moment
    as_of: str = ""
    known_at: str = ""

    @property
    def is_past(self) -> bool:
        """True when anything but the present is asked about."""
        return self.moment != Moment()

    def params(self) -> dict[str, str]:
        """The parameters that ask the same again."""
        return {k: v for k, v in (("as_of", self.as_of), ("known_at", self.known_at)) if v}


AS_OF_HELP: Final = "Event time: what was so at this time (RFC 3339). Default: the present"
KNOWN_HELP: Final = "What had been recorded: a time (RFC 3339) or a log size. Default: everything"


def as_of(
    site: SiteOf,
    as_of: Annotated[str, Query(description=AS_OF_HELP, max_length=LONGEST)] = "",
    known_at: Annotated[str, Query(description=KNOWN_HELP, max_length=LONGEST)] = "",
) -> AsOf:
    """The moment of a request. `known_at` is a log size in digits, or a time, answered as a log size."""
    at = read_time("as_of", as_of)
    size = _known_size(site, known_at.strip())
    return AsOf(Moment(at, size), format_time(at) if at is not None else "", "" if size is None else str(size))


def _known_size(site: SiteOf, known_at: str) -> int | None:
    if not known_at:
        return None
    if _SIZE.fullmatch(known_at):
        size, head = int(known_at), site.query.log().size
        if size > head:
            raise BadParameter("known_at", f"the log has {head} entries, not {size}")
        return size
    time = read_time("known_at", known_at)
    return None if time is None else site.query.size_at(time)


AsOfParam = Annotated[AsOf, Depends(as_of)]


def read_index(text: str) -> int:
    """A log index from a path. Raises NotFound."""
    if _SIZE.fullmatch(text) is None or int(text) >= 2**63:
        raise NotFound(f"{middle_quote(text)} is no index of the log: that is a number from 0 on.")
    return int(text)


def known_parameters(request: Request) -> None:
    """Refuse a parameter that this address does not have, so that a misspelt filter never looks like an answer.

    And a NUL in any but an event's id: no name has one, and no text of PostgreSQL can hold it.
    """
    for name, value in request.query_params.multi_items():
        if "\x00" in value and name not in ("q", "id"):
            raise BadParameter(middle_quote(name), "a NUL character is in no name")
    for value in map(str, request.path_params.values()):
        if "\x00" in value:
            raise NotFound(f"There is nothing of the name {middle_quote(value)}.")
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return
    names = {field.alias for field in get_flat_params(route.dependant) if isinstance(field.field_info, QueryInfo)}
    for name in request.query_params:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise BadParameter(middle_quote(name), f"this address has no such parameter{hint}")


def cut(rows: Iterable[Row], limit: int) -> tuple[list[Row], bool]:
    """The first `limit` rows of limit + 1, and whether there was one more."""
    some = list(rows)
    return some[:limit], len(some) > limit
