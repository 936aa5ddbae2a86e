"""Writing and looking up many rows, alike on every database. Rows are written through the driver: no statement is built for them.

On SQLite rows go in by executemany; on PostgreSQL (store/postgres_sql.py) by COPY and arrays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, case

T = TypeVar("T")
CHUNK: Final = 500


def insert_rows(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert new rows, each with the values of `columns` in order. Raises IntegrityError for a key that is there."""
    if rows:
        connection.exec_driver_sql(_insert(table, tuple(columns)), list(map(tuple, rows)))


def upsert_rows(
    connection: Connection,
    table: Table,
    keys: Sequence[str],
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    update: Sequence[str] = (),
    add: Sequence[str] = (),
    greatest: Sequence[str] = (),
    unless_negative: Sequence[str] = (),
) -> None:
    """Insert rows, or where the key is there: replace `update`, add to `add`, keep the greater of `greatest`, and replace
    `unless_negative` where the new value is not negative. With none of these a row that is there stays as it is.

    No two rows of one call have the same key.
    """
    if rows:
        rules = (tuple(update), tuple(add), tuple(greatest), tuple(unless_negative))
        connection.exec_driver_sql(_upsert(table, tuple(keys), tuple(columns), rules), list(map(tuple, rows)))


def insert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """`insert_rows` for rows given by name; all have the same columns."""
    if rows:
        columns = tuple(rows[0])
        insert_rows(connection, table, columns, [[row[c] for c in columns] for row in rows])


def upsert(
    connection: Connection,
    table: Table,
    keys: Sequence[str],
    rows: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    update: Sequence[str] = (),
    *,
    add: Sequence[str] = (),
) -> None:
    """`upsert_rows` for a few rows given by name; all have the same columns."""
    given = [rows] if isinstance(rows, Mapping) else list(rows)
    if given:
        columns = tuple(given[0])
        upsert_rows(connection, table, keys, columns, [[row[c] for c in columns] for row in given], update=update, add=add)


def find_rows(
    connection: Connection,
    table: Table,
    columns: Sequence[str],
    key: str,
    values: Iterable[Any],
    where: Mapping[str, Any] | None = None,
) -> Iterator[Sequence[Any]]:
    """Rows whose `key` is among `values` (and whose other columns equal `where`), as tuples of `columns`, in no order."""
    fixed = tuple((where or {}).values())
    names = tuple(where or {})
    for some in chunks(list(values)):
        sql = _select(table, tuple(columns), key, len(some), names)
        yield from connection.exec_driver_sql(sql, (*fixed, *some)).fetchall()


def larger(one: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    """The greater of two values, neither of them null."""
    return case((one >= other, one), else_=other)


def chunks(items: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """Cut a sequence into pieces that fit one IN list."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


@cache
def _insert(table: Table, columns: tuple[str, ...]) -> str:
    names = ", ".join(map(_quoted, columns))
    return f"INSERT INTO {_quoted(table.name)} ({names}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608  names of ours


@cache
def _upsert(table: Table, keys: tuple[str, ...], columns: tuple[str, ...], rules: tuple[tuple[str, ...], ...]) -> str:
    update, add, greatest, unless_negative = rules
    own = {c: f"{_quoted(table.name)}.{_quoted(c)}" for c in columns}
    new = {c: f"excluded.{_quoted(c)}" for c in columns}
    sets = [f"{_quoted(c)} = {new[c]}" for c in update]
    sets += [f"{_quoted(c)} = {own[c]} + {new[c]}" for c in add]
    sets += [f"{_quoted(c)} = max({own[c]}, {new[c]})" for c in greatest]
    sets += [f"{_quoted(c)} = CASE WHEN {new[c]} >= 0 THEN {new[c]} ELSE {own[c]} END" for c in unless_negative]
    then = f"DO UPDATE SET {', '.join(sets)}" if sets else "DO NOTHING"
    return f"{_insert(table, columns)} ON CONFLICT ({', '.join(map(_quoted, keys))}) {then}"


@cache
def _select(table: Table, columns: tuple[str, ...], key: str, count: int, where: tuple[str, ...]) -> str:
    tests = [f"{_quoted(name)} = ?" for name in where] + [f"{_quoted(key)} IN ({', '.join('?' * count)})"]
    names = ", ".join(map(_quoted, columns))
    return f"SELECT {names} FROM {_quoted(table.name)} WHERE {' AND '.join(tests)}"  # noqa: S608  names of ours


def _quoted(name: str) -> str:
    return f'"{name}"'
