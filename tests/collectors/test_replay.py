"""Dead letters read again: each by the rules of its own source's type, and never as anything else."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.base import CollectorError
from collectors.registry import SOURCE_TYPES, build, read_settings
from collectors.replay import NotReplayed, read_again
from collectors.runner import run_attempts
from collectors.settings import SourceSettings
from collectors.unreadable import MEDIA_TYPE, Unreadable
from store.records import DAY, HOUR, UNREADABLE, Event
from store.times import wall_clock
from tests.collectors.conftest import micros
from tests.contract.labs.prowler import ACCOUNT, finding
from tests.memory import MemoryLedger, MemoryStream

NOW = micros("2026-11-25T00:00:00Z")
APP = {"product": "app", "service": "audit"}
SETTINGS: dict[str, Mapping[str, Any]] = {
    "aws-account": {},
    "aws-config": {},
    "aws-securityhub": {},
    "cloudtrail-files": {"path": "/nowhere"},
    "cloudtrail-lookup": {},
    "cloudtrail-s3": {"bucket": "logs-of-ours"},
    "gcp-audit": {"resources": ["projects/our-project"]},
    "gcp-iam": {"projects": ["our-project"]},
    "github": {"organisation": "ours", "token_file": "/nowhere/token"},
    "jira": {
        "url": "https://ours.atlassian.net",
        "edition": "data-center",
        "jql": "project = OPS",
        "token_file": "/nowhere/token",
    },
    "json-files": {"path": "/nowhere", "fields": {"time": "eventTime"}, **APP},
    "kafka-topic": {"bootstrap_servers": ["127.0.0.1:1"], "topic": "audit", **APP},
    "pagerduty": {"token_file": "/nowhere/token"},
    "prowler": {"path": "/nowhere"},
    "servicenow": {"url": "https://ours.service-now.com", "user": "us", "password_file": "/nowhere/password"},
}
RECORD = b'{"eventID": "e-1", "eventTime": "2026-11-20T10:00:00Z", "eventName": "DeleteTrail"}'
TRAIL = ("cloudtrail-files", "cloudtrail-lookup", "cloudtrail-s3")


def settings(kind: str, **more: Any) -> SourceSettings:
    return read_settings({"name": "ours", "type": kind, **SETTINGS[kind], **more})


def letter(payload: bytes, **more: Any) -> Event:
    made = Event("ours", "0" * 64, UNREADABLE, NOW - HOUR, payload, collected_at=NOW, media_type=MEDIA_TYPE)
    return replace(made, **{"account": ACCOUNT, "region": "eu-west-1", **more})


def again(kind: str, payload: bytes, wanted: SourceSettings | None = None, **more: Any) -> tuple[list[Event], str]:
    """What came, and why not more."""
    events: list[Event] = []
    wanted = wanted or settings(kind)
    try:
        for event in read_again(wanted, letter(payload, **more)):
            events.append(event)
    except CollectorError as error:
        return events, str(error)
    return events, ""


# -- by source type


def test_these_are_all_source_types() -> None:
    assert set(SETTINGS) == set(SOURCE_TYPES)


@pytest.mark.parametrize("kind", SETTINGS)
def test_only_what_cloudtrail_delivered_becomes_a_cloudtrail_record(kind: str) -> None:
    events, _ = again(kind, RECORD)
    assert {event.type for event in events} <= {"log.aws.cloudtrail" if kind in TRAIL else "log.app.audit"}
    assert bool(events) == (kind in (*TRAIL, "json-files", "kafka-topic"))


@pytest.mark.parametrize("kind", [kind for kind in SETTINGS if SOURCE_TYPES[kind].again is None])
def test_where_the_source_is_asked_again_instead_that_is_said(kind: str) -> None:
    with pytest.raises(NotReplayed) as caught:
        list(read_again(settings(kind), letter(RECORD, media_type=f"{MEDIA_TYPE}; part=head; size=9000000")))
    states = kind in ("aws-account", "aws-config", "gcp-iam")
    assert ("next run reads this again" if states else "attestream collect ours --from") in str(caught.value)


@pytest.mark.parametrize("kind", [kind for kind in SETTINGS if SOURCE_TYPES[kind].again is not None])
def test_of_a_head_alone_nothing_is_read(kind: str) -> None:
    events, reason = again(kind, RECORD, media_type=f"{MEDIA_TYPE}; part=head; size=9000000")
    assert (events, "are not all there" in reason) == ([], True)


@pytest.mark.parametrize("kind", [kind for kind in SETTINGS if SOURCE_TYPES[kind].again is not None])
@given(payload=st.binary(max_size=200) | st.text(alphabet='{}[]",:1 en\n', max_size=60).map(str.encode))
def test_any_bytes_are_understood_or_said_to_be_none(kind: str, payload: bytes) -> None:
    kept, events = letter(payload), []
    with suppress(Unreadable):
        events.extend(read_again(settings(kind), kept))
        assert events or b"".join(payload.split()) in (b"", b"[]")
    for event in events:
        assert event.type != UNREADABLE
        assert event.payload in payload
        assert event.id != kept.id  # under which its bytes are known already


# -- CloudTrail


@pytest.mark.parametrize("kind", TRAIL)
def test_a_record_comes_back_with_its_bytes_and_part(kind: str) -> None:
    [event], reason = again(kind, RECORD)
    assert reason == ""
    assert (event.id, event.payload, event.time) == ("e-1", RECORD, micros("2026-11-20T10:00:00Z"))
    assert (event.source, event.account, event.region, event.collected_at) == ("ours", ACCOUNT, "eu-west-1", NOW)


@pytest.mark.parametrize(
    "content",
    [
        b'{"Records": [' + RECORD + b', {"eventID": 7}, ' + RECORD.replace(b"e-1", b"e-2") + b"]}",
        b' {\n "Records" : [' + RECORD + b', {"eventID": 7}, ' + RECORD.replace(b"e-1", b"e-2") + b"]}",
    ],
    ids=["as-delivered", "spaced"],
)
@pytest.mark.parametrize("packed", [True, False])
def test_a_file_gives_the_records_that_are_understood_and_names_the_first_that_is_not(content: bytes, packed: bool) -> None:
    events, reason = again("cloudtrail-s3", gzip.compress(content, mtime=0) if packed else content)
    assert [(event.id, event.payload in content) for event in events] == [("e-1", True), ("e-2", True)]
    assert reason.startswith("record 2 has an eventID that is no text")


def test_what_was_too_large_is_read_where_the_setting_allows_it_now() -> None:
    content = gzip.compress(b'{"Records": [' + RECORD + b" " * 4000 + b"]}", mtime=0)
    events, reason = again("cloudtrail-files", content, settings("cloudtrail-files", max_file_size=2048))
    assert (events, "max_file_size" in reason) == ([], True)
    assert len(again("cloudtrail-files", content)[0]) == 1


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (RECORD.replace(b"2026-11-20", b"2027-11-20"), "lies in the future"),
        (RECORD[:-1] + b', "x": ' + b"[" * 70 + b"]" * 70 + b"}", "nested"),
        (RECORD[:-1] + b', "eventID": "e-2"}', "same name twice"),
        (b'{"EventId": "e-1"}', "has no eventID"),
        (b"\x1f\x8b\x08 cut short", "gzip"),
        (b"", "is not JSON"),
    ],
    ids=["future", "deep", "twice", "lookup", "gzip", "empty"],
)
def test_the_rules_of_reading_hold(payload: bytes, said: str) -> None:
    for kind in TRAIL:
        events, reason = again(kind, payload)
        assert (events, said in reason) == ([], True), reason


def test_a_time_that_was_in_the_future_may_have_come() -> None:
    late = RECORD.replace(b"2026-11-20", b"2026-11-28")
    assert again("cloudtrail-files", late)[0] == []
    assert len(again("cloudtrail-files", late, collected_at=NOW + 3 * DAY)[0]) == 1


def test_a_message_of_the_queue_is_never_a_record() -> None:
    events, reason = again("cloudtrail-s3", RECORD, account="", region="")
    assert (events, "no account's log" in reason) == ([], True)


# -- lines, values and findings


def test_a_line_is_read_by_the_fields_as_they_are_set_now() -> None:
    raw = b'{"when": "2026-11-20T10:00:00Z", "n": 1, "unit": "eu"}'
    events, reason = again("json-files", raw)
    assert (events, "has no time where fields: time points to" in reason) == ([], True)
    mended = settings("json-files", fields={"time": "when", "id": "n", "account": "unit"})
    [event], reason = again("json-files", raw, mended, account="")
    assert (event.id, event.payload, event.account, event.type, reason) == ("1", raw, "eu", "log.app.audit", "")
    assert event.time == micros("2026-11-20T10:00:00Z")
    assert event.collected_at == NOW


def test_lines_of_a_kept_file_have_the_ids_that_reading_it_gives(tmp_path: Path) -> None:
    lines = [b'{"eventTime": 1795168800, "n": %d}' % n for n in range(3)]
    content = gzip.compress(b"\n".join([*lines, b"oops", b""]), mtime=0)
    (tmp_path / "a.jsonl.gz").write_bytes(content)
    stream = MemoryStream()
    run_attempts(build(settings("json-files", path=str(tmp_path))), stream, MemoryLedger(stream.log), 1, wall_clock())
    read = {event.id: event.payload for event in stream.events if event.kind == "log"}
    events, reason = again("json-files", content)
    assert {event.id: event.payload for event in events} == read
    assert len(read) == 3
    assert "is not JSON" in reason


def test_the_first_line_that_was_not_understood_gets_the_id_that_reading_gives(tmp_path: Path) -> None:
    """So an overlap, or a period that is read again, adds nothing to what was replayed."""
    raw = b'{"when": 1795168800, "eventTime": 1795168800}'
    (tmp_path / "a.jsonl").write_bytes(raw + b"\n")
    stream = MemoryStream()
    run_attempts(build(settings("json-files", path=str(tmp_path))), stream, MemoryLedger(stream.log), 1, wall_clock())
    [event], _ = again("json-files", raw)
    assert [known.id for known in stream.events if known.kind == "log"] == [event.id]


def test_a_value_of_a_topic_keeps_the_records_timestamp() -> None:
    [event], reason = again("kafka-topic", b'{"n": 1}', subject="audit/0/17: is not JSON")
    assert (event.time, event.payload, reason) == (NOW - HOUR, b'{"n": 1}', "")
    assert event.id == "letter/" + "0" * 64
    [event], _ = again("kafka-topic", b'{"n": 1}', settings("kafka-topic", fields={"id": "n"}))
    assert event.id == "1"


@pytest.mark.parametrize("reason", ["has a timestamp that lies in the future", "has no timestamp: map fields: time"])
def test_a_value_whose_timestamp_was_none_needs_a_field_for_it(reason: str) -> None:
    raw, place = b'{"at": "2026-11-20T10:00:00Z"}', f"audit/0/17: {reason}"
    assert again("kafka-topic", raw, subject=place) == ([], reason)
    [event], _ = again("kafka-topic", raw, settings("kafka-topic", fields={"time": "at"}), subject=place)
    assert event.time == micros("2026-11-20T10:00:00Z")


def written(*numbers: int, indent: int | None = 4) -> list[bytes]:
    return [json.dumps(finding(number), indent=indent).encode() for number in numbers]


def test_a_finding_that_stood_over_several_lines_comes_back_as_the_observation_that_it_is(tmp_path: Path) -> None:
    [raw] = written(7)
    (tmp_path / "a.ocsf.json").write_bytes(b"[" + raw + b"]")
    stream = MemoryStream()
    run_attempts(build(settings("prowler", path=str(tmp_path))), stream, MemoryLedger(stream.log), 1, wall_clock())
    [known] = [event for event in stream.events if event.kind == "finding"]
    [event], reason = again("prowler", raw, account="", region="")
    assert reason == ""
    assert (event.id, event.subject, event.payload) == (known.id, known.subject, raw)
    assert (event.account, event.region, event.type) == (ACCOUNT, "eu-west-1", "finding.aws.prowler")


@pytest.mark.parametrize(
    ("content", "whole"),
    [
        (b"[" + b",".join(written(1, 2)) + b"]", ""),
        (b"\n".join(written(1, 2, indent=None)), ""),
        (gzip.compress(b"[" + b",".join(written(1, 2)) + b"]", mtime=0), ""),
        (b"[" + b",".join([*written(1, 2), b'{"n": 1}']) + b"]", "element 3: is no OCSF finding"),
        (b"[" + b",".join(written(1, 2, 3))[:-9], "ends "),
    ],
    ids=["list", "lines", "packed", "odd", "cut"],
)
def test_a_file_of_findings_gives_those_that_are_understood(content: bytes, whole: str) -> None:
    events, reason = again("prowler", content)
    assert [json.loads(event.payload) for event in events] == [finding(1), finding(2)]
    assert whole in reason
    assert bool(reason) == bool(whole)
