"""Answers of PagerDuty that are JSON and not what was asked for, or too much of it: nothing breaks, nothing reads as complete."""

from __future__ import annotations

import os
from typing import Any

import pytest

from attestream.demo.servers.pagerduty import PagerdutyServer
from attestream.demo.servers.serving import Asked, Reply
from collectors import pagerduty_incidents
from tests.collectors.test_pagerduty import Begin, begin, seen, server
from tests.contract.labs import pagerduty as labs
from tests.contract.rig import complete

__all__ = ["begin", "server"]

ODD: tuple[Any, ...] = (
    None,
    [],
    {},
    "text",
    7,
    {"more": True},
    {"incidents": None, "log_entries": 1, "more": False},
    {"incident": [], "incidents": [[]], "log_entries": [None, {}, {"incident": []}], "oncalls": [1], "more": False},
    {"incident": {"status": 1, "assignments": [[], {"assignee": 3}]}, "escalation_policies": [None, {}], "more": False},
)


def test_an_odd_answer_to_any_call_breaks_nothing(server: PagerdutyServer, begin: Begin) -> None:
    labs.furnish(server)
    asked: dict[str, None] = {}
    server.before = lambda call: asked.setdefault(call.path)
    begin().run()
    server.before = lambda _call: None
    real = server.answer
    each = len(ODD) if os.environ.get("FAULTS") == "long" else 3
    for place, path in enumerate(asked):
        for odd in [ODD[(place + number) % len(ODD)] for number in range(each)]:

            def answer(call: Asked, path: str = path, odd: Any = odd) -> Reply:
                return Reply(200, odd) if call.path == path else real(call)

            server.answer = answer  # type: ignore[method-assign]
            records = begin().run()
            if not isinstance(odd, dict) or "more" not in odd:
                assert records[-1].state != "complete" or path == "/users/me", (path, odd)


def test_a_log_of_many_megabytes_is_read_and_not_kept(
    server: PagerdutyServer, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagerduty_incidents, "MAX_LOG", 3000)
    server.trigger("PA", server.clock() - 7000)
    server.log("PA", "acknowledge", server.clock() - 6000, note="x" * 4000)
    rig = begin()
    assert complete(rig.run())
    told = seen(rig)["PA"]
    assert told["_unread"] == ["_log_entries"]
    assert told["_life"]["first_response"] is not None
