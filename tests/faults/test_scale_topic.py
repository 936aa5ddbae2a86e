"""What may stand in a topic, or no longer: junk among good records, and records deleted before they were read."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace

import pytest

from tests.faults.scale import PARTITIONS, ROLES, Scale, check_covered
from tests.kafka_server import LONG, admin, kafka, make_topic, producer

pytestmark = [pytest.mark.timeout(0), pytest.mark.parts("kafka"), pytest.mark.parts("postgres")]

ZSTD = b"\x28\xb5\x2f\xfd"
HEAD = 1 << 20
JUNK = {
    "no headers": b"hello",
    "unknown version": b"\xee" + bytes(100),
    "compressed junk": b"\x01" + ZSTD + bytes(range(200)),
    "empty": b"",
    "20 MB": random.Random(1).randbytes(20 * 1024 * 1024),
}
HEADERS = {
    "none": [],
    "a CloudEvent without an id": [("ce_specversion", b"1.0")],
    "a CloudEvent of an unknown version": [
        ("ce_specversion", b"9.9"),
        ("ce_id", b"x"),
        ("ce_source", b"trail"),
        ("ce_type", b"t"),
    ],
}


def test_junk_in_the_topic_becomes_dead_letters_and_the_partitions_go_on(scaled, alone):
    made, scale = kafka(), None
    scale = scaled()
    with_admin, writer = admin(made), producer(made)
    try:
        make_topic(with_admin, scale.topic, PARTITIONS, **{"max.message.bytes": str(24 * 1024 * 1024)})
        scale.start(*ROLES)
        thrown = [(junk, headers) for headers in HEADERS.values() for junk in JUNK.values()]
        for number, (junk, headers) in enumerate(thrown):
            writer.send(scale.topic, junk, partition=number % PARTITIONS, headers=headers).get(LONG)
            scale.stream.publish(alone.extra[number :: len(thrown)])
    finally:
        writer.close()
        with_admin.close()
    found = scale.finish()
    check_covered(scale)
    dead = {key: count for key, count in found.dead.items() if key[0] == "stream"}
    assert set(dead.values()) == {1}
    expected = {(hashlib.sha256(junk).hexdigest(), junk if len(junk) <= 8 * HEAD else junk[:HEAD]) for junk in JUNK.values()}
    assert {(key[1], key[3]) for key in dead} >= expected
    assert replace(found, dead=found.dead - type(found.dead)(dead)) == alone.outcome


def test_a_topic_that_was_truncated_past_the_position_is_a_loud_gap_and_is_asked_for_again(scaled, alone):
    from kafka import TopicPartition

    scale: Scale = scaled()
    scale.start("seal", "map-1")
    scale.until(scale.made, "the store is made")
    scale.stream.publish(alone.extra[:1000])
    scale.until(lambda: len(scale.positions()) == PARTITIONS and scale.caught_up(), "the worker has come somewhere")
    scale.kill("map-1")
    scale.start("collect")
    scale.until(scale.collected, "everything is collected, and nobody takes it")
    scale.kill("collect")
    positions, ends = scale.positions(), scale.stream.ends()
    with_admin = admin(kafka())
    to = {partition: (positions[partition] + 3 * end) // 4 for partition, end in ends.items()}
    assert all(positions[partition] < offset < ends[partition] for partition, offset in to.items())
    with_admin.delete_records({TopicPartition(scale.topic, partition): offset for partition, offset in to.items()})
    with_admin.close()
    scale.stream.publish(alone.extra[1000:])
    scale.start("map-1", "map-2")
    scale.until(scale.caught_up, "what is left is processed")
    scale.pass_deadline()
    assert scale.finish() == alone.outcome
    check_covered(scale)
    gaps = scale.tables.rows("select key, after, level from drift where key like 'stream/%' order by key")
    assert [tuple(row) for row in gaps] == [(f"stream/{p}/{positions[p]}", "lost", "critical") for p in sorted(to)]
    states = [row["state"] for row in scale.tables.rows("select state from attempt")]
    assert states.count("abandoned") > 0
    assert scale.tables.one("select count(*) from attempt where kind = 'retry' and state <> 'abandoned'") > 0
