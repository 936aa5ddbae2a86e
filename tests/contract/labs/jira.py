"""A Jira of either edition, small pages, in Auckland's time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from attestream.demo.servers.jira import JiraServer
from tests.contract.front import Asked, Front, Reply, fronted
from tests.contract.labs.base import Fronted, Lab

TOKEN = "canary-token-4711-of-jira"
Edition = Literal["cloud", "data-center"]


def denial(_asked: Asked) -> Reply:
    return 403, {"Content-Type": "application/json"}, b'{"errorMessages": ["You do not have permission."]}'


class Issues(Fronted):
    """See Lab."""

    secrets: tuple[str, ...] = (TOKEN,)

    def __init__(self, folder: Path, front: Front, server: JiraServer) -> None:
        self.front, self.server = front, server
        server.cap = 2
        (folder / "token").write_text(TOKEN + "\n")
        self.settings = {
            "name": "tickets",
            "type": "jira",
            "url": front.url,
            "edition": server.edition,
            **({"email": server.email} if server.edition == "cloud" else {}),
            "token_file": str(folder / "token"),
            "jql": "project = SEC",
            "max_attempts": 1,
            "requests_per_second": 1000,
        }
        now = server.now()
        for number in range(5):
            key = server.create("SEC", f"ticket {number}", at=now - 3_600_000 + number * 600_000)
            server.change(key, at=now - 3_500_000 + number * 600_000, assignee="bob")
        for number in range(50):
            server.change("SEC-3", at=now - 300_000 + number, by="app-rule", summary=f"ticket 3, version {number}")
        server.change("SEC-2", at=now - 200_000, status="Done")

    def more(self) -> None:
        self.server.create("SEC", "one more")

    def empty(self) -> None:
        self.server.clear()

    def hostile(self, text: str) -> bool:
        self.server.change("SEC-1", summary=text)
        return True


@contextmanager
def lab(folder: Path, edition: Edition = "cloud") -> Iterator[Lab]:
    with JiraServer(edition, TOKEN) as server, fronted(server.url, denial) as front:
        yield Issues(folder, front, server)


@contextmanager
def data_center(folder: Path) -> Iterator[Lab]:
    with lab(folder, "data-center") as made:
        yield made
