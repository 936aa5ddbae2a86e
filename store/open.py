"""Opening a store: engine, migrations, and the rows that every log begins with."""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, column, inspect, select, table

from store import schema
from store.database_clock import clock_of
from store.engine import SQLITE, is_sqlite, open_engine, reading, writing
from store.errors import StorageBusy, StorageUnusable
from store.evidence import EvidenceStore
from store.online_indexes import build_missing
from store.partitions import make_ahead
from store.postgres_driver import be_patient
from store.postgres_locks import lock_name
from store.sql import upsert
from store.times import Clock

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
"""One file is one revision, and its name begins with its number: v0001_….py is revision 0001."""
_VERSION: Final = table("alembic_version", column("version_num"))
"""Where alembic notes the revision of the schema."""
_MIGRATION: Final = 0x414D4947
"""The advisory lock of whoever migrates."""
_TRIES: Final = 30
_PAUSE: Final = 2.0


def open_store(url: str, clock: Clock | None = None, password: str | None = None) -> EvidenceStore:
    """Open the store, creating or migrating its schema. Without a clock it goes by the database's."""
    engine = open_engine(url, password)
    try:
        migrate(engine)
        build_missing(engine)
        return EvidenceStore(engine, read_meta(engine, "seen_key"), clock_of(engine, clock))
    except BaseException:
        engine.dispose()
        raise


def is_made(url: str, password: str | None = None) -> bool:
    """Whether there is a store at `url`; nothing is made. Raises StoreError where that cannot be found out."""
    if url.startswith(SQLITE):
        return Path(url.removeprefix(SQLITE)).exists()
    engine = open_engine(url, password)
    try:
        with reading(engine) as connection:
            return inspect(connection).has_table(schema.head.name)
    finally:
        engine.dispose()


def migrate(engine: Engine) -> None:
    """Bring the schema to this version's, in one transaction. Raises StorageUnusable for a store of a later version.

    On PostgreSQL others go on reading and appending meanwhile: a lock that is not given at once is given back and asked for
    again, so that nobody queues behind the migration for long.
    """
    if _is_current(engine):
        return
    from alembic import command  # ten MB that a store of this version's schema does without
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    for left in reversed(range(_TRIES)):
        try:
            with writing(engine) as connection:
                if not is_sqlite(connection):
                    _alone(connection)
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                _begin(connection)
                if not is_sqlite(connection):
                    make_ahead(connection)
            return
        except StorageBusy:
            if not left or is_sqlite(engine):
                raise
        time.sleep(_PAUSE)


def _is_current(engine: Engine) -> bool:
    known = sorted(path.name[1:5] for path in (_MIGRATIONS / "versions").glob("v[0-9][0-9][0-9][0-9]_*.py"))
    current = None
    with reading(engine) as connection:
        if inspect(connection).has_table(_VERSION.name):
            current = connection.execute(select(_VERSION.c.version_num)).scalar_one_or_none()
    if current is not None and current not in known:
        raise StorageUnusable(f"{engine.url.database}: made by a later version (schema {current}); upgrade Attestream")
    return current == known[-1]


def _alone(connection: Connection) -> None:
    """No other migrates meanwhile. A table's lock is waited for briefly, the work on it may take long."""
    lock_name(connection, _MIGRATION)
    connection.exec_driver_sql("SET LOCAL lock_timeout = '2s'")
    be_patient(connection)


def _begin(connection: Connection) -> None:
    """The rows that a log starts with: an empty tree, and the store's own random key and id."""
    if connection.execute(select(schema.head.c.id)).first() is not None:
        return
    empty = hashlib.sha256(b"").digest()
    values = {"id": 1, "size": 0, "root": empty, "recorded_at": 0, "mapping_set": "", "set_idx": 0}
    connection.execute(schema.head.insert().values(**values))
    connection.execute(
        schema.meta.insert(),
        [{"name": "seen_key", "value": os.urandom(32)}, {"name": "store_id", "value": uuid.uuid4().hex.encode()}],
    )


def read_meta(engine: Engine, name: str) -> bytes:
    """One value of the meta table. Raises StorageUnusable when it is missing."""
    value = find_meta(engine, name)
    if value is None:
        raise StorageUnusable(f"{engine.url.database}: the store lacks its {name}; restore it from a backup")
    return value


def write_meta(engine: Engine, name: str, value: bytes) -> None:
    """Set one value of the meta table."""
    with writing(engine) as connection:
        upsert(connection, schema.meta, ["name"], {"name": name, "value": value}, ["value"])


def find_meta(engine: Engine, name: str) -> bytes | None:
    """One value of the meta table, None where there is none."""
    with reading(engine) as connection:
        value = connection.execute(select(schema.meta.c.value).where(schema.meta.c.name == name)).scalar_one_or_none()
    return bytes(value) if value is not None else None
