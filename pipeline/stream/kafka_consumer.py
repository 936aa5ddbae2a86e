"""Consumer of a Kafka topic: the group divides the partitions, the store gives the positions.

Nothing is committed to Kafka and nothing that is committed there is read. The library calls a rebalance listener on a thread of
its own while this one waits in `poll`: the listener only notes what came and went, and keeps what came paused; the partitions are
claimed and released here, before anything more is read.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from pipeline.errors import StreamError
from pipeline.stream.base import Claim, Gap, Polled, Received, Release
from pipeline.stream.kafka_client import open_client
from pipeline.stream.kafka_cluster import ANSWER, Cluster
from pipeline.stream.kafka_codec import incoming
from pipeline.stream.kafka_members import Members
from pipeline.stream.packs import MAX_POLL_PAYLOAD
from store.records import Advance

SESSION: Final = 10.0
"""Seconds without a sign of life after which a member's partitions go to others."""
BUSY: Final = 60.0
"""Seconds between two polls after which they do."""
JOIN: Final = 15.0
"""Seconds that the group's answer is waited for at first; later polls wait on."""
LOCKED_OUT: Final = 2 * BUSY
"""Seconds without membership after which it is an error: the slowest member may take BUSY to let go."""
CHECK: Final = 5.0
"""Seconds of silence after which the cluster is asked whether it is there."""
STEP: Final = 0.5
"""Seconds that one call of the library waits at most."""
JOIN_STEP: Final = 0.05
FETCH: Final = 4 * 1024 * 1024
"""Bytes of one answer, where no single record is larger: some hundred packs. The library holds two."""
RECORDS: Final = 100
"""Records that are taken over from the library at a time."""
WAITING: Final = 1024 * 1024
"""Bytes that are taken over to make a batch fuller: about as many packs as one takes."""


@dataclass(frozen=True, slots=True)
class _Held:
    epoch: int
    position: int


@dataclass(slots=True)
class _Batch:
    """What one poll has gathered so far."""

    limit: int
    items: list[Received] = field(default_factory=list)
    advances: list[Advance] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    payload: int = 0

    @property
    def full(self) -> bool:
        return len(self.items) >= self.limit or self.payload >= MAX_POLL_PAYLOAD

    def add(self, record: Any) -> None:
        events = incoming(record)
        self.items += [Received(event, record.partition, record.offset) for event in events]
        self.payload += sum(len(event.payload) for event in events)

    @property
    def polled(self) -> Polled:
        return Polled(tuple(self.items), tuple(self.advances), tuple(self.gaps))


