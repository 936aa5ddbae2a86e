"""SQLite connections: one set of settings for every database file that the product opens.

SQLite before 3.51.3 can damage a WAL database that two connections write (the WAL-reset bug), so WAL is used from that version
on and a rollback journal with synchronous=EXTRA before it. The `pysqlite3` wheel brings a new library where the platform's
Python has an old one.

The driver begins no transaction by itself here (isolation_level None): every transaction of SQLAlchemy's emits its own BEGIN,
so that SAVEPOINT, DDL and reads really are inside it. `writing` takes the write lock at once (BEGIN IMMEDIATE), which is the
only form that the busy timeout covers wholly; `reading` refuses to write.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc

from store.errors import StorageBusy, StorageFull, StorageUnusable, StoreError
from store.sqlite_sql import driver_of

WAL_SAFE_FROM: Final = (3, 51, 3)
PAGE_SIZE: Final = 16_384
CACHE: Final = 16_000
"""KiB of pages that a connection keeps: more than one append changes, so that none goes to the disk before the commit."""
BUSY_TIMEOUT: Final = 30.0
"""Seconds that a connection waits for another's write lock."""

_MODE: Final = "attestream_begin"
_BEGIN: Final = {"read": ("ON", "BEGIN"), "write": ("OFF", "BEGIN IMMEDIATE"), "plain": ("OFF", "BEGIN")}


def sqlite_module() -> ModuleType:
    """The DB-API module to use: pysqlite3 where it is installed, else the one of the standard library."""
    try:
        from pysqlite3 import dbapi2
    except ImportError:
        return sqlite3
    module: ModuleType = dbapi2
    return module


def wal_is_safe(version: tuple[int, ...]) -> bool:
    """True where this SQLite version has the fix of the WAL-reset bug."""
    return version >= WAL_SAFE_FROM


def make_engine(
    path: Path, *, busy_timeout: float = BUSY_TIMEOUT, module: ModuleType | None = None, cache: int = CACHE
) -> Engine:
    """Open the database file at `path`, creating it (mode 0600) in a folder that exists, and return its engine.

    `cache`: KiB of pages that a connection keeps. A connection is made and the file's header read before this returns. Raises
    StorageUnusable, StorageFull or StorageBusy.
    """
    driver = module or sqlite_module()
    _create_file(path)
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        module=driver,
        connect_args={"isolation_level": None, "timeout": busy_timeout},
        pool_reset_on_return="rollback",
    )
    wal = wal_is_safe(driver.sqlite_version_info)

    @event.listens_for(engine, "connect")
    def _settings(connection: Any, _record: object) -> None:
        _apply(connection, wal=wal, patience=busy_timeout, cache=cache)

    event.listen(engine, "begin", _begin)
    try:
        with reading(engine) as connection:
            connection.exec_driver_sql("PRAGMA schema_version")
    except StoreError:
        engine.dispose()
        raise
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One write transaction: BEGIN IMMEDIATE now, COMMIT at the end of the block, ROLLBACK when it raises.

    Errors of the storage (not those of the data, such as IntegrityError) are raised as StoreError; then nothing was written.
    """
    with _translated(engine), engine.connect() as connection:
        connection.execution_options(**{_MODE: "write"})
        with connection.begin():
            yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One read transaction: everything in the block sees the same snapshot. A statement that writes is refused."""
    with _translated(engine, reads=True), engine.connect() as connection:
        connection.execution_options(**{_MODE: "read"})
        with connection.begin() as transaction:
            yield connection
            transaction.rollback()


def storage_error(error: exc.DBAPIError, path: str) -> StoreError | None:
    """What a driver's error says of the storage at `path`; None where it speaks of the statement or of its data instead."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    reason = str(error.orig)
    match code & 0xFF if isinstance(code, int) else None:
        case sqlite3.SQLITE_FULL:
            return StorageFull(f"{path}: the disk is full; nothing was written. Free some space and try again ({reason})")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StorageBusy(f"{path}: another process has held the database for too long; nothing was written ({reason})")
        case sqlite3.SQLITE_NOTADB:
            return StorageUnusable(f"{path}: not a database of ours, or its first bytes are damaged ({reason})")
        case sqlite3.SQLITE_CORRUPT:
            return StorageUnusable(f"{path}: the database file is damaged; restore it from a backup ({reason})")
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_READONLY:
            return StorageUnusable(f"{path}: cannot be opened for writing; check owner and mode of file and folder ({reason})")
        case sqlite3.SQLITE_IOERR:
            return StorageUnusable(f"{path}: the disk reports an error; nothing was written ({reason})")
        case _:
            return None


@contextmanager
def _translated(engine: Engine, *, reads: bool = False) -> Iterator[None]:
    try:
        yield
    except exc.DBAPIError as error:
        translated = storage_error(error, str(engine.url.database))
        if translated is None or (reads and getattr(error.orig, "sqlite_errorcode", 0) == sqlite3.SQLITE_READONLY):
            raise  # the statement's fault: its data, or a write inside `reading`
        raise translated from error


def _create_file(path: Path) -> None:
    """Make an empty file that only its owner can read; SQLite gives its journal and WAL the same mode."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        if not path.parent.exists():
            raise StorageUnusable(f"{path}: its folder does not exist; create it first") from error
        raise StorageUnusable(f"{path}: cannot be opened for writing: {error.strerror}") from error


def _apply(connection: Any, *, wal: bool, patience: float, cache: int) -> None:
    """Settings of a new driver connection. page_size acts on a file without pages only, and must come before the journal mode."""
    connection.execute(f"PRAGMA page_size={PAGE_SIZE}")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA secure_delete=ON")
    connection.execute(f"PRAGMA cache_size={-cache}")
    # A file system without shared memory cannot do WAL: SQLite then answers with the mode that it kept.
    if wal and _journal_mode(connection, "wal", patience) == "wal":
        connection.execute("PRAGMA synchronous=FULL")
    else:
        _journal_mode(connection, "delete", patience)
        connection.execute("PRAGMA synchronous=EXTRA")


def _journal_mode(connection: Any, wanted: str, patience: float) -> str:
    """Set the journal mode unless the file has it, and return what it is. The busy timeout does not cover this statement."""
    deadline = time.monotonic() + patience
    while True:
        try:
            mode = str(connection.execute("PRAGMA journal_mode").fetchone()[0])
            if mode != wanted:
                mode = str(connection.execute(f"PRAGMA journal_mode={wanted}").fetchone()[0])
            return mode
        except Exception as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def _begin(connection: Connection) -> None:
    query_only, begin = _BEGIN[connection.get_execution_options().get(_MODE, "plain")]
    with driver_of(connection, begin) as driver:
        driver.execute(f"PRAGMA query_only={query_only}")
        driver.execute(begin)
