"""What sources of tickets share: the life of a ticket, its observation, the one that is gone, which ones are open.

A ticket is a subject. Each look at it is an observation whose payload is the source's own bytes with `_life` before them: the
same few members whatever the source, so that conditions on time read alike. Times in it are RFC 3339 in UTC. What the source says
is absent is null; what it did not answer is left out and named in `_unread`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from collectors.base import SourceUnreadable, Window
from collectors.http import Answer
from collectors.json_text import attach, render
from collectors.observation import observation
from collectors.settings import Duration, SourceSettings
from store.errors import InvalidTime
from store.records import DAY, MINUTE, SECOND, Event
from store.times import format_time, parse_time

LIFE: Final = "_life"
UNREAD: Final = "_unread"
GONE: Final = "_gone"
MAX_OPEN: Final = 20_000
"""Names of open tickets that a cursor remembers, so that one that is missing is noticed."""
MAX_BYTES: Final = 900_000
"""Bytes that these names may take, so that the cursor stays below its 1 MiB."""

_BASIC_OFFSET: Final = re.compile(r"([+-][0-9]{2})([0-9]{2})")
_TIMES: Final = ("opened", "first_response", "resolved", "closed", "reviewed", "updated")
State = Literal["open", "done"]


@dataclass(frozen=True, slots=True)
class Life:
    """A ticket's life; times in microseconds, None: the source says there is none.

    `unread`: names of members below that the source did not answer (first_response), or paths of its own (fields.duedate).
    A ticket whose state is not known is open.
    """

    state: State
    opened: int | None = None
    owner: str | None = None
    severity: str | None = None
    first_response: int | None = None
    resolved: int | None = None
    closed: int | None = None
    reviewed: int | None = None
    updated: int | None = None
    unread: tuple[str, ...] = ()

    def done_at(self) -> int | None:
        """When it was done, as well as is known: closed, else resolved, else its last change; None while it is open."""
        if self.state == "open":
            return None
        return next((time for time in (self.closed, self.resolved, self.updated) if time is not None), None)

    def members(self) -> dict[str, Any]:
        """What stands before the source's own bytes."""
        value: dict[str, Any] = {"state": self.state, "owner": self.owner, "severity": self.severity}
        for name in _TIMES:
            time = getattr(self, name)
            value[name] = None if time is None else format_time(time)
        known = {name: value[name] for name in value if name not in self.unread}
        unread = sorted({f"{LIFE}.{name}" if name in value else name for name in self.unread})
        return {LIFE: known, **({UNREAD: unread} if unread else {})}


def ticket(
    window: Window,
    kind: str,
    subject: str,
    looked: int,
    data: bytes,
    life: Life,
    *,
    account: str,
    more: Mapping[str, Any] | None = None,
) -> Event:
    """Return the observation of a ticket as it was at `looked`. `data` is its own bytes, a JSON object that passed `strict`.

    `subject` is its stable name, like a URL (jira.example.org/SEC-12); `account` is the site's host name; `more`: members of ours
    (names begin with an underscore). Raises Unreadable where the bytes have a member of our name already.
    """
    return observation(window, kind, subject, looked, attach(data, {**life.members(), **(more or {})}), account=account)


def gone(window: Window, kind: str, subject: str, looked: int, *, account: str) -> Event:
    """Return the observation that a ticket which was open is not there any more (the source answered 404 to its name)."""
    return observation(window, kind, subject, looked, render({GONE: True}), account=account)


def moment(value: Any) -> int | None:
    """Read a source's own time (RFC 3339, or with an offset like +1300, as Jira writes it); microseconds.

    None for null, for text that is no time and for anything else.
    """
    if not isinstance(value, str):
        return None
    head, tail = value[:-5], value[-5:]
    if (basic := _BASIC_OFFSET.fullmatch(tail)) is not None:
        value = f"{head}{basic[1]}:{basic[2]}"
    try:
        return parse_time(value)
    except InvalidTime:
        return None


