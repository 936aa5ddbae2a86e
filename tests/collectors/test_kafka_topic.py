"""Source type kafka-topic against a real broker: offsets, gaps, transactions, credentials, and what is no event."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient, NewPartitions
from kafka.structs import TopicPartition

from collectors import kafka as adapter
from collectors.base import Collector, SourceUnreadable
from collectors.registry import SourceInvalid, build, read_settings
from collectors.runner import run_attempts, run_period
from store.records import DAY, HOUR, MINUTE, SECOND, UNREADABLE, Event, WindowRecord
from store.times import wall_clock
from tests.kafka_server import LONG, PASSWORD, READER, STRANGER, Kafka, admin, kafka, make_topic, producer, wait
from tests.memory import MemoryLedger, MemoryStream

pytestmark = [pytest.mark.parts("kafka"), pytest.mark.filterwarnings("ignore::DeprecationWarning")]

NO_SUCH = {"bootstrap_servers": ["127.0.0.1:1"], "topic": "x", "product": "app", "service": "audit"}


@dataclass
class Site:
    """A topic of the run's broker, and an installation in memory that reads it."""

    made: Kafka
    producer: KafkaProducer
    admin: KafkaAdminClient
    settings: Mapping[str, Any] = field(default_factory=dict)
    topic: str = field(default_factory=lambda: f"audit-{uuid.uuid4().hex[:12]}")

    def __post_init__(self) -> None:
        self.fresh()

    def fresh(self) -> None:
        """A new installation."""
        self.stream = MemoryStream()
        self.ledger = MemoryLedger(self.stream.log)

    def make(self, partitions: int = 1, **config: str) -> None:
        make_topic(self.admin, self.topic, partitions, **config)

    def put(self, value: Any, partition: int = 0, at: int | None = None, producer: KafkaProducer | None = None) -> None:
        """`at`: the record's timestamp in microseconds."""
        data = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
        stamp = None if at is None else at // 1000
        (producer or self.producer).send(self.topic, data, key=b"k", partition=partition, timestamp_ms=stamp).get(LONG)

    def collector(self) -> Collector:
        own = {"name": "app", "type": "kafka-topic", "product": "app", "service": "audit", "topic": self.topic, "timeout": LONG}
        return build(read_settings({**own, "bootstrap_servers": [self.made.plain], **self.settings}))

    def read(self) -> list[Event]:
        before = len(self.stream.events)
        self.records: list[WindowRecord] = run_attempts(self.collector(), self.stream, self.ledger, 1, wall_clock())
        return [event for event in self.stream.events[before:] if event.kind != "window"]

    def delete_before(self, offset: int, partition: int = 0) -> None:
        self.admin.delete_records({TopicPartition(self.topic, partition): offset})

    @property
    def states(self) -> list[str]:
        return [record.state for record in self.records]

    @property
    def errors(self) -> str:
        return "; ".join(error for record in self.records for error in record.errors)


@pytest.fixture(scope="module")
def clients() -> Iterator[tuple[Kafka, KafkaProducer, KafkaAdminClient]]:
    made = kafka()
    writer, keeper = producer(made), admin(made)
    yield made, writer, keeper
    writer.close()
    keeper.close()


@pytest.fixture
def site(clients: tuple[Kafka, KafkaProducer, KafkaAdminClient]) -> Site:
    return Site(*clients)


def told(events: list[Event]) -> list[int]:
    return [json.loads(event.payload)["n"] for event in events if event.type != UNREADABLE]


# -- attributes and payload


def test_a_value_is_an_event_with_its_exact_bytes_its_place_as_id_and_its_timestamp(site: Site) -> None:
    site.make(2)
    at = wall_clock() // 1000 * 1000 - MINUTE
    raw = b'{ "user": {"name" : "bob"},"n":1}'
    site.settings = {"fields": {"subject": "user.name"}, "account": "ours"}
    site.put(raw, partition=1, at=at)
    [event] = site.read()
    assert (event.payload, event.time, event.type) == (raw, at, "log.app.audit")
    assert (event.subject, event.account) == ("bob", "ours")
    topic_id, partition, offset = event.id.split("/")
    assert uuid.UUID(topic_id)
    assert (partition, offset) == ("1", "0")
    assert site.states == ["complete"]
    assert "nobody in particular at Kafka at 127.0.0.1" in site.records[0].identity


