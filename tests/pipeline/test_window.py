"""pipeline/window.py: the window record as an event."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import CodecError
from pipeline.event import pack, unpack
from pipeline.window import read_window, window_event
from store.records import HOUR, Cover, PartRecord, WindowRecord
from store.times import MAX_TIME

name = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
message = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=700)
times = st.integers(0, MAX_TIME)
counts = st.integers(0, 2**53 - 1)
parts = st.builds(
    PartRecord,
    part=name,
    type=name,
    complete=st.booleans(),
    enumerates=st.booleans(),
    read=counts,
    errors=st.lists(message, max_size=2).map(tuple),
)
covers = st.builds(Cover, part=name, start=times, end=times, joins=st.booleans(), bridge=counts)
pairs = st.lists(st.tuples(st.integers(0, 255), counts), max_size=4).map(tuple)
records = st.builds(
    WindowRecord,
    attempt=name.filter(bool),
    source=name.filter(bool),
    source_type=name,
    kind=st.sampled_from(["scheduled", "backfill", "retry"]),
    asked=st.tuples(times, times),
    started_at=times,
    ended_at=times,
    identity=name,
    state=st.sampled_from(["complete", "partial", "failed"]),
    pages=counts,
    files=counts,
    bytes=counts,
    records=counts,
    unreadable=counts,
    parts=st.lists(parts, max_size=3).map(tuple),
    covers=st.lists(covers, max_size=3).map(tuple),
    published=pairs,
    offsets=pairs,
    errors=st.lists(message, max_size=3).map(tuple),
    ignored=counts,
)
RECORD = WindowRecord(
    attempt="01J9",
    source="trail",
    source_type="cloudtrail-files",
    kind="scheduled",
    asked=(1_700_000_000_000_000, 1_700_003_600_000_000),
    started_at=1_700_003_700_000_000,
    ended_at=1_700_003_701_000_001,
    identity="file owner root",
    state="partial",
    pages=0,
    files=3,
    bytes=1234,
    records=40,
    unreadable=1,
    parts=(PartRecord("123456789012/eu-west-1", "log.aws.cloudtrail", False, False, 40, ("a.json.gz: cut short",)),),
    covers=(Cover("123456789012/eu-west-1", 1_700_000_000_000_000, 1_700_001_000_000_000, False, HOUR),),
    published=((0, 30), (3, 10)),
    offsets=((0, 7), (3, 2)),
    errors=("one file unreadable",),
    ignored=2,
)


@settings(deadline=None)
@given(records, times)
def test_a_record_round_trips_by_way_of_the_stream(record, at):
    event = window_event(record, at)
    assert read_window(event) == record
    ((travelled),) = unpack(pack([event]))
    assert read_window(travelled) == record


def test_the_event_s_attributes():
    event = window_event(RECORD, 9)
    assert (event.source, event.id, event.type, event.kind) == ("trail", "01J9", "window.cloudtrail-files", "window")
    assert (event.time, event.collected_at, event.window) == (RECORD.ended_at, 9, "01J9")
    assert (event.media_type, event.subject) == ("application/json", None)


def test_the_payload_is_readable_and_canonical():
    document = json.loads(window_event(RECORD, 9).payload)
    assert rfc8785.dumps(document) == window_event(RECORD, 9).payload
    assert document["asked"] == {"from": "2023-11-14T22:13:20.000000Z", "to": "2023-11-14T23:13:20.000000Z"}
    assert document["counts"] == {"pages": 0, "files": 3, "bytes": 1234, "records": 40, "unreadable": 1, "ignored": 2}
    assert document["covers"] == [
        {
            "part": "123456789012/eu-west-1",
            "from": "2023-11-14T22:13:20.000000Z",
            "to": "2023-11-14T22:30:00.000000Z",
            "joins": False,
            "bridge_us": 3_600_000_000,
        }
    ]
    assert document["parts"][0]["errors"] == ["a.json.gz: cut short"]
    assert document["published"] == [{"partition": 0, "events": 30}, {"partition": 3, "events": 10}]
    assert document["offsets"] == [{"partition": 0, "last": 7}, {"partition": 3, "last": 2}]


def test_nothing_that_a_source_says_keeps_its_window_from_being_published():
    part = PartRecord("a\0" * 400, "log.\ud800", False, False, 1, ("bad \udcff name\0",))
    hostile = replace(RECORD, identity="x" * 600, errors=("\ud800",), parts=(part,), source_type="y" * 510)
    ((event),) = unpack(pack([window_event(hostile, 1)]))
    found = read_window(event)
    assert found.errors == ("\ufffd",)
    assert found.parts[0].errors == ("bad \ufffd name\ufffd",)
    assert found.parts[0].part.startswith("sha256:")
    assert found.identity.startswith("sha256:")


@pytest.mark.parametrize(
    "change", [{"asked": (-1, 5)}, {"ended_at": MAX_TIME + 1}, {"bytes": 2**53}, {"covers": (Cover("p", 1, MAX_TIME + 1),)}]
)
def test_what_cannot_be_written_is_refused(change):
    with pytest.raises(CodecError):
        window_event(replace(RECORD, **change), 1)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"version":1', b'"version":2'),
        (b'"version":1', b'"version":1,"version":1'),
        (b'"version":1', b'"version":1.0'),
        (b'"version":1', b'"version": 1'),
        (b'"version":1', b'"version":1,"zzz":1'),
        (b'"kind":"scheduled"', b'"kind":"nightly"'),
        (b'"state":"partial"', b'"state":"open"'),
        (b'"pages":0', b'"pages":"0"'),
        (b'"pages":0', b'"pages":-0'),
        (b'"pages":0', b'"pages":true'),
        (b'"joins":false', b'"joins":0'),
        (b'"identity":"file owner root"', b'"identity":null'),
        (b'"identity":"file owner root"', b'"identity":"\\ud800"'),
        (b'"identity":"file owner root"', b'"identity":"\\u0000"'),
        (b'"identity":"file owner root"', b'"identity":"\xff"'),
        (b"2023-11-14T22:13:20.000000Z", b"2023-11-14T22:13:20Z"),
        (b"2023-11-14T22:13:20.000000Z", b"2023-11-31T22:13:20.000000Z"),
        (b"2023-11-14T22:13:20.000000Z", b"2023-11-14T23:13:20.000000+01:00"),
        (b'"attempt":"01J9"', b'"attempt":"01J8"'),
        (b'"source":"trail"', b'"source":"other"'),
        (b'"source_type":"cloudtrail-files"', b'"source_type":"jira"'),
    ],
)
def test_another_payload_is_refused(old, new):
    event = window_event(RECORD, 1)
    assert old in event.payload
    with pytest.raises(CodecError, match="window '01J9'"):
        read_window(replace(event, payload=event.payload.replace(old, new)))


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_noise_raises_codec_error_only(noise):
    with pytest.raises(CodecError):
        read_window(replace(window_event(RECORD, 1), payload=noise))


@settings(deadline=None)
@given(st.data())
def test_mutated_records_raise_codec_error_or_are_canonical(data):
    event = window_event(RECORD, 1)
    payload = bytearray(event.payload)
    payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read_window(replace(event, payload=bytes(payload)))
    except CodecError:
        return
    assert window_event(found, 1).payload == bytes(payload)
