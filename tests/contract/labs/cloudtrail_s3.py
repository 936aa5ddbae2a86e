"""A bucket of CloudTrail log files in moto."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

from tests.aws import SECRET, moto
from tests.contract.front import Asked, Front, Reply, fronted
from tests.contract.labs.base import Fronted, Lab
from tests.contract.labs.cloudtrail_files import file_name, packed, record

PREFIX = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/20/"
AWS: Mapping[str, Any] = {"region": "us-east-1", "max_attempts": 1, "connect_timeout": 20, "read_timeout": 20}


def denial(_asked: Asked) -> Reply:
    return 403, {"Content-Type": "application/xml"}, b"<Error><Code>AccessDenied</Code><Message>hidden</Message></Error>"


class Bucket(Fronted):
    """See Lab."""

    secrets: tuple[str, ...] = (SECRET,)

    def __init__(self, front: Front, url: str) -> None:
        self.front = front
        self.name = f"trail-{uuid.uuid4().hex[:12]}"
        self.s3 = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
        self.s3.create_bucket(Bucket=self.name)
        self.settings = {"name": "trail", "type": "cloudtrail-s3", "bucket": self.name, "endpoint_url": front.url, **AWS}
        self.number = 0
        for _ in range(12):
            self.more()

    def more(self) -> None:
        self.put(record(self.number), record(self.number + 1_000_000))

    def put(self, *records: Mapping[str, Any]) -> None:
        self.s3.put_object(Bucket=self.name, Key=PREFIX + file_name(self.number), Body=packed(*records))
        self.number += 1

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
        yield Bucket(front, url)
