"""Every notifier that calls a server, in delivery: a bad receiver is tried again, holds up nobody, and no secret is told."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from structlog.testing import capture_logs
from werkzeug import Request, Response

from alerts.deliver import Deliverer
from alerts.outgoing import Limits
from alerts.registry import ROUTE_TYPES, read_routes
from alerts.routes import Route
from store.engine import reading
from store.records import SECOND, DriftRow

SECRET = "s3cr3t-0f-16-bytes"
HERE = {"allow_private": True, "allow_http": True}
SYS_ID = "0" * 32

# Settings of each, with SECRET wherever a secret goes; and what it answers to when all is well.
KINDS: dict[str, tuple[Callable[[str], dict[str, Any]], str]] = {
    "webhook": (lambda url: {"url": f"{url}{SECRET}", "secret": SECRET}, "anything"),
    "slack": (lambda url: {"url": f"{url}{SECRET}"}, "ok"),
    "teams": (lambda url: {"url": f"{url}{SECRET}?sig={SECRET}"}, ""),
    "pagerduty": (lambda url: {"url": url, "routing_key": SECRET}, '{"status":"success"}'),
    "alertmanager": (lambda url: {"url": url, "user": "u", "password": SECRET}, ""),
    "jira": (lambda url: {"url": url, "email": "a@b", "token": SECRET, "project": "SEC"}, '{"issues":[{"key":"SEC-1"}]}'),
    "servicenow": (lambda url: {"url": url, "user": "u", "password": SECRET}, f'{{"result":[{{"sys_id":"{SYS_ID}"}}]}}'),
}
ELSEWHERE = {"log", "email", "apprise"}
"""Tested in their own files: they call no server, no HTTP server, or not by themselves."""


def test_every_notifier_is_tested_here_or_by_itself() -> None:
    assert set(KINDS) | ELSEWHERE == set(ROUTE_TYPES)


@pytest.fixture
def desk(world: Any, make_desk: Any, httpserver: HTTPServer) -> Any:
    """desk(kind, seconds): passes over a route of this kind to the server, and a good one beside it."""

    def make(kind: str, seconds: float = 120.0) -> Any:
        good = make_desk()
        [route] = read_routes([{"name": "r", "type": kind, **HERE, **KINDS[kind][0](httpserver.url_for("/"))}])
        notifier: Any = route.notifier
        caller = replace(notifier.caller, limits=Limits(connect=120.0, total=seconds), clock=world.clock)
        routes = [Route("r", replace(notifier, caller=caller)), Route("good", good.recorder)]
        told: list[DriftRow] = []
        good.deliverer = Deliverer(world.engine, routes, world.clock, jitter=lambda: 0.5, tell=told.append)
        good.told = told
        return good

    return make


def no_secret(world: Any, told: list[DriftRow], logs: Any) -> None:
    """Nothing that is kept, shown or logged has the secret."""
    with reading(world.engine) as connection:
        rows = [*connection.exec_driver_sql("SELECT * FROM delivery"), *connection.exec_driver_sql("SELECT * FROM drift")]
    assert SECRET not in repr(rows) + repr(told) + repr(logs)


BAD = [
    (500, {}, "broken " + SECRET, "pending", 5),
    (429, {"Retry-After": "120"}, SECRET, "pending", 123),
    (503, {"Retry-After": "60"}, "", "pending", 61.5),
    (302, {"Location": f"http://169.254.169.254/{SECRET}"}, "", "failed", 600),
    (403, {}, SECRET, "failed", 600),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("status", "headers", "body", "state", "wait"), BAD, ids=[str(status) for status, *_ in BAD])
def test_a_receiver_that_answers_badly(
    world: Any,
    desk: Any,
    httpserver: HTTPServer,
    kind: str,
    status: int,
    headers: dict[str, str],
    body: str,
    state: str,
    wait: float,
) -> None:
    made = desk(kind)
    httpserver.expect_request(re.compile(".*")).respond_with_data(body, status=status, headers=headers)
    world.finding("m", "a", "not-assessed", "not-satisfied")
    with capture_logs() as logs:
        made.deliverer.run_once()
    [row] = world.rows("r")
    assert (row.state, (row.next_at - world.now) / SECOND) == (state, wait)
    assert f"answered {status}" in row.error
    assert len(httpserver.log) == 1
    assert made.recorder.actions() == ["trigger"], "the other route has it"
    assert [drift.key for drift in made.told] == (["route/r"] if state == "failed" else [])
    no_secret(world, made.told, logs)
    # Well again: it is delivered after all.
    httpserver.clear()
    httpserver.expect_request(re.compile(".*")).respond_with_data(KINDS[kind][1])
    world.now = row.next_at
    made.deliverer.run_once()
    assert world.states("r") == ["delivered"]
    assert [drift.after for drift in made.told] == (["undeliverable", "delivering"] if state == "failed" else [])


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"webhook", "alertmanager"}))
@pytest.mark.parametrize("body", [f'{{"error":"{SECRET}"}}', f"<html>{SECRET}</html>"], ids=["json", "html"])
def test_a_receiver_that_answers_200_with_an_error(world: Any, desk: Any, httpserver: HTTPServer, kind: str, body: str) -> None:
    """A status line alone says nothing where the service says more."""
    made = desk(kind)
    httpserver.expect_request(re.compile(".*")).respond_with_data(body)
    world.finding("m", "a", "not-assessed", "not-satisfied")
    with capture_logs() as logs:
        made.deliverer.run_once()
    [row] = world.rows("r")
    assert row.state in ("pending", "failed")
    assert made.recorder.actions() == ["trigger"]
    no_secret(world, made.told, logs)


@pytest.mark.parametrize("kind", KINDS)
def test_a_receiver_that_hangs(world: Any, desk: Any, httpserver: HTTPServer, kind: str) -> None:
    release = threading.Event()

    def hang(_: Request) -> Response:
        release.wait(120)
        return Response("")

    made = desk(kind, seconds=0.3)
    httpserver.expect_request(re.compile(".*")).respond_with_handler(hang)
    world.finding("m", "a", "not-assessed", "not-satisfied")
    with capture_logs() as logs:
        made.deliverer.run_once()
    release.set()
    [row] = world.rows("r")
    assert (row.state, "did not answer in time" in row.error) == ("pending", True)
    assert made.recorder.actions() == ["trigger"]
    no_secret(world, made.told, logs)


@pytest.mark.parametrize("kind", KINDS)
def test_settings_and_notifiers_do_not_show_secrets(httpserver: HTTPServer, kind: str) -> None:
    settings = {"name": "r", "type": kind, **HERE, **KINDS[kind][0](httpserver.url_for("/"))}
    [route] = read_routes([settings])
    assert SECRET not in repr(route)
    assert SECRET not in repr(ROUTE_TYPES[kind].settings.model_validate(settings))
    assert json.dumps(settings).count(SECRET) >= 1
