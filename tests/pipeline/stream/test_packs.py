"""pipeline/stream/packs.py: how events become records."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import StreamError
from pipeline.event import MAX_PACK_EVENTS, Event, pack, unpack
from pipeline.stream.packs import HEAD, MAX_KEPT, MAX_PACK_PAYLOAD, partition_of, read_record, records_by_partition
from store.records import UNREADABLE


def test_partitions_are_what_they_always_were():
    """A change would spread one subject's later events elsewhere than its earlier ones."""
    assert [partition_of(Event("s", f"id-{n}", "t", 1, b""), 4) for n in range(8)] == [2, 0, 2, 0, 3, 1, 3, 1]
    assert partition_of(Event("s", "id", "t", 1, b"", subject="arn:aws:iam::1:user/ann"), 4) == 1


@settings(deadline=None)
@given(st.text(), st.text(), st.none() | st.text(), st.integers(1, 256))
def test_the_subject_decides_and_where_there_is_none_the_id(one, other, subject, partitions):
    first, second = (partition_of(Event("s", text, "t", 1, b"", subject=subject), partitions) for text in (one, other))
    assert 0 <= first < partitions
    if subject is not None or one == other:
        assert first == second


@settings(deadline=None)
@given(st.lists(st.integers(0, 5_000_000), max_size=12), st.integers(1, 5))
def test_packs_keep_order_and_limits(sizes, partitions):
    events = [Event("s", f"{n}", "t", n, bytes(size)) for n, size in enumerate(sizes)]
    records = records_by_partition(events, partitions)
    found: list[Event] = []
    for partition, some in records.items():
        assert some
        inside: list[Event] = []
        for record in some:
            held = unpack(record.data)
            assert 0 < len(held) == record.events <= MAX_PACK_EVENTS
            assert len(held) == 1 or sum(len(event.payload) for event in held) <= MAX_PACK_PAYLOAD
            inside += held
        assert all(partition_of(event, partitions) == partition for event in inside)
        assert inside == sorted(inside, key=lambda event: event.time)
        found += inside
    assert sorted(found, key=lambda event: event.time) == events


def test_packs_are_as_full_as_they_may_be():
    events = [Event("s", f"{n}", "t", n, b"") for n in range(250)]
    assert [record.events for record in records_by_partition(events, 1)[0]] == [100, 100, 50]
    halves = [Event("s", f"{n}", "t", n, bytes(MAX_PACK_PAYLOAD // 2)) for n in range(5)]
    assert [record.events for record in records_by_partition(halves, 1)[0]] == [2, 2, 1]


def test_an_event_over_the_limit_of_a_pack_has_one_of_its_own():
    events = [Event("s", "1", "t", 1, b"a"), Event("s", "2", "t", 2, bytes(MAX_PACK_PAYLOAD + 1)), Event("s", "3", "t", 3, b"b")]
    assert [record.events for record in records_by_partition(events, 1)[0]] == [1, 1, 1]


def test_an_event_that_no_record_can_hold_is_named():
    with pytest.raises(StreamError, match=r"nothing was published: event 'big' of 's': 17825792 bytes"):
        records_by_partition([Event("s", "big", "t", 1, bytes(17 << 20))], 1)


def test_a_record_becomes_its_events_or_one_unreadable_event():
    events = (Event("s", "1", "t", 1, b"a"), Event("s", "2", "t", 2, b"b"))
    record = pack(events)
    assert read_record(record, 5) == events
    digest = hashlib.sha256(record[:-1]).hexdigest()
    (event,) = read_record(record[:-1], 5)
    assert event == Event("stream", digest, UNREADABLE, 5, record[:-1], "", 5, None, "", "", "application/octet-stream")


def test_of_a_large_record_that_cannot_be_decoded_the_head_is_kept_and_the_whole_named():
    data = bytes(range(256)) * (MAX_KEPT // 256)
    (event,) = read_record(data, 5)
    assert (event.payload, event.media_type) == (data, "application/octet-stream")
    (event,) = read_record(data + b"x", 5)
    assert (event.id, event.payload) == (hashlib.sha256(data + b"x").hexdigest(), data[:HEAD])
    assert event.media_type == f"application/octet-stream; part=head; size={MAX_KEPT + 1}"