class GroupConsumer:
    """A Consumer (base.py). For one thread."""

    def __init__(self, cluster: Cluster, topic_id: str, claim: Claim, release: Release) -> None:
        """Join the group and claim what falls to us, in order of number. Raises StreamError, and what `claim` raises."""
        from kafka import KafkaConsumer

        self._cluster, self._topic_id, self._claim, self._release = cluster, topic_id, claim, release
        self._held: dict[int, _Held] = {}
        self._queues: dict[int, deque[Any]] = {}
        """What was read and not handed out, by partition: records of the library's, gaps, and positions that were passed."""
        self._unclaimed: set[int] = set()
        """What is ours as the group says, and not yet as the store does."""
        self._turn = 0
        self._closed = False
        self._broken: StreamError | None = None
        self._consumer, self._metadata = open_client(cluster, KafkaConsumer, "consumer", **reading(cluster.options.group))
        self._members = Members(self._consumer)
        self._heard = self._outside = time.monotonic()
        try:
            with cluster.explained():
                self._consumer.subscribe([cluster.topic], listener=self._members.listener())
                self._await_topic()
            until = time.monotonic() + JOIN
            while not self._members.joined and time.monotonic() < until:
                self._fetch(JOIN_STEP)
            self._settle()
        except BaseException:
            self.close()
            raise

    def poll(self, limit: int, timeout: float) -> Polled:
        """See base.Consumer. With no timeout it returns nothing only where there is nothing."""
        if self._closed:
            raise StreamError("the consumer is closed")
        until = time.monotonic() + timeout
        while True:
            self._settle()
            while self._queues and self._few(limit) and self._fetch(0.0):
                pass  # what is here already makes a fuller batch
            polled = self._take(limit)
            if polled.advances:
                return polled
            left = until - time.monotonic()
            if left <= 0 and not self._more(timeout):
                return polled
            self._fetch(min(max(left, 0.02), STEP))

    def rewind(self) -> None:
        """Claim anew what the group still gives us, and go on from the positions given."""
        if self._closed or self._broken is not None:
            raise self._broken or StreamError("the consumer is closed")
        with suppress(StreamError):  # whoever slept learns here what it lost, and does not take it back
            self._fetch(JOIN_STEP)
        self._settle()
        for partition in sorted(self._held):
            self._begin(partition)

    def close(self) -> None:
        """Leave the group and release the partitions. May be called again."""
        from kafka.errors import KafkaError

        if self._closed:
            return
        self._closed = True
        try:
            while self._held:
                partition, _ = self._held.popitem()
                self._release(partition)
        finally:
            with suppress(KafkaError, OSError, RuntimeError):  # the group finds out by itself
                self._consumer.close(autocommit=False, timeout_ms=2000)

    def _await_topic(self) -> None:
        """The group's leader divides what it knows of: before it knows the topic's partitions that would be nothing, at first."""
        asked, until = self._metadata.request_update(), time.monotonic() + ANSWER
        while not (asked.is_done and self._metadata.partitions_for_topic(self._cluster.topic)):
            if asked.is_done:
                asked = self._metadata.request_update()
            if time.monotonic() > until:
                raise self._cluster.silent()
            time.sleep(0.005)

    def _settle(self) -> None:
        """Release what went, claim what came. What could not be claimed is claimed the next time."""
        gone, come = self._members.changes()
        went = sorted(gone & self._held.keys())
        for partition in went:
            del self._held[partition]
            self._queues.pop(partition, None)
        self._unclaimed = (self._unclaimed - gone) | come
        for partition in went:
            self._release(partition)
        for partition in sorted(self._unclaimed):
            self._begin(partition)
            self._unclaimed.discard(partition)

    def _begin(self, partition: int) -> None:
        """Claim a partition and read on from the position given."""
        self._queues.pop(partition, None)
        self._held[partition] = _Held(*self._claim(partition))
        self._seek(partition, self._held[partition].position)

    def _seek(self, partition: int, position: int) -> None:
        tp = self._tp(partition)
        if not self._members.has(partition):
            return  # it went meanwhile: the next poll says so
        self._consumer.seek(tp, position)
        self._consumer.resume(tp)

    def _take(self, limit: int) -> Polled:
        """Decode what was fetched, record by record. Each time another partition comes first."""
        batch = _Batch(max(1, limit))
        waiting = sorted(self._queues)
        for partition in [p for p in waiting if p >= self._turn] + [p for p in waiting if p < self._turn]:
            if not batch.full:
                self._turn = partition + 1 if batch.advances == [] else self._turn
                self._take_from(partition, batch)
        for advance in batch.advances:
            self._held[advance.partition] = _Held(advance.epoch, advance.end)
        return batch.polled

    def _take_from(self, partition: int, batch: _Batch) -> None:
        held, queue = self._held[partition], self._queues[partition]
        end = held.position
        while queue and not batch.full:
            found = queue.popleft()
            if isinstance(found, Gap):
                batch.gaps.append(found)
                end = found.end
            elif isinstance(found, int):
                end = found
            else:
                batch.add(found)
                end = found.offset + 1
        if not queue:
            del self._queues[partition]
        batch.advances.append(Advance(partition, held.epoch, held.position, end))

    def _queue(self, partition: int, found: Iterable[Any]) -> None:
        if partition in self._held:
            self._queues.setdefault(partition, deque()).extend(found)

    def _reached(self, partition: int) -> int:
        """Where reading goes on: behind what is in the queue."""
        queue = self._queues.get(partition)
        if not queue:
            return self._held[partition].position
        last = queue[-1]
        return last if isinstance(last, int) else last.end if isinstance(last, Gap) else int(last.offset) + 1

    def _few(self, limit: int) -> bool:
        """Whether what waits makes no full batch yet: neither in records nor in bytes."""
        waiting = [found for queue in self._queues.values() for found in queue]
        return len(waiting) < limit and sum(len(getattr(found, "value", None) or b"") for found in waiting) < WAITING

    def _fetch(self, seconds: float) -> bool:
        """Let the library work, and take over what it has; was there something? Raises StreamError where nobody answers."""
        from kafka.errors import CorruptRecordError, LogTruncationError, OffsetOutOfRangeError

        try:
            found = self._consumer.poll(timeout_ms=int(seconds * 1000), max_records=RECORDS)
        except OffsetOutOfRangeError as error:
            return self._skip([tp.partition for tp in error.args[0]])
        except LogTruncationError as error:
            return self._skip([tp.partition for tp in error.divergent_offsets], truncated=True)
        except CorruptRecordError:
            return self._pass_over()
        except Exception as error:
            with self._cluster.explained():
                raise
            raise AssertionError from error
        now = time.monotonic()
        for tp, records in found.items():
            self._queue(tp.partition, records)
        if found:
            self._heard = now
        if self._members.joined:
            self._outside = now
        elif now - self._outside > LOCKED_OUT:
            self._check()  # who does not answer lets nobody in either
            group = self._cluster.options.group
            self._broken = StreamError(f"{self._cluster.text} does not let this worker into the group {group}")
            raise self._broken
        if now - self._heard > CHECK and not self._queues:
            self._check()
        return bool(found)

    def _check(self) -> set[int]:
        """Return our partitions in which something waits that has not come.

        Raises StreamError where nobody answers, or the topic is another one by now.
        """
        self._same_topic()
        try:
            with self._cluster.explained():
                waits = self._waiting()
        except StreamError as error:  # whoever claims anew does so with a client that is new, and finds the topic or makes it
            self._broken = error
            raise
        self._broken = None
        self._heard = time.monotonic()
        return waits

    def _waiting(self) -> set[int]:
        waits: set[int] = set()
        tps = [self._tp(partition) for partition in self._held]
        if not tps:
            self._ask()
            return waits
        for tp, end in self._consumer.end_offsets(tps, timeout_ms=int(ANSWER * 1000)).items():
            at = self._consumer.position(tp, timeout_ms=1) if self._members.has(tp.partition) else None
            if at is not None and at != end:
                waits.add(tp.partition)
            if at == end and at > self._reached(tp.partition):
                self._queue(tp.partition, [at])  # only marks of transactions are between
        return waits

    def _ask(self) -> None:
        """Ask the cluster anything. Raises StreamError or an error of the library's where nobody answers."""
        asked, until = self._metadata.request_update(), time.monotonic() + ANSWER
        while not asked.is_done:
            if time.monotonic() > until:
                raise self._cluster.silent()
            time.sleep(0.005)
        if asked.exception is not None:
            raise asked.exception

    def _same_topic(self) -> None:
        found = self._metadata.topic_id(self._cluster.topic)
        if found is not None and self._topic_id and str(found) != self._topic_id:
            self._broken = StreamError(
                f"{self._cluster.text}: topic {self._cluster.topic} was deleted and made again: positions begin anew, and what "
                "the old one carried is asked for again"
            )
            raise self._broken

    def _more(self, timeout: float) -> bool:
        """Whether there is something to read though nothing has come yet. Asked only by who does not wait at all."""
        if timeout > 0:
            return False
        if not self._members.joined:
            return time.monotonic() - self._outside < JOIN
        return bool(self._check() or self._queues)

    def _skip(self, partitions: Iterable[int], *, truncated: bool = False) -> bool:
        """Reading does not go on where these stand: note the gap, and go on at the first record that is there."""
        self._same_topic()
        with self._cluster.explained():
            tps = [self._tp(partition) for partition in partitions if partition in self._held]
            begins = self._consumer.beginning_offsets(tps, timeout_ms=int(ANSWER * 1000))
            ends = self._consumer.end_offsets(tps, timeout_ms=int(ANSWER * 1000))
        for tp, begin in begins.items():
            position = self._reached(tp.partition)
            if truncated or not begin <= position <= ends[tp]:
                self._queue(tp.partition, [Gap(tp.partition, position, begin)])
                position = begin
            self._seek(tp.partition, position)
        return False

    def _pass_over(self) -> bool:
        """Go on behind a record that the library cannot read. It does not say which, and would look at it for ever."""
        part = self._consumer._fetcher._next_partition_records
        if part is None or part.topic_partition.partition not in self._held:
            raise StreamError(f"{self._cluster.text}: a record of topic {self._cluster.topic} cannot be read")
        partition, end = part.topic_partition.partition, part.next_fetch_offset + 1
        part.drain()
        start, queue = self._reached(partition), self._queues.get(partition)
        if queue and isinstance(queue[-1], Gap) and queue[-1].damaged:
            start = queue.pop().start  # a whole batch of them is one gap
        self._queue(partition, [Gap(partition, start, end, damaged=True)])
        self._seek(partition, end)
        return True

    def _tp(self, partition: int) -> Any:
        from kafka.structs import TopicPartition

        return TopicPartition(self._cluster.topic, partition)


def reading(group: str | None) -> dict[str, Any]:
    """Settings of a client that reads; of transactions only what was committed."""
    config: dict[str, Any] = {
        "group_id": group,
        "enable_auto_commit": False,
        "auto_offset_reset": "none",
        "isolation_level": "read_committed",
        "allow_auto_create_topics": False,
        "metrics_enabled": False,
        "fetch_max_wait_ms": 500,
        "fetch_max_bytes": FETCH,
        "max_partition_fetch_bytes": FETCH // 4,
        "max_poll_records": RECORDS,
    }
    if group is not None:
        config |= {
            "session_timeout_ms": int(SESSION * 1000),
            "heartbeat_interval_ms": int(SESSION * 1000 / 4),
            "max_poll_interval_ms": int(BUSY * 1000),
        }
    return config
