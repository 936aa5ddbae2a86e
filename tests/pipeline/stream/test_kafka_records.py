"""What a Kafka record may be: packs and CloudEvents side by side, and anything that anybody may have written."""

from __future__ import annotations

import hashlib
import random

import pytest

from pipeline.errors import StreamError
from pipeline.stream.kafka_codec import chunks, incoming, outgoing
from pipeline.stream.packs import HEAD
from store.records import UNREADABLE, Event
from tests.kafka_server import LONG, make_topic
from tests.pipeline.stream.conftest import Topics, some_events

pytestmark = pytest.mark.parts("kafka")
CE = [
    ("ce_specversion", b"1.0"),
    ("ce_id", b"7"),
    ("ce_source", b"shop"),
    ("ce_type", b"log.shop.order"),
    ("ce_time", b"2026-01-02T03:04:05Z"),
]


def everything(stream: object) -> list[Event]:
    return [item.event for item in stream.look({}, 10_000)]  # type: ignore[attr-defined]


def test_cloudevents_have_the_binding_s_headers_and_the_payload_as_their_value(topics: Topics) -> None:
    from kafka import KafkaConsumer, TopicPartition

    topic = topics.name()
    stream = topics.open(topic, format="cloudevents")
    event = Event("iam", "1", "snapshot.aws.iam.user", 0, b'{"a":1}', "w", 7, "arn:user/Zoë\n", "1234", "eu", "application/json")
    ((partition, offset),) = stream.publish([event]).offsets.items()
    reader = KafkaConsumer(bootstrap_servers=topics.kafka.plain)
    topics.opened.append(reader)
    tp = TopicPartition(topic, partition)
    reader.assign([tp])
    reader.seek(tp, offset)
    (record,) = reader.poll(timeout_ms=int(LONG * 1000))[tp]
    assert record.value == b'{"a":1}'
    assert dict(record.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": b"1",
        "ce_source": b"iam",
        "ce_type": b"snapshot.aws.iam.user",
        "ce_time": b"1970-01-01T00:00:00.000000Z",
        "ce_collectedat": b"1970-01-01T00:00:00.000007Z",
        "ce_subject": "arn:user/Zoë\n".encode(),
        "ce_account": b"1234",
        "ce_region": b"eu",
        "ce_window": b"w",
        "content-type": b"application/json",
    }
    assert everything(stream) == [event]


def test_both_formats_are_read_whatever_is_written(topics: Topics) -> None:
    topic = topics.name()
    packs, singles = topics.open(topic), topics.open(topic, format="cloudevents")
    first, second = some_events(150, "pack"), some_events(150, "single", b"\x00\xff", media_type="application/octet-stream")
    published = packs.publish(first), singles.publish(second)
    assert [sum(done.counts.values()) for done in published] == [150, 150]
    for stream in (packs, singles):
        found = everything(stream)
        assert sorted(found, key=lambda e: e.id) == sorted(first + second, key=lambda e: e.id)


def test_published_counts_single_records_as_events_and_names_the_last_offset(topics: Topics) -> None:
    stream = topics.open(topics.name(), format="cloudevents")
    for _ in range(2):
        published = stream.publish(some_events(300))
        assert sum(published.counts.values()) == 300
        assert {p: last + 1 for p, last in published.offsets.items()} == dict(stream.ends())


def test_a_cloudevent_of_16_mib_travels_and_a_larger_one_is_refused(topics: Topics) -> None:
    stream = topics.open(topics.name(), format="cloudevents")
    payload = random.Random(1).randbytes(16 << 20)
    stream.publish(some_events(1, payload=payload))
    assert [event.payload for event in everything(stream)] == [payload]
    with pytest.raises(StreamError, match="nothing was published"):
        stream.publish([*some_events(3), *some_events(1, payload=payload + b"x")])


def test_a_foreign_cloudevent_needs_no_attribute_of_ours(topics: Topics) -> None:
    topic = topics.name()
    stream = topics.open(topic)
    topics.send(topic, b"{}", [*CE, ("ce_traceparent", b"\xff"), ("other", b"")])
    topics.send(topic, None, CE)
    one, two = everything(stream)
    assert (one.source, one.id, one.payload, one.media_type, one.subject) == ("shop", "7", b"{}", "application/json", None)
    assert two.payload == b""


