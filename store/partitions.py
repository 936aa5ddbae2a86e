"""Partitions on PostgreSQL: tables that only grow, cut by log index (which is in order of time) into pieces of equal width.

Pieces are made ahead, by a migration and by housekeeping; a default partition takes what would find none, so that an append never
fails for it. What lies there stays there, and the next piece begins behind it. SQLite has no partitions: nothing is done there.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, Engine, text

from store.engine import is_sqlite, writing
from store.errors import StoreError
from store.postgres_locks import lock_name

PARTITIONED: Final = {"entry": ("idx", 1 << 26), "evidence": ("idx", 1 << 26), "block": ("id", 1 << 21)}
"""By table: the column, and how many of its numbers one partition takes (block: some 40 GB)."""
AHEAD: Final = 1
"""Partitions made beyond the one in use."""
_LOCK: Final = 0x41505254


def keep_ahead(engine: Engine) -> int:
    """Make the partitions that will be needed next; returns how many were made.

    Never raises: where the tables are too busy, or this role may not make tables, a later call or a migration does it, and until
    then the default partitions take what comes.
    """
    if is_sqlite(engine):
        return 0
    try:
        with writing(engine) as connection:
            lock_name(connection, _LOCK)
            connection.execute(text("SET LOCAL lock_timeout = '1s'"))
            return make_ahead(connection)
    except StoreError:
        return 0


def make_ahead(connection: Connection) -> int:
    """As `keep_ahead`, in a transaction of the caller's."""
    return sum(_make(connection, table, column, width) for table, (column, width) in PARTITIONED.items())


def _make(connection: Connection, table: str, column: str, width: int) -> int:
    names = set(connection.execute(_CHILDREN, {"parent": table}).scalars())
    if f"{table}_default" not in names:
        connection.execute(text(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT"))
    last = connection.execute(text(f"SELECT max({column}) FROM {table}")).scalar()  # noqa: S608  names of ours
    stray = connection.execute(text(f"SELECT max({column}) FROM {table}_default")).scalar()  # noqa: S608
    here = (last or 0) // width
    begin = here if stray is None else max(here, stray // width + 1)
    wanted = [number for number in range(begin, here + AHEAD + 1) if f"{table}_{number:06d}" not in names]
    for number in wanted:
        name = f"{table}_{number:06d}"
        # Attaching a table leaves readers and writers of the others alone; CREATE … PARTITION OF would not.
        connection.execute(text(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING STORAGE)"))
        bounds = f"FROM ({number * width}) TO ({(number + 1) * width})"
        connection.execute(text(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES {bounds}"))
    return len(wanted)


_CHILDREN: Final = text(
    "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = CAST(:parent AS regclass)"
)
