"""Retention: payloads older than the time set are erased, a few at a time. Rows, entries and details stay (docs/erasure.md).

Kept beyond their time are payloads that still speak for the present: those that an open finding cites, until it closes, and the
newest observation of a subject, until there is a newer one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import Connection, select

from store import schema
from store.changes import Decide
from store.engine import reading
from store.erasing import batches
from store.evidence import EvidenceStore
from store.fsck_common import KEPT
from store.records import Batch, Erasure, State
from store.sql import chunks, find_rows

REASON: Final = "retention"
BY: Final = "attestream"
BUDGET: Final = 1.0
"""Seconds of one step, or one transaction if that takes longer."""
SPAN: Final = 2000
"""Indexes looked at together."""
REST: Final = 3600.0
"""Seconds after everything was looked at, until what has become old since is."""
AGAIN: Final = 24 * 3600.0
"""Seconds after which everything is looked at again: a payload that was kept may not be needed any more."""
_OPEN: Final = (State.NOT_SATISFIED.value, State.ACCEPTED.value, State.ERROR.value)


class Retention:
    """Erases payloads that were recorded more than `age` microseconds ago. It remembers how far it got, in memory alone."""

    def __init__(self, store: EvidenceStore, age: int, decide: Decide, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store, self._age, self._decide, self._monotonic = store, age, decide, monotonic
        self._next = 0
        self._rests_until = 0.0
        self._began = monotonic()

    def tick(self) -> int:
        """One step; returns how many payloads were erased. Raises StoreError, and then is as far as it was."""
        now, done = self._monotonic(), 0
        if now < self._rests_until:
            return 0
        with reading(self._store.engine) as connection:
            stop = recorded_before(connection, self._store.clock() - self._age)
        while self._next < stop:
            end = min(self._next + SPAN, stop)
            done += self._erase(self._next, end)
            self._next = end
            if self._monotonic() - now > BUDGET:
                return done
        self._rests_until = now + REST
        if now - self._began >= AGAIN:
            self._next, self._began = 0, now
        return done

    def _erase(self, start: int, stop: int) -> int:
        with reading(self._store.engine) as connection:
            old = payloads(connection, start, stop)
            needed = needed_now(connection, old)
        done = 0
        for some in batches([index for index in old if index not in needed]):
            erasure = Erasure(tuple(some), REASON, BY, payload_only=True)
            self._store.append(Batch(erasures=(erasure,)), (), self._decide)
            done += len(some)
        return done


def recorded_before(connection: Connection, moment: int) -> int:
    """How many entries had been recorded before `moment`."""
    table = schema.entry
    last = select(table.c.idx).where(table.c.recorded_at < moment).order_by(table.c.recorded_at.desc(), table.c.idx.desc())
    found = connection.execute(last.limit(1)).scalar_one_or_none()
    return 0 if found is None else int(found) + 1


def payloads(connection: Connection, start: int, stop: int) -> list[int]:
    """Indexes with start <= index < stop of kept source records that still have their payload."""
    table = schema.entry
    there = (table.c.idx >= start, table.c.idx < stop, table.c.payload_salt.is_not(None), table.c.type.in_(KEPT))
    return list(connection.execute(select(table.c.idx).where(*there).order_by(table.c.idx)).scalars())


def needed_now(connection: Connection, indexes: Sequence[int]) -> set[int]:
    """Those of these payloads that speak for the present."""
    needed = {index for (index,) in find_rows(connection, schema.observed, ("idx",), "idx", indexes)}
    tag, finding, entry = schema.tag, schema.finding, schema.entry
    same = (finding.c.mapping == tag.c.mapping) & (finding.c.subject == tag.c.subject)
    for some in chunks(indexes):
        rows = select(finding.c.row_idx).join(tag, same).where(tag.c.idx.in_(some), finding.c.state.in_(_OPEN)).distinct()
        for last in chunks(connection.execute(rows).scalars().all()):
            for metadata in connection.execute(select(entry.c.metadata).where(entry.c.idx.in_(last))).scalars():
                cites = json.loads(metadata)["cites"]
                needed.update(cites if isinstance(cites, list) else ())
    return needed & set(indexes)