@pytest.mark.parametrize(
    "headers",
    [
        [("ce_specversion", b"0.3"), *CE[1:]],
        [CE[0], *CE[2:]],
        [*CE, CE[1]],
        [*CE, ("ce_subject", b"\xff")],
        [*CE, ("ce_subject", b"a\0b")],
        [*CE, ("ce_subject", b"x" * 513)],
        [*CE[:4], ("ce_time", b"yesterday")],
    ],
)
def test_a_cloudevent_that_is_none_becomes_an_unreadable_event_with_its_value(topics: Topics, headers: list) -> None:
    topic = topics.name()
    stream = topics.open(topic)
    topics.send(topic, b'{"x":1}', headers)
    topics.send(topic, b"{}", CE)
    odd, good = everything(stream)
    assert (odd.type, odd.payload, odd.source) == (UNREADABLE, b'{"x":1}', "stream")
    assert odd.time > 1_600_000_000_000_000, "the broker's time"
    assert good.id == "7"


@pytest.mark.parametrize("value", [None, b"", b"junk", b"\x02" + b"later version", b"\x01\x28\xb5\x2f\xfd\x04\x00"])
def test_junk_and_tombstones_become_unreadable_events_and_the_partition_goes_on(topics: Topics, value: bytes | None) -> None:
    topic = topics.name()
    stream = topics.open(topic, partitions=1)
    stream.publish(some_events(2, "before"))
    topics.send(topic, value)
    stream.publish(some_events(2, "after"))
    found = everything(stream)
    (odd,) = (event for event in found if event.type == UNREADABLE)
    assert (odd.payload, odd.id) == (value or b"", hashlib.sha256(value or b"").hexdigest())
    assert sorted(event.id for event in found if event is not odd) == ["after-0", "after-1", "before-0", "before-1"]


def test_a_record_of_20_mb_is_kept_by_its_head_and_the_partition_goes_on(topics: Topics) -> None:
    topic = topics.name()
    make_topic(topics.admin, topic, 1, **{"max.message.bytes": str(24 << 20)})
    stream = topics.open(topic)
    data = random.Random(2).randbytes(20_000_000)
    topics.send(topic, data)
    stream.publish(some_events(1, "after"))
    consumer = stream.subscribe(lambda _p: (1, 0), lambda _p: None)
    found = []
    while len(found) < 2:
        found += consumer.poll(10, 30.0).items
    consumer.close()
    odd, after = (item.event for item in found)
    assert (odd.type, odd.id, odd.payload) == (UNREADABLE, hashlib.sha256(data).hexdigest(), data[:HEAD])
    assert odd.media_type == "application/octet-stream; part=head; size=20000000"
    assert after.id == "after-0"


def test_what_is_fetched_is_handed_out_in_bounded_parts(topics: Topics) -> None:
    stream = topics.open(topics.name(), partitions=1)
    for number in range(8):
        stream.publish(some_events(1, f"{number}", bytes(10_000_000)))
    consumer = stream.subscribe(lambda _p: (1, 0), lambda _p: None)
    sizes, end = [], 0
    while end < 8:
        polled = consumer.poll(10_000, 30.0)
        sizes.append(sum(len(item.event.payload) for item in polled.items))
        end = polled.advances[0].end
    consumer.close()
    assert sum(sizes) == 80_000_000
    assert max(sizes) <= 40_000_000


def test_records_go_out_in_parts_of_bounded_size() -> None:
    records = outgoing(some_events(40, payload=random.Random(3).randbytes(1_000_000)), 2, "cloudevents")
    parts = list(chunks(records, 16 << 20))
    assert [record for part in parts for record in part] == records
    assert all(sum(record.size for record in part) <= 16 << 20 for part in parts)


class Record:
    headers = ()
    value = b"junk"

    def __init__(self, timestamp: int) -> None:
        self.timestamp = timestamp


@pytest.mark.parametrize("timestamp", [-1, 0, 1, (1 << 63) - 1])
def test_any_timestamp_of_a_record_is_taken(timestamp: int) -> None:
    (event,) = incoming(Record(timestamp))
    assert event.type == UNREADABLE
    assert 0 <= event.time <= 253_402_300_799_999_999
