"""GitHub refuses, throttles, breaks off or misleads: said as what it is, and nothing is lost."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from attestream.demo.servers.github import GithubServer
from attestream.demo.servers.serving import Asked, Reply
from tests.collectors.github_parts.conftest import Begin, Found
from tests.contract.labs import github as labs
from tests.contract.rig import Rig, complete

ISSUE = "ticket.github.issue"


def numbers(rig: Rig) -> set[Any]:
    return {value["number"] for value in Found(rig).last(ISSUE).values()}


@pytest.fixture
def tickets(begin: Begin) -> Begin:
    return lambda **more: begin(settings=False, **more)


def test_one_repository_that_is_refused_holds_up_no_other_and_is_asked_for_again(server: GithubServer, tickets: Begin) -> None:
    now = server.clock()
    for number, name in enumerate(("one", "two"), 1):
        server.repository(name)
        server.issue(name, number, now - 7200)
        server.close_issue(name, number, now - 7200)
    real = server.answer

    def refuse(asked: Asked) -> Reply:
        return Reply(403, {"message": "Resource not accessible by integration"}) if "/one/" in asked.path else real(asked)

    server.answer = refuse  # type: ignore[method-assign]
    rig = tickets()
    for _ in range(2):
        records = rig.run()
        assert records[-1].state == "partial"
        assert not records[-1].parts[0].complete
    assert numbers(rig) == {2}
    assert rig.ledger.end == records[-1].asked[1]
    server.answer = real  # type: ignore[method-assign]
    assert complete(rig.run())
    assert numbers(rig) == {1, 2}


def test_a_spent_rate_limit_is_not_waited_for_and_nothing_is_lost(server: GithubServer, begin: Begin) -> None:
    labs.furnish(server)
    server.remaining = 12
    rig = begin()
    records = rig.run()
    assert not complete(records)
    assert any("throttled" in error for record in records for error in record.errors)
    server.remaining = 5000
    assert complete(rig.run())
    assert len(numbers(rig)) == 102


def test_a_secondary_limit_is_told_from_a_refusal(server: GithubServer, tickets: Begin) -> None:
    server.repository("shop")
    real = server.answer
    words = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}
    server.answer = lambda asked: Reply(403, words) if asked.path.endswith("/issues") else real(asked)  # type: ignore[method-assign]
    [record] = tickets().run()
    assert record.state == "partial"
    assert "secondary rate limit" in record.errors[0]


@pytest.mark.parametrize("link", ["http://127.0.0.1:1/next", "https://evil.example/repos", "::"])
def test_a_link_to_another_place_is_not_followed(server: GithubServer, tickets: Begin, link: str) -> None:
    server.repository("shop")
    real = server.answer

    def mislead(asked: Asked) -> Reply:
        reply = real(asked)
        return Reply(200, reply.value, {"Link": f'<{link}>; rel="next"'}) if asked.path.endswith("/repos") else reply

    server.answer = mislead  # type: ignore[method-assign]
    [record] = tickets().run()
    assert record.state == "failed"
    assert "link" in record.errors[0]


def test_pages_that_lead_back_end(server: GithubServer, tickets: Begin) -> None:
    server.repository("shop")
    real = server.answer

    def circle(asked: Asked) -> Reply:
        reply = real(asked)
        link = f'<{server.url}/orgs/acme/repos?after=x>; rel="next"'
        return Reply(200, reply.value, {"Link": link}) if asked.path.endswith("/repos") else reply

    server.answer = circle  # type: ignore[method-assign]
    [record] = tickets().run()
    assert record.state == "failed"
    assert "back to themselves" in record.errors[0]


def test_an_answer_that_does_not_come_in_time(server: GithubServer, tickets: Begin) -> None:
    server.repository("shop")
    server.before = lambda asked: time.sleep(0.8 if asked.path == "/user" else 0)
    [record] = tickets(read_timeout=0.3).run()
    assert record.state == "failed"


def test_wrong_tokens_and_organisations_are_said(server: GithubServer, tickets: Begin, tmp_path: Path) -> None:
    rig = tickets(organisation="nobody")
    [record] = rig.run()
    assert record.state == "failed"
    assert "nobody" in record.errors[0]
    (tmp_path / "token").write_text("github_pat_wrong")
    [record] = tickets().run()
    assert "credentials" in record.errors[0]
    assert "github_pat_wrong" not in str(record)


def test_what_is_no_ticket_is_a_dead_letter_and_the_others_go_on(server: GithubServer, tickets: Begin) -> None:
    server.repository("shop")
    server.issue("shop", 1)
    server.issue("shop", 2)["number"] = "../../x"
    server.issue("shop", 3, _life="theirs")
    rig = tickets()
    records = rig.run()
    assert records[-1].state == "partial"
    assert records[-1].unreadable >= 2
    assert numbers(rig) == {1}


def test_a_long_outage_ends_the_window(server: GithubServer, begin: Begin) -> None:
    for number in range(30):
        server.repository(f"r{number}")
    real, asked = server.answer, [0]

    def fail(call: Asked) -> Reply:
        asked[0] += 1
        return Reply(502, {}) if "/repos/" in call.path else real(call)

    server.answer = fail  # type: ignore[method-assign]
    [record] = begin().run()
    assert record.state == "failed"
    assert asked[0] < 20
