"""Setups that are measured end to end: which stream, which store, how many workers; and what they stand on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from benchmarks import postgres_part
from benchmarks.events import event, made
from benchmarks.parts import Parts
from benchmarks.progress import step
from pipeline.stream.registry import open_stream

CHUNK: Final = 2000


@dataclass(frozen=True, slots=True)
class Setup:
    """`name` is that of its lines; `key` that of its ratios."""

    name: str
    key: str
    kafka: bool
    postgres: bool
    workers: int

    @property
    def needs(self) -> tuple[str, ...]:
        """The servers that it needs."""
        return tuple(name for name, wanted in (("kafka", self.kafka), ("postgres", self.postgres)) if wanted)


EMBEDDED: Final = Setup("SQLite -> SQLite, 1 worker", "one_worker_sqlite", False, False, 1)
MIXED: Final = Setup("Kafka -> SQLite, 1 worker", "one_worker_kafka_sqlite", True, False, 1)
ONE: Final = Setup("Kafka -> PostgreSQL, 1 worker", "one_worker_postgres", True, True, 1)
TWO: Final = Setup("Kafka -> PostgreSQL, 2 workers", "two_workers_postgres", True, True, 2)
SETUPS: Final = (EMBEDDED, MIXED, ONE, TWO)


def line(setup: Setup, mappings: int, retain_all: bool = False) -> str:
    """The name of a run's line."""
    return f"{setup.name}, {mappings} mappings, retain {'all' if retain_all else 'matched'}"


def stream_url(setup: Setup, folder: Path, parts: Parts, topic: str) -> str:
    """Where the events are: a topic, or a file of that name."""
    return f"kafka://{parts.servers['kafka'].address}/{topic}" if setup.kafka else f"sqlite:///{folder / topic}.db"


def fill(url: str, folder: Path, count: int) -> None:
    """Publish so many events."""
    numbered = enumerate(made(count))
    with closing(open_stream(url, folder)) as stream:
        published = 0
        while chunk := [event(*one, "bench") for one in islice(numbered, CHUNK)]:
            stream.publish(chunk)
            published += len(chunk)
            step("events into the stream", published, count)


def stream_bytes(setup: Setup, folder: Path, parts: Parts, topic: str) -> int:
    """Bytes on disk of what is in the stream."""
    if not setup.kafka:
        return sum(path.stat().st_size for path in folder.glob(f"{topic}.db*"))
    segments = parts.servers["kafka"].folder.glob(f"{topic}-*/*.log")
    return sum(path.stat().st_size for path in segments)


@contextmanager
def store_url(setup: Setup, folder: Path, parts: Parts, name: str) -> Iterator[str]:
    """A new store's URL. On PostgreSQL it is a database that goes at the end of the block."""
    if not setup.postgres:
        yield f"sqlite:///{folder / 'store.db'}"
        return
    server = parts.servers["postgres"]
    try:
        yield postgres_part.create(server, name)
    finally:
        postgres_part.drop(server, name)


def store_bytes(setup: Setup, folder: Path, parts: Parts, name: str) -> int:
    """Bytes on disk of a store: on SQLite with its write-ahead log, on PostgreSQL without the server's."""
    if not setup.postgres:
        return sum(path.stat().st_size for path in folder.glob("store.db*") if not path.name.endswith("-shm"))
    with postgres_part.connect(parts.servers["postgres"], name) as connection:
        connection.execute(b"CHECKPOINT")
        row = connection.execute(b"SELECT pg_database_size(current_database())").fetchone()
    if row is None or not isinstance(row[0], int):
        raise AssertionError("the server does not know the size of a database")
    return row[0]
