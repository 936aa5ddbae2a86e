"""After an erasure: what the database keeps of old rows is cleaned as well as it can be, and what cannot be is said."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Engine, exc

from store.engine import is_sqlite
from store.errors import StoreError

TABLES: Final = ("block", "entry", "handle", "seen", "observed", "drift", "delivery")
"""Tables of which an erasure changes rows."""
PATIENCE: Final = 20.0
"""Seconds that readers are waited for."""


def scrub(engine: Engine, patience: float = PATIENCE) -> Iterator[str]:
    """Empty the write-ahead log (SQLite), or vacuum what was changed (PostgreSQL); yields what is left over, for people."""
    return _checkpoint(engine, patience) if is_sqlite(engine) else _vacuum(engine)


def _checkpoint(engine: Engine, patience: float) -> Iterator[str]:
    """The file itself holds zeros where rows were (secure_delete); its write-ahead log holds the pages as they were before."""
    deadline = time.monotonic() + patience
    try:
        while _truncate(engine):
            if time.monotonic() >= deadline:
                yield "another process reads the store: its -wal file holds old pages until the last reader has ended"
                return
            time.sleep(0.1)
    except (exc.DBAPIError, StoreError):
        yield "the -wal file of the store could not be emptied: stop what uses the store, and open it once"


def _truncate(engine: Engine) -> bool:
    """Try once; whether somebody is in the way. A file without a write-ahead log has nothing to empty."""
    with engine.connect() as connection:
        connection.rollback()
        driver: Any = connection.connection.driver_connection
        driver.execute("PRAGMA query_only=OFF")
        busy = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    return bool(busy)


def _vacuum(engine: Engine) -> Iterator[str]:
    """Old versions of rows go, as far as nobody can still see them. Free space and the server's own log are the server's."""
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("SET statement_timeout = 0")
            try:
                for table in TABLES:
                    connection.exec_driver_sql(f"VACUUM {table}")
            finally:
                connection.invalidate()  # its settings are not those of the others
    except exc.DBAPIError:
        yield "the changed tables could not be vacuumed: have an administrator run VACUUM on this database"
    yield (
        "PostgreSQL may keep old bytes in free space of its files until it is used again (VACUUM FULL rewrites them), and in its "
        "write-ahead log, archives and replicas as long as it keeps those"
    )
