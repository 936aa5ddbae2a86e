"""Kafka's client behind types of ours: one topic, read from offsets to offsets, without a consumer group.

Nothing is written to the cluster: no group, no commits, no topic made by asking for it. Of transactions only what was committed
is read; control records are not handed out. kafka-python (3.0) retries by itself whatever can be retried and says nothing of
it, so what does not move for `timeout` seconds counts as broken. It is imported when a topic is opened: most commands need none
of it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from collectors.base import CollectorError
from collectors.secret import Secret
from collectors.unreadable import shown

MAX_FETCH: Final = 16 * 1024 * 1024
"""Bytes of one answer, where no single record is larger."""
MAX_POLL: Final = 500
_STEP: Final = 0.05
_HANG_UPS: Final = 3
"""Times that a broker says its version and hangs up on the credentials, after which they are taken for refused."""
_UNKNOWN: Final = 0.5
"""Seconds after which a topic that nobody knows of does not exist."""

Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


class KafkaFailed(CollectorError):
    """The cluster cannot be read. The message is a sentence without what the other side said."""


class KafkaDenied(KafkaFailed):
    """The topic may not be read by this user."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a partition. `time` in milliseconds, -1 where it has none; `value` is None where something is taken back."""

    partition: int
    offset: int
    time: int
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Lost:
    """Records of a partition that were deleted before they were read: the offsets in [start, end)."""

    partition: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """How a cluster is reached. `timeout` in seconds."""

    servers: tuple[str, ...]
    timeout: float
    tls: bool = False
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    mechanism: Mechanism | None = None
    username: str | None = None
    password: Secret | None = None

    @property
    def text(self) -> str:
        """The servers, for people."""
        return f"Kafka at {','.join(self.servers)}"

    @contextmanager
    def opened(self, topic: str) -> Iterator[Topic]:
        """Open a topic. Raises KafkaFailed; SourceUnreadable where the password's file cannot be read."""
        from kafka import KafkaConsumer

        self._check_files()
        logging.getLogger("kafka").addHandler(logging.NullHandler())  # it would write to stderr where nobody listens
        clients: list[Any] = []
        config = self._config()
        try:
            with _explained(self, topic):
                consumer = KafkaConsumer(kafka_client=lambda **own: _client(clients, **own), **config)
        except KafkaFailed:
            for made in clients:  # its thread would go on for ever
                made.close()
            raise
        try:
            yield Topic(self, topic, consumer, clients[0].cluster)
        finally:
            consumer.close(autocommit=False, timeout_ms=1000)

    def _check_files(self) -> None:
        """The library would only say that the handshake failed. Raises KafkaFailed."""
        for key, path in (("ca_file", self.ca_file), ("cert_file", self.cert_file), ("key_file", self.key_file)):
            try:
                if path is not None:
                    Path(path).open("rb").close()
            except OSError as error:
                raise KafkaFailed(
                    f"{self.text} was not called: {key} {shown(path or '')} cannot be read: {error.strerror}"
                ) from error

    def _config(self) -> dict[str, Any]:
        wait = int(self.timeout * 1000)
        config: dict[str, Any] = {
            "bootstrap_servers": list(self.servers),
            "client_id": "attestream",
            "group_id": None,
            "enable_auto_commit": False,
            "auto_offset_reset": "none",
            "isolation_level": "read_committed",
            "allow_auto_create_topics": False,
            "metrics_enabled": False,
            "bootstrap_timeout_ms": wait,
            "request_timeout_ms": wait,
            "fetch_max_wait_ms": min(500, wait // 2),
            "fetch_max_bytes": MAX_FETCH,
            "max_partition_fetch_bytes": MAX_FETCH // 4,
            "max_poll_records": MAX_POLL,
            "reconnect_backoff_max_ms": 300,
            "security_protocol": ("SASL_" if self.mechanism else "") + ("SSL" if self.tls else "PLAINTEXT"),
        }
        if self.tls:
            config |= {"ssl_cafile": self.ca_file, "ssl_certfile": self.cert_file, "ssl_keyfile": self.key_file}
        if self.mechanism:
            config |= {"sasl_mechanism": self.mechanism, "sasl_plain_username": self.username}
            config["sasl_plain_password"] = self.password.read() if self.password else ""
        return config


def _client(made: list[Any], **config: Any) -> Any:
    """The library's client, put into `made`, that gives up once its credentials were refused: by itself it tries on.

    A broker answers a refusal and hangs up in one breath, and the library mostly sees only the latter.
    """
    from kafka.errors import SaslAuthenticationFailedError
    from kafka.net.compat import KafkaNetClient
    from kafka.net.manager import KafkaConnectionManager
    from kafka.net.selector import NetworkSelector

    net = NetworkSelector(**config)
    manager = KafkaConnectionManager(net, **config)
    connect = manager.get_connection
    ends: list[Exception] = []

    def watched(*args: Any, **how: Any) -> Any:
        if len(ends) >= _HANG_UPS or any(isinstance(error, SaslAuthenticationFailedError) for error in ends):
            raise SaslAuthenticationFailedError
        connection = connect(*args, **how)
        if config["sasl_mechanism"] and not manager.bootstrapped:  # nobody was ever let in
            connection.close_future.add_errback(lambda error: ends.append(error) if connection.broker_version else None)
        return connection

    manager.get_connection = watched
    made.append(KafkaNetClient(net=net, manager=manager, **config))
    return made[-1]


@dataclass(slots=True)
class Topic:
    """A topic, open. `reached` and `fault` say what became of the last `read`."""

    cluster: Cluster
    name: str
    consumer: Any
    metadata: Any
    reached: dict[int, int] = field(default_factory=dict, init=False)
    """The next offset to be read, per partition."""
    lost: list[Lost] = field(default_factory=list, init=False)
    error: KafkaFailed | None = field(default=None, init=False)
    """Why some partitions were not read to their end."""

    @property
    def fault(self) -> str:
        """The error's sentence, "" without one."""
        return "" if self.error is None else str(self.error)

    def partitions(self) -> tuple[int, ...]:
        """The topic's partitions. Raises KafkaFailed, KafkaDenied."""
        asked = self.metadata.set_topics([self.name])
        began = time.monotonic()
        while time.monotonic() - began < self.cluster.timeout:
            if self.name in self.metadata.unauthorized_topics:
                raise _denied(self.cluster, self.name)
            if found := self.metadata.partitions_for_topic(self.name):
                return tuple(sorted(found))
            if asked.is_done and time.monotonic() - began > _UNKNOWN:
                what = "does not exist, or its user may not see it: correct topic"
                raise KafkaFailed(f"{self.cluster.text}: topic {self.name} {what}")
            if asked.is_done:  # an answer may be older than the question, and a topic a moment old is not known everywhere
                asked = self.metadata.request_update()
            time.sleep(_STEP / 5)
        raise _silent(self.cluster)

    def identity(self) -> str:
        """The topic's own id, which another topic of this name would not have; "" where the broker (before 2.8) tells none."""
        found = self.metadata.topic_id(self.name)
        return "" if found is None else str(found)

    def beginnings(self, partitions: tuple[int, ...]) -> dict[int, int]:
        """The first offset that is still there. Raises KafkaFailed, KafkaDenied."""
        return self._asked(partitions, self.consumer.beginning_offsets)

    def ends(self, partitions: tuple[int, ...]) -> dict[int, int]:
        """The offset after the last record that is committed. Raises KafkaFailed, KafkaDenied."""
        return self._asked(partitions, self.consumer.end_offsets)

    def since(self, partitions: tuple[int, ...], milliseconds: int) -> dict[int, tuple[int, int]]:
        """(offset, time) of the first record of that time or later, where there is one. Raises KafkaFailed, KafkaDenied."""
        found = self._asked(partitions, lambda tps: self.consumer.offsets_for_times(dict.fromkeys(tps, milliseconds)))
        return {partition: (at.offset, at.timestamp) for partition, at in found.items() if at is not None}

    def _asked(self, partitions: tuple[int, ...], ask: Callable[[list[Any]], Mapping[Any, Any]]) -> dict[int, Any]:
        with _explained(self.cluster, self.name):
            return {tp.partition: found for tp, found in ask([self._tp(partition) for partition in partitions]).items()}

    def read(self, starts: Mapping[int, int], ends: Mapping[int, int]) -> Iterator[list[Record]]:
        """Yield the records of each partition in [start, end), in order within a partition, some at a time.

        Never raises for what the cluster does: what is not read to its end by then shows in `reached`, and `fault` says why.
        Records that are deleted meanwhile are in `lost`.
        """
        self.reached, self.lost, self.error = dict(starts), [], None
        waiting = {partition for partition, start in starts.items() if start < ends[partition]}
        self.consumer.assign([self._tp(partition) for partition in sorted(waiting)])
        for partition in waiting:
            self.consumer.seek(self._tp(partition), starts[partition])
        moved = time.monotonic()
        while waiting and self.error is None:
            batch = self._poll()
            if batch:
                yield [record for record in batch if record.offset < ends[record.partition]]
            if self._advance(waiting, ends):
                moved = time.monotonic()
            elif time.monotonic() - moved > self.cluster.timeout:
                text = f"nothing more came for {self.cluster.timeout:g} s: nothing is lost, the next run asks again"
                self.error = KafkaFailed(text)

    def _poll(self) -> list[Record]:
        from kafka.errors import KafkaError, OffsetOutOfRangeError

        try:
            found = self.consumer.poll(timeout_ms=int(_STEP * 1000))
        except OffsetOutOfRangeError as error:
            self._skip([tp.partition for tp in error.args[0]])
            return []
        except (KafkaError, OSError, ValueError, RuntimeError) as error:
            self.error = _explain(error, self.cluster, self.name)
            return []
        return [Record(r.partition, r.offset, r.timestamp, r.value) for records in found.values() for r in records]

    def _skip(self, partitions: list[int]) -> None:
        """Go on at what is still there."""
        try:
            beginnings = self.beginnings(tuple(partitions))
        except KafkaFailed as error:
            self.error = error
            return
        for partition, start in beginnings.items():
            if start <= self.reached[partition]:
                self.error = KafkaFailed(f"partition {partition} ends before offset {self.reached[partition]} by now")
                return
            self.lost.append(Lost(partition, self.reached[partition], start))
            self.consumer.seek(self._tp(partition), start)

    def _advance(self, waiting: set[int], ends: Mapping[int, int]) -> bool:
        """Note how far each partition came, and leave alone those that are at their end; did any move?"""
        moved = False
        for partition in sorted(waiting):
            at = self.consumer.position(self._tp(partition), timeout_ms=1)
            if at is not None and at > self.reached[partition]:
                moved = True
                self.reached[partition] = min(at, ends[partition])
                if at >= ends[partition]:
                    waiting.discard(partition)
                    self.consumer.pause(self._tp(partition))
        return moved

    def _tp(self, partition: int) -> Any:
        from kafka.structs import TopicPartition

        return TopicPartition(self.name, partition)


@contextmanager
def _explained(cluster: Cluster, topic: str) -> Iterator[None]:
    from kafka.errors import KafkaError

    try:
        yield
    except (KafkaError, OSError, ValueError) as error:
        raise _explain(error, cluster, topic) from error


def _denied(cluster: Cluster, topic: str) -> KafkaDenied:
    return KafkaDenied(f"{cluster.text} denies access to topic {topic}: allow READ and DESCRIBE on it to the source's user")


def _silent(cluster: Cluster) -> KafkaFailed:
    """Nobody answered; a broker may also hang up without a word on a wrong protocol or password."""
    speaks = "whether tls and mechanism are what that port speaks" + (", username and password" if cluster.mechanism else "")
    return KafkaFailed(
        f"{cluster.text} did not answer within {cluster.timeout:g} s: check bootstrap_servers, the network, {speaks}; nothing is "
        "lost, the next run asks again"
    )


def _explain(error: Exception, cluster: Cluster, topic: str) -> KafkaFailed:
    """Return the error as a sentence. Of what the other side said nothing is repeated."""
    name = type(error).__name__
    if name in ("TopicAuthorizationFailedError", "ClusterAuthorizationFailedError"):
        return _denied(cluster, topic)
    if name in ("SaslAuthenticationFailedError", "UnsupportedSaslMechanismError", "IllegalSaslStateError", "AuthorizationError"):
        return KafkaFailed(f"{cluster.text} does not accept the credentials ({name}): correct username, password or mechanism")
    if name == "KafkaTimeoutError":
        return _silent(cluster)
    if name == "UnsupportedCodecError":
        return KafkaFailed(f"{cluster.text}: topic {topic} holds records compressed with what is not installed here ({name})")
    return KafkaFailed(f"{cluster.text} broke off or answered with an error ({name}): nothing is lost, the next run asks again")
