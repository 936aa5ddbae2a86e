"""The backends that the contract suites run over. A new stream is put under the suite by one line in STREAMS."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import httpcore2
import pytest
from kafka import TopicPartition

from pipeline.stream.base import Stream
from pipeline.stream.options import StreamOptions
from pipeline.stream.packs import Record
from pipeline.stream.registry import open_stream
from pipeline.stream.sqlite_file import StreamFile
from store.records import Event
from store.sqlite_driver import sqlite_module
from tests.aws import aws_environment
from tests.kafka_server import LONG, kafka, producer
from tests.kafka_server import admin as making

__all__ = ["aws_environment"]


@pytest.fixture(scope="session", autouse=True)
def read_once() -> Iterator[None]:
    """Trusted certificates, which nothing here needs, are read once, not for each of the thousands of clients that the suite
    makes: that would be much of its work."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpcore2, "default_ssl_context", cache(httpcore2.default_ssl_context))
        yield


class StreamBackend(Protocol):
    """One empty stream that can be opened again and again, here and (by `url` and `folder`) in other processes."""

    url: str
    folder: Path
    stride: int
    """Of how many bytes one is damaged in turn: each costs as much as opening the stream."""

    def open(self) -> Stream: ...

    def plant(self, partition: int, record: bytes) -> int:
        """Write raw bytes as the partition's next record; return its offset."""
        ...

    def damage(self, partition: int, offset: int, record: bytes) -> None:
        """Put other bytes in the place of a record."""
        ...

    def close(self) -> None: ...


@dataclass
class SqliteBackend:
    folder: Path
    url: str = "sqlite"
    stride: int = 1
    opened: list[Stream] = field(default_factory=list)

    def open(self) -> Stream:
        self.opened.append(open_stream(self.url, self.folder))
        return self.opened[-1]

    def plant(self, partition: int, record: bytes) -> int:
        file = StreamFile(self.folder / "stream.db", 4)
        try:
            return file.append({partition: [Record(record, 0)]}).offsets[partition]
        finally:
            file.close()

    def damage(self, partition: int, offset: int, record: bytes) -> None:
        for stream in self.opened:
            stream.close()  # so that nothing but this connection has the file
        connection: sqlite3.Connection
        with closing(sqlite_module().connect(str(self.folder / "stream.db"), isolation_level=None)) as connection:
            changed = connection.execute(
                'update records set data = ? where "partition" = ? and "offset" = ?', (record, partition, offset)
            )
            assert changed.rowcount == 1

    def close(self) -> None:
        for stream in self.opened:
            stream.close()


@dataclass
class KafkaBackend:
    """A topic of its own on the run's broker. Each `open` reads as a group of its own: what is shared has tests of its own."""

    folder: Path
    stride: int = 29
    topic: str = field(default_factory=lambda: f"contract-{uuid.uuid4().hex}")
    opened: list[Stream] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"kafka://{kafka().plain}/{self.topic}"

    def open(self) -> Stream:
        self.opened.append(open_stream(self.url, self.folder, StreamOptions(partitions=4, group=uuid.uuid4().hex)))
        return self.opened[-1]

    def plant(self, partition: int, record: bytes) -> int:
        return planter().send(self.topic, record, partition=partition).get(LONG).offset

    def damage(self, partition: int, offset: int, record: bytes) -> None:
        """A broker refuses what was damaged on its way: it is written anew, and the one before it deleted."""
        after = self.plant(partition, record)
        assert after > offset
        admin = making(kafka())
        admin.delete_records({TopicPartition(self.topic, partition): after})
        admin.close()

    def close(self) -> None:
        for stream in self.opened:
            stream.close()


@cache
def planter() -> Any:
    return producer(kafka())


STREAMS: dict[str, Callable[[Path], StreamBackend]] = {
    "kafka": KafkaBackend,
    "sqlite": SqliteBackend,
}


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.parts("kafka") if name == "kafka" else ()) for name in STREAMS])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StreamBackend]:
    made = STREAMS[request.param](tmp_path)
    yield made
    made.close()


class Positions:
    """The store's side of the contract, in memory: one epoch and position per partition, and a list of what was asked."""

    def __init__(self) -> None:
        self.epoch: dict[int, int] = {}
        self.position: dict[int, int] = {}
        self.claimed: list[int] = []
        self.released: list[int] = []

    def claim(self, partition: int) -> tuple[int, int]:
        self.claimed.append(partition)
        self.epoch[partition] = self.epoch.get(partition, 0) + 1
        return self.epoch[partition], self.position.get(partition, 0)

    def release(self, partition: int) -> None:
        self.released.append(partition)


@pytest.fixture
def positions() -> Positions:
    return Positions()


@pytest.fixture
def make_events() -> Callable[..., list[Event]]:
    def make(count: int, prefix: str = "e", payload: bytes = b'{"eventName":"ConsoleLogin"}') -> list[Event]:
        return [
            Event(
                source="trail",
                id=f"{prefix}-{number}",
                type="log.aws.cloudtrail",
                time=1_700_000_000_000_000 + number,
                payload=payload,
                window="w1",
                collected_at=1_700_000_100_000_000,
                account="123456789012",
                region="eu-west-1",
            )
            for number in range(count)
        ]

    return make


@pytest.fixture
def drain(backend: StreamBackend, positions: Positions) -> Callable[[Stream], Sequence[tuple[int, int, Event]]]:
    """Read a stream from its beginning to its end with a consumer of its own: (partition, offset, event)."""

    def read(stream: Stream, limit: int = 500) -> list[tuple[int, int, Event]]:
        stream = backend.open()
        consumer = stream.subscribe(lambda partition: (1, positions.position.get(partition, 0)), lambda _partition: None)
        found: list[tuple[int, int, Event]] = []
        reached = {partition: positions.position.get(partition, 0) for partition in range(stream.partitions)}
        while any(reached[partition] < end for partition, end in stream.ends().items()):
            polled = consumer.poll(limit, 5.0)
            assert polled.advances, "the stream has more, and poll returned nothing"
            found += [(item.partition, item.offset, item.event) for item in polled.items]
            reached |= {advance.partition: advance.end for advance in polled.advances}
        consumer.close()
        return found

    return read
