"""Many rows at once on PostgreSQL: COPY for new rows, arrays for upserts and look-ups. Binary both ways.

Upserts send one array per column (`unnest`), which was faster than a COPY to a temporary table at every size that an append has.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from operator import itemgetter
from typing import Any, Final

import psycopg
from sqlalchemy import BigInteger, Boolean, Connection, Integer, LargeBinary, SmallInteger, Table, Text, exc

from store.postgres_locks import driver_of

_TYPES: Final = (
    (BigInteger, "int8"),
    (SmallInteger, "int2"),
    (Integer, "int4"),
    (Boolean, "bool"),
    (LargeBinary, "bytea"),
    (Text, "text"),
)
_NARROW: Final = {"int2": "h", "int4": "i"}


def insert_rows(connection: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[Sequence[Any]]) -> None:
    """COPY."""
    types, statement = _types(table, columns), _copy(table, columns)
    with _wrapped(connection, statement), driver_of(connection).cursor() as cursor, cursor.copy(statement) as copy:
        _check_narrow(types, rows)
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)


def upsert_rows(
    connection: Connection,
    table: Table,
    keys: tuple[str, ...],
    columns: tuple[str, ...],
    rows: Sequence[Sequence[Any]],
    rules: tuple[tuple[str, ...], ...],
) -> None:
    """INSERT … ON CONFLICT."""
    statement = _upsert(table, keys, columns, rules)
    with _wrapped(connection, statement), driver_of(connection).cursor() as cursor:
        cursor.execute(statement, list(map(list, zip(*rows, strict=True))))


def find_rows(
    connection: Connection, table: Table, columns: tuple[str, ...], key: str, values: Sequence[Any], where: Mapping[str, Any]
) -> Iterator[Sequence[Any]]:
    """One look-up by an array."""
    statement = _select(table, columns, key, tuple(where))
    with _wrapped(connection, statement), driver_of(connection).cursor(binary=True) as cursor:
        cursor.execute(statement, [*where.values(), list(values)])
        found = cursor.fetchall()
    yield from found


def find_pairs(
    connection: Connection,
    table: Table,
    columns: tuple[str, ...],
    keys: tuple[str, str],
    pairs: Sequence[tuple[Any, Any]],
    where: Mapping[str, Any],
) -> Iterator[Sequence[Any]]:
    """One look-up by two arrays."""
    statement = _select_pairs(table, columns, keys, tuple(where))
    with _wrapped(connection, statement), driver_of(connection).cursor(binary=True) as cursor:
        cursor.execute(statement, [*where.values(), *map(list, zip(*pairs, strict=True))])
        found = cursor.fetchall()
    yield from found


def rows_for(
    connection: Connection, names: str, sql: str, kinds: tuple[str, ...], rows: Sequence[Sequence[Any]]
) -> Iterator[Sequence[Any]]:
    """One query over arrays."""
    arrays = ", ".join(f"%b::{kind}[]" for kind in kinds)
    statement = f"WITH given({names}) AS (SELECT * FROM unnest({arrays})) {sql}".encode()  # noqa: S608  names of ours
    with _wrapped(connection, statement), driver_of(connection).cursor(binary=True) as cursor:
        cursor.execute(statement, list(map(list, zip(*rows, strict=True))))
        found = cursor.fetchall()
    yield from found


def fetch(connection: Connection, sql: str, values: Sequence[Any]) -> list[Any]:
    """The rows of one query; `?` stands for each value."""
    statement = sql.replace("?", "%s").encode()
    with _wrapped(connection, statement), driver_of(connection).cursor(binary=True) as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


def change(connection: Connection, sql: str, values: Sequence[Any]) -> int:
    """Run one statement that writes; `?` stands for each value. Returns how many rows it changed."""
    statement = sql.replace("?", "%s").encode()
    with _wrapped(connection, statement), driver_of(connection).cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.rowcount


@contextmanager
def _wrapped(connection: Connection, statement: bytes) -> Iterator[None]:
    """Errors of the driver as SQLAlchemy raises them for its own statements; data that cannot even be sent are a DataError."""
    try:
        yield
    except psycopg.Error as error:
        raise _as_dbapi(connection, statement, error) from error
    except (UnicodeEncodeError, OverflowError) as error:
        refused = psycopg.DataError(f"a value cannot be sent: {type(error).__name__}")
        raise _as_dbapi(connection, statement, refused) from error


def _as_dbapi(connection: Connection, statement: bytes, error: psycopg.Error) -> BaseException:
    return exc.DBAPIError.instance(
        statement.decode(),
        None,
        error,
        psycopg.Error,
        hide_parameters=True,
        connection_invalidated=driver_of(connection).closed,
        dialect=connection.dialect,
    )


def _check_narrow(types: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """The driver cuts a number to the column's size without a word; this raises OverflowError instead."""
    for place, kind in enumerate(types):
        if kind in _NARROW:
            array(_NARROW[kind], filter(None, map(itemgetter(place), rows)))


