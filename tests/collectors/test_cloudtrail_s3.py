"""collectors/cloudtrail_s3.py and aws.py against a real S3 over HTTP, and one whose answers go wrong."""

from __future__ import annotations

import gzip
import hashlib
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from collectors import bucket as bucket_module
from collectors.base import Collector, SourceUnreadable
from collectors.registry import build, read_settings
from collectors.runner import run_attempts
from store.records import HOUR, WindowRecord
from store.times import wall_clock

pytestmark = pytest.mark.parts("moto")

PREFIX = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/20/"
Put = Callable[..., str]


@pytest.fixture
def bucket(moto_url: str) -> str:
    name = f"trail-{uuid.uuid4().hex[:12]}"
    client(moto_url).create_bucket(Bucket=name)
    return name


def client(url: str) -> Any:
    return boto3.client("s3", endpoint_url=url, region_name="us-east-1")


@pytest.fixture
def put(moto_url: str, bucket: str, files: Any) -> Put:
    s3 = client(moto_url)

    def write(when: str, *records: Any, raw: bytes | None = None, key: str | None = None) -> str:
        name = key or PREFIX + files.name(when)
        s3.put_object(Bucket=bucket, Key=name, Body=files.packed(*records) if raw is None else raw)
        return name

    return write


def source(url: str, bucket: str, **more: Any) -> Collector:
    values = {
        "name": "trail",
        "type": "cloudtrail-s3",
        "bucket": bucket,
        "endpoint_url": url,
        "max_attempts": 2,
        "whole_listing": "0s",
    }
    return build(read_settings({**values, "read_timeout": 120, "connect_timeout": 120, **more}))


Run = Callable[[], list[WindowRecord]]


@pytest.fixture
def run(proxy: Any, bucket: str, stream: Any, ledger: Any, request: pytest.FixtureRequest) -> Run:
    """Runs the source through the proxy; it waits for an answer for long, but where none will come."""
    slow = "slow" in getattr(getattr(request.node, "callspec", None), "params", {}).values()
    collector = source(proxy.url, bucket, **({"read_timeout": 1} if slow else {}))
    return lambda: run_attempts(collector, stream, ledger, 1, wall_clock() + 2_000_000)  # LastModified has whole seconds


def objects(proxy: Any) -> list[str]:
    return [path for path in proxy.seen if ".json.gz" in path]


def test_objects_are_read_once(run: Run, put: Put, files: Any, proxy: Any, bucket: str, stream: Any, ledger: Any) -> None:
    put("20261120T1000Z", files.record(1), files.record(2))
    put("20261120T1005Z", files.record(3))
    put("", raw=b"x", key=PREFIX.replace("CloudTrail", "CloudTrail-Digest") + "111122223333_CloudTrail-Digest_x.json.gz")
    [first] = run()
    assert (first.state, first.files, first.records, first.ignored) == ("complete", 2, 3, 1)
    assert first.identity.startswith("arn:aws:")
    assert [(part.part, part.complete, part.read) for part in first.parts] == [("111122223333/eu-west-1", True, 3)]
    assert [event.id[-1] for event in stream.of(first.attempt)] == ["1", "2", "3"]
    assert len(objects(proxy)) == 2
    put("20261120T1010Z", files.record(4))
    [second] = run_attempts(source(proxy.url, bucket), stream, ledger, 1, wall_clock() + 4_000_000)
    assert (second.state, second.records) == ("complete", 1)
    assert len(objects(proxy)) == 3


def test_more_than_a_page_is_listed(run: Run, moto_url: str, bucket: str, files: Any, proxy: Any) -> None:
    s3 = client(moto_url)
    s3.put_object(Bucket=bucket, Key="z/" + files.name("20261120T1000Z"), Body=files.packed(files.record(1)))
    for number in range(45):
        s3.put_object(Bucket=bucket, Key=f"other/{number:05d}", Body=b"")
    [record] = run()
    assert sum("list-type=2" in path for path in proxy.seen) >= 5
    assert (record.records, record.ignored) == (1, 45)


def test_a_prefix_bounds_what_is_read(put: Put, moto_url: str, bucket: str, files: Any, stream: Any, ledger: Any) -> None:
    put("20261120T1000Z", files.record(1))
    put("", files.record(2), key="elsewhere/" + files.name("20261120T1000Z"))
    [record] = run_attempts(source(moto_url, bucket, prefix="AWSLogs/"), stream, ledger, 1, wall_clock() + 2_000_000)
    assert record.records == 1


def test_an_empty_bucket_is_a_complete_window(run: Run) -> None:
    [record] = run()
    assert (record.state, record.records) == ("complete", 0)


