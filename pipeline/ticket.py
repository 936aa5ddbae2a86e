"""What a ticket's observation says of its end: the life that every ticket source writes alike (`_life`)."""

from __future__ import annotations

from typing import Final

import msgspec

from store.errors import InvalidTime
from store.records import Event
from store.times import parse_time

TICKET: Final = "ticket."
"""How the types of tickets begin."""


class _Life(msgspec.Struct):
    state: str = "open"
    closed: str | None = None
    resolved: str | None = None
    updated: str | None = None


class _Ticket(msgspec.Struct):
    life: _Life | None = msgspec.field(name="_life", default=None)


_DECODER: Final = msgspec.json.Decoder(_Ticket)


def done_at(event: Event) -> int | None:
    """When the ticket was done: closed, else resolved, else last changed, at the latest when we looked. None while it is open."""
    try:
        life = _DECODER.decode(event.payload).life
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None  # what is no ticket of ours says nothing of its end
    if life is None or life.state != "done":
        return None
    for text in (life.closed, life.resolved, life.updated):
        if text is not None:
            try:
                return min(parse_time(text), event.time)
            except InvalidTime:
                continue
    return event.time
