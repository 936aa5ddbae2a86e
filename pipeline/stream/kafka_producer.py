"""Publishes records to a Kafka topic: all of a call durable (acks=all, idempotent), or a StreamError."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Final

from pipeline.errors import StreamError
from pipeline.stream.base import Published
from pipeline.stream.kafka_client import open_client
from pipeline.stream.kafka_cluster import ANSWER, MAX_MESSAGE, Cluster
from pipeline.stream.kafka_codec import Outgoing, chunks, outgoing
from store.records import Event

DELIVERY: Final = 30.0
"""Seconds after which what was not acknowledged counts as failed. The loss of a broker takes a third of them."""
CHUNK: Final = 16 * 1024 * 1024
"""Bytes that one call has on the way at a time."""
AT_A_TIME: Final = 4
"""Calls that have something on the way at a time; more wait. So a slow cluster never fills the memory."""


class Publisher:
    """For many threads. The library's producer is made at the first call, and anew after a failure."""

    def __init__(self, cluster: Cluster, partitions: int) -> None:
        self._cluster = cluster
        self._partitions = partitions
        self._lock = threading.Lock()
        self._room = threading.BoundedSemaphore(AT_A_TIME)
        self._producer: Any = None

    @property
    def partitions(self) -> int:
        """How many partitions the topic has, as far as is known; their number only grows."""
        return self._partitions

    def publish(self, events: Sequence[Event]) -> Published:
        """Return when all are durable. Raises StreamError; some may be there all the same."""
        producer = self._made()
        try:
            with self._cluster.explained():
                self._partitions = max(self._partitions, len(producer.partitions_for(self._cluster.topic) or ()))
        except StreamError:
            self._drop(producer)
            raise
        records = outgoing(events, self._partitions, self._cluster.options.format)
        offsets: dict[int, int] = {}
        counts: dict[int, int] = {}
        try:
            for some in chunks(records, CHUNK):
                with self._room, self._cluster.explained():
                    self._send(producer, some, offsets)
        except BaseException:
            self._drop(producer)  # what it still holds must not arrive later, in the middle of another attempt
            raise
        for record in records:
            counts[record.partition] = counts.get(record.partition, 0) + record.events
        return Published(offsets, counts)

    def close(self) -> None:
        """Close the producer."""
        with self._lock:
            producer, self._producer = self._producer, None
        if producer is not None:
            _close(producer)

    def _send(self, producer: Any, records: Sequence[Outgoing], offsets: dict[int, int]) -> None:
        topic = self._cluster.topic
        sent = [producer.send(topic, record.value, partition=record.partition, headers=record.headers) for record in records]
        producer.flush(timeout=DELIVERY + ANSWER)
        for record, future in zip(records, sent, strict=True):
            offset: int = future.get(timeout=DELIVERY + ANSWER).offset
            if offset < 0:
                raise StreamError(
                    f"{self._cluster.text} did not say where a record was written; nothing is lost, it is tried again"
                )
            offsets[record.partition] = max(offset, offsets.get(record.partition, -1))

    def _made(self) -> Any:
        from kafka import KafkaProducer

        with self._lock:
            if self._producer is None:
                form = self._cluster.options.format
                self._producer, _ = open_client(
                    self._cluster,
                    KafkaProducer,
                    "producer",
                    acks="all",
                    enable_idempotence=True,
                    allow_auto_create_topics=False,
                    metrics_enabled=False,
                    compression_type=None if form == "packs" else "lz4",  # packs are zstd already
                    batch_size=1024 * 1024,
                    linger_ms=50,
                    max_request_size=MAX_MESSAGE + 1024 * 1024,
                    delivery_timeout_ms=int(DELIVERY * 1000),
                    max_block_ms=int(ANSWER * 1000),
                )
            return self._producer

    def _drop(self, producer: Any) -> None:
        with self._lock:
            if self._producer is producer:
                self._producer = None
        _close(producer)


def _close(producer: Any) -> None:
    """Close it at once; what it still holds fails. Its own close() waits for that first, and gives up."""
    from kafka.errors import KafkaError

    try:
        producer.close(timeout=0)
    except KafkaError:
        producer._sender.force_close()
