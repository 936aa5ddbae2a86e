"""A repository of many tickets is read in bounded memory, and by few questions."""

from __future__ import annotations

import tracemalloc
from datetime import datetime
from typing import Any

from attestream.demo.servers.github import GithubServer, stamp
from attestream.demo.servers.serving import Asked, Reply
from collectors.base import Window
from collectors.registry import build, read_settings
from collectors.report import Silent, WindowReport

START = 1_790_000_000


def row(number: int) -> dict[str, Any]:
    """Ticket `number`: closed, updated in its own second."""
    moment = stamp(START + number)
    times = {"created_at": moment, "updated_at": moment, "closed_at": moment}
    return {"number": number, "state": "closed", "title": "x" * 300, "user": {"login": "a"}, "comments": 0, **times}


def test_memory_does_not_grow_with_the_number_of_tickets(server: GithubServer, begin: Any) -> None:
    server.repository("shop")
    real, asked, total = server.answer, [0], [0]

    def answer(call: Asked) -> Reply:
        if not call.path.endswith("/issues"):
            return real(call)
        asked[0] += 1
        if call.query["state"] == "open":
            return Reply(200, [])
        first = max(int(datetime.fromisoformat(call.query["since"]).timestamp()) - START, 0)
        last = min(first + 100, total[0])
        more = {"Link": f'<{server.url}{call.path}?page=2>; rel="next"'} if last < total[0] else {}
        return Reply(200, [row(number) for number in range(first, last)], more)

    server.answer = answer  # type: ignore[method-assign]

    def peak(count: int) -> int:
        total[0], asked[0] = count, 0
        collector = build(read_settings({**begin(settings=False).lab.settings, "overlap": "2m"}))
        end = int(server.clock()) * 1_000_000
        window = Window("w", "github", START * 1_000_000 - 1, end, {}, latest=False)
        tracemalloc.start()
        read = sum(1 for _ in collector.collect(window, WindowReport(Silent(), {})))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert read == count
        assert asked[0] <= count / 98 + 2
        return found

    peak(200)
    assert peak(3_000) < peak(500) + 400_000
