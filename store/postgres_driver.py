"""PostgreSQL connections: one set of settings for every connection that the product opens.

`writing` is READ COMMITTED: whoever needs an order takes the head row's lock first, and every statement after that
sees what was committed before. `reading` is REPEATABLE READ, READ ONLY: one snapshot.

Every wait has an end, on both sides. A statement ends after 60 s, a wait for a lock after 10 s, a transaction whose client says
nothing after 10 s; a client that is stopped in the middle of a COPY is ended by whoever waits for what it holds
(store/postgres_locks.py). A connection is looked at before it is used, so that a restarted server costs no error.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, NoReturn

import psycopg
from psycopg.types.numeric import Int8BinaryDumper
from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url

from store import postgres_errors
from store.errors import StorageBusy, StorageUnusable, StoreError
from store.postgres_errors import place_of, storage_error

STATEMENT_TIMEOUT: Final = 60.0
"""Seconds that one statement may take. A patient read (a verification, an export) and a migration have no such limit."""
LOCK_WAIT: Final = 10.0
"""Seconds that a statement waits for a lock, and a client may stay silent inside a transaction."""
CONNECT_TIMEOUT: Final = 10
SESSION: Final = (
    f"-c statement_timeout={int(STATEMENT_TIMEOUT * 1000)} -c lock_timeout={int(LOCK_WAIT * 1000)}"
    f" -c idle_in_transaction_session_timeout={int(LOCK_WAIT * 1000)} -c default_transaction_isolation=read\\ committed"
)
KEEPALIVES: Final = {"keepalives": 1, "keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3}
"""A peer that is gone is noticed within half a minute."""


def make_engine(url: str, password: str | None = None) -> Engine:
    """The engine of a `postgresql://user@host/database` URL; a connection is made before this returns.

    Everything after `?` goes to libpq (sslmode, sslrootcert, application_name, options, …). Without a password here or in the
    URL, libpq looks in PGPASSFILE. Raises StoreError for a URL that is none, StorageUnusable where nobody answers. No error, log
    or repr holds the password.
    """
    place = _read_url(url)
    if password is not None:
        place = place.set(password=password)
    options = " ".join([SESSION, *_words(place.query.get("options"))])
    engine = create_engine(
        place.set(query={k: v for k, v in place.query.items() if k != "options"}),
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT,
            "application_name": "attestream",
            "client_encoding": "utf8",
            **KEEPALIVES,
            **{k: v for k, v in place.query.items() if k in ("application_name", "connect_timeout", *KEEPALIVES)},
            "options": options,
        },
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        hide_parameters=True,
    )
    event.listen(engine, "connect", _numbers)
    try:
        with reading(engine) as connection:
            connection.exec_driver_sql("SELECT 1")
            encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
        if encoding != "UTF8":
            raise StorageUnusable(f"{place_of(engine)}: the database's encoding is {encoding}; create it with ENCODING 'UTF8'")
    except BaseException:
        engine.dispose()
        raise
    return engine


def _numbers(connection: Any, _record: object) -> None:
    """Every integer is sent as eight bytes: a statement then has one plan, whatever the size of its numbers."""
    connection.adapters.register_dumper(int, Int8BinaryDumper)


def _words(options: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return options if isinstance(options, tuple) else (options,) if options else ()


def _read_url(url: str) -> URL:
    try:
        place = make_url(url)
    except (exc.ArgumentError, ValueError):  # its text may hold a password
        raise StoreError("store.url: not a URL; expected postgresql://user@host:5432/database") from None
    if "password" in place.query:
        raise StoreError("store.url: a password does not belong in its parameters; use store.password or PGPASSFILE")
    if place.get_backend_name() != "postgresql" or not place.database:
        raise StoreError("store.url: it names no database; expected postgresql://user@host:5432/database")
    return place.set(drivername="postgresql+psycopg")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One READ COMMITTED transaction: COMMIT at the end of the block, ROLLBACK when it raises.

    Errors of the storage are raised as StoreError; then nothing was written, but for CommitUnknown.
    """
    with _connected(engine) as connection:
        transaction = connection.begin()
        try:
            yield connection
        except exc.DBAPIError as error:
            _abandon(connection, transaction)
            _translate(engine, error)
        except BaseException:
            _abandon(connection, transaction)
            raise
        try:
            transaction.commit()
        except exc.DBAPIError as error:
            _abandon(connection, transaction)
            postgres_errors.after_commit(engine, error)


@contextmanager
def reading(engine: Engine, *, patient: bool = False) -> Iterator[Connection]:
    """One read transaction: everything in the block sees the same snapshot. A statement that writes is refused.

    `patient`: a statement may take as long as it takes, and so may whoever looks at what was read.
    """
    with _connected(engine) as connection:
        connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        transaction = connection.begin()
        try:
            if patient:
                be_patient(connection)
            yield connection
        except exc.DBAPIError as error:
            _translate(engine, error)
        finally:
            _abandon(connection, transaction)


def be_patient(connection: Connection) -> None:
    """No limit of time for the rest of this transaction, but for locks."""
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")


@contextmanager
def _connected(engine: Engine) -> Iterator[Connection]:
    """A checked connection. What cannot even be connected is a StoreError."""
    try:
        connection = engine.connect()
    except exc.DBAPIError as error:
        _translate(engine, error)
    except exc.TimeoutError as error:
        raise StorageBusy(f"{place_of(engine)}: all connections of this process are in use; nothing was written") from error
    except psycopg.Error as error:
        raise StorageUnusable(f"{place_of(engine)}: {postgres_errors.reason_of(engine, error)}") from error
    try:
        yield connection
    finally:
        with suppress(exc.DBAPIError):
            connection.close()


def _abandon(connection: Connection, transaction: Any) -> None:
    """Roll back; a connection that cannot even do that is thrown away."""
    try:
        transaction.rollback()
    except exc.DBAPIError:
        with suppress(exc.DBAPIError, exc.InvalidRequestError):
            connection.invalidate()


def _translate(engine: Engine, error: exc.DBAPIError) -> NoReturn:
    translated = storage_error(engine, error)
    if translated is None:
        raise error  # the statement's fault: its data, or a write inside `reading`
    raise translated from error