@cache
def _types(table: Table, columns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(next(name for kind, name in _TYPES if isinstance(table.c[column].type, kind)) for column in columns)


@cache
def _copy(table: Table, columns: tuple[str, ...]) -> bytes:
    return f"COPY {_quoted(table.name)} ({_listed(columns)}) FROM STDIN (FORMAT BINARY)".encode()


@cache
def _upsert(table: Table, keys: tuple[str, ...], columns: tuple[str, ...], rules: tuple[tuple[str, ...], ...]) -> bytes:
    update, add, greatest, unless_negative = rules
    own = {c: f"{_quoted(table.name)}.{_quoted(c)}" for c in columns}
    new = {c: f"excluded.{_quoted(c)}" for c in columns}
    sets = [f"{_quoted(c)} = {new[c]}" for c in update]
    sets += [f"{_quoted(c)} = {own[c]} + {new[c]}" for c in add]
    sets += [f"{_quoted(c)} = greatest({own[c]}, {new[c]})" for c in greatest]
    sets += [f"{_quoted(c)} = CASE WHEN {new[c]} >= 0 THEN {new[c]} ELSE {own[c]} END" for c in unless_negative]
    then = f"DO UPDATE SET {', '.join(sets)}" if sets else "DO NOTHING"
    arrays = ", ".join(f"%b::{kind}[]" for kind in _types(table, columns))
    names = _listed(columns)
    rows = f"SELECT * FROM unnest({arrays})"  # noqa: S608  names of ours
    return f"INSERT INTO {_quoted(table.name)} ({names}) {rows} ON CONFLICT ({_listed(keys)}) {then}".encode()


@cache
def _select(table: Table, columns: tuple[str, ...], key: str, where: tuple[str, ...]) -> bytes:
    tests = [f"{_quoted(name)} = %b::{kind}" for name, kind in zip(where, _types(table, where), strict=True)]
    tests.append(f"{_quoted(key)} = ANY(%b::{_types(table, (key,))[0]}[])")
    return f"SELECT {_listed(columns)} FROM {_quoted(table.name)} WHERE {' AND '.join(tests)}".encode()  # noqa: S608  names of ours


@cache
def _select_pairs(table: Table, columns: tuple[str, ...], keys: tuple[str, str], where: tuple[str, ...]) -> bytes:
    tests = [f"{_quoted(name)} = given.{name}_" for name in where]
    tests += [f"{_quoted(key)} = given.{place}" for key, place in zip(keys, "ab", strict=True)]
    fixed = "".join(f", %b::{kind} AS {name}_" for name, kind in zip(where, _types(table, where), strict=True))
    arrays = ", ".join(f"%b::{kind}[]" for kind in _types(table, keys))
    given = f"SELECT DISTINCT a, b{fixed} FROM unnest({arrays}) pairs(a, b)"  # noqa: S608  names of ours
    # OFFSET 0 keeps it a probe for each pair: as a join, the whole table is read where nothing is known of its size yet.
    probe = f"SELECT {_listed(columns)} FROM {_quoted(table.name)} WHERE {' AND '.join(tests)} OFFSET 0"  # noqa: S608
    return f"SELECT found.* FROM ({given}) given CROSS JOIN LATERAL ({probe}) found".encode()  # noqa: S608


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(_quoted, names))


def _quoted(name: str) -> str:
    return f'"{name}"'
