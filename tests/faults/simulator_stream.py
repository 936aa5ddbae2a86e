"""The simulated stream: partitions in memory that outlive every process, and a consumer group that divides them.

It does what a cluster may do: write a record twice, write part of what was published and then fail, show records late and not in
the order of the partitions, take partitions from a member, forget a member that has not polled for a while, delete old records.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.errors import StreamError
from pipeline.stream.base import Claim, Gap, Polled, Published, Received, Release
from pipeline.stream.packs import read_record, records_by_partition
from store.records import HOUR, SECOND, Advance, Event
from tests.faults.simulator import Process, Simulation

PARTITIONS = 3
BUSY = 60 * SECOND
"""A member that does not poll for this long is no member any more."""


@dataclass(frozen=True)
class Record:
    """One record of a partition; nobody sees it before `visible`."""

    data: bytes
    written_at: int
    visible: int


@dataclass
class Partition:
    """Records by offset. Those before `begin` were deleted."""

    records: list[Record] = field(default_factory=list)
    begin: int = 0

    def shown(self, now: int) -> int:
        """The offset after the last that can be seen: what is not visible hides what is behind it."""
        end = self.begin
        while end < len(self.records) and self.records[end].visible <= now:
            end += 1
        return end


class Broker:
    """The cluster."""

    def __init__(self, sim: Simulation, partitions: int = PARTITIONS) -> None:
        self.sim = sim
        self.partitions = [Partition() for _ in range(partitions)]
        self.members: list[SimConsumer] = []
        self.owner: dict[int, SimConsumer] = {}
        self.sleeping: list[Process] = []

    def write(self, partition: int, data: bytes) -> int:
        """Write a record; returns its offset."""
        sim = self.sim
        log = self.partitions[partition]
        wait = sim.rng.randrange(HOUR) if sim.chance("delay") else 0
        log.records.append(Record(data, sim.now, sim.now + wait))
        for process in self.sleeping:
            sim.wake(process)
        self.sleeping.clear()
        return len(log.records) - 1

    def publish(self, events: Sequence[Event]) -> Published:
        """Write the events; an error says nothing of what was written."""
        sim = self.sim
        sim.point("before a publishing")
        fails = sim.chance("publish")
        records = [(partition, r) for partition, some in records_by_partition(events, len(self.partitions)).items() for r in some]
        stop = sim.rng.randrange(len(records) + 1) if fails else len(records)
        offsets: dict[int, int] = {}
        counts: dict[int, int] = {}
        for number, (partition, record) in enumerate(records):
            if number == stop:
                break
            if number and sim.chance("crash"):
                sim.crash("in a publishing")
            offsets[partition] = self.write(partition, record.data)
            if sim.chance("twice"):
                sim.fault("twice", f"a record of partition {partition} is written twice")
                self.write(partition, record.data)
            counts[partition] = counts.get(partition, 0) + record.events
        if fails:
            sim.fault("publish", f"publishing fails, {stop} of {len(records)} records were written")
            raise StreamError("the cluster did not answer in time")
        sim.say(f"published {sum(counts.values())} events: {offsets}")
        sim.point("after a publishing")
        return Published(offsets, counts)

    def ends(self) -> dict[int, int]:
        """The next offset to be written."""
        return {number: len(partition.records) for number, partition in enumerate(self.partitions)}

    def show_all(self) -> None:
        """Nothing is hidden any more."""
        for log in self.partitions:
            log.records = [Record(r.data, r.written_at, 0) for r in log.records]

    def truncate(self) -> None:
        """Delete old records of a partition, read or not."""
        number = self.sim.rng.randrange(len(self.partitions))
        log = self.partitions[number]
        end = log.shown(self.sim.now)
        if end > log.begin:
            log.begin = self.sim.rng.randint(log.begin + 1, end)
            self.sim.fault("truncate", f"records of partition {number} before {log.begin} are deleted")

    # The group

    def join(self, consumer: SimConsumer) -> None:
        """A member joins."""
        self.members.append(consumer)
        self.divide("a member joins")

    def leave(self, consumer: SimConsumer) -> None:
        """A member is gone."""
        if consumer in self.members:
            self.members.remove(consumer)
            self.divide("a member leaves")

    def expire(self) -> None:
        """Members that have not polled for long are gone."""
        late = [m for m in self.members if not m.waits and m.polled_at + BUSY < self.sim.now]
        for member in late:
            self.leave(member)

    def divide(self, why: str) -> None:
        """Divide the partitions among the members anew."""
        if not self.members:
            self.owner = {}
            return
        numbers = list(range(len(self.partitions)))
        self.sim.rng.shuffle(numbers)
        self.owner = {number: self.members[turn % len(self.members)] for turn, number in enumerate(numbers)}
        shares = {number: member.process.name for number, member in sorted(self.owner.items()) if member.process}
        self.sim.say(f"{why}: {shares}")
        for process in self.sleeping:
            self.sim.wake(process)
        self.sleeping.clear()


class SimStream:
    """A Stream (pipeline/stream/base.py) as one process sees it."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.process = broker.sim.current

    @property
    def partitions(self) -> int:
        return len(self.broker.partitions)

    @property
    def identity(self) -> str:
        return "simulated"

    def publish(self, events: Sequence[Event]) -> Published:
        return self.broker.publish(events) if events else Published()

    def subscribe(self, claim: Claim, release: Release) -> SimConsumer:
        return SimConsumer(self.broker, claim, release)

    def look(self, positions: Mapping[int, int], limit: int) -> tuple[Received, ...]:
        raise NotImplementedError

    def ends(self) -> Mapping[int, int]:
        return self.broker.ends()

    def trim(self, positions: Mapping[int, int]) -> None:
        self.broker.sim.point("after an append")

    def close(self) -> None:
        pass


