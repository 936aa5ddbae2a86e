"""New objects told of by SQS (collectors/cloudtrail_queue.py), over a real S3 and SQS."""

from __future__ import annotations

import json
import uuid
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.cloudtrail_queue import told_keys
from collectors.registry import SOURCE_TYPES, SourceInvalid, build, read_settings
from collectors.runner import run_attempts
from collectors.unreadable import Unreadable
from store.records import DAY, HOUR, MINUTE, SECOND, WindowRecord
from store.times import wall_clock
from tests.contract.labs.cloudtrail_files import file_name, packed, record

PREFIX = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/20/"
needs_moto = pytest.mark.parts("moto")


def event(bucket: str, *keys: str) -> str:
    return json.dumps(
        {
            "Records": [
                {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": bucket}, "object": {"key": key}}} for key in keys
            ]
        }
    )


class Place:
    """A bucket and its queue, read by one process."""

    def __init__(self, url: str, proxy: Any, stream: Any, ledger: Any) -> None:
        name = uuid.uuid4().hex[:12]
        self.bucket, self.proxy, self.stream, self.ledger = f"trail-{name}", proxy, stream, ledger
        self.s3 = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
        self.s3.create_bucket(Bucket=self.bucket)
        self.sqs = boto3.client("sqs", endpoint_url=url, region_name="us-east-1")
        real = self.sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "0"})["QueueUrl"]
        self.queue = real
        path = "/" + real.split("/", 3)[3]
        self.settings: dict[str, Any] = {
            "name": "trail",
            "type": "cloudtrail-s3",
            "bucket": self.bucket,
            "endpoint_url": proxy.url,
            "queue_url": proxy.url + path,
            "region": "us-east-1",
            "max_attempts": 1,
        }
        self.number, self.ahead = 0, 0
        self.restart()
        self.put(tell=False)
        self.run()

    def restart(self) -> None:
        self.source: Any = build(read_settings(self.settings), lambda: wall_clock() + self.ahead)

    def put(self, *, tell: bool = True) -> str:
        self.number += 1
        key = PREFIX + file_name(self.number)
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=packed(record(self.number)))
        if tell:
            self.tell(event(self.bucket, key))
        return f"{self.number}"

    def tell(self, body: str) -> None:
        self.sqs.send_message(QueueUrl=self.queue, MessageBody=body)

    def waiting(self) -> int:
        answer = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["All"])
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def run(self, ahead: int = 0) -> WindowRecord:
        self.ahead += ahead
        self.proxy.seen.clear()
        now = wall_clock() + self.ahead + SECOND  # LastModified has whole seconds
        return run_attempts(self.source, self.stream, self.ledger, 1, now)[-1]

    def ids(self, window: WindowRecord) -> set[str]:
        found = self.stream.of(window.attempt)
        return {e.id.rpartition("-")[2].lstrip("0") for e in found if e.kind == "log"}


