"""alerts/alertmanager.py against a real Alertmanager, and a server that answers what one would."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from alerts.alertmanager import PATH
from alerts.base import Action, AlertError, Refused, Repeating, Retry
from alerts.deliver import Deliverer
from alerts.registry import read_routes
from alerts.routes import Route
from store.records import HOUR, MINUTE, SECOND
from store.times import parse_time, wall_clock
from tests.alertmanager_server import alertmanager

PATIENCE = 60.0


class Hook(list[dict[str, Any]]):
    """What Alertmanager told its receiver, one by one."""

    def await_(self, status: str, key: str) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while True:
            for alert in list(self):
                if (alert["status"], alert["labels"]["key"]) == (status, key):
                    return alert
            assert time.monotonic() < deadline, f"not told that {key} is {status}"
            time.sleep(0.02)


@pytest.fixture(scope="module")
def real() -> Iterator[tuple[str, Hook]]:
    """(URL of an Alertmanager, what it told)."""
    hook = Hook()

    def take(request: Any) -> Response:
        hook.extend(json.loads(request.data)["alerts"])
        return Response("")

    with HTTPServer(host="127.0.0.1") as server:
        server.expect_request("/hook").respond_with_handler(take)
        with alertmanager(server.url_for("/hook")) as url:
            yield url, hook


def standing(url: str) -> dict[str, dict[str, Any]]:
    """What an Alertmanager says is firing, by key."""
    with urllib.request.urlopen(f"{url}{PATH}", timeout=30) as answer:
        return {alert["labels"]["key"]: alert for alert in json.loads(answer.read())}


def here(build: Any, url: str, **more: Any) -> Any:
    """A notifier with the clock of this machine, which Alertmanager goes by."""
    notifier = build("alertmanager", url=url, **more)
    return replace(notifier, caller=replace(notifier.caller, clock=wall_clock))


@pytest.mark.parts("alertmanager")
def test_a_real_one_fires_from_trigger_to_resolve(real: tuple[str, Hook], build: Any, make_alert: Any) -> None:
    url, hook = real
    notifier = here(build, url, labels={"team": "security"})
    key = "finding/trail-stopped/1"
    notifier.notify(make_alert(key=key))
    fired = hook.await_("firing", key)
    assert fired["labels"] == {
        "alertname": "AttestreamDrift",
        "key": key,
        "kind": "finding",
        "severity": "critical",
        "account": "111122223333",
        "mapping": "trail-stopped",
        "controls": "A.8.15",
        "team": "security",
    }
    assert fired["annotations"]["subjects"] == "main"
    assert standing(url)[key]["startsAt"].startswith("2024-10-04T00:00:00")
    # Said again, and with another subject: still one alert, and nobody is told anew.
    notifier.repeat([make_alert(Action.UPDATE, key=key, subjects=("main", "other"), subject_count=2)])
    assert standing(url)[key]["annotations"]["subject_count"] == "2"
    notifier.notify(make_alert(Action.RESOLVE, key=key))
    hook.await_("resolved", key)
    assert key not in standing(url)
    assert [alert["status"] for alert in hook if alert["labels"]["key"] == key] == ["firing", "resolved"]


@pytest.mark.parts("alertmanager")
def test_a_real_one_is_told_of_what_was_over_already(real: tuple[str, Hook], build: Any, make_alert: Any) -> None:
    url, hook = real
    here(build, url).notify(make_alert(Action.RESOLVE, brief=True, key="finding/brief/1"))
    assert hook.await_("firing", "finding/brief/1")["annotations"]["summary"].startswith("Open and over")


@pytest.mark.parts("alertmanager")
def test_what_is_open_in_the_store_is_posted_again_until_it_is_resolved(real: tuple[str, Hook], world: Any) -> None:
    """A new Alertmanager, which knows nothing, hears of what was told to the one before it."""
    url, _ = real
    world.now = wall_clock()

    def deliverer() -> Deliverer:
        routes = read_routes([{"name": "am", "type": "alertmanager", "url": url, "allow_private": True, "allow_http": True}])
        return Deliverer(world.engine, routes, wall_clock)

    world.finding("bucket-public", "b", "not-assessed", "not-satisfied")
    world.finding("bucket-public", "c", "not-assessed", "not-satisfied", 1)
    [key] = {"finding/bucket-public/111122223333"}
    assert deliverer().run_once().delivered == 1
    before = standing(url)[key]
    time.sleep(0.01)
    deliverer().run_once()  # nothing is new; a service that starts says again what is open
    after = standing(url)[key]
    assert after["fingerprint"] == before["fingerprint"]
    assert after["endsAt"] > before["endsAt"]
    for name in "bc":
        world.finding("bucket-public", name, "not-satisfied", "satisfied", 2)
    deliverer().run_once()
    assert key not in standing(url)
    deliverer().run_once()
    assert key not in standing(url)


def posted(httpserver: HTTPServer) -> list[dict[str, Any]]:
    return [alert for request, _ in httpserver.log for alert in json.loads(request.data)]


@pytest.mark.parametrize(
    ("changes", "lasts"),
    [
        ({"action": Action.TRIGGER}, 2 * HOUR),
        ({"action": Action.UPDATE}, 2 * HOUR),
        ({"action": Action.SUMMARY, "counts": {"high": 1}}, 5 * MINUTE),
        ({"action": Action.RESOLVE, "brief": True}, 5 * MINUTE),
    ],
)
def test_how_long_an_alert_holds(build: Any, make_alert: Any, httpserver: HTTPServer, changes: Any, lasts: int) -> None:
    httpserver.expect_request(f"/prefix{PATH}", method="POST").respond_with_data("")
    notifier = build("alertmanager", url=httpserver.url_for("/prefix/"), expires_after="2h", token="T0K3N")
    assert isinstance(notifier, Repeating)
    assert notifier.every == MINUTE / SECOND
    notifier.notify(make_alert(**changes))
    [alert] = posted(httpserver)
    assert parse_time(alert["endsAt"]) - notifier.caller.clock() == lasts
    assert httpserver.log[0][0].headers["Authorization"] == "Bearer T0K3N"
    assert "T0K3N" not in repr(notifier)


@pytest.mark.parametrize(("status", "kind"), [(400, Refused), (401, Refused), (429, Retry), (503, Retry)])
def test_what_it_does_not_take(build: Any, make_alert: Any, httpserver: HTTPServer, status: int, kind: type[AlertError]) -> None:
    httpserver.expect_request(PATH).respond_with_data("s3cr3t", status=status)
    with pytest.raises(kind) as error:
        build("alertmanager", url=httpserver.url_for("/"), user="u", password="T0K3N").notify(make_alert())
    assert not {"s3cr3t", "T0K3N"} & set(str(error.value).split())


def test_many_are_posted_in_several_requests(build: Any, make_alert: Any, httpserver: HTTPServer) -> None:
    httpserver.expect_request(PATH).respond_with_data("")
    build("alertmanager", url=httpserver.url_for("/")).repeat([make_alert(key=f"finding/m/{n}") for n in range(450)])
    assert [len(json.loads(request.data)) for request, _ in httpserver.log] == [200, 200, 50]


def test_a_receiver_that_does_not_answer_a_repetition_is_asked_again_later(world: Any, make_desk: Callable[..., Any]) -> None:
    class Forgetful:
        every = 0.0

        def __init__(self) -> None:
            self.repeated: list[list[str]] = []

        def notify(self, _: Any) -> None:
            return None

        def repeat(self, alerts: Any) -> None:
            self.repeated.append([alert.key for alert in alerts])
            if len(self.repeated) == 1:
                raise Retry("down")

    forgetful = Forgetful()
    deliverer = Deliverer(world.engine, [Route("r", forgetful)], world.clock)
    world.finding("m", "s", "not-assessed", "not-satisfied")
    deliverer.run_once()
    deliverer.run_once()
    assert forgetful.repeated == [["finding/m/111122223333"]] * 2
