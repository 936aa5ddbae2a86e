"""The stream on a Kafka topic, which many processes may write and read at the same time."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pipeline.errors import StreamError
from pipeline.stream.base import Claim, Consumer, Published, Received, Release
from pipeline.stream.kafka_client import open_client
from pipeline.stream.kafka_cluster import ANSWER, Cluster
from pipeline.stream.kafka_codec import incoming
from pipeline.stream.kafka_consumer import GroupConsumer, reading
from pipeline.stream.kafka_producer import Publisher
from pipeline.stream.kafka_topic import TopicInfo, ensure_topic
from store.records import Event

_PAUSE: Final = 0.1
_FRESH: Final = 1.0
"""Seconds for which it is not asked again which topic this is."""


class KafkaStream:
    """A Stream (base.py) on the topic of `cluster`, made where it is missing. Raises StreamError where nobody answers."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._ask()
        self._publisher = Publisher(cluster, self._topic.partitions)
        self._lock = threading.Lock()
        self._reader: Any = None
        self._closed = False

    def _ask(self) -> None:
        self._topic: TopicInfo = ensure_topic(self._cluster)
        self._asked = time.monotonic()

    @property
    def partitions(self) -> int:
        """How many partitions there are, as far as is known; their number may grow."""
        return self._publisher.partitions

    @property
    def identity(self) -> str:
        """The ids of the cluster and of the topic: a topic that was deleted and made again is another one. Raises StreamError."""
        self._open()
        if time.monotonic() - self._asked > _FRESH:
            self._ask()
        return self._topic.identity

    def publish(self, events: Sequence[Event]) -> Published:
        """Return when all brokers that must have the events have them."""
        self._open()
        return self._publisher.publish(events) if events else Published()

    def subscribe(self, claim: Claim, release: Release) -> Consumer:
        """Join the group and claim what falls to this consumer."""
        self._open()
        return GroupConsumer(self._cluster, self._topic.topic_id, claim, release)

    def look(self, positions: Mapping[int, int], limit: int) -> tuple[Received, ...]:
        """See base.Stream. What was deleted since is passed over."""
        self._open()
        with self._lock, self._cluster.explained():
            reader, tps = self._reading()
            begins, ends = reader.beginning_offsets(tps), reader.end_offsets(tps)
            at = {tp: min(max(positions.get(tp.partition, 0), begins[tp]), ends[tp]) for tp in tps}
            waiting = [tp for tp in tps if at[tp] < ends[tp]]
            reader.assign(waiting)
            for tp in waiting:
                reader.seek(tp, at[tp])
            found: list[Received] = []
            until = time.monotonic() + ANSWER
            while len(found) < limit and any(reader.position(tp, timeout_ms=1) < ends[tp] for tp in waiting):
                for tp, records in reader.poll(timeout_ms=500, max_records=limit).items():
                    until = time.monotonic() + ANSWER
                    found += [Received(event, tp.partition, record.offset) for record in records for event in incoming(record)]
                if time.monotonic() > until:
                    raise self._cluster.silent()
            reader.unsubscribe()
            return tuple(found)

    def ends(self) -> Mapping[int, int]:
        """The next offset to be written, by partition."""
        self._open()
        with self._lock, self._cluster.explained():
            reader, tps = self._reading()
            return {tp.partition: end for tp, end in sorted(reader.end_offsets(tps).items())}

    def trim(self, positions: Mapping[int, int]) -> None:
        """Nothing to do: retention is the topic's."""

    def close(self) -> None:
        """Close the connections. May be called again."""
        self._closed = True
        self._publisher.close()
        with self._lock:
            reader, self._reader = self._reader, None
        if reader is not None:
            reader.close(autocommit=False, timeout_ms=1000)

    def _open(self) -> None:
        if self._closed:
            raise StreamError(f"{self._cluster.text}: the stream is closed")

    def _reading(self) -> tuple[Any, list[Any]]:
        """A reader without a group, and every partition."""
        from kafka import KafkaConsumer
        from kafka.structs import TopicPartition

        if self._reader is None:
            self._reader, _ = open_client(self._cluster, KafkaConsumer, "reader", **reading(None))
        until = time.monotonic() + ANSWER
        while not (found := self._reader.partitions_for_topic(self._cluster.topic)):
            if time.monotonic() > until:
                raise StreamError(
                    f"{self._cluster.text}: topic {self._cluster.topic} is gone; it is made again at the next start"
                )
            time.sleep(_PAUSE)
        return self._reader, [TopicPartition(self._cluster.topic, partition) for partition in sorted(found)]
