"""collectors/registry.py and settings.py: source types, their settings, and clear refusals."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.cloudtrail_files import CloudTrailFilesSettings
from collectors.registry import SOURCE_TYPES, SourceInvalid, build, read_settings
from collectors.settings import parse_duration
from store.records import DAY, HOUR, MINUTE, SECOND
from store.times import parse_time

FILES = {"name": "logs", "type": "cloudtrail-files", "path": "/logs"}
S3 = {"name": "bucket", "type": "cloudtrail-s3", "bucket": "my-trail"}


def test_a_type_is_built_from_its_settings() -> None:  # the contract suite builds every one
    for values in (FILES, S3):
        settings = read_settings(values)
        collector = build(settings)
        assert (collector.source, collector.type) == (values["name"], values["type"])
    assert all(kind.summary for kind in SOURCE_TYPES.values())


def test_defaults() -> None:
    settings = read_settings(FILES)
    assert isinstance(settings, CloudTrailFilesSettings)
    assert (settings.schedule, settings.lateness, settings.since) == (5 * MINUTE, HOUR, None)
    assert (settings.overlap, settings.max_file_size, settings.max_ratio) == (15 * MINUTE, 256 * 1024 * 1024, 200)


@pytest.mark.parametrize(
    "value",
    ["2026-11-01", "2026-11-01T00:00:00Z", date(2026, 11, 1), datetime(2026, 11, 1, tzinfo=UTC), "2026-11-01T01:00:00+01:00"],
)
def test_since_is_a_day_or_a_time(value: Any) -> None:
    assert read_settings({**FILES, "since": value}).since == parse_time("2026-11-01T00:00:00Z")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"type": "cloudtrail-file"}, "did you mean cloudtrail-files?"),
        ({"type": None}, "known: aws-account"),
        ({"pth": "/x"}, "pth is no setting of cloudtrail-files; did you mean path?"),
        ({"path": None}, "path"),
        ({"name": "../x"}, "name"),
        ({"schedule": "often"}, "schedule: not a duration: 'often'"),
        ({"schedule": 300}, "write e.g. 300s"),
        ({"schedule": "0s"}, "must be more than nothing"),
        ({"since": "soon"}, "since: not an RFC 3339 time"),
        ({"since": datetime(2026, 11, 1)}, "needs an offset"),
        ({"max_ratio": 1}, "max_ratio"),
    ],
)
def test_wrong_settings_are_named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(SourceInvalid) as caught:
        read_settings({**FILES, **change})
    assert words in str(caught.value)
    assert str(caught.value).startswith("source ")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bucket": "Not A Bucket"}, "bucket"),
        ({"endpoint_url": "http://user:hunter2@host"}, "must hold no credentials"),
        ({"endpoint_url": "ftp://host"}, "endpoint_url"),
        ({"aws_secret_access_key": "hunter2"}, "aws_secret_access_key is no setting of cloudtrail-s3"),
    ],
)
def test_secrets_have_no_place_and_are_not_repeated(change: dict[str, Any], words: str) -> None:
    with pytest.raises(SourceInvalid) as caught:
        read_settings({**S3, **change})
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_missing_settings_are_named() -> None:
    with pytest.raises(SourceInvalid, match="source bucket: bucket is missing"):
        read_settings({"name": "bucket", "type": "cloudtrail-s3"})


@given(st.integers(0, 999_999), st.sampled_from("smhd"))
def test_durations(number: int, unit: str) -> None:
    assert parse_duration(f"{number}{unit}") == number * {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}[unit]
