"""Backup of the embedded store: one consistent moment, copied while others write, and checked."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from store.errors import StorageUnusable
from store.sqlite_driver import make_engine, reading
from store.writer import read_head


def backup(engine: Engine, to: Path) -> int:
    """Copy the store to `to`, which must not exist; returns the size of the log in the copy. Raises StorageUnusable."""
    if to.exists():
        raise StorageUnusable(f"{to}: exists already; a backup never overwrites")
    with engine.connect() as connection:
        connection.rollback()
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("VACUUM INTO ?", (str(to),))
    to.chmod(0o600)
    copy = make_engine(to)
    try:
        with reading(copy) as connection:
            result = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
            if result != "ok":
                raise StorageUnusable(f"{to}: the copy is damaged: {result}")
            return read_head(connection).size
    finally:
        copy.dispose()
