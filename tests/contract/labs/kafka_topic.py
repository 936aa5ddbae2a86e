"""A topic of a real Kafka. A broken call is a request that is refused, cut or answered with nonsense on its way (a TCP proxy)."""

from __future__ import annotations

import json
import socket
import struct
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.contract.front import How
from tests.contract.labs.base import Lab
from tests.kafka_server import LONG, Kafka, admin, kafka, make_topic, producer

PARTITIONS = 3
SHORT = 0.5


class Proxy:
    """Passes a Kafka client's requests on, one at a time, and counts them. What is to be broken is told by kind of request."""

    def __init__(self, listens: int, target: int) -> None:
        self.target = target
        self.count = 0
        self.one: tuple[int, How] | None = None
        self.since: tuple[int, How] | None = None
        self.broken: set[int] = set()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._server = socket.create_server(("127.0.0.1", listens))
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def breaks(self) -> bool:
        return self.one is not None or self.since is not None

    def heal(self) -> None:
        with self._lock:
            self.count, self.one, self.since = 0, None, None
            self.broken.clear()

    def close(self) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for opened in list(self._open):
            with suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(30)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._serve, args=(client,), daemon=True))
            self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        self._open.add(client)
        with suppress(OSError, EOFError), client, socket.create_connection(("127.0.0.1", self.target)) as server:
            while True:
                request = _frame(client)
                how = self._how(struct.unpack_from(">h", request, 4)[0])
                if how in ("denied", "throttled", "failing"):
                    break
                if how == "nonsense":
                    client.sendall(b"<html><body>Sign in to the guest network</body></html>")
                    break
                server.sendall(request)
                answer = _frame(server)
                client.sendall(answer[: len(answer) // 2] if how == "cut" else answer)
                if how == "cut":
                    break
        self._open.discard(client)

    def _how(self, kind: int) -> How | None:
        with self._lock:
            number = self.count
            self.count += 1
            if self.since is not None and number >= self.since[0]:
                return self.since[1]
            if self.one is not None and number == self.one[0]:
                self.broken.add(kind)
            return self.one[1] if self.one is not None and kind in self.broken else None


def _frame(source: socket.socket) -> bytes:
    """One request or answer with its length before it. Raises EOFError, OSError."""
    head = _exactly(source, 4)
    return head + _exactly(source, struct.unpack(">i", head)[0])


def _exactly(source: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = source.recv(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


class Topic:
    """See Lab."""

    secrets: tuple[str, ...] = ()

    def __init__(self, made: Kafka, proxy: Proxy, producer: Any, admin: Any) -> None:
        self.proxy, self.producer, self.admin = proxy, producer, admin
        self.topic = f"audit-{uuid.uuid4().hex[:12]}"
        self.number = 0
        self._settings: Mapping[str, Any] = {
            "name": "app",
            "type": "kafka-topic",
            "bootstrap_servers": [f"127.0.0.1:{made.proxied[0][1]}"],
            "topic": self.topic,
            "product": "app",
            "service": "audit",
            "fields": {"time": "at", "account": "unit"},
        }
        make_topic(self.admin, self.topic, PARTITIONS)
        for _ in range(4):
            self.more()

    @property
    def settings(self) -> Mapping[str, Any]:
        """A broken call is tried again until the limit is over: it is short while something is broken, and only then."""
        return {**self._settings, "timeout": SHORT if self.proxy.breaks else LONG}

    def more(self) -> None:
        self.put({"note": "more"})
        self.put({"note": "still more"})

    def put(self, value: Mapping[str, Any]) -> None:
        line = json.dumps({"n": self.number, "at": 1_763_632_800 + self.number, "unit": "eu-1", **value}).encode()
        self.producer.send(self.topic, line, partition=self.number % PARTITIONS).get(LONG)
        self.number += 1

    def empty(self) -> None:
        self.admin.delete_records(dict.fromkeys(self._partitions(), -1))

    def _partitions(self) -> list[Any]:
        from kafka.structs import TopicPartition

        return [TopicPartition(self.topic, partition) for partition in range(PARTITIONS)]

    def hostile(self, text: str) -> bool:
        self.put({"note": text})
        return True

    def requests(self) -> int:
        return self.proxy.count

    def break_one(self, number: int, how: How) -> None:
        self.proxy.one = (number, how)

    def break_from(self, number: int, how: How) -> None:
        self.proxy.since = (number, how)

    def heal(self) -> None:
        self.proxy.heal()


@contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    made = kafka()
    target, listens = made.proxied[0]
    proxy = Proxy(listens, target)
    writer, keeper = producer(made), admin(made)
    try:
        yield Topic(made, proxy, writer, keeper)
    finally:
        writer.close()
        keeper.close()
        proxy.close()
