"""AWS Config with small pages: rules that are met, not met, and without data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attestream.demo.servers.aws_config import ConfigServer
from tests.aws import SECRET
from tests.contract.front import Front, fronted
from tests.contract.labs.aws_securityhub import denial
from tests.contract.labs.base import Fronted, Lab


class Rules(Fronted):
    """See Lab."""

    secrets: tuple[str, ...] = (SECRET,)

    def __init__(self, front: Front, server: ConfigServer) -> None:
        self.front, self.server, self.number = front, server, 0
        server.page = 2
        self.settings: Mapping[str, Any] = {
            "name": "rules",
            "type": "aws-config",
            "endpoint_url": front.url,
            "region": "eu-west-1",
            "regions": ["eu-west-1"],
            "max_attempts": 1,
            "connect_timeout": 120,
            "read_timeout": 120,
        }
        for name in ("s3-public", "s3-encrypted", "no-data"):
            server.rule(name)
        for _ in range(3):
            self.more()

    def more(self) -> None:
        self.number += 1
        self.server.evaluate("s3-public", f"bucket-{self.number}", "NON_COMPLIANT" if self.number % 2 else "COMPLIANT")

    def empty(self) -> None:
        self.server.clear()

    def hostile(self, text: str) -> bool:
        self.server.evaluate("s3-public", "bucket-1", "NON_COMPLIANT", Annotation=text)
        return True


@contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    with ConfigServer() as server, fronted(server.url, denial) as front:
        yield Rules(front, server)
