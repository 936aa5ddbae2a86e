"""Events without end from a few thousand bodies, and a crew that is kept under full load by them.

Every event has ids of its own, in its attributes and in its bytes; all other values come again with the pool.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from typing import Final

from benchmarks.crew import Crew
from benchmarks.events import event, made, uuid
from pipeline.stream.base import Stream
from store.records import Event

POOL: Final = 5000
CHUNK: Final = 500
BACKLOG: Final = 5000
"""Events that always wait: five batches of a worker."""
_PAUSE: Final = 0.002
_STUCK: Final = 120.0
"""Seconds without a batch after which a crew counts as stuck."""


def endless() -> Iterator[Event]:
    """Events, one a second by their own time. Of rules 0, 10, 20, 30 there are none: see stages/drift.py."""
    pool = [_plain(body) for body in made(POOL)]
    for number in count():
        body, place = pool[number % POOL], number % POOL
        for kind in ("event", "request"):
            body = body.replace(uuid(place, kind).encode(), uuid(number, kind).encode(), 1)
        yield event(number, body, "bench")


def _plain(body: bytes) -> bytes:
    """Of the rules that open findings, none; so many events are judged as before."""
    for rule in (0, 10, 20, 30):
        old, new = b'"Change%dSetting"' % rule, b'"Change%dSetting"' % (rule + 2)
        if old in body:
            body = body.replace(old, new).replace(b'"service-%d.' % rule, b'"service-%d.' % (rule + 2))
    return body


@dataclass(slots=True)
class Feed:
    """Publishes so that about `BACKLOG` events always wait for the crew."""

    crew: Crew
    stream: Stream
    events: Iterator[Event]
    published: int = 0
    _taken: int = 0
    _moved: float = 0.0

    def top_up(self, limit: int | None = None) -> int:
        """Publish what is lacking, of `limit` events in all; returns how many wait. Raises AssertionError for a stuck crew."""
        taken = self._look()
        while self.published - taken < BACKLOG and (limit is None or self.published < limit):
            chunk = CHUNK if limit is None else min(CHUNK, limit - self.published)
            self.stream.publish(list(islice(self.events, chunk)))
            self.published += chunk
            taken = self._look()
        time.sleep(_PAUSE)
        return self.published - taken

    def publish(self, one: Event) -> None:
        """Publish one more event, behind what waits."""
        self.stream.publish([one])
        self.published += 1

    def _look(self) -> int:
        taken, now = self.crew.events(), time.monotonic()
        if taken != self._taken or not self._moved:
            self._taken, self._moved = taken, now
        if now - self._moved > _STUCK or not self.crew.working():
            raise AssertionError(f"the workers took {taken} of {self.published} events and then nothing more; see above")
        return taken
