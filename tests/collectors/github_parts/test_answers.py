"""Answers that are JSON and not what was asked for: at whatever call, nothing breaks and nothing reads as complete by mistake."""

from __future__ import annotations

import os
from typing import Any

import pytest

from attestream.demo.servers.github import GithubServer, stamp
from attestream.demo.servers.serving import Asked, Reply
from tests.contract.labs.github import furnish

EACH = 10 if os.environ.get("FAULTS") == "long" else 1
"""Odd answers that each call is given."""
STATUSES = (204, 404, 410, 422, 451, 500)
ODD: tuple[Any, ...] = (None, [], {}, "text", 7, [None], [[]], [{}], {"message": []}, [{"number": True, "login": 1, "id": []}])


def calls(server: GithubServer, begin: Any) -> list[str]:
    found: dict[str, None] = {}
    server.before = lambda asked: found.setdefault(asked.path)
    begin().run()
    server.before = lambda _asked: None
    return list(found)


@pytest.fixture
def few(server: GithubServer) -> None:
    furnish(server)
    for number in range(5, 103):
        del server.repositories["shop"].tickets[number]
    server.issue("shop", 1, server.clock() - 3600, comments=1)


def test_an_odd_answer_to_any_call_breaks_nothing(server: GithubServer, begin: Any, few: None) -> None:
    real = server.answer
    asked = calls(server, begin)
    for number, path in enumerate(asked * EACH):
        odd = ODD[(number + number // len(asked)) % len(ODD)]

        def answer(asked: Asked, path: str = path, odd: Any = odd) -> Reply:
            return Reply(200, odd) if asked.path == path else real(asked)

        server.answer = answer  # type: ignore[method-assign]
        records = begin(since=stamp(server.clock() - 7200)).run()
        # What answers with an empty list is empty; what is neither list nor object is an error.
        assert records[-1].state != "complete" or isinstance(odd, list | dict) or path == "/user", (path, odd)


def test_an_odd_status_to_any_call_breaks_nothing(server: GithubServer, begin: Any, few: None) -> None:
    real = server.answer
    for number, path in enumerate(calls(server, begin)):
        status = STATUSES[number % len(STATUSES)]

        def answer(asked: Asked, path: str = path, status: int = status) -> Reply:
            return Reply(status, b"" if status == 204 else {"message": "odd"}) if asked.path == path else real(asked)

        server.answer = answer  # type: ignore[method-assign]
        records = begin(since=stamp(server.clock() - 7200)).run()
        fine = path == "/user" or (status == 204 and path.endswith("/vulnerability-alerts"))
        assert records[-1].state != "complete" or fine, (path, status)
