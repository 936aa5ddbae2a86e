"""What `attestream doctor` asks a PostgreSQL server: the settings that durability rests on, rights, encryption, its clock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal

from sqlalchemy import text

from attestream.wiring import Parts
from store.database_clock import DatabaseClock
from store.engine import reading
from store.times import wall_clock

OLDEST: Final = 140000
"""PostgreSQL 14: what the tests and docs promise."""
LOCAL: Final = ("", "localhost", "127.0.0.1", "::1")
CLOCKS_APART: Final = 5_000_000
_ASKED: Final = text(
    """
    SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
        current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,
        current_setting('synchronous_commit') AS synchronous_commit, current_user AS role,
        (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS super,
        (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS encrypted,
        (SELECT bool_and(has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
            AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'))
            FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
            AND c.relname <> 'alembic_version') AS writes,
        (SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_class c WHERE c.oid = 'entry'::regclass)
            AND has_schema_privilege(current_schema(), 'CREATE') AS owns
    """
)


def examine_database(parts: Parts) -> tuple[Literal["ok", "warning"], str, str]:
    """State, what was found, what to do."""
    engine = parts.store.engine
    with reading(engine) as connection:
        asked: Any = connection.execute(_ASKED).one()
        faults = [*_durability(asked), *_rights(asked), *_server(asked, engine.url.host or "")]
    faults += _clock(parts)
    durable = f"fsync {asked.fsync}, synchronous_commit {asked.synchronous_commit}, full_page_writes {asked.full_page_writes}"
    found = f"PostgreSQL {asked.version}, {durable}, as {asked.role}{', encrypted' if asked.encrypted else ''}"
    if not faults:
        return "ok", found, ""
    return "warning", "; ".join([found, *(fault for fault, _ in faults)]), "; ".join(dict.fromkeys(todo for _, todo in faults))


def _durability(asked: Any) -> Iterator[tuple[str, str]]:
    if asked.fsync == "off":
        yield "a power cut of the server may lose or damage the log", "set fsync = on"
    if asked.full_page_writes == "off":
        yield "a page that was half written is not mended", "set full_page_writes = on"
    if asked.synchronous_commit in ("off", "local"):
        yield (
            "what was answered as written may be lost with the server, and with it what was told and signed of it",
            "set synchronous_commit = on for this role",
        )


def _rights(asked: Any) -> Iterator[tuple[str, str]]:
    if not asked.writes:
        yield "this role may not write every table", "grant SELECT, INSERT, UPDATE, DELETE on them, or use the owner's role"
    if not asked.owns:
        yield (
            "this role makes no tables, so partitions are not made ahead by it",
            "run attestream store migrate as the owner once a month",
        )
    if asked.super:
        yield "this role is a superuser", "give it a role of its own (docs/postgresql.md)"


def _server(asked: Any, host: str) -> Iterator[tuple[str, str]]:
    if asked.number < OLDEST:
        yield "it is older than what this version is tested with", "upgrade to PostgreSQL 14 or later"
    if not asked.encrypted and host not in LOCAL and not host.startswith("/"):
        yield "the connection is not encrypted", "put sslmode=verify-full into store.url (docs/postgresql.md)"


def _clock(parts: Parts) -> Iterator[tuple[str, str]]:
    if not isinstance(parts.store.clock, DatabaseClock):
        return
    apart = parts.store.clock() - wall_clock()
    if abs(apart) > CLOCKS_APART:
        words = f"its clock is {abs(apart) / 1e6:,.0f} s {'ahead of' if apart > 0 else 'behind'} this machine's"
        yield f"{words}; the log goes by the database's", "have both follow the same time servers"
