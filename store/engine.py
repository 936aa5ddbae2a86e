"""The database behind a store: its engine by URL, and transactions that read or write, alike on every backend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine

from store import sqlite_driver
from store.errors import StoreError


def open_engine(url: str) -> Engine:
    """The engine for `store.url`. Raises StoreError for a scheme that is not served; its text never repeats the address."""
    if not url.startswith("sqlite:///"):
        scheme = url.split(":", 1)[0]
        raise StoreError(f"store.url: {scheme!r} is not served by this version; use sqlite:///path/to/store.db")
    path = Path(url.removeprefix("sqlite:///"))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return sqlite_driver.make_engine(path)


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One write transaction: COMMIT at the end of the block, ROLLBACK when it raises. On SQLite it holds the write lock from
    its beginning; on PostgreSQL whoever needs an order takes the head row's lock first.

    Errors of the storage (not those of the data, such as IntegrityError) are raised as StoreError; then nothing was written,
    but for CommitUnknown, where the database was lost in the middle of the COMMIT.
    """
    with sqlite_driver.writing(engine) as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One read transaction: everything in the block sees the same snapshot. A statement that writes is refused."""
    with sqlite_driver.reading(engine) as connection:
        yield connection