def said_at(answer: Answer) -> int | None:
    """What time the other side's clock said in an answer (its Date header); microseconds, None where it said none."""
    try:
        said = parsedate_to_datetime(answer.headers.get("date", ""))
        return int((said if said.tzinfo else said.replace(tzinfo=UTC)).timestamp()) * SECOND
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def check_clock(looked: int, server: int | None, overlap: int, what: str) -> None:
    """Raise SourceUnreadable where our clock is so far ahead that changes could be passed over."""
    if server is not None and looked - server > overlap + SECOND:
        raise SourceUnreadable(
            f"the clock of this machine is {(looked - server) // SECOND} s ahead of the clock of {what}, more than the overlap: "
            "changes could be passed over; set the clocks, or a longer overlap"
        )


def earliest(times: Iterable[int | None]) -> int | None:
    """The first of the times there are."""
    return min((time for time in times if time is not None), default=None)


@dataclass(slots=True)
class OpenOnes:
    """Which tickets are open, by name: those that the cursor remembers against those that this read saw.

    A name is what asks for the ticket (a key, an id). Within MAX_OPEN and MAX_BYTES; what is beyond is counted in `beyond`.
    """

    before: set[str]
    now: dict[str, None] = field(default_factory=dict)
    beyond: int = 0
    size: int = 0

    @classmethod
    def remembered(cls, value: Any) -> OpenOnes:
        """Of what `names` put into a cursor (a list), or of nothing."""
        return cls(set(value) if isinstance(value, list | tuple) else set())

    def saw(self, name: str, state: State) -> None:
        """This ticket was read now."""
        self.before.discard(name)
        if state == "done":
            self.now.pop(name, None)
        elif name not in self.now:
            size = len(render(name)) + 1
            if len(self.now) < MAX_OPEN and self.size + size <= MAX_BYTES:
                self.now[name] = None
                self.size += size
            else:
                self.beyond += 1

    def missing(self) -> Sequence[str]:
        """Open before and not read now, in order: to be asked for by name; then `saw`, or `lost`."""
        return sorted(self.before)

    def lost(self, name: str) -> None:
        """It is not there any more."""
        self.before.discard(name)
        self.now.pop(name, None)

    def names(self) -> list[str]:
        """For the cursor: those open now, and those that were missing and could not be asked for."""
        kept, size = [], 0
        for name in [*sorted(self.before), *self.now][:MAX_OPEN]:
            size += len(render(name)) + 1
            if size > MAX_BYTES:
                break
            kept.append(name)
        return kept

    def notes(self) -> tuple[str, ...]:
        """What the window has to say of it."""
        if not self.beyond:
            return ()
        return (
            f"{self.beyond} more open tickets than the {len(self.now)} remembered: if one of them is deleted it goes unnoticed",
        )


def address(value: str) -> str:
    """Check a site's address, https://host[:port][/path] (http on loopback alone); no slash at its end. Raises ValueError."""
    parts = urlsplit(value)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.query or parts.fragment or not value.isprintable():
        raise ValueError("must be an address like https://example.atlassian.net")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must hold no credentials")
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ValueError("must begin with https:// (a token would travel readable)")
    return value.rstrip("/")


def host(url: str) -> str:
    """The host name of a site (with its port where there is one): the account of its tickets."""
    return urlsplit(url).netloc.lower()


Address = Annotated[str, AfterValidator(address)]


class TicketSettings(SourceSettings):
    """What sources of tickets have. Nothing comes late to them: a change is what is read."""

    lateness: Duration = 0
    overlap: Annotated[Duration, Field(ge=2 * MINUTE, le=DAY)] = 5 * MINUTE
    follow: Annotated[Duration, Field(ge=0, le=3650 * DAY)] = 30 * DAY
    read_timeout: float = Field(default=30.0, gt=0, le=300)
    max_attempts: int = Field(default=5, ge=1, le=20)
    requests_per_second: float = Field(default=10.0, gt=0, le=1000)


def recent(life: Life, now: int, follow: int) -> bool:
    """Does a ticket come again in the latest window: open, or done within `follow` before `now`?"""
    done = life.done_at()
    return life.state == "open" or done is None or done >= now - follow
