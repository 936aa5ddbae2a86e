"""CloudTrail's LookupEvents with small pages, in two Regions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attestream.demo.servers.cloudtrail_lookup import CloudTrailServer
from tests.aws import SECRET
from tests.contract.front import Asked, Front, Reply, fronted
from tests.contract.labs.base import Fronted, Lab


def denial(_asked: Asked) -> Reply:
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": "AccessDeniedException"}
    return 403, headers, b'{"Message": "User is not authorized"}'


class Lookup(Fronted):
    """See Lab."""

    secrets: tuple[str, ...] = (SECRET,)

    def __init__(self, front: Front, server: CloudTrailServer) -> None:
        self.front, self.server, self.number = front, server, 0
        server.page = 2
        self.settings: Mapping[str, Any] = {
            "name": "lookup",
            "type": "cloudtrail-lookup",
            "endpoint_url": front.url,
            "region": "eu-west-1",
            "since": _hours_ago(server, 30),
            "requests_per_second": 100,
            "max_attempts": 1,
            "connect_timeout": 120,
            "read_timeout": 120,
        }
        for number in range(7):
            server.put(ago=600.0 + number * 3600.0, region=("eu-west-1", "us-east-1")[number % 2])

    def more(self) -> None:
        self.server.put("CreateUser", ago=300.0)

    def empty(self) -> None:
        self.server.clear()

    def hostile(self, text: str) -> bool:
        self.server.put(ago=60.0, userAgent=text)
        return True


def _hours_ago(server: CloudTrailServer, hours: int) -> str:
    return datetime.fromtimestamp(server.clock() - hours * 3600, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    with CloudTrailServer() as server, fronted(server.url, denial) as front:
        yield Lookup(front, server)
