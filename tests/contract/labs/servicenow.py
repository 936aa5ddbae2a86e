"""A ServiceNow with tickets in two tables, more than a page of them in one second."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attestream.demo.servers.servicenow import ServiceNowServer
from tests.contract.front import Asked, Front, Reply, fronted
from tests.contract.labs.base import Fronted, Lab

PASSWORD = "canary-password-4711-of-servicenow"


def denial(_asked: Asked) -> Reply:
    return 403, {"Content-Type": "application/json"}, b'{"error": {"message": "User Not Authorized"}, "status": "failure"}'


class Rows(Fronted):
    """See Lab."""

    secrets: tuple[str, ...] = (PASSWORD,)

    def __init__(self, folder: Path, front: Front, server: ServiceNowServer) -> None:
        self.front, self.server = front, server
        (folder / "password").write_text(PASSWORD + "\n")
        self.settings = {
            "name": "tickets",
            "type": "servicenow",
            "url": front.url,
            "user": server.user,
            "password_file": str(folder / "password"),
            "tables": ["incident", "change_request"],
            "max_attempts": 1,
            "requests_per_second": 1000,
        }
        now = server.clock()
        self.ids = [server.create("incident", at=now - 3600 + number // 130 * 60) for number in range(150)]
        self.ids += [server.create("change_request", at=now - 600 + number) for number in range(3)]
        server.close("incident", self.ids[0], at=now - 60)

    def more(self) -> None:
        self.server.create("incident")

    def empty(self) -> None:
        self.server.clear()

    def hostile(self, text: str) -> bool:
        self.server.change("incident", self.ids[1], short_description=text)
        return True


@contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    with ServiceNowServer(password=PASSWORD) as server, fronted(server.url, denial) as front:
        yield Rows(folder, front, server)
