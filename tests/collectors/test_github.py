"""GitHub's tickets over its real protocol, and as whom it is read (settings: github_parts/test_settings.py)."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from attestream.demo.servers.github import GithubServer, stamp
from attestream.demo.servers.serving import Asked
from collectors.base import SourceUnreadable
from collectors.github_parts.app import Installation, sign
from collectors.http import Patience
from collectors.registry import SourceInvalid, read_settings
from store.records import DAY, HOUR
from tests.collectors.github_parts.conftest import TOKEN, Begin, Found, begin, found, server
from tests.contract.labs import github as labs
from tests.contract.rig import Rig, complete

__all__ = ["begin", "found", "server"]

ISSUE, PULL = "ticket.github.issue", "ticket.github.pull-request"


def numbers(rig: Rig, kind: str = ISSUE) -> set[int]:
    return {value["number"] for value in Found(rig).last(kind).values() if "number" in value}


def comment(who: str, at: float) -> dict[str, Any]:
    return {"id": int(at), "user": {"login": who}, "created_at": stamp(at), "body": "x"}


@pytest.fixture
def tickets(begin: Begin) -> Begin:
    return lambda **more: begin(settings=False, **more)


# -- the life of a ticket


def test_a_whole_life(server: GithubServer, tickets: Begin) -> None:
    now = int(server.clock())
    server.repository("shop")
    labels = [{"name": "bug"}, {"name": "Severity: high"}]
    server.issue("shop", 1, now - 3600, labels=labels, assignees=[{"login": "ann"}], comments=2)
    said = (("author", 3000), ("bob", 2000), ("eve", 1000))
    server.repositories["shop"].comments[1] = [comment(who, now - ago) for who, ago in said]
    rig = tickets()
    assert complete(rig.run())
    life = Found(rig).only(ISSUE)["_life"]
    assert (life["state"], life["owner"], life["severity"], life["resolved"]) == ("open", "ann", "high", None)
    assert life["first_response"].startswith(stamp(now - 2000)[:-1])
    server.close_issue("shop", 1, now - 500)
    rig.run()
    life = Found(rig).only(ISSUE)["_life"]
    assert life["state"] == "done"
    assert life["closed"].startswith(stamp(now - 500)[:-1])
    assert life["reviewed"] is None


def test_a_merged_pull_request_has_its_reviews_files_and_who_merged_it(server: GithubServer, tickets: Begin) -> None:
    labs.furnish(server)
    rig = tickets()
    assert complete(rig.run())
    seen = Found(rig).last(PULL)["127.0.0.1:" + server.url.rpartition(":")[2] + "/acme/shop/pull/200"]
    assert seen["merged_by"] == {"login": "author"}
    assert seen["base"]["ref"] == seen["base"]["repo"]["default_branch"] == "main"
    assert "temp_clone_token" not in seen["base"]["repo"]
    assert "repo" not in seen["head"]
    assert [review["state"] for review in seen["_reviews"]] == ["APPROVED"]
    assert seen["_files"] == [{"filename": "policies/access.md", "status": "modified"}]
    assert seen["_life"]["reviewed"] == seen["_life"]["first_response"]


def test_an_approval_of_oneself_is_no_review_and_many_files_are_not_asked_for(server: GithubServer, tickets: Begin) -> None:
    shop = server.repository("shop")
    server.pull("shop", 1, merged_by={"login": "author"}, changed_files=5000)
    shop.reviews[1] = [{"id": 1, "state": "APPROVED", "user": {"login": "author"}, "submitted_at": stamp(server.clock())}]
    rig = tickets()
    assert complete(rig.run())
    seen = Found(rig).only(PULL)
    assert seen["_life"]["reviewed"] is None
    assert seen["_unread"] == ["_files"]


def test_open_tickets_come_again_unchanged_and_closed_ones_once_a_day(server: GithubServer, tickets: Begin) -> None:
    now = server.clock()
    server.repository("shop")
    server.issue("shop", 1, now - 7200, comments=1)
    server.repositories["shop"].comments[1] = [comment("bob", now - 7000)]
    server.pull("shop", 2, now - 7200)
    server.issue("shop", 3, now - 7200)
    server.close_issue("shop", 3, now - 7100)
    rig = tickets(overlap="2m")
    rig.run()
    for_again = Found(rig).last(ISSUE) | Found(rig).last(PULL)
    before = len(rig.stream.events)
    assert complete(rig.run())
    again = [event for event in rig.stream.events[before:] if event.kind == "ticket"]
    assert {str(event.subject).rpartition("/")[2] for event in again} == {"1", "2"}
    assert all(json.loads(event.payload) == for_again[str(event.subject)] for event in again)
    rig.ledger.kept = {**rig.ledger.kept, "followed": rig.ledger.kept["followed"] - DAY}
    before = len(rig.stream.events)
    assert complete(rig.run())
    assert {str(e.subject).rpartition("/")[2] for e in rig.stream.events[before:] if e.kind == "ticket"} == {"1", "2", "3"}


def test_first_responses_are_asked_for_once(server: GithubServer, tickets: Begin) -> None:
    now = server.clock()
    server.repository("shop")
    server.issue("shop", 1, now - 7200, comments=1)
    server.repositories["shop"].comments[1] = [comment("bob", now - 7000)]
    asked: list[str] = []
    server.before = lambda call: asked.append(call.path)
    rig = tickets()
    for _ in range(3):
        rig.run()
        rig.restart()
    assert sum(path.endswith("/comments") for path in asked) == 1


def test_a_ticket_that_is_gone_is_said_to_be(server: GithubServer, tickets: Begin) -> None:
    server.repository("shop")
    for number in (1, 2):
        server.issue("shop", number, server.clock() - 7200)
    rig = tickets()
    rig.run()
    del server.repositories["shop"].tickets[1]
    assert complete(rig.run())
    gone = [value for value in Found(rig).last(ISSUE).values() if value == {"_gone": True}]
    assert len(gone) == 1
    before = len(rig.stream.events)
    rig.run()
    assert not [event for event in rig.stream.events[before:] if event.payload == b'{"_gone":true}']


# -- nothing is passed over


def test_more_than_a_page_within_one_second(server: GithubServer, tickets: Begin) -> None:
    server.repository("shop")
    at = server.clock() - 7200
    for number in range(1, 251):
        server.issue("shop", number, at)
        server.close_issue("shop", number, at)
    for number in range(251, 260):
        server.issue("shop", number, at + 1)
    rig = tickets()
    assert complete(rig.run())
    assert numbers(rig) == set(range(1, 260))


@pytest.mark.parametrize("same", [True, False])
def test_tickets_that_change_while_pages_are_read_hide_no_other(server: GithubServer, tickets: Begin, same: bool) -> None:
    """Each change moves a ticket to the end, and all after it over the border of a page."""
    server.repository("shop")
    at = server.clock() - 7200
    for number in range(1, 351):
        server.issue("shop", number, at if same else at + number)
        server.close_issue("shop", number, at if same else at + number)
    changed: list[int] = []

    def change(asked: Asked) -> None:
        if asked.path.endswith("/issues") and asked.query["state"] == "all" and len(changed) < 40:
            for _ in range(5):
                changed.append(len(changed) + 1)
                server.close_issue("shop", changed[-1], at + 3600)

    server.before = change
    rig = tickets()
    rig.run()
    assert changed
    server.before = lambda _asked: None
    rig.run()
    assert numbers(rig) == set(range(1, 351))


def test_what_changes_after_the_window_is_left_to_the_next(server: GithubServer, tickets: Begin) -> None:
    """A backlog: the windows of one run tile, and each ticket is read in its own."""
    server.repository("shop")
    now = server.clock()
    for days in range(5):
        server.issue("shop", days + 1, now - days * 86_400 - 10_000)
        server.close_issue("shop", days + 1, now - days * 86_400 - 10_000)
    asked: list[Asked] = []
    server.before = asked.append
    rig = tickets(since=stamp(now - 6 * 86_400))
    records = rig.run()
    assert len(records) >= 6
    assert complete(records)
    assert numbers(rig) == {1, 2, 3, 4, 5}
    assert all(record.records <= 1 for record in records)


def test_a_repository_without_changes_is_not_asked_for_each_day_of_a_backlog(server: GithubServer, tickets: Begin) -> None:
    server.repository("quiet")
    asked: list[str] = []
    server.before = lambda call: asked.append(call.path)
    rig = tickets(since=stamp(server.clock() - 60 * 86_400))
    assert complete(rig.run())
    assert sum(path.endswith("/quiet/issues") for path in asked) <= 5


def test_a_change_seen_late_lies_in_the_overlap(server: GithubServer, tickets: Begin) -> None:
    server.repository("shop")
    rig = tickets(overlap="5m")
    rig.run()
    server.issue("shop", 1, server.clock() - 120)
    server.close_issue("shop", 1, server.clock() - 120)
    assert complete(rig.run())
    assert numbers(rig) == {1}


def test_a_clock_that_is_ahead_passes_nothing_over(server: GithubServer, tickets: Begin) -> None:
    server.repository("shop")
    server.clock = lambda: time.time() - 1200
    [record] = tickets(since=stamp(time.time() - 3600)).run()
    assert record.state == "failed"
    assert "clock" in record.errors[0]


# -- as whom


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def pem(key: Any) -> bytes:
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def test_an_app_signs_as_github_asks(key: rsa.RSAPrivateKey, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(pem(key))
    head, claims, signature = sign(tmp_path / "key.pem", "12345", 1_700_000_000).split(".")

    def plain(part: str) -> bytes:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))

    assert json.loads(plain(head)) == {"alg": "RS256", "typ": "JWT"}
    content = json.loads(plain(claims))
    assert content["iss"] == "12345"
    assert content["iat"] < 1_700_000_000 < content["exp"] <= content["iat"] + 600
    key.public_key().verify(plain(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), SHA256())


def test_an_apps_installation_is_read_and_its_token_renewed(
    server: GithubServer, begin: Begin, key: rsa.RSAPrivateKey, tmp_path: Path
) -> None:
    labs.furnish(server)
    (tmp_path / "key.pem").write_bytes(pem(key))
    rig = begin(token_file=None, app_id="12345", installation_id=7, private_key_file=str(tmp_path / "key.pem"))
    records = rig.run()
    assert complete(records)
    assert records[0].identity == "GitHub App 12345, installation 7"
    assert server.installation_tokens == 1
    said = repr(rig.stream.events) + repr(records) + repr(rig.collector)
    assert "ghs_installation" not in said
    assert "PRIVATE KEY" not in said


def test_a_token_is_renewed_before_it_ends(server: GithubServer, key: rsa.RSAPrivateKey, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(pem(key))
    ticks = [0.0]
    app = Installation("GitHub", server.url, "1", 2, tmp_path / "key.pem", Patience(1), ticks=lambda: ticks[0])
    first = app.headers()["Authorization"]
    ticks[0] = 54 * 60
    assert app.headers()["Authorization"] == first
    ticks[0] = 56 * 60
    assert app.headers()["Authorization"] != first
    assert "ghs_" not in repr(app)


@pytest.mark.parametrize("content", [b"", b"no key", None, b"ec"])
def test_a_key_that_is_none_is_said_without_its_content(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "key.pem"
    if content is not None:
        path.write_bytes(pem(ec.generate_private_key(ec.SECP256R1())) if content == b"ec" else content)
    with pytest.raises(SourceUnreadable, match="private_key_file") as caught:
        sign(path, "1", 0)
    assert "no key" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"organisation": None}, "set organisation, or repositories"),
        ({"repositories": ["no-slash"]}, "OWNER/NAME"),
        ({"repositories": ["a/.."]}, "OWNER/NAME"),
        ({"token_file": None}, "token_file"),
        ({"app_id": "1"}, "all three"),
        ({"app_id": "1", "installation_id": 2, "private_key_file": "/k"}, "only one of the two"),
        ({"tickets": False, "settings": False}, "nothing is left"),
        ({"url": "http://github.example.org"}, "https://"),
        ({"organisations": "x"}, "did you mean organisation"),
    ],
)
def test_settings_that_cannot_be_used_are_named(change: dict[str, Any], words: str) -> None:
    own = {"name": "github", "type": "github", "organisation": "acme", "token_file": "/token"}
    with pytest.raises(SourceInvalid, match=words):
        read_settings({**own, **change})


def test_repositories_by_name_need_no_organisation(server: GithubServer, begin: Begin) -> None:
    labs.furnish(server)
    server.repository("other")
    rig = begin(organisation=None, repositories=["acme/shop"])
    records = rig.run()
    assert complete(records)
    assert not Found(rig).events("snapshot.github.org")
    assert set(Found(rig).last("snapshot.github.repo")) == {f"{server.url.removeprefix('http://')}/acme/shop"}
    before = len(rig.stream.events)
    rig.run()
    assert [event for event in rig.stream.events[before:] if event.kind == "ticket"]


def test_a_check_says_which_permission_lacks(server: GithubServer, begin: Begin) -> None:
    labs.furnish(server)
    server.refused = {"hooks", "2fa"}
    probes = begin().collector.check()
    lacks = {probe.denied.action for probe in probes if probe.denied}
    assert lacks == {"Repository: Webhooks (read)", "Organization: Webhooks (read)", "Organization: Members (read)"}
    assert not [probe for probe in probes if TOKEN in probe.text]


def test_settings_schedule_is_kept_in_the_cursor(server: GithubServer, begin: Begin) -> None:
    labs.furnish(server)
    rig = begin()
    rig.run()
    assert abs(rig.ledger.kept["looked"] - int(time.time() * 1e6)) < HOUR
    assert len(json.dumps(rig.ledger.kept)) < 10_000
