"""Several consumers of one topic: the group divides, the store decides."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.errors import StreamError
from pipeline.stream.kafka_consumer import GroupConsumer
from pipeline.worker import Worker
from store.cursors import Positions
from store.errors import Fenced, StorageUnreachable
from store.records import Advance, Event
from tests.kafka_server import LONG, wait
from tests.pipeline.stream.conftest import Topics, gather, ids, judging, some_events
from tests.store.lab import Lab

pytestmark = pytest.mark.parts("kafka")


class Claims:
    """The store's side, shared by all consumers of a group: whoever claims last has it."""

    def __init__(self) -> None:
        self.epoch: Counter[int] = Counter()
        self.position: Counter[int] = Counter()
        self.held: dict[int, str] = {}
        self.released: list[tuple[str, int]] = []

    def of(self, name: str) -> tuple[Callable[[int], tuple[int, int]], Callable[[int], None]]:
        def claim(partition: int) -> tuple[int, int]:
            self.epoch[partition] += 1
            self.held[partition] = name
            return self.epoch[partition], self.position[partition]

        return claim, lambda partition: self.released.append((name, partition))

    def commit(self, advances: tuple[Advance, ...]) -> None:
        for advance in advances:
            if (self.epoch[advance.partition], self.position[advance.partition]) != (advance.epoch, advance.start):
                raise Fenced("no")
            self.position[advance.partition] = advance.end