def test_what_is_not_understood_is_a_dead_letter_with_the_delivered_bytes(
    run: Run, put: Put, files: Any, stream: Any, bucket: str
) -> None:
    raw = gzip.compress(files.content(files.record(1)))[:-4]
    key = put("20261120T1000Z", raw=raw)
    [record] = run()
    [dead] = [event for event in stream.of(record.attempt) if event.type == "unreadable"]
    assert (dead.id, dead.payload) == (hashlib.sha256(raw).hexdigest(), raw)
    assert dead.subject == f"s3://{bucket}/{key}: is a gzip file cut short"
    assert record.state == "partial"


def test_an_object_larger_than_what_is_read_is_streamed_for_its_digest(
    put: Put, moto_url: str, bucket: str, stream: Any, ledger: Any
) -> None:
    raw = bytes(range(256)) * 40_000
    put("20261120T1000Z", raw=raw)
    collector = source(moto_url, bucket, max_file_size=1024 * 1024)
    [record] = run_attempts(collector, stream, ledger, 1, wall_clock() + 2_000_000)
    [dead] = stream.of(record.attempt)
    assert dead.id == hashlib.sha256(raw).hexdigest()
    assert dead.media_type == f"application/octet-stream; part=head; size={len(raw)}"


LISTING = [
    ((403, "AccessDenied"), "denies access (AccessDenied): allow s3:ListBucket on arn:aws:s3:::"),
    ((404, "NoSuchBucket"), "does not exist (NoSuchBucket)"),
    ((403, "InvalidAccessKeyId"), "does not accept the credentials (InvalidAccessKeyId)"),
    ((403, "SignatureDoesNotMatch"), "does not accept the credentials"),
    ((400, "ExpiredToken"), "does not accept the credentials (ExpiredToken)"),
    ((503, "SlowDown"), "throttled us (SlowDown)"),
    ((500, "InternalError"), "answered with an error of its own (InternalError)"),
    ((400, "AuthorizationHeaderMalformed"), "another Region"),
    ((403, "RequestTimeTooSkewed"), "clock is wrong"),
    ((418, "<b>\x1b[31mTeapot"), "refused the request"),
    ((200, "an <html> page"), "answered with an error of its own"),
    ((200, "InternalError"), "answered with an error of its own"),
    (b"<html><p>welcome</p></html>", "no answer of AWS's"),
    (b"{welcome}", "no answer of AWS's"),
    ("cut", "cannot be reached or broke off|refused|answered"),
    ("slow", "cannot be reached or broke off"),
]


@pytest.mark.parametrize(("fault", "words"), LISTING, ids=[str(fault) for fault, _ in LISTING])
def test_a_bucket_that_cannot_be_listed_is_a_failed_window(
    fault: Any, words: str, run: Run, put: Put, files: Any, proxy: Any, bucket: str, stream: Any, ledger: Any
) -> None:
    put("20261120T1000Z", files.record(1))
    proxy.fault = lambda method, path: fault if method == "GET" else None
    [record] = run()
    assert (record.state, record.records, ledger.end) == ("failed", 0, None)
    [error] = record.errors
    assert bucket in error
    assert any(word in error for word in words.split("|")), error
    assert "hidden words" not in error, "AWS's own message is not repeated"
    assert error.isprintable()
    assert "secret" not in error
    assert stream.events[-1].type == "window.cloudtrail-s3"


def test_a_missing_bucket_for_real(moto_url: str, stream: Any, ledger: Any) -> None:
    [record] = run_attempts(source(moto_url, "no-such-bucket"), stream, ledger, 1, wall_clock())
    assert record.state == "failed"
    assert "S3 bucket no-such-bucket does not exist" in record.errors[0]


def test_nobody_listening(stream: Any, ledger: Any, aws_environment: None) -> None:
    [record] = run_attempts(source("http://127.0.0.1:9", "bucket"), stream, ledger, 1, wall_clock())
    assert record.state == "failed"
    assert "cannot be reached" in record.errors[0]


