"""Opening a store: engine, migrations, and the rows that every log begins with."""

from __future__ import annotations

import hashlib
import os
import uuid
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, select

from store import schema
from store.engine import open_engine, reading, writing
from store.errors import StorageUnusable
from store.evidence import EvidenceStore
from store.sql import upsert
from store.times import Clock, wall_clock


def open_store(url: str, clock: Clock = wall_clock) -> EvidenceStore:
    """Open the store, creating or migrating its schema."""
    engine = open_engine(url)
    migrate(engine)
    return EvidenceStore(engine, read_meta(engine, "seen_key"), clock)


def migrate(engine: Engine) -> None:
    """Bring the schema to this version's, in one transaction. Raises StorageUnusable for a store of a later version."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    with reading(engine) as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current == scripts.get_current_head():
        return
    if current is not None and current not in {s.revision for s in scripts.walk_revisions()}:
        raise StorageUnusable(f"{engine.url.database}: made by a later version (schema {current}); upgrade Attestream")
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        _begin(connection)


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