def test_mapped_fields_win_over_the_record(site: Site) -> None:
    site.make()
    site.settings = {"fields": {"time": "at", "id": "id", "account": "unit", "type": "kind"}}
    site.put({"at": "2026-11-20T10:00:00Z", "id": "e-1", "unit": "eu", "kind": "log.okta.system"})
    [event] = site.read()
    assert (event.id, event.account, event.type) == ("e-1", "eu", "log.okta.system")
    assert event.time == 1_795_168_800 * SECOND
    assert [(part.part, part.type, part.read) for part in site.records[0].parts] == [("eu", "log.okta.system", 1)]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "is not JSON"),
        (b"plain text", "is not JSON"),
        (b'{"a": 1, "a": 2}', "the same name twice"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"[1]", "is not a JSON object"),
        (b'{"x": ' + b"[" * 70 + b"]" * 70 + b"}", "nested"),
        (b'{"x": "' + b"y" * (17 * 1024 * 1024) + b'"}', "are read"),
    ],
    ids=["empty", "text", "twice", "utf8", "list", "deep", "large"],
)
def test_what_is_no_event_is_kept_and_the_window_goes_on(site: Site, value: bytes, reason: str) -> None:
    site.make()
    site.put({"n": 1})
    site.put(value)
    site.put({"n": 2})
    events = site.read()
    assert told(events) == [1, 2]
    [letter] = [event for event in events if event.type == UNREADABLE]
    assert letter.payload == value[: len(letter.payload)]
    assert len(letter.payload) in (len(value), 1024 * 1024)
    assert reason in str(letter.subject)
    assert f"{site.topic}/0/1" in str(letter.subject)
    assert site.states == ["partial"]
    assert site.read() == []
    assert site.states == ["complete"]


def test_a_value_of_ten_megabytes_is_read(site: Site) -> None:
    site.make()
    site.put({"n": 1, "x": "y" * 10_000_000})
    assert told(site.read()) == [1]


def test_a_timestamp_in_the_future_is_no_time(site: Site) -> None:
    site.make(**{"message.timestamp.after.max.ms": str(2**63 - 1)})
    site.put({"n": 1}, at=wall_clock() + 30 * DAY)
    site.put({"n": 2}, at=wall_clock() - MINUTE)
    events = site.read()
    assert told(events) == [2]
    assert "lies in the future" in site.errors
    assert all(cover.end <= wall_clock() for record in site.records for cover in record.covers)


def test_what_is_taken_back_in_a_compacted_topic_is_no_event(site: Site) -> None:
    site.make(**{"cleanup.policy": "compact"})
    site.put({"n": 1})
    site.put(None)
    site.put({"n": 2})
    assert told(site.read()) == [1, 2]
    assert site.states == ["complete"]
    assert site.records[0].ignored == 1


# -- offsets


def test_each_window_goes_on_where_the_last_one_ended(site: Site) -> None:
    site.make(3)
    for number in range(9):
        site.put({"n": number}, partition=number % 3)
    assert sorted(told(site.read())) == list(range(9))
    assert site.ledger.kept["offsets"] == {"0": 3, "1": 3, "2": 3}
    assert site.read() == []
    for number in range(9, 12):
        site.put({"n": number}, partition=1)
    assert told(site.read()) == [9, 10, 11]
    assert site.states == ["complete"]


def test_an_empty_topic_is_complete_and_its_first_record_is_read(site: Site) -> None:
    site.make(2)
    assert site.read() == []
    assert site.states == ["complete"]
    site.put({"n": 1}, partition=1)
    assert told(site.read()) == [1]


def test_partitions_that_are_added_are_read_from_their_beginning(site: Site) -> None:
    site.make(1)
    site.put({"n": 1})
    site.read()
    site.admin.create_partitions({site.topic: NewPartitions(3)})
    wait(lambda: len(site.admin.describe_topics([site.topic])[0]["partitions"]) == 3, "the partitions are there")
    fresh = producer(site.made)
    site.put({"n": 2}, partition=2, producer=fresh)
    fresh.close()
    assert told(site.read()) == [2]
    assert site.states == ["complete"]