def test_no_credentials(moto_url: str, bucket: str, stream: Any, ledger: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    [record] = run_attempts(source(moto_url, bucket), stream, ledger, 1, wall_clock())
    assert record.state == "failed"
    assert "there are no AWS credentials" in record.errors[0]
    [record] = run_attempts(source(moto_url, bucket, profile="nobody"), stream, ledger, 1, wall_clock())
    assert "profile is not in the AWS configuration" in record.errors[0]


def test_throttling_that_ends_is_not_noticed(run: Run, put: Put, files: Any, proxy: Any) -> None:
    put("20261120T1000Z", files.record(1))
    answers: list[Any] = [(503, "SlowDown")]
    proxy.fault = lambda method, path: answers.pop() if answers and ".json.gz" in path else None
    [record] = run()
    assert (record.state, record.records) == ("complete", 1)
    assert len(objects(proxy)) == 2


def test_a_body_that_breaks_off_is_fetched_again_without_reading_twice(
    run: Run, put: Put, files: Any, proxy: Any, stream: Any
) -> None:
    put("20261120T1000Z", *[files.record(number) for number in range(3000)])
    answers = ["cut"]
    proxy.fault = lambda method, path: answers.pop() if answers and ".json.gz" in path else None
    [record] = run()
    assert (record.state, record.records) == ("complete", 3000)
    assert len(stream.of(record.attempt)) == 3000


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ((403, "AccessDenied"), "allow s3:GetObject on arn:aws:s3:::"),
        ((404, "NoSuchKey"), "not there any more"),
        ((412, "PreconditionFailed"), "replaced while it was read"),
        ((403, "InvalidObjectState"), "archived (Glacier)"),
        ((400, "KMS.DisabledException"), "allow kms:Decrypt"),
        ("cut", "broke off"),
    ],
)
def test_one_object_that_cannot_be_had_makes_the_window_partial(
    fault: Any, words: str, run: Run, put: Put, files: Any, proxy: Any, bucket: str, ledger: Any
) -> None:
    bad = [put(f"20261120T10{minute:02d}Z", files.record(minute)) for minute in (0, 5, 10)][1]
    proxy.fault = lambda method, path: fault if bad in path else None
    [record] = run()
    assert (record.state, record.records, record.unreadable, ledger.end) == ("partial", 2, 0, None)
    [error] = record.errors
    assert error.startswith(f"s3://{bucket}/{bad}: ")
    assert words in error
    assert [cover.joins for cover in record.covers] == [True, False]
    proxy.fault = lambda method, path: None
    [record] = run()
    assert (record.state, record.records) == ("complete", 3)


def test_objects_that_are_all_denied_fail_the_window_soon(run: Run, put: Put, files: Any, proxy: Any, ledger: Any) -> None:
    for number in range(15):
        put("20261120T1000Z", files.record(number))
    proxy.fault = lambda method, path: (403, "AccessDenied") if ".json.gz" in path else None
    [record] = run()
    assert (record.state, ledger.end) == ("failed", None)
    assert "s3:GetObject" in record.errors[-1]
    assert len(objects(proxy)) == 10


def test_sts_need_not_answer(run: Run, put: Put, files: Any, proxy: Any) -> None:
    put("20261120T1000Z", files.record(1))
    proxy.fault = lambda method, path: (403, "AccessDenied") if method == "POST" else None
    [record] = run()
    assert (record.state, record.identity) == ("complete", "access key ending in TEST")


def test_a_clock_far_ahead_is_refused(put: Put, files: Any, moto_url: str, bucket: str, stream: Any, ledger: Any) -> None:
    put("20261120T1000Z", files.record(1))
    [record] = run_attempts(source(moto_url, bucket), stream, ledger, 1, wall_clock() + HOUR)
    assert record.state == "failed"
    assert "clock is ahead" in record.errors[0]


def test_check_calls_the_source(put: Put, files: Any, proxy: Any, bucket: str) -> None:
    collector = source(proxy.url, bucket)
    assert collector.check()[-1].text == "it holds no CloudTrail log files"
    key = put("20261120T1000Z", files.record(1))
    said = collector.check()
    assert "arn:aws:" in said[0].text
    assert said[1].text == f"s3://{bucket}/{key} can be read"
    proxy.fault = lambda method, path: (403, "AccessDenied") if ".json.gz" in path else None
    with pytest.raises(SourceUnreadable, match="s3:GetObject"):
        collector.check()
    proxy.fault = lambda method, path: (403, "AccessDenied") if method == "GET" else None
    with pytest.raises(SourceUnreadable, match="s3:ListBucket"):
        collector.check()


def test_no_room_for_the_spool(run: Run, put: Put, files: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Full:
        def write(self, _data: bytes) -> int:
            raise OSError(28, "No space left on device")

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_args: Any) -> None: ...

        def seek(self, _at: int) -> None: ...

        def truncate(self) -> None: ...

    put("20261120T1000Z", files.record(1))
    monkeypatch.setattr(bucket_module.tempfile, "SpooledTemporaryFile", lambda max_size: Full())
    [record] = run()
    assert record.state == "failed"
    assert "no room" in record.errors[-1]


def test_retries_do_not_sleep_for_long(monkeypatch: pytest.MonkeyPatch, run: Run, put: Put, files: Any, proxy: Any) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    put("20261120T1000Z", files.record(1))
    proxy.fault = lambda method, path: "cut" if ".json.gz" in path else None
    [record] = run()
    assert record.state == "failed"
    assert slept
    assert max(slept) <= 5
