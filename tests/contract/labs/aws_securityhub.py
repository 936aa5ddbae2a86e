"""A Security Hub with small pages: findings open and settled, new and old, of its own checks and of another tool."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attestream.demo.servers.securityhub import SecurityHubServer
from tests.aws import SECRET
from tests.contract.front import Asked, Front, Reply, fronted
from tests.contract.labs.base import Fronted, Lab

DAY = 86_400.0


def denial(_asked: Asked) -> Reply:
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": "AccessDeniedException"}
    return 403, headers, b'{"Message": "User is not authorized"}'


class Hub(Fronted):
    """See Lab."""

    secrets: tuple[str, ...] = (SECRET,)

    def __init__(self, front: Front, server: SecurityHubServer) -> None:
        self.front, self.server, self.number = front, server, 0
        server.page = 2
        self.settings: Mapping[str, Any] = {
            "name": "hub",
            "type": "aws-securityhub",
            "endpoint_url": front.url,
            "region": "eu-west-1",
            "regions": ["eu-west-1"],
            "since": server.stamp(2 * DAY),
            "max_attempts": 1,
            "connect_timeout": 120,
            "read_timeout": 120,
        }
        for ago in (20 * DAY, 3 * DAY, 3 * DAY, 600.0, 600.0, 600.0):
            self.more(ago)
        server.put("settled", ago=2 * DAY, Compliance={"Status": "PASSED"}, Workflow={"Status": "RESOLVED"})
        guard = "arn:aws:securityhub:eu-west-1::product/aws/guardduty"
        more: dict[str, Any] = {"ProductArn": guard, "ProductName": "GuardDuty", "Compliance": {}}
        server.put("threat", ago=30 * DAY, Workflow={"Status": "RESOLVED"}, **more)

    def more(self, ago: float = 0.0) -> None:
        self.number += 1
        self.server.put(f"b{self.number}", ago=ago)

    def empty(self) -> None:
        self.server.clear()

    def hostile(self, text: str) -> bool:
        self.server.put("b1", Title=text)
        return True


@contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    with SecurityHubServer() as server, fronted(server.url, denial) as front:
        yield Hub(front, server)
