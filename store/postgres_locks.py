"""Waiting for a row or a name on PostgreSQL, and ending whoever holds it and has fallen silent.

A worker that is stopped (or whose machine is cut off) in the middle of a COPY holds its locks for as long as its connection
stands: no timeout of PostgreSQL's reaches it there. So whoever has waited 10 s looks at the holder. If its server process has
been waiting for its client for as long, it is ended by pg_terminate_backend, which a role may do to its own sessions; a holder
that works is waited for on.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import BigInteger, Connection, Row, Select, cast, column, exc, func, literal_column, select, table
from sqlalchemy.dialects.postgresql import INTERVAL, OID

from store.postgres_errors import LOCK_TIMEOUT

SILENT: Final = 10.0
"""Seconds after which a client that says nothing is ended by whoever waits for it."""
_ROUNDS: Final = 6
"""So often the lock is waited for, each time for the session's lock_timeout, before it is an error."""
NOW: Final = cast(func.extract("epoch", func.clock_timestamp()) * 1_000_000, BigInteger).label("now")
"""The database's clock, microseconds."""
_LOCKS: Final = table("pg_locks", *map(column, ("pid", "locktype", "granted", "transactionid", "classid", "objid", "objsubid")))
_SESSIONS: Final = table("pg_stat_activity", *map(column, ("pid", "wait_event", "state_change")))


def lock_row(connection: Connection, query: Select[Any]) -> Row[Any] | None:
    """The one row of `query` (of one table), locked until the transaction ends; None where there is none. Its column `now` is the
    database's time when the row was ours.

    Only as the first statement of a transaction is it waited for in rounds, with a look at the holder between; else a wait in
    vain is an error at once. Raises DBAPIError (55P03: StorageBusy).
    """
    locked, holders = _locking(query)
    row: Row[Any] | None = _waited(connection, lambda: connection.execute(locked).one_or_none(), holders)
    return row


@lru_cache(maxsize=8)
def _locking(query: Select[Any]) -> tuple[Select[Any], Select[Any]]:
    """The statement that locks, and the one that finds the holders. Making them takes longer than running them."""
    # The transaction that locked a row stands in its xmax, and holds a lock on its own number.
    xmax = query.with_only_columns(literal_column("xmax").label("xid"), maintain_column_froms=True).subquery()
    holders = select(_LOCKS.c.pid).join(xmax, xmax.c.xid == _LOCKS.c.transactionid).where(_LOCKS.c.locktype == "transactionid")
    # The clock is read outside: within, it would be read before the row is waited for.
    return select(query.with_for_update().subquery(), NOW), holders


def lock_name(connection: Connection, number: int) -> None:
    """An advisory lock (a number below 2^31 of ours) until the transaction ends; waited for as in `lock_row`."""
    of_name = (_LOCKS.c.locktype == "advisory", _LOCKS.c.classid == cast(0, OID), _LOCKS.c.objid == cast(number, OID))
    holders = select(_LOCKS.c.pid).where(*of_name, _LOCKS.c.objsubid == 1)
    _waited(connection, lambda: connection.execute(select(func.pg_advisory_xact_lock(number))).one(), holders)


def _waited(connection: Connection, act: Callable[[], Any], holders: Select[Any]) -> Any:
    driver = driver_of(connection)
    rounds = _ROUNDS if driver.info.transaction_status == TransactionStatus.IDLE else 1
    for left in reversed(range(rounds)):
        try:
            return act()
        except exc.DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != LOCK_TIMEOUT or not left:
                raise
        driver.rollback()  # nothing was done in this transaction yet: it begins anew
        connection.execute(_end_silent(holders))
        driver.rollback()
    raise AssertionError("unreachable")


def _end_silent(holders: Select[Any]) -> Select[Any]:
    since = func.clock_timestamp() - _SESSIONS.c.state_change
    silent = (_SESSIONS.c.wait_event == "ClientRead", since > cast(f"{SILENT} seconds", INTERVAL))
    held = holders.where(_LOCKS.c.granted.is_(True))
    return select(func.pg_terminate_backend(_SESSIONS.c.pid, 5000)).where(_SESSIONS.c.pid.in_(held), *silent)


def driver_of(connection: Connection) -> psycopg.Connection[Any]:
    """psycopg's own connection."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver
