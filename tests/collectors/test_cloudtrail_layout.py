"""Listing by account, Region and day (collectors/cloudtrail_layout.py), and the whole listing behind it, over a real S3."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from collectors.registry import build, read_settings
from collectors.runner import run_attempts
from store.records import DAY, HOUR, SECOND, WindowRecord
from store.times import wall_clock
from tests.contract.labs.cloudtrail_files import packed, record

pytestmark = pytest.mark.parts("moto")

ORGANISATION = "o-exampleorgid"
Put = Callable[..., str]


class Place:
    """A bucket read through a proxy, by one process whose clock can be moved."""

    def __init__(self, url: str, proxy: Any, stream: Any, ledger: Any) -> None:
        self.name = f"trail-{uuid.uuid4().hex[:12]}"
        self.s3 = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
        self.s3.create_bucket(Bucket=self.name)
        self.proxy, self.stream, self.ledger, self.number, self.ahead = proxy, stream, ledger, 0, 0
        self.settings: dict[str, Any] = {"name": "trail", "type": "cloudtrail-s3", "bucket": self.name, "endpoint_url": proxy.url}
        self.source: Any = None

    def put(
        self, *, account: str = "111122223333", region: str = "eu-west-1", days: int = 0, head: str = "", key: str = ""
    ) -> str:
        self.number += 1
        when = datetime.now(UTC) - timedelta(days=days)
        name = f"{account}_CloudTrail_{region}_{when:%Y%m%dT%H%MZ}_{self.number:016d}.json.gz"
        key = key or f"{head}AWSLogs/{ORGANISATION}/{account}/CloudTrail/{region}/{when:%Y/%m/%d}/{name}"
        self.s3.put_object(Bucket=self.name, Key=key, Body=packed(record(self.number)))
        return f"{self.number}"

    def run(self, ahead: int = 0) -> WindowRecord:
        """Run, with our clock so far ahead of the bucket's that is moved with it."""
        self.ahead += ahead
        self.proxy.seen.clear()
        now = wall_clock() + self.ahead
        if self.source is None:
            self.source = build(read_settings(self.settings), lambda: wall_clock() + self.ahead)
        self.source.bucket.server_time = 0
        return run_attempts(self.source, self.stream, self.ledger, 1, now)[-1]

    @property
    def listings(self) -> list[str]:
        return [path for path in self.proxy.seen if "list-type=2" in path]

    def ids(self, window: WindowRecord) -> set[str]:
        return {event.id.rpartition("-")[2].lstrip("0") for event in self.stream.of(window.attempt)}


@pytest.fixture
def place(moto_url: str, proxy: Any, stream: Any, ledger: Any, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr("collectors.cloudtrail_s3._MAX_SKEW", 99 * DAY)
    return Place(moto_url, proxy, stream, ledger)


def test_a_bucket_with_years_in_it_is_listed_by_the_newest_days(place: Place) -> None:
    for days in range(40, 2, -1):
        place.put(days=days)
    assert place.run().records == 38
    assert len(place.listings) >= 4, "the whole, ten keys a page"
    one, two = place.put(), place.put(account="444455556666", region="us-east-1")
    second = place.run()
    assert place.ids(second) == {one, two}, "a new account and a new Region are found at once"
    assert not any("2026%2F" in path and "start-after" not in path for path in place.listings)
    assert sum("start-after" in path for path in place.listings) == 2, "one for each account's Region"
    assert place.run().records == 0


def test_what_came_into_an_old_folder_is_found_by_the_daily_listing(place: Place) -> None:
    place.put()
    place.run()
    old = place.put(days=20)
    assert place.run().records == 0
    assert place.run(12 * HOUR).records == 0
    whole = place.run(13 * HOUR)
    assert place.ids(whole) == {old}
    assert place.run().records == 0
    assert place.run(25 * HOUR).records == 0


def test_late_in_a_new_folder_is_found_at_once(place: Place) -> None:
    place.put()
    place.run()
    late = place.put(days=1)
    assert place.ids(place.run()) == {late}


@pytest.mark.parametrize(
    ("prefix", "head", "quick"),
    [
        ("", "", True),
        ("logs/", "logs/", True),
        ("AWSLogs/", "", True),
        (f"logs/AWSLogs/{ORGANISATION}/", "logs/", True),
        (f"AWSLogs/{ORGANISATION}/111122223333/CloudTrail/eu-west-1/", "", True),
        ("", "logs/", False),
        ("logs", "logs/", False),
        (f"AWSLogs/{ORGANISATION}/111122223333/CloudTrail/eu-west-1/2026", "", False),
    ],
)
def test_a_layout_that_is_not_recognised_is_listed_whole(place: Place, prefix: str, head: str, quick: bool) -> None:
    place.settings["prefix"] = prefix
    place.put(head=head)
    place.run()
    new = place.put(head=head)
    assert place.ids(place.run()) == {new}
    assert any("start-after" in path for path in place.listings) == quick


def test_log_files_beside_the_layout_keep_the_listing_whole(place: Place) -> None:
    place.put()
    place.put(key="flat/111122223333_CloudTrail_eu-west-1_20261120T1000Z_0000000000000001.json.gz")
    assert place.run().records == 2
    new = place.put(key="flat/111122223333_CloudTrail_eu-west-1_20261120T1000Z_0000000000000002.json.gz")
    assert place.ids(place.run()) == {new}


def test_a_listing_that_breaks_below_an_account_is_a_failed_window(place: Place) -> None:
    place.put()
    place.run()
    new = place.put()
    place.proxy.fault = lambda _method, path: (503, "SlowDown") if "start-after" in path else None
    assert place.run().state == "failed"
    place.proxy.fault = lambda _method, _path: None
    assert place.ids(place.run()) == {new}


def test_listings_can_be_whole_each_time(place: Place) -> None:
    place.settings["whole_listing"] = "0s"
    place.put()
    place.run()
    old = place.put(days=20)
    assert place.ids(place.run(SECOND)) == {old}
