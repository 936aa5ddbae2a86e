"""A bucket of CloudTrail log files and a digest of them in moto."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3

from attestream.demo.digests import Chain
from store.records import HOUR
from store.times import wall_clock
from tests.aws import SECRET, moto
from tests.contract.front import Asked, Front, Reply, fronted
from tests.contract.labs.base import Fronted, Lab
from tests.contract.labs.cloudtrail_files import ACCOUNT, file_name, packed, record

PREFIX = "AWSLogs/111122223333/CloudTrail/eu-west-1/"
AWS: Mapping[str, Any] = {"region": "us-east-1", "max_attempts": 1, "connect_timeout": 120, "read_timeout": 120}


def denial(_asked: Asked) -> Reply:
    return 403, {"Content-Type": "application/xml"}, b"<Error><Code>AccessDenied</Code><Message>hidden</Message></Error>"


class Bucket(Fronted):
    """See Lab."""

    secrets: tuple[str, ...] = (SECRET,)

    def __init__(self, front: Front, url: str, folder: Path) -> None:
        self.front = front
        self.name = f"trail-{uuid.uuid4().hex[:12]}"
        self.s3 = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
        self.s3.create_bucket(Bucket=self.name)
        self.settings: Mapping[str, Any] = {
            "name": "trail",
            "type": "cloudtrail-s3",
            "bucket": self.name,
            "endpoint_url": front.url,
            **AWS,
        }
        self.number = 0
        self.files: dict[str, bytes] = {}
        for _ in range(12):
            self.more()
        self.digest(folder / "keys.json")

    def more(self) -> None:
        self.put(record(self.number), record(self.number + 1_000_000))

    def put(self, *records: Mapping[str, Any]) -> None:
        key, body = f"{PREFIX}{datetime.now(UTC):%Y/%m/%d}/{file_name(self.number)}", packed(*records)
        self.s3.put_object(Bucket=self.name, Key=key, Body=body)
        self.files[key] = body
        self.number += 1

    def digest(self, keys: Path) -> None:
        """Sign what there is."""
        chain = Chain(self.name, ACCOUNT, "eu-west-1")
        end = wall_clock() // HOUR * HOUR
        made = chain.hour(end - HOUR, end, self.files)
        self.s3.put_object(Bucket=self.name, Key=made.key, Body=made.body, Metadata=dict(made.metadata))
        keys.write_text(json.dumps(chain.public_keys()), encoding="utf-8")
        self.settings = {**self.settings, "public_keys_file": str(keys)}

    def empty(self) -> None:
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.name):
            for item in page.get("Contents", ()):
                self.s3.delete_object(Bucket=self.name, Key=item["Key"])

    def hostile(self, text: str) -> bool:
        self.put(record(self.number, userAgent=text))
        return True


@contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    url = moto()
    with fronted(url, denial) as front:
        yield Bucket(front, url, folder)
