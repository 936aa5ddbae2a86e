"""Indexes that a later version adds to tables that may be large by then. On PostgreSQL they are built while others write.

CREATE INDEX CONCURRENTLY cannot stand in a migration's transaction, so a migration makes them only where a table is small. What
is missing (or was broken off) is built after it, whenever a store is opened by a role that owns the tables. Nothing but speed
depends on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine, exc, text

from store.engine import is_sqlite, reading
from store.errors import StoreError


@dataclass(frozen=True, slots=True)
class Online:
    """An index of a table that is not partitioned, as schema.py has it too. `where` is SQL."""

    name: str
    table: str
    columns: str
    where: str = ""


ONLINE: Final = (
    Online("ix_attempt_asked_to_id", "attempt", "asked_to, id"),
    Online("ix_attempt_source_closed_at", "attempt", "source, closed_at"),
    Online("ix_attempt_source_asked_from_asked_to_state", "attempt", "source, asked_from, asked_to, state"),
    Online("ix_drift_kind_id", "drift", "kind, id"),
    Online("ix_finding_row_time_row_idx", "finding", "row_time, row_idx"),
    Online("ix_finding_state_row_time_row_idx", "finding", "state, row_time, row_idx"),
    Online("ix_finding_silences", "finding", "row_time, row_idx", "silence IS TRUE"),
)
"""In the order in which they are built. Whoever adds one adds it here, in schema.py, and in a migration of its own."""
SMALL: Final = 64 << 20
"""Bytes of a table up to which an index is made within the migration: about a second."""
_LOCK: Final = 0x41494458
_VALID: Final = text(
    "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
    " WHERE c.relnamespace = current_schema()::regnamespace AND i.indisvalid"
)
_SIZE: Final = text("SELECT pg_relation_size(CAST(:name AS regclass))")
_OWNED: Final = text("SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = CAST('entry' AS regclass)")


def make_where_small(connection: Connection, names: Sequence[str]) -> None:
    """As part of a migration: those of them whose tables are small, and all on SQLite."""
    for index in (index for index in ONLINE if index.name in names):
        if is_sqlite(connection) or connection.execute(_SIZE, {"name": index.table}).scalar_one() <= SMALL:
            connection.exec_driver_sql(_statement(index, "", is_sqlite(connection)))


def build_missing(engine: Engine) -> int:
    """Build what is missing, beside others who write; returns how many were built.

    Never raises: where another builds them, this role does not own the tables, or the database is lost, a later call does it.
    """
    if is_sqlite(engine):
        return 0
    with suppress(StoreError, exc.DBAPIError):
        missing = missing_indexes(engine)
        return _build(engine, missing) if missing else 0
    return 0


def missing_indexes(engine: Engine) -> list[Online]:
    """Those that are not there whole. PostgreSQL only."""
    with reading(engine) as connection:
        valid = set(connection.execute(_VALID).scalars())
    return [index for index in ONLINE if index.name not in valid]


def _build(engine: Engine, missing: Sequence[Online]) -> int:
    built = 0
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        own, alone = _OWNED, text(f"SELECT pg_try_advisory_lock({_LOCK})")
        if not connection.execute(own).scalar_one() or not connection.execute(alone).scalar_one():
            return 0
        try:
            # It waits for every transaction that is older: an export may take its time.
            connection.exec_driver_sql("SET statement_timeout = 0")
            connection.exec_driver_sql("SET lock_timeout = 0")
            for index in missing:
                connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY IF EXISTS {index.name}")
                connection.exec_driver_sql(_statement(index, "CONCURRENTLY "))
                built += 1
        finally:
            with suppress(exc.DBAPIError):
                connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_LOCK})")
            connection.invalidate()  # with its settings
    return built


def _statement(index: Online, how: str, sqlite: bool = False) -> str:
    where = index.where.replace("IS TRUE", "IS 1") if sqlite else index.where
    return f"CREATE INDEX {how}{index.name} ON {index.table} ({index.columns}){f' WHERE {where}' if where else ''}"
