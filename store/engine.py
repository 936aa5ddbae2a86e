"""The database behind a store: its engine by URL, and transactions that read or write, alike on every backend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, Row, Select, exc, make_url

from store import postgres_driver, postgres_locks, sqlite_driver
from store.errors import StoreError

SQLITE: Final = "sqlite:///"


def open_engine(url: str, password: str | None = None) -> Engine:
    """The engine for `store.url`. Raises StoreError for a scheme that is not served; its text never repeats the address."""
    scheme = url.split(":", 1)[0]
    if scheme in ("postgresql", "postgres", "postgresql+psycopg"):
        return postgres_driver.make_engine("postgresql" + url.removeprefix(scheme), password)
    if not url.startswith(SQLITE):
        raise StoreError(
            f"store.url: {scheme[:40]!r} is not served; use sqlite:///path/to/store.db or postgresql://user@host/database"
        )
    path = Path(url.removeprefix(SQLITE))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return sqlite_driver.make_engine(path)


def without_password(url: str) -> tuple[str, str | None]:
    """A URL without the password in it, and the password; None where there is none. Text that is no URL is left as it is."""
    try:
        place = make_url(url)
    except (exc.ArgumentError, ValueError):
        return url, None
    if place.password is None:
        return url, None
    bare = URL.create(place.drivername, place.username, None, place.host, place.port, place.database, place.query)
    return bare.render_as_string(hide_password=False), str(place.password)


def is_sqlite(at: Engine | Connection) -> bool:
    """Whether this is the embedded database."""
    return at.dialect.name == "sqlite"


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One write transaction: COMMIT at the end of the block, ROLLBACK when it raises. On SQLite it holds the write lock from
    its beginning; on PostgreSQL whoever needs an order takes the head row's lock first.

    Errors of the storage (not those of the data, such as IntegrityError) are raised as StoreError; then nothing was written,
    but for CommitUnknown, where the database was lost in the middle of the COMMIT.
    """
    begin = sqlite_driver.writing if is_sqlite(engine) else postgres_driver.writing
    with begin(engine) as connection:
        yield connection


@contextmanager
def reading(engine: Engine, *, patient: bool = False) -> Iterator[Connection]:
    """One read transaction: everything in the block sees the same snapshot. A statement that writes is refused.

    `patient`: for what reads much (a verification, an export); otherwise a statement has a limit of time where the database
    serves others too.
    """
    if is_sqlite(engine):
        with sqlite_driver.reading(engine) as connection:
            yield connection
    else:
        with postgres_driver.reading(engine, patient=patient) as connection:
            yield connection


def lock_row(connection: Connection, query: Select[Any]) -> Row[Any] | None:
    """The one row of `query`, ours until the transaction ends; None where there is none. On SQLite a write transaction holds
    everything anyway; on PostgreSQL see store/postgres_locks.py."""
    if is_sqlite(connection):
        return connection.execute(query).one_or_none()
    return postgres_locks.lock_row(connection, query)
