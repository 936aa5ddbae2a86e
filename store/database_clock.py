"""The clock that a log is written by. Of several machines each has its own: on PostgreSQL the database's is everybody's.

It is read with the row that is locked (store/postgres_locks.py) where an order depends on it. For everything else it is asked for
every few seconds and carried on by the time since boot, so that a local wall clock that is set changes nothing.
"""

from __future__ import annotations

import threading
import time
from typing import Final

from sqlalchemy import Engine, select

from store.engine import is_sqlite, reading
from store.errors import StoreError
from store.postgres_locks import NOW
from store.times import Clock, wall_clock

EVERY: Final = 5_000_000
"""Microseconds after which the database is asked again."""


def clock_of(engine: Engine, given: Clock | None = None) -> Clock:
    """The clock of a store: the one that was given, else the database's; an embedded database has the machine's."""
    if given is not None:
        return given
    return wall_clock if is_sqlite(engine) else DatabaseClock(engine)


def moment(clock: Clock, now: int | None) -> int:
    """The time at which a row was locked: `now`, as the database said with the row, unless another clock was given."""
    return now if now is not None and isinstance(clock, DatabaseClock) else clock()


class DatabaseClock:
    """A Clock (store/times.py) that gives the database's time. Safe to share between threads.

    Raises StoreError where it was never answered; a database that is lost later is asked again, and the time goes on meanwhile.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._ahead: int | None = None
        self._ask_at = 0

    def __call__(self) -> int:
        with self._lock:
            if self._ahead is None or since_boot() >= self._ask_at:
                self._ahead = self._asked()
                self._ask_at = since_boot() + EVERY
            return since_boot() + self._ahead

    def _asked(self) -> int:
        """How far the database's clock is ahead of the time since boot; its answer was on its way for half of the time."""
        try:
            with reading(self._engine) as connection:
                before = since_boot()
                now: int = connection.execute(select(NOW)).scalar_one()
                return now - (before + since_boot()) // 2
        except StoreError:
            if self._ahead is None:
                raise
            return self._ahead


def since_boot() -> int:
    """Microseconds since this machine was started, suspended time included. Nobody sets this clock."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
