"""Statements on SQLite through the driver: for a short one, all that SQLAlchemy does around it takes ten times its own time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, exc


def fetch(connection: Connection, sql: str, values: Sequence[Any]) -> list[Any]:
    """The rows that one statement gives, as tuples."""
    if _is_listened_to(connection):
        return list(connection.exec_driver_sql(sql, tuple(values)).fetchall())
    with _wrapped(connection, sql) as driver:
        return list(driver.execute(sql, values).fetchall())


def change(connection: Connection, sql: str, values: Sequence[Any]) -> int:
    """Run one statement that writes; returns how many rows it changed."""
    if _is_listened_to(connection):
        return int(connection.exec_driver_sql(sql, tuple(values)).rowcount)
    with _wrapped(connection, sql) as driver:
        return int(driver.execute(sql, values).rowcount)


def write(connection: Connection, sql: str, rows: Sequence[Sequence[Any]]) -> None:
    """Run one statement for each of the rows."""
    if _is_listened_to(connection):
        connection.exec_driver_sql(sql, list(map(tuple, rows)))
        return
    with _wrapped(connection, sql) as driver:
        driver.executemany(sql, rows)


def _is_listened_to(connection: Connection) -> bool:
    """Whether somebody wants to be told of each statement (a test that makes them fail): then they go through SQLAlchemy."""
    return bool(connection.dispatch.before_cursor_execute)


@contextmanager
def _wrapped(connection: Connection, sql: str) -> Iterator[Any]:
    """The driver's connection, in a transaction."""
    if not connection.in_transaction():
        connection.begin()
    with driver_of(connection, sql) as driver:
        yield driver


@contextmanager
def driver_of(connection: Connection, sql: str) -> Iterator[Any]:
    """The driver's connection. Its errors are raised as SQLAlchemy raises them for its own statements."""
    kind = connection.dialect.loaded_dbapi.Error
    try:
        yield connection.connection.driver_connection
    except kind as error:
        raise exc.DBAPIError.instance(sql, None, error, kind, hide_parameters=True, dialect=connection.dialect) from error
