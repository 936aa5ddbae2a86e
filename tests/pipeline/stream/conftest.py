"""Kafka for the stream's tests: topics of their own, raw records, a proxy that can be cut, and short limits."""

from __future__ import annotations

import socket
import struct
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog

from pipeline.posture import decide
from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.ruleset import RuleSet
from pipeline.stream.base import Polled
from pipeline.stream.kafka import KafkaStream
from pipeline.stream.kafka_cluster import Cluster
from pipeline.stream.options import StreamOptions
from store.records import Activation, Batch, Event
from tests.kafka_server import LONG, Kafka, admin, kafka, producer, wait
from tests.store.lab import CONTROLS, Lab

PRODUCE = 0


@dataclass
class Topics:
    """Streams on the run's broker, closed at the end."""

    kafka: Kafka
    opened: list[Any] = field(default_factory=list)
    _admin: Any = None
    _raw: Any = None

    def name(self) -> str:
        return f"stream-{uuid.uuid4().hex}"

    def open(self, topic: str, server: str = "", **options: Any) -> KafkaStream:
        options = {"partitions": 4, "group": topic, **options}
        cluster = Cluster.of(f"{server or self.kafka.plain}/{topic}", StreamOptions(**options))
        self.opened.append(KafkaStream(cluster))
        return self.opened[-1]

    @property
    def admin(self) -> Any:
        if self._admin is None:
            self._admin = admin(self.kafka)
        return self._admin

    def send(self, topic: str, value: bytes | None, headers: Any = (), partition: int = 0, key: bytes = b"k") -> int:
        """Write one record as anybody could; return its offset."""
        if self._raw is None:
            self._raw = producer(self.kafka)
        sent = self._raw.send(topic, value, key=key, headers=list(headers), partition=partition)
        return int(sent.get(LONG).offset)

    def close(self) -> None:
        for one in [*self.opened, *filter(None, (self._admin, self._raw))]:
            one.close()


@pytest.fixture
def topics() -> Iterator[Topics]:
    made = Topics(kafka())
    yield made
    made.close()


@pytest.fixture
def warned() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as logs:
        yield logs


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits of a few seconds for what is meant to meet them."""
    for module in ("kafka_cluster", "kafka_topic", "kafka_producer", "kafka_consumer", "kafka"):
        monkeypatch.setattr(f"pipeline.stream.{module}.ANSWER", 2.0)
    monkeypatch.setattr("pipeline.stream.kafka_producer.DELIVERY", 4.0)
    monkeypatch.setattr("pipeline.stream.kafka_consumer.CHECK", 0.5)


def some_events(count: int, prefix: str = "e", payload: bytes = b'{"a":1}', **more: Any) -> list[Event]:
    return [Event("trail", f"{prefix}-{n}", "log.x.y", 1_700_000_000_000_000 + n, payload, **more) for n in range(count)]


def gather(poll: Callable[[], Polled], until: Callable[[list[Polled]], bool]) -> list[Polled]:
    """Poll until enough came."""
    found: list[Polled] = []

    def enough() -> bool:
        found.append(poll())
        return until(found)

    wait(enough, "enough was polled")
    return found


RULE = """\
title: Logging stopped
id: 0c3b1f2e-5f0b-4b0e-9b53-6b3f0a4f6f01
status: stable
tags: [iso27001-2022.a.8.15]
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: StopLogging}, condition: s}
level: high
rationale: It records nothing.
strength: {A.8.15: strong}
finding: not-satisfied
subject: trail
"""


def judging(lab: Lab) -> Lab:
    """The store with a mapping set active by which a worker can judge."""
    mapping_set = MappingSet(files={"stopped.yaml": RULE})
    rules = RuleSet.compile(mapping_set)
    activation = Activation(rules.digest, mapping_set.to_bytes(), rules.mappings, CONTROLS)
    lab.store.append(Batch(activate=activation), (), decide)
    return lab


def ids(found: list[Polled]) -> list[str]:
    return sorted(item.event.id for polled in found for item in polled.items)


class Proxy:
    """Passes a client's requests on, one at a time per connection. `drop(n)` hangs up instead of passing every n-th answer to a
    Produce request back; `down` hangs up on everybody and refuses; `up` ends both."""

    def __init__(self, listens: int, target: int) -> None:
        self.listens, self.target = listens, target
        self.dropped = 0
        self._every = self._count = 0
        self._open: set[socket.socket] = set()
        self._server: socket.socket | None = None
        self.up()

    def up(self) -> None:
        self._every = 0
        if self._server is None:
            server = socket.create_server(("127.0.0.1", self.listens))
            self._server = server
            threading.Thread(target=self._accept, args=(server,), daemon=True).start()

    def down(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            server.close()
        for opened in list(self._open):
            with suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)

    def drop(self, every: int) -> None:
        self._every, self._count = every, 0

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self._open.add(client)
        with suppress(OSError, EOFError), client, socket.create_connection(("127.0.0.1", self.target)) as server:
            self._open.add(server)
            while self._server is not None:
                request = _frame(client)
                server.sendall(request)
                answer = _frame(server)
                if struct.unpack_from(">h", request, 4)[0] == PRODUCE and self._every:
                    self._count += 1
                    if self._count % self._every == 0:
                        self.dropped += 1
                        break
                client.sendall(answer)
            self._open.discard(server)
        self._open.discard(client)


def _frame(sock: socket.socket) -> bytes:
    head = _exactly(sock, 4)
    return head + _exactly(sock, struct.unpack(">i", head)[0])


def _exactly(sock: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        more = sock.recv(min(65536, count - len(data)))
        if not more:
            raise EOFError
        data += more
    return bytes(data)


@contextmanager
def proxied(number: int) -> Iterator[Proxy]:
    """A proxy before one of the addresses that the broker says of itself; down afterwards."""
    target, listens = kafka().proxied[number]
    made: list[Proxy] = []

    def free() -> bool:
        with suppress(OSError):  # another process of the same run has it for a while
            made.append(Proxy(listens, target))
        return bool(made)

    wait(free, "the proxy's port is free")
    yield made[0]
    made[0].down()


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with proxied(1) as made:
        yield made


@pytest.fixture
def secret_file(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / f"secret-{uuid.uuid4().hex}"
        path.write_text(text + "\n")
        return path

    return write
