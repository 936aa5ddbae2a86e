"""alerts/pagerduty.py against a real HTTP server that speaks Events API v2."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from alerts.base import Action, AlertError, Refused, Retry
from alerts.pagerduty import CHANGES, EVENTS, dedup_key

KEY = "R0UT1NGK3Y"
FINE = {"status": "success", "message": "Event processed", "dedup_key": "x"}


@pytest.fixture
def notifier(build: Any, httpserver: HTTPServer) -> Any:
    return build("pagerduty", url=httpserver.url_for("/"), routing_key=KEY)


def sent(httpserver: HTTPServer) -> list[tuple[str, dict[str, Any]]]:
    return [(request.path, json.loads(request.data)) for request, _ in httpserver.log]


@pytest.mark.parametrize(
    ("action", "word"),
    [
        (Action.TRIGGER, "trigger"),
        (Action.UPDATE, "trigger"),
        (Action.ACKNOWLEDGE, "acknowledge"),
        (Action.RESOLVE, "resolve"),
    ],
)
def test_events_of_one_alert_have_one_key(
    notifier: Any, make_alert: Any, httpserver: HTTPServer, action: Action, word: str
) -> None:
    httpserver.expect_request(EVENTS, method="POST").respond_with_json(FINE, status=202)
    alert = make_alert(action)
    notifier.notify(alert)
    [(path, event)] = sent(httpserver)
    assert (path, event["event_action"], event["dedup_key"], event["routing_key"]) == (EVENTS, word, alert.key, KEY)
    if word == "trigger":
        payload = event["payload"]
        assert (payload["severity"], payload["source"], payload["class"]) == ("critical", alert.account, "finding")
        assert payload["summary"] == alert.sentence
        assert payload["custom_details"]["controls"] == ["A.8.15"]
        assert event["links"] == [{"href": alert.link, "text": "Attestream"}]


def test_what_is_over_already_is_triggered_and_resolved(notifier: Any, make_alert: Any, httpserver: HTTPServer) -> None:
    httpserver.expect_request(EVENTS).respond_with_json(FINE, status=202)
    notifier.notify(make_alert(Action.RESOLVE, brief=True))
    assert [event["event_action"] for _, event in sent(httpserver)] == ["trigger", "resolve"]


@pytest.mark.parametrize("action", [Action.SUMMARY, Action.DIGEST])
def test_what_needs_nobody_is_a_change_event(notifier: Any, make_alert: Any, httpserver: HTTPServer, action: Action) -> None:
    httpserver.expect_request(CHANGES).respond_with_json({"status": "success", "message": "Change event processed"}, status=202)
    notifier.notify(make_alert(action, counts={"high": 2}, top=(("Root signed in", 2),)))
    [(path, event)] = sent(httpserver)
    assert (path, event["payload"]["custom_details"]["lines"]) == (CHANGES, ["Root signed in (2)"])
    assert "event_action" not in event


def test_a_long_key_is_shortened_and_stays_its_own() -> None:
    keys = {dedup_key(f"finding/{'m' * 300}/{n}") for n in range(3)}
    assert len(keys) == 3
    assert all(len(key) <= 255 for key in keys)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (202, {"status": "invalid event", "message": "s3cr3t", "errors": []}, Refused),
        (200, {"status": "throttled"}, Retry),
        (202, [], Retry),
        (400, {"status": "invalid event", "message": "s3cr3t"}, Refused),
        (429, {}, Retry),
        (500, {}, Retry),
    ],
)
def test_pagerduty_has_it_when_it_says_so(
    notifier: Any, make_alert: Any, httpserver: HTTPServer, status: int, body: Any, kind: type[AlertError]
) -> None:
    httpserver.expect_request(EVENTS).respond_with_json(body, status=status)
    with pytest.raises(kind) as error:
        notifier.notify(make_alert())
    assert KEY not in str(error.value)
    assert "s3cr3t" not in str(error.value)
    assert KEY not in repr(notifier)