def test_only_what_was_committed_is_read_and_control_records_are_none(site: Site) -> None:
    site.make()
    writer = producer(site.made, transactional_id=uuid.uuid4().hex)
    writer.init_transactions()
    for number, end in ((1, writer.commit_transaction), (2, writer.abort_transaction), (3, writer.commit_transaction)):
        writer.begin_transaction()
        site.put({"n": number}, producer=writer)
        end()
    writer.begin_transaction()
    site.put({"n": 4}, producer=writer)
    site.put({"n": 5})  # behind a transaction that is open
    assert told(site.read()) == [1, 3]
    assert site.states == ["complete"]
    writer.commit_transaction()
    writer.close()
    found: list[int] = []
    wait(lambda: found.extend(told(site.read())) or len(found) > 1, "the end of the transaction is known everywhere")
    assert found == [4, 5]
    assert site.read() == []


@pytest.mark.parametrize("compression", ["gzip", "lz4", "zstd"])
def test_compressed_records_are_read(site: Site, compression: str) -> None:
    site.make()
    writer = producer(site.made, compression_type=compression, linger_ms=50)
    for number in range(200):
        writer.send(site.topic, json.dumps({"n": number}).encode(), partition=0)
    writer.flush(LONG)
    writer.close()
    assert told(site.read()) == list(range(200))


# -- gaps


def test_what_was_deleted_before_it_was_read_is_a_gap_that_is_said(site: Site) -> None:
    site.make()
    for number in range(3):
        site.put({"n": number})
    site.read()
    assert site.states == ["complete"]
    for number in range(3, 9):
        site.put({"n": number})
    site.delete_before(6)
    assert told(site.read()) == [6, 7, 8]
    assert site.states == ["partial"]
    assert "offsets 3 to 5 were deleted before they were read" in site.errors
    assert not all(part.complete for record in site.records for part in record.parts)
    assert not any(cover.joins for record in site.records for cover in record.covers)
    site.put({"n": 9})
    assert told(site.read()) == [9]
    assert site.states == ["complete"]


def test_what_is_deleted_while_it_is_read_is_a_gap_too(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.make()
    for number in range(4):
        site.put({"n": number})
    site.read()
    for number in range(4, 8):
        site.put({"n": number})
    polled = adapter.Topic._poll

    def late(topic: adapter.Topic) -> list[adapter.Record]:
        monkeypatch.setattr(adapter.Topic, "_poll", polled)
        site.delete_before(6)
        return polled(topic)

    monkeypatch.setattr(adapter.Topic, "_poll", late)
    assert told(site.read()) == [6, 7]
    assert site.states == ["partial"]
    assert "offsets 4 to 5 were deleted before they were read" in site.errors


@pytest.mark.parametrize("again", [1, 9])
@pytest.mark.parametrize("told_apart", [True, False])
def test_a_topic_made_again_is_read_from_its_beginning_and_said(
    site: Site, again: int, told_apart: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not told_apart:
        monkeypatch.setattr(adapter.Topic, "identity", lambda _topic: "")  # a broker before 2.8
    site.make()
    for number in range(4):
        site.put({"n": number})
    site.read()
    ids = {event.id for event in site.stream.events if event.kind == "log"}
    site.admin.delete_topics([site.topic])
    wait(lambda: site.topic not in site.admin.list_topics(), "the topic is gone")
    site.make()
    writer = producer(site.made)
    for number in range(100, 100 + again):
        site.put({"n": number}, producer=writer)
    writer.close()
    events = site.read()
    if told_apart:
        assert told(events) == list(range(100, 100 + again))
        assert "deleted and made again" in site.errors
        assert not ids & {event.id for event in events}
    elif again < 4:
        assert told(events) == [100]
        assert "ends before offset 4 by now" in site.errors
    else:  # nothing tells these apart
        assert told(events) == list(range(104, 109))
        return
    assert site.states == ["partial"]
    assert site.read() == []
    assert site.states == ["complete"]


def test_a_partition_that_stops_stays_behind_by_itself(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.make(2)
    site.put({"n": 0}, partition=0)
    site.put({"n": 1}, partition=1)
    polled = adapter.Topic._poll
    newest = 1

    def stuck(topic: adapter.Topic) -> list[adapter.Record]:
        topic.consumer.pause(TopicPartition(topic.name, 1))
        if topic.reached[0] == newest:  # what is still to come never comes
            topic.cluster = replace(topic.cluster, timeout=0.3)
        return polled(topic)

    monkeypatch.setattr(adapter.Topic, "_poll", stuck)
    assert told(site.read()) == [0]
    assert site.states == ["partial"]
    assert "partition 1 was read up to offset 0 of 1: nothing more came" in site.errors
    assert not any(record.covers for record in site.records)
    newest = 2
    site.put({"n": 2}, partition=0)
    assert told(site.read()) == [2]
    monkeypatch.setattr(adapter.Topic, "_poll", polled)
    assert told(site.read()) == [1]
    assert site.states == ["complete"]


# -- periods and coverage


def test_days_are_windows_and_coverage_goes_from_first_to_last_record(site: Site) -> None:
    site.make()
    start = wall_clock() // SECOND * SECOND - 3 * DAY
    for number, minutes in enumerate((0, 50, 100, 300, 330, 2000, 4319)):
        site.put({"n": number}, at=start + minutes * MINUTE)
    assert told(site.read()) == list(range(7))
    assert len(site.records) == 4
    assert [record.records for record in site.records] == [5, 1, 1, 0]
    found = [((c.start - start) // MINUTE, (c.end - start) // MINUTE) for record in site.records for c in record.covers]
    assert found == [(0, 100), (300, 330), (2000, 2000), (4319, 4319)]


def test_a_period_is_read_again_by_the_records_times(site: Site) -> None:
    site.make(2)
    start = wall_clock() // SECOND * SECOND - DAY
    for number in range(10):
        site.put({"n": number}, partition=number % 2, at=start + number * HOUR)
    site.read()
    first = {event.id: event.payload for event in site.stream.events if event.kind == "log"}
    stream = MemoryStream()
    records = run_period(site.collector(), stream, site.ledger, 1, (start + 2 * HOUR, start + 5 * HOUR))
    assert sorted(told([event for event in stream.events if event.kind == "log"])) == [3, 4, 5]
    assert [record.state for record in records] == ["complete"]
    assert {event.id: event.payload for event in stream.events if event.kind == "log"}.items() <= first.items()


def test_since_leaves_out_what_is_older(site: Site) -> None:
    site.make()
    now = wall_clock() // SECOND * SECOND
    for number in range(5):
        site.put({"n": number}, at=now - (5 - number) * DAY)
    site.settings = {"since": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime((now - 2 * DAY - HOUR) // SECOND))}
    assert told(site.read()) == [3, 4]


def test_what_is_not_understood_cuts_the_coverage(site: Site) -> None:
    site.make()
    start = wall_clock() // SECOND * SECOND - 5 * HOUR
    for minutes, value in ((0, {"n": 0}), (10, b"oops"), (20, {"n": 1})):
        site.put(value, at=start + minutes * MINUTE)
    site.read()
    found = [((c.start - start) // MINUTE, (c.end - start) // MINUTE, c.joins) for r in site.records for c in r.covers]
    assert found == [(0, 0, True), (20, 20, False)]


# -- credentials, refusals, checks


Secured = Callable[[Site], Mapping[str, Any]]
SECURED: dict[str, Secured] = {
    "plain": lambda site: {"bootstrap_servers": [site.made.sasl], "mechanism": "PLAIN"},
    "scram": lambda site: {"bootstrap_servers": [site.made.sasl], "mechanism": "SCRAM-SHA-512"},
    "tls": lambda site: {
        "bootstrap_servers": [site.made.tls],
        "mechanism": "SCRAM-SHA-512",
        "tls": True,
        "ca_file": site.made.ca_file,
    },
}


@pytest.mark.parametrize("how", SECURED)
def test_a_user_is_let_in_and_the_password_is_seen_nowhere(site: Site, how: str, tmp_path: Path) -> None:
    site.make()
    site.put({"n": 1})
    (tmp_path / "password").write_text(PASSWORD + "\n")
    site.settings = {**SECURED[how](site), "username": READER, "password_file": str(tmp_path / "password")}
    assert told(site.read()) == [1]
    assert site.states == ["complete"]
    assert site.records[0].identity.startswith("user reader at Kafka at ")
    said = repr((site.records, site.stream.events, site.collector(), site.collector().check(), site.ledger.kept))
    assert PASSWORD not in said


@pytest.mark.parametrize("how", SECURED)
def test_a_wrong_password_is_said_and_nothing_else(
    site: Site, how: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site.make()
    (tmp_path / "password").write_text("wrong-canary-word")
    site.settings = {**SECURED[how](site), "username": READER, "password_file": str(tmp_path / "password")}
    assert site.read() == []
    assert site.states == ["failed"]
    assert "does not accept the credentials" in site.errors
    with pytest.raises(SourceUnreadable, match="does not accept the credentials"):
        site.collector().check()
    assert "wrong-canary-word" not in caplog.text + site.errors


def test_a_user_who_may_not_read_gets_the_permission_named(site: Site, tmp_path: Path) -> None:
    site.make()
    site.put({"n": 1})
    (tmp_path / "password").write_text(PASSWORD)
    own = {"mechanism": "PLAIN", "username": STRANGER, "password_file": str(tmp_path / "password")}
    site.settings = {"bootstrap_servers": [site.made.sasl], **own}
    assert site.read() == []
    assert site.states == ["failed"]
    assert f"denies access to topic {site.topic}: allow READ and DESCRIBE" in site.errors
    [probe] = site.collector().check()
    assert probe.denied is not None
    assert (probe.denied.action, probe.denied.resource) == ("READ", f"topic {site.topic}")


def test_a_broker_that_nobody_vouches_for_is_not_spoken_to(site: Site, tmp_path: Path) -> None:
    site.make()
    (tmp_path / "password").write_text(PASSWORD)
    own = {"tls": True, "mechanism": "PLAIN", "username": READER, "password_file": str(tmp_path / "password")}
    site.settings = {"bootstrap_servers": [site.made.tls], "timeout": 0.5, **own}
    assert site.read() == []
    assert site.states == ["failed"]


def test_a_certificate_file_that_is_not_there_is_named(site: Site) -> None:
    site.settings = {"tls": True, "ca_file": "/nowhere/ca.pem"}
    with pytest.raises(SourceUnreadable, match=r"ca_file /nowhere/ca\.pem cannot be read"):
        site.collector().check()


def test_a_topic_that_is_not_there_is_said_and_not_made(site: Site) -> None:
    assert site.read() == []
    assert site.states == ["failed"]
    assert f"topic {site.topic} does not exist, or its user may not see it" in site.errors
    assert site.topic not in site.admin.list_topics()


def test_the_check_sees_partitions_and_reads(site: Site) -> None:
    site.make(3)
    for number in range(5):
        site.put({"n": number}, partition=number % 3)
    [probe] = site.collector().check()
    assert probe.denied is None
    assert "has 3 partitions and holds offsets for 5 records" in probe.text


def test_no_group_is_joined_and_nothing_is_committed(site: Site) -> None:
    site.make()
    site.put({"n": 1})
    groups = site.admin.list_groups()
    site.read()
    assert site.admin.list_groups() == groups


def settings(**more: Any) -> Mapping[str, Any]:
    return {"name": "app", "type": "kafka-topic", **NO_SUCH, **more}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"topic": "a topic"}, "topic"),
        ({"bootstrap_servers": ["broker"]}, "written host:port"),
        ({"bootstrap_servers": ["kafka://broker:9092"]}, "written host:port"),
        ({"bootstrap_servers": ["user:word@broker:9092"]}, "written host:port"),
        ({"bootstrap_servers": []}, "bootstrap_servers"),
        ({"username": "x"}, "set mechanism"),
        ({"mechanism": "PLAIN"}, "username is missing"),
        ({"mechanism": "SCRAM-SHA-512", "username": "x"}, "set password_file"),
        ({"mechanism": "GSSAPI", "username": "x"}, "mechanism"),
        ({"ca_file": "/x"}, "set tls: true"),
        ({"tls": True, "key_file": "/x"}, "belongs to cert_file"),
        (
            {"mechanism": "PLAIN", "username": "x", "password_file": "/x", "bootstrap_servers": ["broker.example.org:9092"]},
            "in the clear",
        ),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(more: Mapping[str, Any], said: str) -> None:
    with pytest.raises(SourceInvalid, match=said):
        read_settings(settings(**more))


def test_a_refused_setting_never_shows_the_password() -> None:
    with pytest.raises(SourceInvalid) as caught:
        read_settings(settings(mechanism="PLAIN", username="x", password="hunter2-canary", password_file="/x"))
    assert "hunter2-canary" not in str(caught.value)


def test_a_cluster_that_cannot_be_reached_fails_in_time_and_leaves_no_thread() -> None:
    before = threading.active_count()
    collector = build(read_settings(settings(timeout=0.3)))
    with pytest.raises(SourceUnreadable, match=r"did not answer within 0\.3 s: check bootstrap_servers"):
        collector.check()
    wait(lambda: threading.active_count() <= before, "its threads have ended")
