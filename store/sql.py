"""Writing and looking up many rows, alike on every database. Rows are written through the driver: no statement is built for them.

On SQLite rows go in by executemany; on PostgreSQL (store/postgres_sql.py) by COPY and arrays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain, repeat
from typing import Any, Final, TypeVar

from sqlalchemy import BigInteger, ColumnElement, Connection, Table, case, cast, func

from store import postgres_sql, sqlite_sql
from store.engine import is_sqlite

T = TypeVar("T")
CHUNK: Final = 500
_SIZES: Final = (1, 4, 16, 64, 200, CHUNK)


def fetch(connection: Connection, sql: str, *values: Any) -> list[Any]:
    """The rows of a short query of ours, as tuples; `?` stands for each value."""
    return sqlite_sql.fetch(connection, sql, values) if is_sqlite(connection) else postgres_sql.fetch(connection, sql, values)


def change(connection: Connection, sql: str, *values: Any) -> int:
    """Run one statement of ours that writes; `?` stands for each value. Returns how many rows it changed."""
    return sqlite_sql.change(connection, sql, values) if is_sqlite(connection) else postgres_sql.change(connection, sql, values)


def insert_rows(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert new rows, each with the values of `columns` in order. Raises IntegrityError for a key that is there."""
    if not rows:
        return
    if is_sqlite(connection):
        sqlite_sql.write(connection, _insert(table, tuple(columns)), rows)
    else:
        postgres_sql.insert_rows(connection, table, tuple(columns), rows)


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
    if not rows:
        return
    rules = (tuple(update), tuple(add), tuple(greatest), tuple(unless_negative))
    if is_sqlite(connection):
        sqlite_sql.write(connection, _upsert(table, tuple(keys), tuple(columns), rules), rows)
    else:
        postgres_sql.upsert_rows(connection, table, tuple(keys), tuple(columns), rows, rules)


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
    fixed, names, wanted = tuple((where or {}).values()), tuple(where or {}), list(values)
    if not is_sqlite(connection):
        if wanted:
            yield from postgres_sql.find_rows(connection, table, tuple(columns), key, wanted, where or {})
        return
    for some in chunks(wanted):
        padded = _padded(some)
        sql = _select(table, tuple(columns), key, len(padded), names)
        yield from sqlite_sql.fetch(connection, sql, (*fixed, *padded))


def find_pairs(
    connection: Connection,
    table: Table,
    columns: Sequence[str],
    keys: tuple[str, str],
    pairs: Iterable[tuple[Any, Any]],
    where: Mapping[str, Any] | None = None,
) -> Iterator[Sequence[Any]]:
    """`find_rows` by two columns together: rows whose `keys` are among `pairs` (and whose other columns equal `where`)."""
    fixed, names, wanted = tuple((where or {}).values()), tuple(where or {}), list(pairs)
    if not is_sqlite(connection):
        if wanted:
            yield from postgres_sql.find_pairs(connection, table, tuple(columns), keys, wanted, where or {})
        return
    for some in chunks(wanted):
        padded = _padded(some)
        sql = _select_pairs(table, tuple(columns), keys, len(padded), names)
        yield from sqlite_sql.fetch(connection, sql, (*fixed, *chain.from_iterable(padded)))


def rows_for(connection: Connection, sql: str, kinds: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    """What a query of ours finds for many given rows. In `sql` they are the table `given` with the columns a, b, c, …; it has no
    parameters of its own, must hold for each given row alone, and find nothing for a row of nulls. `kinds` are PostgreSQL's names
    of the columns' types.
    """
    wanted = list(rows)
    names = ", ".join("abcdefgh"[: len(kinds)])
    if not is_sqlite(connection):
        if wanted:
            yield from postgres_sql.rows_for(connection, names, sql, tuple(kinds), wanted)
        return
    for some in chunks(wanted):
        size = _size_for(len(some))  # filled up with nulls
        nulls = repeat(None, (size - len(some)) * len(kinds))
        yield from sqlite_sql.fetch(connection, _given(sql, names, len(kinds), size), (*chain.from_iterable(some), *nulls))


def _padded(values: Sequence[T]) -> list[T]:
    """The values, the last of them repeated up to one of few lengths: so there are few statements, which stay prepared."""
    return [*values, *repeat(values[-1], _size_for(len(values)) - len(values))]


def _size_for(count: int) -> int:
    return next(size for size in _SIZES if size >= count)


def total(column: ColumnElement[Any]) -> ColumnElement[int]:
    """The sum of an integer column, 0 over no rows, as an integer: PostgreSQL's sum of big integers is a decimal number."""
    return cast(func.coalesce(func.sum(column), 0), BigInteger)


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
def _given(sql: str, names: str, columns: int, count: int) -> str:
    one = f"({', '.join('?' * columns)})"
    return f"WITH given({names}) AS (VALUES {', '.join([one] * count)}) {sql}"


@cache
def _select(table: Table, columns: tuple[str, ...], key: str, count: int, where: tuple[str, ...]) -> str:
    tests = [f"{_quoted(name)} = ?" for name in where] + [f"{_quoted(key)} IN ({', '.join('?' * count)})"]
    names = ", ".join(map(_quoted, columns))
    return f"SELECT {names} FROM {_quoted(table.name)} WHERE {' AND '.join(tests)}"  # noqa: S608  names of ours


@cache
def _select_pairs(table: Table, columns: tuple[str, ...], keys: tuple[str, str], count: int, where: tuple[str, ...]) -> str:
    pairs = f"({', '.join(map(_quoted, keys))}) IN (VALUES {', '.join(['(?, ?)'] * count)})"
    tests = [f"{_quoted(name)} = ?" for name in where] + [pairs]
    names = ", ".join(map(_quoted, columns))
    return f"SELECT {names} FROM {_quoted(table.name)} WHERE {' AND '.join(tests)}"  # noqa: S608  names of ours


def _quoted(name: str) -> str:
    return f'"{name}"'
