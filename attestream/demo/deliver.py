"""Delivered files: records gathered, named and compressed as CloudTrail delivers them, and put where a collector reads.

The name is AWS's: `AWSLogs/{account}/CloudTrail/{region}/{yyyy}/{mm}/{dd}/{account}_CloudTrail_{region}_{time}Z_{16}.json.gz`,
its time the minute of delivery, a multiple of five. The content is one gzip member holding {"Records":[…]} without a space.
"""

from __future__ import annotations

import gzip
import random
import string
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec

from attestream.demo.cloudtrail import Call, record
from attestream.demo.world import ACCOUNT, MINUTE, moment

_ALPHABET = string.ascii_letters + string.digits
_MOST_RECORDS = 120  # in one file; a busy quarter of an hour makes several
_BATCH = 10 * MINUTE
_UPLOADS = 8


@dataclass(frozen=True, slots=True)
class DeliveredFile:
    """A file of `records` records as CloudTrail delivered it at `delivered_at` (microseconds UTC, whole minutes)."""

    key: str
    body: bytes
    records: int
    delivered_at: int


class ObjectStore(Protocol):
    """The one call of an S3 client that delivery needs (boto3's client has it)."""

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> Any: ...


def delivery_time(at: int) -> int:
    """When CloudTrail delivers an event of `at`: batches of ten minutes, five minutes later; so 5 to 15 minutes after it."""
    return at - at % _BATCH + _BATCH + 5 * MINUTE


def deliver(calls: Iterable[Call], now: int, chance: random.Random) -> Iterator[DeliveredFile]:
    """The files that were delivered by `now`, oldest first; calls still under way at `now` are in none of them."""
    batches: defaultdict[tuple[int, str], list[Call]] = defaultdict(list)
    for call in calls:
        when = delivery_time(call.at)
        if when <= now:
            batches[when, call.region].append(call)
    for when, region in sorted(batches):
        yield from files(batches[when, region], region, when, chance)


def files(calls: Iterable[Call], region: str, delivered_at: int, chance: random.Random) -> Iterator[DeliveredFile]:
    """The calls of one Region as files that are delivered together."""
    ordered = sorted(calls, key=lambda call: call.at)
    for first in range(0, len(ordered), _MOST_RECORDS):
        records = [record(call, chance) for call in ordered[first : first + _MOST_RECORDS]]
        # mtime 0, as AWS writes it: the same records are the same bytes.
        body = gzip.compress(msgspec.json.encode({"Records": records}), compresslevel=6, mtime=0)
        yield DeliveredFile(_key(region, delivered_at, chance), body, len(records), delivered_at)


def to_directory(delivered: Iterable[DeliveredFile], path: Path) -> int:
    """Writes the files below `path` under their keys; returns how many. Each appears whole or not at all. Their mtime is
    the moment of writing, as an object's LastModified is: a collector that reads on by it misses none."""
    count = 0
    for count, one in enumerate(delivered, 1):  # noqa: B007 - counted, and returned after the loop
        target = path / one.key
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        part.write_bytes(one.body)
        part.replace(target)
    return count


def to_bucket(delivered: Iterable[DeliveredFile], s3_client: ObjectStore, bucket: str) -> int:
    """Puts the files into a bucket that exists, eight at a time; returns how many. The client's errors pass through."""

    def put(one: DeliveredFile) -> None:
        s3_client.put_object(Bucket=bucket, Key=one.key, Body=one.body)

    with ThreadPoolExecutor(max_workers=_UPLOADS, thread_name_prefix="demo-upload") as pool:
        return sum(1 for _ in pool.map(put, delivered))


def _key(region: str, delivered_at: int, chance: random.Random) -> str:
    when = moment(delivered_at)
    unique = "".join(chance.choices(_ALPHABET, k=16))
    name = f"{ACCOUNT}_CloudTrail_{region}_{when:%Y%m%dT%H%MZ}_{unique}.json.gz"
    return f"AWSLogs/{ACCOUNT}/CloudTrail/{region}/{when:%Y/%m/%d}/{name}"
