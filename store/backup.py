"""Backup of the embedded store: one consistent moment, copied while others write, and checked."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from sqlalchemy import Engine, delete
from sqlalchemy.exc import DBAPIError

from store import schema
from store.engine import is_sqlite
from store.errors import StorageUnusable
from store.sqlite_driver import make_engine, reading, sqlite_module, writing
from store.writer import read_head


def backup(engine: Engine, to: Path) -> int:
    """Copy the store to `to`, which must not exist; returns the size of the log in the copy. Raises StorageUnusable.

    For the embedded store only: PostgreSQL has its own tools, which do it while it runs and to any moment.
    """
    if not is_sqlite(engine):
        raise StorageUnusable(
            "the store is on PostgreSQL: back it up by pg_dump --format=custom, or by base backups and WAL archiving; "
            "restore by pg_restore, then run attestream evidence verify (docs/postgresql.md)"
        )
    if to.exists():
        raise StorageUnusable(f"{to}: exists already; a backup never overwrites")
    if not to.parent.is_dir():
        raise StorageUnusable(f"{to.parent}: there is no such folder")
    part = to.with_name(f".{to.name}.part")
    part.unlink(missing_ok=True)
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))  # VACUUM INTO takes an empty file as it is
        _copy(engine, part)
        size = _check(part)
        os.link(part, to)
    except (OSError, DBAPIError, sqlite_module().Error) as error:
        raise StorageUnusable(f"{to}: the backup could not be written: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    return size


def _copy(engine: Engine, to: Path) -> None:
    with engine.connect() as connection:
        connection.rollback()
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("PRAGMA query_only=OFF")
        driver.execute("VACUUM INTO ?", (str(to),))


def _check(path: Path) -> int:
    """Size of the log in the copy."""
    copy = make_engine(path)
    try:
        with reading(copy) as connection:
            result = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
            if result != "ok":
                raise StorageUnusable(f"the copy is damaged: {result}")
            return read_head(connection).size
    finally:
        copy.dispose()
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)


def restore(backup: Path, to: Path) -> None:
    """Copy a backup to the store's place, which must be empty. Raises StorageUnusable.

    Positions begin anew: the stream that this store read from has gone on, or is gone.
    """
    if not backup.is_file():
        raise StorageUnusable(f"{backup}: there is no such backup")
    to.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    source = make_engine(backup)
    try:
        with reading(source) as connection:
            read_head(connection)
    except DBAPIError as error:
        raise StorageUnusable(f"{backup}: this is no store of ours") from error
    finally:
        source.dispose()
    shutil.copyfile(backup, to)
    to.chmod(0o600)
    copy = make_engine(to)
    try:
        with writing(copy) as connection:
            connection.execute(delete(schema.position))
            connection.execute(delete(schema.meta).where(schema.meta.c.name == "stream"))
    finally:
        copy.dispose()
