"""A topic that is not what it was: cut short, deleted, made again, with records that are none."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable

import pytest

from pipeline.errors import StreamError
from pipeline.stream.base import Gap
from pipeline.worker import Worker
from store.cursors import Positions
from store.records import Advance
from tests.kafka_server import LONG, make_topic, producer, wait
from tests.pipeline.stream.conftest import Topics, gather, ids, judging, some_events
from tests.store.lab import Lab

pytestmark = pytest.mark.parts("kafka")


def one_by_one(stream: object, count: int, prefix: str = "e") -> None:
    for number in range(count):
        stream.publish(some_events(1, f"{prefix}{number}"))  # type: ignore[attr-defined]


def cut(topics: Topics, topic: str, offset: int) -> None:
    from kafka import TopicPartition

    topics.admin.delete_records({TopicPartition(topic, 0): offset})


def test_records_that_were_deleted_before_they_were_read_are_a_gap(topics: Topics) -> None:
    topic = topics.name()
    stream = topics.open(topic, partitions=1)
    one_by_one(stream, 10)
    cut(topics, topic, 6)
    consumer = stream.subscribe(lambda _p: (3, 2), lambda _p: None)
    found = gather(lambda: consumer.poll(1000, 0.5), lambda found: len(ids(found)) >= 4)
    consumer.close()
    assert [gap for polled in found for gap in polled.gaps] == [Gap(0, 2, 6)]
    advances = [advance for polled in found for advance in polled.advances]
    assert (advances[0].start, advances[-1].end) == (2, 10)
    assert all(before.end == after.start for before, after in itertools.pairwise(advances))
    assert ids(found) == ["e6-0", "e7-0", "e8-0", "e9-0"]


def test_records_that_are_deleted_while_one_reads_are_a_gap_behind_those_that_were_read(topics: Topics) -> None:
    topic = topics.name()
    stream = topics.open(topic, partitions=1)
    one_by_one(stream, 3)
    consumer = stream.subscribe(lambda _p: (1, 0), lambda _p: None)
    found = gather(lambda: consumer.poll(1, 0.5), lambda found: len(ids(found)) == 3)
    one_by_one(stream, 3, "lost")
    consumer._consumer.pause(*consumer._consumer.assignment())  # type: ignore[attr-defined]
    cut(topics, topic, 6)
    consumer.rewind = None  # type: ignore[assignment]
    one_by_one(stream, 1, "after")
    consumer._seek(0, 3)  # type: ignore[attr-defined]
    found += gather(lambda: consumer.poll(100, 0.5), lambda found: "after0-0" in ids(found))
    consumer.close()
    assert ids(found) == ["after0-0", "e0-0", "e1-0", "e2-0"]
    assert [gap for polled in found for gap in polled.gaps] == [Gap(0, 3, 6)]


def test_a_partition_that_was_emptied_is_a_gap_to_its_end(topics: Topics) -> None:
    topic = topics.name()
    stream = topics.open(topic, partitions=1)
    one_by_one(stream, 5)
    cut(topics, topic, 5)
    consumer = stream.subscribe(lambda _p: (1, 0), lambda _p: None)
    (polled,) = gather(lambda: consumer.poll(1, 5.0), lambda found: bool(found[-1].advances))
    consumer.close()
    assert (polled.items, polled.gaps, polled.advances) == ((), (Gap(0, 0, 5),), (Advance(0, 1, 0, 5),))


def test_a_partition_that_ends_before_the_position_is_a_gap_and_read_again(topics: Topics) -> None:
    stream = topics.open(topics.name(), partitions=1)
    one_by_one(stream, 3)
    consumer = stream.subscribe(lambda _p: (1, 900), lambda _p: None)
    found = gather(lambda: consumer.poll(100, 0.5), lambda found: len(ids(found)) == 3)
    consumer.close()
    assert [gap for polled in found for gap in polled.gaps] == [Gap(0, 900, 0)]
    assert (found[0].advances[0].start, found[-1].advances[-1].end) == (900, 3)


def test_a_gap_is_told_in_the_transaction_that_moves_the_position(topics: Topics, new_lab: Callable[[], Lab]) -> None:
    topic, lab = topics.name(), judging(new_lab())
    stream = topics.open(topic, partitions=1)
    for number in range(6):
        stream.publish([lab.event(f"e{number}", lab.now)])
    cut(topics, topic, 4)
    worker = Worker(stream, lab.store, True)
    wait(lambda: (worker.run_once(0.5), Positions(lab.engine).all().get(0))[1] == 6, "all is taken")
    worker.close()
    [drift] = lab.sql("SELECT kind, key, after, level, delivery, text FROM drift WHERE kind = 'source' AND key LIKE 'stream/%'")
    assert tuple(drift)[:5] == ("source", "stream/0/0", "lost", "critical", "alert")
    assert "offsets 0 to 3 were deleted before they were read" in drift[5]
    assert lab.sql("SELECT count(*) FROM evidence")[0][0] == 2


def test_a_topic_that_was_made_again_is_noticed_and_read_from_its_beginning(
    topics: Topics, new_lab: Callable[[], Lab], impatient: None
) -> None:
    topic, lab = topics.name(), judging(new_lab())
    stream = topics.open(topic, partitions=1)
    worker = Worker(stream, lab.store, True)
    for number in range(3):
        stream.publish([lab.event(f"old{number}", lab.now)])
    wait(lambda: (worker.run_once(0.5), Positions(lab.engine).all().get(0))[1] == 3, "the old topic is taken")
    before = stream.identity
    topics.admin.delete_topics([topic])
    wait(lambda: topic not in topics.admin.list_topics(), "the topic is gone")
    make_topic(topics.admin, topic, 1)
    other = topics.open(topic, partitions=1)
    for number in range(4):
        other.publish([lab.event(f"new{number}", lab.now)])
    said: list[str] = []

    def taken() -> bool:
        try:
            worker.run_once(0.5)
        except StreamError as error:
            said.append(str(error))
        return bool(lab.sql("SELECT count(*) FROM evidence")[0][0] == 7)

    wait(taken, "the new topic is taken")
    worker.close()
    assert any("was deleted and made again" in text for text in said), said
    assert stream.identity != before
    assert Positions(lab.engine).all() == {0: 4}


def test_a_topic_that_was_deleted_is_said_and_made_again_by_whoever_claims_anew(
    topics: Topics, new_lab: Callable[[], Lab], impatient: None
) -> None:
    topic, lab = topics.name(), judging(new_lab())
    stream = topics.open(topic, partitions=1)
    worker = Worker(stream, lab.store, True)
    stream.publish([lab.event("old", lab.now)])
    wait(lambda: (worker.run_once(0.5), Positions(lab.engine).all().get(0))[1] == 1, "the old topic is taken")
    topics.admin.delete_topics([topic])

    def said() -> bool:
        try:
            worker.run_once(0.5)
        except StreamError as error:
            return topics.kafka.plain in str(error)
        return False

    wait(said, "that it is gone is said")

    def published() -> bool:
        said()
        try:
            return bool(stream.publish([lab.event("new", lab.now)]).counts)
        except StreamError:
            return False

    wait(published, "it is there again")
    wait(lambda: (said(), lab.sql("SELECT count(*) FROM evidence")[0][0] == 2)[1], "what is published is stored")
    worker.close()


def test_of_transactions_only_what_was_committed_is_read_and_their_marks_are_passed(topics: Topics) -> None:
    topic = topics.name()
    stream = topics.open(topic, partitions=1)
    writer = producer(topics.kafka, transactional_id=topic)
    topics.opened.append(writer)
    writer.init_transactions()
    for value, end in ((b"taken back", writer.abort_transaction), (b"meant", writer.commit_transaction)):
        writer.begin_transaction()
        writer.send(topic, value, partition=0).get(LONG)
        end()
    stream.publish(some_events(1))
    writer.begin_transaction()
    writer.send(topic, b"last", partition=0).get(LONG)
    writer.commit_transaction()
    consumer = stream.subscribe(lambda _p: (1, 0), lambda _p: None)
    end = stream.ends()[0]
    found = gather(lambda: consumer.poll(100, 0.0), lambda found: bool(found[-1].advances) and found[-1].advances[-1].end == end)
    consumer.close()
    assert [item.event.payload for polled in found for item in polled.items] == [b"meant", b'{"a":1}', b"last"]
    assert [gap for polled in found for gap in polled.gaps] == []
    advances = [advance for polled in found for advance in polled.advances]
    assert advances[0].start == 0
    assert all(before.end == after.start for before, after in itertools.pairwise(advances))


class Broken(str):
    """A header's name that is no UTF-8: a broker takes it, the library cannot read it."""

    def encode(self, *_: object) -> bytes:  # type: ignore[override]
        return b"\xff\xfe"


