"""Space: what the compressed blocks of a store take on disk, beside a real table with one row per payload.

The blocks also hold each entry's private detail; the table holds the payloads alone, which is in its favour.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from sqlalchemy import select

from benchmarks import postgres_part
from benchmarks.bench_store import Bench, begin
from benchmarks.events import events, payloads
from benchmarks.mappings import mapping_set
from benchmarks.measure import Measured, timed
from benchmarks.parts import Parts
from benchmarks.setups import ONE, store_url
from benchmarks.sizes import Size
from benchmarks.stages.storing import append_all
from store import schema
from store.engine import reading
from store.records import Judged

NAME: Final = "space"
_BLOCKS: Final = b"SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('block')"
_ROWS: Final = b"SELECT pg_total_relation_size('row_per_payload')"


def space(size: Size, folder: Path) -> Iterator[Measured]:
    """In SQLite: two files with one table each, both without a free page."""
    bodies = payloads(size.stored)
    with timed() as watch:
        bench = _stored(bodies, folder, size)
        with reading(bench.store.engine) as connection:
            rows = connection.execute(select(schema.block.c.id, schema.block.c.data)).all()
    blocks = _file(folder / "blocks.db", [(row.id, bytes(row.data)) for row in rows])
    plain = _file(folder / "rows.db", list(enumerate(bodies)))
    yield _measured("SQLite", bodies, watch.seconds, watch.cpu, blocks, plain)


def space_postgres(size: Size, folder: Path, parts: Parts) -> Iterator[Measured]:
    """In PostgreSQL: both tables in one database, with their indexes and TOAST."""
    bodies = payloads(size.stored)
    with store_url(ONE, folder, parts, NAME) as url:
        with timed() as watch:
            bench = _stored(bodies, folder, size, url)
        bench.store.engine.dispose()
        with postgres_part.connect(parts.servers["postgres"], NAME) as connection:
            connection.execute(b"CREATE TABLE row_per_payload (id bigint PRIMARY KEY, payload bytea NOT NULL)")
            with connection.cursor() as cursor:
                cursor.executemany("INSERT INTO row_per_payload VALUES (%s, %s)", list(enumerate(bodies)))
            connection.execute(b"VACUUM FULL row_per_payload")
            blocks, plain = (_number(connection.execute(query).fetchone()) for query in (_BLOCKS, _ROWS))
    yield _measured("PostgreSQL", bodies, watch.seconds, watch.cpu, blocks, plain)


def _stored(bodies: Sequence[bytes], folder: Path, size: Size, url: str = "") -> Bench:
    """A store that retains all of these, in the batches of a worker."""
    bench = begin(folder / "store", mapping_set(folder / "rules", size.mappings[0]), url)
    append_all(bench, [Judged(event, bench.rules.judge(event), 0) for event in events(bodies)], True)
    return bench


def _file(path: Path, rows: Sequence[tuple[int, bytes]]) -> int:
    """Bytes of a database file that holds these rows and nothing else."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("CREATE TABLE held (id INTEGER PRIMARY KEY, data BLOB NOT NULL)")
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO held VALUES (?, ?)", rows)
    connection.execute("COMMIT")
    connection.execute("VACUUM")
    connection.close()
    return path.stat().st_size


def _number(row: tuple[object, ...] | None) -> int:
    if row is None:
        raise AssertionError("the server does not know the size of a table")
    return int(str(row[0]))


def _measured(name: str, bodies: Sequence[bytes], seconds: float, cpu: float, blocks: int, plain: int) -> Measured:
    more = {"block_bytes": blocks, "row_per_payload_bytes": plain, "json_bytes": sum(map(len, bodies))}
    return Measured(f"payloads on disk, {name}, retain all", len(bodies), seconds, cpu, more)