@pytest.fixture
def place(moto_url: str, proxy: Any, stream: Any, ledger: Any, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr("collectors.cloudtrail_s3._MAX_SKEW", 99 * DAY)
    monkeypatch.setattr("collectors.cloudtrail_queue.MAX_MESSAGES", 30)
    return Place(moto_url, proxy, stream, ledger)


@needs_moto
def test_what_is_told_is_read_and_its_message_deleted_by_the_window_after(place: Place) -> None:
    ids = {place.put(), place.put()}
    first = place.run()
    assert (first.state, place.ids(first)) == ("complete", ids)
    assert place.waiting() == 2, "only the cursor shows that the window was published"
    second = place.run()
    assert (second.records, place.waiting()) == (0, 0)
    assert not [path for path in place.proxy.seen if "list-type=2" in path], "nothing is listed"


@needs_moto
def test_killed_after_the_window_the_messages_come_again_and_change_nothing(place: Place) -> None:
    place.put()
    assert place.run().records == 1
    place.restart()
    assert place.run().records == 0
    assert place.waiting() >= 0
    place.run()
    assert place.waiting() == 0


@needs_moto
def test_a_window_that_failed_deletes_nothing(place: Place) -> None:
    new = place.put()
    place.proxy.fault = lambda _method, path: (403, "AccessDenied") if ".json.gz" in path and "list-type" not in path else None
    assert place.run().state == "failed"
    assert place.run().state == "failed"
    assert place.waiting() == 1
    place.proxy.fault = lambda _method, _path: None
    assert place.ids(place.run()) == {new}


@needs_moto
def test_a_message_that_was_lost_loses_nothing(place: Place) -> None:
    lost = place.put(tell=False)
    assert place.run().records == 0
    assert place.run(12 * HOUR).records == 0
    assert place.ids(place.run(13 * HOUR)) == {lost}
    assert place.run().records == 0


@needs_moto
def test_an_empty_queue_is_no_wrong_clock(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collectors.cloudtrail_s3._MAX_SKEW", MINUTE)
    assert place.run(HOUR).state == "complete"
    place.put()
    window = place.run()
    assert (window.state, "clock" in window.errors[0]) == ("failed", True)


@needs_moto
def test_odd_messages_are_dead_letters_and_lead_nowhere(place: Place) -> None:
    other = "other-" + place.bucket
    place.s3.create_bucket(Bucket=other)
    key = PREFIX + file_name(77)
    place.s3.put_object(Bucket=other, Key=key, Body=packed(record(77)))
    odd = [
        event(other, key),
        "no json",
        "{}",
        '{"Records": [{"eventName": "ObjectCreated:Put"}]}',
        '{"a":1,"a":2}',
        "[" * 99,
        event(place.bucket, ""),
    ]
    fine = [
        event(place.bucket, "elsewhere/x.txt"),
        event(place.bucket, PREFIX + "../" + file_name(5)),
        '{"Event": "s3:TestEvent"}',
    ]
    for body in [*odd, *fine]:
        place.tell(body)
    window = place.run()
    dead = [e for e in place.stream.of(window.attempt) if e.type == "unreadable"]
    assert sorted(e.payload.decode() for e in dead) == sorted(odd)
    assert (window.state, window.records, window.unreadable) == ("partial", 0, len(odd))
    assert not any(other in path for path in place.proxy.seen)
    assert (place.run().state, place.waiting()) == ("complete", 0), "kept as dead letters, they are done with"


@needs_moto
def test_a_queue_that_is_closed_is_a_failed_window(place: Place) -> None:
    place.put()
    place.proxy.fault = lambda method, path: (403, "AccessDenied") if method == "POST" and "list-type" not in path else None
    window = place.run()
    assert window.state == "failed"
    assert any("sqs:ReceiveMessage" in error for error in window.errors) or "SQS" in window.errors[0]
    place.proxy.fault = lambda _method, _path: None
    assert place.run().records == 1


@needs_moto
def test_permissions_and_checks_name_the_queue(place: Place) -> None:
    assert any("queue" in probe.text for probe in place.source.check())
    settings = read_settings({**place.settings, "queue_url": "https://sqs.eu-west-1.amazonaws.com/111122223333/trail"})
    access = SOURCE_TYPES["cloudtrail-s3"].access(settings)
    named = {permission.action: permission.resource for permission in access.permissions}
    assert named["sqs:ReceiveMessage"] == named["sqs:DeleteMessage"] == "arn:aws:sqs:eu-west-1:111122223333:trail"


def test_queue_urls_are_checked() -> None:
    with pytest.raises(SourceInvalid, match="queue_url"):
        read_settings({"name": "x", "type": "cloudtrail-s3", "bucket": "abc", "queue_url": "https://user:pw@sqs/111122223333/q"})


@pytest.mark.parametrize(
    ("body", "keys"),
    [
        (event("b", "a%2Fb+c%3D.json"), ["a/b c=.json"]),
        (json.dumps({"s3Bucket": "b", "s3ObjectKey": ["a+b", "c"]}), ["a+b", "c"]),
        (json.dumps({"Type": "Notification", "Message": json.dumps({"s3Bucket": "b", "s3ObjectKey": ["a"]})}), ["a"]),
        (json.dumps({"Type": "Notification", "Message": event("b", "a")}), ["a"]),
        (json.dumps({"Type": "Notification", "Message": "CloudTrail validation message."}), []),
        (
            json.dumps(
                {
                    "source": "aws.s3",
                    "detail-type": "Object Created",
                    "detail": {"bucket": {"name": "b"}, "object": {"key": "a+b"}},
                }
            ),
            ["a+b"],
        ),
        (json.dumps({"Records": [{"eventName": "ObjectRemoved:Delete"}]}), []),
    ],
)
def test_forms_of_messages(body: str, keys: list[str]) -> None:
    assert told_keys(body, "b") == keys


@given(
    st.text(max_size=100)
    | st.recursive(
        st.none() | st.text(max_size=5) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "Records",
                        "s3",
                        "bucket",
                        "name",
                        "object",
                        "key",
                        "eventName",
                        "Type",
                        "Message",
                        "s3Bucket",
                        "s3ObjectKey",
                        "detail",
                        "source",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ).map(json.dumps)
)
def test_any_message_is_read_or_said_to_be_unreadable(body: str) -> None:
    try:
        keys = told_keys(body, "b")
    except Unreadable:
        return
    assert all(isinstance(key, str) and key for key in keys)
