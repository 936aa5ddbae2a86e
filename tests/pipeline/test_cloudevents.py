"""pipeline/cloudevents.py: events as CloudEvents 1.0, JSON and headers."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.cloudevents import from_headers, is_binary, to_headers
from pipeline.errors import CodecError
from pipeline.event import Event, from_cloudevents, to_cloudevents
from store.times import MAX_TIME

clean_text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)
name = clean_text.filter(bool)
times = st.integers(0, MAX_TIME)
json_bytes = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
).flatmap(lambda value: st.sampled_from([json.dumps(value), json.dumps(value, separators=(",", ":"))]).map(str.encode))
events = st.builds(
    Event,
    source=name,
    id=name,
    type=name,
    time=times,
    payload=st.binary(max_size=100) | json_bytes,
    window=clean_text,
    collected_at=times | st.just(0),
    subject=st.none() | clean_text,
    account=clean_text,
    region=clean_text,
    media_type=clean_text | st.just("application/json"),
)
EVENT = Event("trail", "e1", "log.aws.cloudtrail", 1_700_000_000_123_456, b'{"a":1}', "w1", 7, "sub", "123456789012", "eu-west-1")


@settings(deadline=None)
@given(events, st.booleans())
def test_round_trips_through_json_text(event, readable):
    text = json.dumps(to_cloudevents(event, readable=readable))
    assert from_cloudevents(json.loads(text)) == event


def test_the_form():
    assert to_cloudevents(EVENT) == {
        "specversion": "1.0",
        "id": "e1",
        "source": "trail",
        "type": "log.aws.cloudtrail",
        "subject": "sub",
        "time": "2023-11-14T22:13:20.123456Z",
        "datacontenttype": "application/json",
        "account": "123456789012",
        "region": "eu-west-1",
        "window": "w1",
        "collectedat": "1970-01-01T00:00:00.000007Z",
        "data_base64": "eyJhIjoxfQ==",
    }
    names = to_cloudevents(EVENT).keys() - {"data_base64"}
    assert all(re.fullmatch("[a-z0-9]{1,20}", attribute) for attribute in names)


def test_empty_attributes_are_left_out():
    document = to_cloudevents(Event("s", "i", "t", 1, b"{}"))
    assert document.keys() == {"specversion", "id", "source", "type", "time", "datacontenttype", "data_base64"}


@pytest.mark.parametrize(
    ("payload", "data"),
    [(b'{"a":1,"b":[null,true,"\xc3\xa9"]}', {"a": 1, "b": [None, True, "é"]}), (b'"text"', "text"), (b"1.5", 1.5)],
)
def test_readable_json_stands_as_data(payload, data):
    document = to_cloudevents(Event("s", "i", "t", 1, payload), readable=True)
    assert document["data"] == data
    assert "data_base64" not in document


@pytest.mark.parametrize(
    "payload",
    [
        b'{"a": 1}',
        b'{"a":1,"a":1}',
        b"1e2",
        b"1.50",
        b'"\\u0041"',
        b"NaN",
        b"[Infinity]",
        b"\xff",
        b"",
        b"{",
        b'"\\ud800"',
        b"9" * 5000,
        b"[" * 100_000 + b"]" * 100_000,
    ],
)
def test_what_json_would_change_stands_as_base64(payload):
    event = Event("s", "i", "t", 1, payload)
    document = to_cloudevents(event, readable=True)
    assert "data" not in document
    assert from_cloudevents(document) == event


def test_attributes_are_cleaned():
    document = to_cloudevents(Event("s", "a\0b", "t", 1, b"", subject="x" * 600))
    assert document["id"].startswith("sha256:")
    assert document["subject"].startswith("sha256:")


def test_extensions_of_others_are_passed_over():
    assert from_cloudevents({**to_cloudevents(EVENT), "traceparent": "00-1-2-03"}) == EVENT


@pytest.mark.parametrize(
    "change",
    [
        {"specversion": "0.3"},
        {"specversion": None},
        {"id": ""},
        {"id": 5},
        {"id": None},
        {"source": "x" * 513},
        {"type": "a\0"},
        {"time": "yesterday"},
        {"time": ""},
        {"time": 5},
        {"collectedat": "2026-13-01T00:00:00Z"},
        {"subject": None},
        {"subject": ["a"]},
        {"account": {}},
        {"data": {}},
        {"data_base64": "not base64!"},
        {"data_base64": "YQ"},
        {"data_base64": None},
        {"data_base64": 5},
        {"data_base64": "é"},
    ],
)
def test_what_is_no_event_of_ours_is_refused(change):
    with pytest.raises(CodecError, match=next(iter(change)).removesuffix("_base64")):
        from_cloudevents(to_cloudevents(EVENT) | change)


@pytest.mark.parametrize("missing", ["specversion", "id", "source", "type", "time", "data_base64"])
def test_what_lacks_a_required_attribute_is_refused(missing):
    document = to_cloudevents(EVENT)
    del document[missing]
    with pytest.raises(CodecError, match=missing.removesuffix("_base64")):
        from_cloudevents(document)


@pytest.mark.parametrize("data", [float("nan"), {1, 2}, "\ud800", object()])
def test_data_that_is_no_json_is_refused(data):
    document = to_cloudevents(EVENT)
    del document["data_base64"]
    with pytest.raises(CodecError, match="data"):
        from_cloudevents({**document, "data": data})


def test_a_time_that_cannot_be_written_is_refused():
    with pytest.raises(CodecError, match="out of range"):
        to_cloudevents(Event("s", "i", "t", -1, b""))


# -- headers of Kafka records


@settings(deadline=None)
@given(events)
def test_round_trips_through_headers_and_value(event):
    headers = to_headers(event)
    assert is_binary(headers)
    assert from_headers(headers, event.payload) == event
    assert from_headers(reversed(headers), event.payload) == event


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["ce_id", "ce_time", "ce_x", "x", "content-type"]) | st.text(), st.none() | st.binary()))
)
def test_any_headers_are_an_event_or_a_codec_error(extra):
    try:
        event = from_headers([*to_headers(EVENT), *extra], b"{}")
    except CodecError:
        return
    assert (event.id, event.time, event.payload) == (EVENT.id, EVENT.time, b"{}")


def test_headers_that_are_not_ours_are_passed_over_and_ours_stand_once_with_a_value():
    headers = to_headers(EVENT)
    assert from_headers([*headers, ("ce_traceparent", None), ("x", b"\xff")], EVENT.payload) == EVENT
    for bad in (("ce_subject", b"twice"), ("ce_window", None)):
        with pytest.raises(CodecError, match=f"{bad[0]}: stands twice"):
            from_headers([*headers, bad], b"{}")
    assert not is_binary([("ce_id", b"1"), ("content-type", b"application/cloudevents+json")])
