"""What a replay carries to the store: old evidence, and what the active mapping set says of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Said:
    """What one mapping says of old evidence. `verdict` is the word of a Verdict, `reason` text for people."""

    mapping: str
    verdict: str
    subject: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rejudged:
    """Old evidence by its log index, min(event time, collected at), and what is said of it."""

    index: int
    fresh: int
    said: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class Replay:
    """A piece of old evidence judged again: events since `since`, log indexes [start, stop), of which `read` were judged and
    `unread` could not be (their bytes are erased). `last`: nothing is left after it.
    """

    since: int
    start: int
    stop: int
    read: int
    unread: int
    judged: tuple[Rejudged, ...]
    last: bool = False
