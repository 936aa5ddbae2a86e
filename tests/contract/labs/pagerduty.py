"""An account of a small PagerDuty: incidents with logs of more than a page, escalation policies, people on call."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attestream.demo.servers.pagerduty import PagerdutyServer
from store.times import format_time
from tests.contract.front import Asked, Front, Reply, fronted
from tests.contract.labs.base import Fronted, Lab

TOKEN = "u+pagerduty-canary-token"
HOUR = 3600.0


def denial(_asked: Asked) -> Reply:
    return 403, {"Content-Type": "application/json"}, b'{"error": {"message": "Access Denied", "code": 2010}}'


def furnish(server: PagerdutyServer) -> None:
    """Incidents open and resolved, one with a long log, and policies."""
    now = server.clock()
    for number in range(4):
        server.trigger(f"PINC{number}", now - 20 * HOUR + number)
    for number in range(120):
        server.log("PINC0", "notify" if number % 2 else "annotate", now - 10 * HOUR + number)
    server.log("PINC1", "acknowledge", now - 2 * HOUR)
    server.log("PINC1", "resolve", now - HOUR)
    server.policy("PPOL1", 2, (1, 2))
    server.policy("PPOL2", 1, ())


class AnAccount(Fronted):
    """See Lab."""

    secrets: tuple[str, ...] = (TOKEN,)

    def __init__(self, front: Front, server: PagerdutyServer, folder: Path) -> None:
        self.front, self.server = front, server
        path = folder / "token"
        path.write_text(TOKEN)
        self.settings = {
            "name": "pagerduty",
            "type": "pagerduty",
            "url": front.url,
            "token_file": str(path),
            "since": format_time(int((time.time() - 30 * HOUR) * 1e6)),
            "max_attempts": 1,
            "read_timeout": 120,
            "requests_per_second": 1000,
        }
        self.number = 1000
        furnish(server)

    def more(self) -> None:
        self.number += 1
        self.server.trigger(f"PINC{self.number}")

    def empty(self) -> None:
        self.server.incidents.clear()
        for held in (self.server.entries, self.server.policies, self.server.oncalls):
            held.clear()

    def hostile(self, text: str) -> bool:
        self.number += 1
        self.server.trigger(f"PINC{self.number}", title=text)
        return True


@contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    with PagerdutyServer(token=TOKEN) as server, fronted(server.url, denial) as front:
        yield AnAccount(front, server, folder)