@pytest.fixture(autouse=True)
def heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Members learn by a heartbeat that another one came."""
    monkeypatch.setattr("pipeline.stream.kafka_consumer.SESSION", 4.0)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as made:
        yield made


def beside(pool: ThreadPoolExecutor, first: GroupConsumer, join: Callable[[], GroupConsumer]) -> GroupConsumer:
    """A second consumer joins while the first one polls, as its worker would."""
    joining = pool.submit(join)
    wait(lambda: (first.poll(1, 0.05), joining.done())[1], "the second one joins")
    return joining.result(LONG)


def shared(claims: Claims, first: GroupConsumer, second: GroupConsumer) -> None:
    def each_has_two() -> bool:
        first.poll(1, 0.05)
        second.poll(1, 0.05)
        return Counter(claims.held.values()) == {"first": 2, "second": 2}

    wait(each_has_two, "each has two")


def test_a_group_divides_the_partitions_and_takes_back_what_a_member_leaves(topics: Topics, pool: ThreadPoolExecutor) -> None:
    stream, claims = topics.open(topics.name()), Claims()
    first = stream.subscribe(*claims.of("first"))
    assert claims.held == dict.fromkeys(range(4), "first")
    second = beside(pool, first, lambda: stream.subscribe(*claims.of("second")))
    shared(claims, first, second)
    assert {partition for name, partition in claims.released if name == "first"} >= set(claims.held)
    stream.publish(some_events(400))
    found = []
    while len(found) < 400:
        for name, consumer in (("first", first), ("second", second)):
            polled = consumer.poll(1000, 0.1)
            assert {claims.held[advance.partition] for advance in polled.advances} <= {name}
            claims.commit(polled.advances)
            found += [item.event.id for item in polled.items]
    assert sorted(found) == sorted(f"e-{n}" for n in range(400))
    second.close()
    wait(lambda: (first.poll(1, 0.05), set(claims.held.values()) == {"first"})[1], "all are the first one's again")
    stream.publish(some_events(100, "late"))
    assert len(ids(gather(lambda: first.poll(1000, 0.2), lambda found: len(ids(found)) >= 100))) == 100
    first.close()


def test_partitions_that_could_not_be_claimed_are_claimed_again(topics: Topics, pool: ThreadPoolExecutor) -> None:
    """The store may be away just when the group gives them."""
    stream, claims = topics.open(topics.name()), Claims()
    claim, release = claims.of("first")
    away: list[Exception] = []

    def claim_or_fail(partition: int) -> tuple[int, int]:
        if away:
            raise away.pop()
        return claim(partition)

    first = stream.subscribe(claim_or_fail, release)
    second = beside(pool, first, lambda: stream.subscribe(*claims.of("second")))
    shared(claims, first, second)
    second.close()
    away.append(StorageUnreachable("away"))
    with pytest.raises(StorageUnreachable):
        wait(lambda: first.poll(1, 0.05).items, "it claims what the other one left")
    first.rewind()
    stream.publish(some_events(200))
    assert len(ids(gather(lambda: first.poll(1000, 0.2), lambda found: len(ids(found)) >= 200))) == 200
    assert claims.held == dict.fromkeys(range(4), "first")
    first.close()


def test_positions_are_the_store_s_whatever_is_committed_to_kafka(topics: Topics) -> None:
    from kafka.structs import OffsetAndMetadata, TopicPartition

    topic = topics.name()
    stream, claims = topics.open(topic), Claims()
    stream.publish(some_events(300, "old"))
    before = dict(stream.ends())
    claims.position.update(before)
    stream.publish(some_events(300, "new"))
    group = {TopicPartition(topic, partition): OffsetAndMetadata(0, "", -1) for partition in range(4)}
    topics.admin.alter_group_offsets(topic, group)
    consumer = stream.subscribe(*claims.of("one"))
    found = gather(lambda: consumer.poll(1000, 0.2), lambda found: len(ids(found)) >= 300)
    consumer.close()
    assert {event_id[:3] for event_id in ids(found)} == {"new"}
    committed = topics.admin.list_group_offsets(topic)
    assert re.findall(r"offset\W+(\d+)", repr(committed)) == ["0"] * 4, "nothing was committed"


def test_more_consumers_than_partitions_wait_with_nothing(topics: Topics, pool: ThreadPoolExecutor) -> None:
    stream, claims = topics.open(topics.name(), partitions=1), Claims()
    first = stream.subscribe(*claims.of("first"))
    second = beside(pool, first, lambda: stream.subscribe(*claims.of("second")))
    stream.publish(some_events(10))
    found = gather(lambda: first.poll(100, 0.05), lambda found: bool(second.poll(100, 0.05).items) or len(ids(found)) >= 10)
    assert len(claims.held) == 1
    assert len(ids(found)) in (0, 10)
    second.close()
    first.close()


def test_partitions_that_are_added_later_are_read_from_their_beginning(topics: Topics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.stream.kafka_cluster.METADATA_AGE", 0.3)
    topic, claims = topics.name(), Claims()
    stream = topics.open(topic, partitions=1)
    consumer = stream.subscribe(*claims.of("one"))
    assert set(claims.held) == {0}
    stream.publish(some_events(10, "before"))
    topics.admin.create_partitions({topic: 3})
    wait(lambda: stream.publish(some_events(1, "more")) and stream.partitions == 3, "the writer knows")
    stream.publish(some_events(60, "after"))
    wanted = {f"after-{n}" for n in range(60)} | {f"before-{n}" for n in range(10)}
    found = gather(lambda: consumer.poll(100, 0.1), lambda found: wanted <= set(ids(found)))
    assert set(claims.held) == {0, 1, 2}
    assert {item.partition for polled in found for item in polled.items} == {0, 1, 2}
    consumer.close()


def test_a_worker_that_slept_past_its_session_is_fenced_and_everything_is_stored_once(
    topics: Topics, new_lab: Callable[[], Lab], monkeypatch: pytest.MonkeyPatch, pool: ThreadPoolExecutor
) -> None:
    monkeypatch.setattr("pipeline.stream.kafka_consumer.SESSION", 1.0)
    monkeypatch.setattr("pipeline.stream.kafka_consumer.BUSY", 1.5)
    topic, lab = topics.name(), judging(new_lab())
    topics.open(topic).publish([lab.event(f"e{n}", lab.now) for n in range(400)])
    asleep, wake = threading.Event(), threading.Event()

    class Sleeper(Worker):
        """Stops between reading and writing."""

        def _append(self, *args: object) -> object:
            asleep.set()
            assert wake.wait(LONG)
            try:
                return super()._append(*args)  # type: ignore[arg-type]
            except Fenced:
                fenced.append(1)
                raise

    fenced: list[int] = []
    zombie = Sleeper(topics.open(topic), lab.store, True, 150)
    slept = pool.submit(lambda: [zombie.run_once(5.0) for _ in range(2)])
    wait(lambda: asleep.is_set() or slept.done(), "the zombie has read")
    assert asleep.is_set(), slept.result()
    heir = Worker(topics.open(topic), lab.store, True, 150)
    monkeypatch.undo()
    wait(lambda: (heir.run_once(0.1), behind(lab, heir) == 0)[1], "the heir takes everything")
    wake.set()
    for done in slept.result(LONG):
        assert done is None or done.counts.collected == 0
    assert fenced
    zombie.close()
    heir.close()
    [totals] = lab.sql("SELECT evidence, duplicate, dead_letter FROM source")
    assert tuple(totals) == (400, 0, 0)


def behind(lab: Lab, worker: Worker) -> int:
    at = Positions(lab.engine).all()
    return sum(end - at.get(partition, 0) for partition, end in worker.stream.ends().items())


def test_a_consumer_that_is_rewound_claims_only_what_is_still_its_own(topics: Topics, pool: ThreadPoolExecutor) -> None:
    stream, claims = topics.open(topics.name()), Claims()
    stream.publish(some_events(100))
    first = stream.subscribe(*claims.of("first"))
    second = beside(pool, first, lambda: stream.subscribe(*claims.of("second")))
    shared(claims, first, second)
    before = dict(claims.held)
    first.rewind()
    assert claims.held == before
    polled = first.poll(1000, 5.0)
    assert {claims.held[advance.partition] for advance in polled.advances} == {"first"}
    assert all(claims.epoch[advance.partition] == advance.epoch for advance in polled.advances)
    second.close()
    first.close()
    with pytest.raises(StreamError, match="closed"):
        first.rewind()


def test_a_consumer_may_be_made_before_anything_is_published(topics: Topics) -> None:
    stream, claims = topics.open(topics.name()), Claims()
    consumer = stream.subscribe(*claims.of("one"))
    assert consumer.poll(10, 0.0).advances == ()
    event = Event("s", "1", "log.x.y", 1, b"{}")
    stream.publish([event])
    assert [item.event for item in consumer.poll(10, 0.0).items] == [event], "no timeout, and yet nothing is overlooked"
    assert consumer.poll(10, 0.0).items == ()
    consumer.close()