def test_a_record_that_the_library_cannot_read_is_passed_over_and_told(topics: Topics) -> None:
    topic = topics.name()
    stream = topics.open(topic, partitions=2)
    for number in range(4):
        stream.publish(some_events(20, f"before{number}"))
    odd = topics.send(topic, b"{}", [(Broken("xx"), b"1")])
    for number in range(4):
        stream.publish(some_events(20, f"after{number}"))
    consumer = stream.subscribe(lambda _p: (1, 0), lambda _p: None)
    found = gather(lambda: consumer.poll(100, 0.5), lambda found: len(ids(found)) >= 160)
    consumer.close()
    assert [gap for polled in found for gap in polled.gaps] == [Gap(0, odd, odd + 1, damaged=True)]
    assert ids(found) == sorted(f"{when}{r}-{n}" for when in ("before", "after") for r in range(4) for n in range(20))


def test_a_topic_that_is_there_is_used_as_it_is_and_what_it_lacks_is_said(topics: Topics, warned: list) -> None:
    topic = topics.name()
    make_topic(topics.admin, topic, 2, **{"retention.ms": "3600000", "max.message.bytes": "1000000", "cleanup.policy": "compact"})
    stream = topics.open(topic)
    assert stream.partitions == 2
    reasons = " ".join(log["reason"] for log in warned if log["log_level"] == "warning")
    for word in ("retention.ms is 3600000", "max.message.bytes is 1000000", "cleanup.policy compacts"):
        assert word in reasons
    with pytest.raises(StreamError, match=r"max\.message\.bytes"):
        stream.publish(some_events(1, payload=random.Random(1).randbytes(2_000_000)))


def test_a_topic_is_made_as_it_is_asked_for_by_whoever_comes_first(topics: Topics) -> None:
    from kafka.admin import ConfigResource

    topic, found = topics.name(), []
    threads = [threading.Thread(target=lambda: found.append(topics.open(topic, partitions=3, retention=7200))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert [stream.partitions for stream in found] == [3, 3, 3]
    assert len({stream.identity for stream in found}) == 1
    settings = topics.admin.describe_configs([ConfigResource("topic", topic)], config_filter="all")["topic"][topic]
    wanted = {"retention.ms": "7200000", "cleanup.policy": "delete", "message.timestamp.type": "LogAppendTime"}
    assert {name: settings[name]["value"] for name in wanted} == wanted
    assert int(settings["max.message.bytes"]["value"]) > 16 << 20


def test_a_replication_that_cannot_be_is_refused(topics: Topics) -> None:
    with pytest.raises(StreamError, match=r"correct stream\.replication"):
        topics.open(topics.name(), replication=3)
