"""alerts/webhook.py against a real HTTP server: what is sent, how it is signed, what becomes of each answer."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from structlog.testing import capture_logs
from werkzeug import Request, Response

from alerts.base import Action, Alert, Refused, Retry
from alerts.caller import Caller, retry_after
from alerts.deliver import Deliverer
from alerts.guard import Rules, check_url
from alerts.outgoing import Limits
from alerts.registry import read_routes
from alerts.webhook import WebhookNotifier, encode, sign
from store.records import MINUTE, SECOND

SECRET = "correct horse battery staple"
ACCOUNT = "111122223333"
PATIENT = Limits(connect=120.0, total=120.0)
"""For answers that come: how fast this machine is must not matter."""
DOCS = Path(__file__).resolve().parents[2] / "docs" / "alerts.md"


def route(url: str, **more: Any) -> dict[str, Any]:
    return {"name": "hook", "type": "webhook", "url": url, "secret": SECRET, "allow_private": True, "allow_http": True, **more}


@pytest.fixture
def deliver(world: Any, httpserver: HTTPServer) -> Callable[[], Any]:
    """One pass over a route that posts to /hook/T0K3N of the server."""
    [made] = read_routes([route(httpserver.url_for("/hook/T0K3N"))])
    assert isinstance(made.notifier, WebhookNotifier)
    deliverer = Deliverer(
        world.engine,
        [replace(made, notifier=replace(made.notifier, caller=replace(made.notifier.caller, limits=PATIENT)))],
        world.clock,
        "https://attestream.example.org",
        jitter=lambda: 0.5,
    )
    return deliverer.run_once


def opened(world: Any, **more: Any) -> None:
    world.finding("trail-stopped", "main", "not-assessed", "not-satisfied", title="Trail stopped", cites=[7], **more)


def verify_from_the_docs() -> Callable[..., None]:
    """The function that docs/alerts.md gives to whoever receives."""
    [code] = re.findall(r"```python\n(import hashlib.*?)```", DOCS.read_text(), re.S)
    names: dict[str, Any] = {}
    exec(code, names)
    return names["verify"]


def test_the_event_is_cloudevents_signed_and_says_what_changed(world: Any, httpserver: HTTPServer, deliver: Any) -> None:
    httpserver.expect_request("/hook/T0K3N", method="POST").respond_with_data("")
    opened(world)
    assert deliver().delivered == 1
    [(request, _)] = httpserver.log
    assert request.headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"
    event = json.loads(request.data)
    data = event.pop("data")
    assert {name: event[name] for name in ("specversion", "type", "subject", "time", "datacontenttype")} == {
        "specversion": "1.0",
        "type": "io.attestream.drift.trigger",
        "subject": f"finding/trail-stopped/{ACCOUNT}",
        "time": "2024-10-04T00:00:00.000000Z",
        "datacontenttype": "application/json",
    }
    assert re.fullmatch(r"[0-9a-f]{32}", event["id"])
    assert event["source"].startswith("urn:uuid:")
    expected = {
        "title": "Trail stopped",
        "before": "not-assessed",
        "after": "not-satisfied",
        "controls": ["A.8.15"],
        "until": None,
    }
    expected |= {"subjects": ["main"], "subject_count": 1, "entry": 1, "evidence": [7], "level": "high", "account": ACCOUNT}
    expected |= {"since": "2024-10-04T00:00:00.000000Z", "known_at": "2024-10-04T00:00:00.000000Z", "brief": False}
    assert {name: data[name] for name in expected} == expected
    assert data["link"].startswith("https://attestream.example.org/findings/trail-stopped/")
    assert "Trail stopped: not satisfied for main in account 111122223333 since 2024-10-04 00:00:00 UTC" in data["sentence"]
    [(t, v1)] = re.findall(r"^t=([0-9]+),v1=([0-9a-f]{64})$", request.headers["Attestream-Signature"])
    assert v1 == hmac.new(SECRET.encode(), t.encode() + b"." + request.data, hashlib.sha256).hexdigest()


def test_the_function_of_the_docs_accepts_what_is_sent_and_nothing_else(world: Any, httpserver: HTTPServer, deliver: Any) -> None:
    httpserver.expect_request("/hook/T0K3N").respond_with_data("")
    opened(world)
    deliver()
    [(request, _)] = httpserver.log
    verify, header, body = verify_from_the_docs(), request.headers["Attestream-Signature"], request.data
    at = int(header.split(",")[0][2:])
    verify(SECRET.encode(), header, body, now=at + 10)
    broken = [
        (b"other secret of 16", header, body, at),
        (SECRET.encode(), header, body + b" ", at),
        (SECRET.encode(), header.replace(f"t={at}", f"t={at + 1}"), body, at),
        (SECRET.encode(), header, body, at + 301),
        (SECRET.encode(), header, body, at - 301),
        (SECRET.encode(), header.partition(",")[0], body, at),
        (SECRET.encode(), "", body, at),
    ]
    for secret, head, sent, now in broken:
        with pytest.raises(ValueError):
            verify(secret, head, sent, now=now)


@pytest.mark.parametrize(
    ("status", "headers", "state", "wait"),
    [
        (500, {}, "pending", 5),
        (503, {"Retry-After": "120"}, "pending", 123),
        (429, {"Retry-After": "120"}, "pending", 123),
        (429, {"Retry-After": "soon"}, "pending", 5),
        (408, {}, "pending", 5),
        (400, {}, "failed", 600),
        (401, {}, "failed", 600),
        (404, {}, "failed", 600),
        (410, {}, "failed", 600),
        (301, {"Location": "/elsewhere"}, "failed", 600),
        (307, {"Location": "http://169.254.169.254/"}, "failed", 600),
    ],
)
def test_what_is_not_taken_is_sent_again_the_same(
    world: Any, httpserver: HTTPServer, deliver: Any, status: int, headers: dict[str, str], state: str, wait: int
) -> None:
    httpserver.expect_ordered_request("/hook/T0K3N").respond_with_data("secret: T0K3N", status, headers)
    httpserver.expect_ordered_request("/hook/T0K3N").respond_with_data("")
    opened(world)
    deliver()
    [row] = world.rows("hook")
    assert (row.state, row.next_at - world.now, row.attempts) == (state, wait * SECOND, 1)
    assert f"answered {status}" in row.error
    world.now = row.next_at
    deliver()
    assert world.states("hook") == ["delivered"]
    first, second = (json.loads(request.data) for request, _ in httpserver.log)
    assert first == second


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_is_taken(world: Any, httpserver: HTTPServer, deliver: Any, status: int) -> None:
    httpserver.expect_request("/hook/T0K3N").respond_with_data("", status)
    opened(world)
    assert deliver().delivered == 1


def test_slow_and_cut_answers_are_tried_again(world: Any) -> None:
    """A server that takes the request and then closes, and one that stays silent."""
    for silent in (False, True):
        listener = socket.create_server(("127.0.0.1", 0))
        gone = threading.Event()

        def serve(listener: socket.socket = listener, silent: bool = silent, gone: threading.Event = gone) -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):  # the client may have gone already
                connection.recv(65536)
                if silent:
                    gone.wait(120)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        target = check_url(f"http://127.0.0.1:{listener.getsockname()[1]}/", Rules(allow_private=True, allow_http=True))
        caller = Caller(target, limits=Limits(total=0.5) if silent else PATIENT, clock=world.clock)
        notifier = WebhookNotifier(caller, SECRET.encode())
        with pytest.raises(Retry, match="in time" if silent else "could not be reached"):
            notifier.notify(alert())
        gone.set()
        thread.join(120)
        listener.close()


def test_a_huge_answer_is_taken(world: Any, httpserver: HTTPServer, deliver: Any) -> None:
    httpserver.expect_request("/hook/T0K3N").respond_with_handler(lambda _: Response(b"x" * 3_000_000))
    opened(world)
    assert deliver().delivered == 1


def test_no_secret_is_in_errors_logs_or_the_store(world: Any, httpserver: HTTPServer, deliver: Any) -> None:
    def echo(request: Request) -> Response:
        return Response(f"{request.url} {request.headers} {SECRET}", 500, {"X-Echo": SECRET})

    httpserver.expect_request("/hook/T0K3N").respond_with_handler(echo)
    opened(world)
    with capture_logs() as logs:
        for _ in range(9):
            deliver()
            world.now = world.rows("hook")[0].next_at
    [row] = world.rows("hook")
    assert row.state == "failed"
    assert len(logs) == 9
    for text in (row.error, repr(logs), repr(read_routes([route(httpserver.url_for("/hook"))]))):
        assert SECRET not in text
        assert "T0K3N" not in text


def test_two_things_of_one_key_arrive_in_order(world: Any, httpserver: HTTPServer, deliver: Any) -> None:
    httpserver.expect_ordered_request("/hook/T0K3N").respond_with_data("", 503)
    httpserver.expect_ordered_request("/hook/T0K3N").respond_with_data("")
    httpserver.expect_ordered_request("/hook/T0K3N").respond_with_data("")
    opened(world)
    deliver()
    world.finding("trail-stopped", "main", "not-satisfied", "closed", 12, title="Trail stopped")
    world.pass_(10)
    deliver()
    types = [json.loads(request.data)["type"].rpartition(".")[2] for request, _ in httpserver.log]
    assert types == ["trigger", "trigger", "resolve"]


def alert(**more: Any) -> Alert:
    said: dict[str, Any] = {"id": "1", "key": "k", "action": Action.TRIGGER, "kind": "finding", "level": "high", "title": "t"}
    said |= {
        "sentence": "s",
        "before": "a",
        "after": "b",
        "since": 0,
        "until": None,
        "changed_at": 0,
        "known_at": 0,
        "origin": "urn:x",
    }
    return Alert(**(said | more))


def test_an_address_that_became_private_is_refused_at_the_door() -> None:
    target = check_url("https://hooks.example.org/x", Rules())
    notifier = WebhookNotifier(Caller(target, lookup=lambda *_: ["10.1.2.3"]), SECRET.encode())
    with pytest.raises(Refused, match="must not be called"):
        notifier.notify(alert())


def test_the_signature_is_as_documented() -> None:
    assert sign(b"key", 1_700_000_000, b"{}") == (
        "t=1700000000,v1=" + hmac.new(b"key", b"1700000000.{}", hashlib.sha256).hexdigest()
    )


@given(st.text(), st.text(), st.lists(st.text()))
def test_any_text_makes_json(title: str, key: str, subjects: list[str]) -> None:
    event = json.loads(encode(alert(title=title, key=key, subjects=tuple(subjects))))
    assert event["data"]["subject_count"] == 0
    assert len(event["data"]["subjects"]) == len(subjects)


@given(st.text(max_size=40))
def test_any_retry_after_is_read_or_passed_over(value: str) -> None:
    after = retry_after(value, 0)
    assert after is None or after >= 0


def test_retry_after_may_be_a_date() -> None:
    now = 1_700_000_000 * SECOND  # Tue, 14 Nov 2023 22:13:20 GMT
    assert retry_after("Tue, 14 Nov 2023 22:14:20 GMT", now) == MINUTE / SECOND
    assert retry_after("Tue, 14 Nov 2023 22:12:20 GMT", now) == 0