class SimConsumer:
    """A Consumer (base.py), which is a member of the group. It learns at its next poll what came and what went."""

    def __init__(self, broker: Broker, claim: Claim, release: Release) -> None:
        self.broker, self.claim, self.release = broker, claim, release
        self.sim = broker.sim
        self.process = self.sim.current
        self.held: dict[int, tuple[int, int]] = {}
        self.polls = 0
        self.polled_at = self.sim.now
        self.waits = False
        self.closed = False
        broker.join(self)

    def poll(self, limit: int, timeout: float) -> Polled:
        if self.closed:
            raise StreamError("the consumer is closed")
        until = self.sim.now + int(timeout * SECOND)
        while True:
            self.polls += 1
            assert self.process is not None or self.polls < 10_000, "polled for ever"
            self.sim.point("before a poll")
            self._settle()
            polled = self._take(limit)
            if self.process is not None:
                self.process.gaps = polled.gaps
            if polled.advances:
                self.sim.point("after a poll")
                return polled
            if self.sim.now >= until or self.process is None:
                return polled
            with self._waiting():
                self.sim.sleep(min(until, self._next()) - self.sim.now)

    @contextlib.contextmanager
    def _waiting(self) -> Iterator[None]:
        self.waits = True
        assert self.process is not None
        self.broker.sleeping.append(self.process)
        try:
            yield
        finally:
            self.waits = False

    def _next(self) -> int:
        """When the next record may be seen, of those that are hidden."""
        hidden = [r.visible for p in self.broker.partitions for r in p.records[p.shown(self.sim.now) :]]
        return min((time for time in hidden if time > self.sim.now), default=self.sim.now + HOUR)

    def rewind(self) -> None:
        if self.closed:
            raise StreamError("the consumer is closed")
        self._settle()
        for partition in sorted(self.held):
            self.held[partition] = self.claim(partition)

    def close(self) -> None:
        self.closed = True
        if self.process is None or not self.process.dying:
            self.broker.leave(self)

    def _settle(self) -> None:
        """Sign of life; release what went, claim what came."""
        broker = self.broker
        self.polled_at = self.sim.now
        broker.expire()
        if self not in broker.members:
            broker.join(self)
        if self.sim.chance("rebalance"):
            self.sim.fault("rebalance", "the group divides its partitions anew")
            broker.divide("rebalance")
        mine = {number for number, member in broker.owner.items() if member is self}
        for partition in self.held.keys() - mine:
            del self.held[partition]
            self.release(partition)
        for partition in sorted(mine - self.held.keys()):
            self.held[partition] = self.claim(partition)

    def _take(self, limit: int) -> Polled:
        items: list[Received] = []
        advances: list[Advance] = []
        gaps: list[Gap] = []
        numbers = sorted(self.held)
        self.sim.rng.shuffle(numbers)
        for number in numbers:
            log, (epoch, start) = self.broker.partitions[number], self.held[number]
            end = max(start, log.begin)
            if end > start:
                gaps.append(Gap(number, start, end))
            while end < log.shown(self.sim.now) and len(items) < limit:
                record = log.records[end]
                items += [Received(event, number, end) for event in read_record(record.data, record.written_at)]
                end += 1
            if end > start:
                advances.append(Advance(number, epoch, start, end))
                self.held[number] = (epoch, end)
        return Polled(tuple(items), tuple(advances), tuple(gaps))
