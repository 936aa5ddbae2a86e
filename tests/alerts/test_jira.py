"""alerts/jira.py against a server that speaks as much of Jira as is asked for: one issue for each alert, found again."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from alerts.base import Action, AlertError, Refused, Retry, Ticket
from alerts.registry import read_routes
from tests.alerts.hostile import HOSTILE


class Jira:
    """Issues by key, with their comments. `fault` answers instead, once."""

    def __init__(self, server: HTTPServer, prefix: str, api: str) -> None:
        self.issues: dict[str, dict[str, Any]] = {}
        self.comments: list[tuple[str, Any]] = []
        self.fault: Response | None = None
        self.credentials: set[str] = set()
        base = f"{prefix}/rest/api/{api}"
        self.base = base
        server.expect_request(re.compile(f"{base}/.*")).respond_with_handler(self.answer)

    def answer(self, request: Request) -> Response:
        fault, self.fault = self.fault, None
        self.credentials.add(request.headers["Authorization"])
        if fault is not None:
            return fault
        path, body = request.path.removeprefix(self.base), json.loads(request.data)
        if path in ("/search/jql", "/search"):
            [label] = re.findall(r'project = "SEC" AND labels = "([^"]+)"', body["jql"])
            found = [key for key, fields in self.issues.items() if label in fields["labels"]]
            return Response(json.dumps({"issues": [{"key": key} for key in found]}))
        if path == "/issue":
            key = f"SEC-{len(self.issues) + 1}"
            self.issues[key] = body["fields"]
            return Response(json.dumps({"id": "1", "key": key}), status=201)
        [key] = re.findall(r"^/issue/(SEC-[0-9]+)/comment$", path)
        self.comments.append((key, body["body"]))
        return Response(json.dumps({"id": "1"}), status=201)


@pytest.fixture
def jira(httpserver: HTTPServer) -> Jira:
    return Jira(httpserver, "", "3")


@pytest.fixture
def notifier(build: Any, httpserver: HTTPServer) -> Any:
    return build("jira", url=httpserver.url_for("/"), email="bot@example.org", token="T0K3N", project="SEC")


def test_an_alert_is_an_issue_and_what_comes_later_a_comment(
    jira: Jira, notifier: Any, make_alert: Any, httpserver: HTTPServer
) -> None:
    alert = make_alert()
    ticket = notifier.notify(alert)
    assert ticket == Ticket("SEC-1", f"localhost:{httpserver.port}/browse/SEC-1")
    fields = jira.issues["SEC-1"]
    assert (fields["project"], fields["issuetype"]) == ({"key": "SEC"}, {"name": "Task"})
    assert fields["summary"] == "Open (critical): Trail stopped from logging, account 111122223333"
    assert fields["labels"] == ["attestream", f"attestream-{alert.id}"]
    assert "not satisfied for main" in json.dumps(fields["description"])
    for action in (Action.UPDATE, Action.ACKNOWLEDGE, Action.RESOLVE):
        assert notifier.notify(make_alert(action, id="9" * 32, receipt="SEC-1")) == ticket
    assert [key for key, _ in jira.comments] == ["SEC-1"] * 3
    assert "Resolved" in json.dumps(jira.comments[-1][1])
    assert jira.credentials == {"Basic Ym90QGV4YW1wbGUub3JnOlQwSzNO"}


def test_a_trigger_that_is_sent_twice_finds_its_issue(jira: Jira, notifier: Any, make_alert: Any) -> None:
    assert notifier.notify(make_alert()) == notifier.notify(make_alert())
    assert list(jira.issues) == ["SEC-1"]
    notifier.notify(make_alert(id="2" * 32))
    assert list(jira.issues) == ["SEC-1", "SEC-2"]


@pytest.mark.parametrize("action", [Action.RESOLVE, Action.ACKNOWLEDGE, Action.SUMMARY])
def test_where_nothing_was_opened_nothing_is_said(jira: Jira, notifier: Any, make_alert: Any, action: Action) -> None:
    assert notifier.notify(make_alert(action)) is None
    assert (jira.issues, jira.comments) == ({}, [])


def test_what_was_over_already_is_an_issue_too(jira: Jira, notifier: Any, make_alert: Any) -> None:
    notifier.notify(make_alert(Action.RESOLVE, brief=True))
    assert jira.issues["SEC-1"]["summary"].startswith("Open and over")


def test_data_center_reads_no_markup_in_texts(build: Any, make_alert: Any, httpserver: HTTPServer) -> None:
    jira = Jira(httpserver, "/jira", "2")
    settings = {"edition": "data-center", "token": "T0K3N", "project": "SEC", "fields": {"priority": {"name": "High"}}}
    notifier = build("jira", url=httpserver.url_for("/jira"), **settings)
    ticket = notifier.notify(make_alert(sentence="{noformat}" + HOSTILE))
    assert ticket.subject == f"localhost:{httpserver.port}/jira/browse/SEC-1"
    fields = jira.issues["SEC-1"]
    assert fields["description"].startswith("{noformat}\n{ noformat }")
    assert fields["description"].count("{noformat}") == 2
    assert fields["priority"] == {"name": "High"}
    assert jira.credentials == {"Bearer T0K3N"}


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (400, {"errors": {"issuetype": "s3cr3t"}}, Refused, "answered 400 (issuetype): check project"),
        (404, {"errorMessages": ["s3cr3t"]}, Refused, "answered 404: check project"),
        (401, {}, Refused, "answered 401"),
        (200, {"errors": {"project": "s3cr3t"}}, Retry, "answered 200 and names errors (project)"),
        (200, {"errorMessages": ["s3cr3t"]}, Retry, "answered 200 and names errors"),
        (200, {}, Retry, "no list of issues"),
        (200, [], Retry, "what is no answer of this service"),
        (429, {}, Retry, "answered 429"),
        (503, {}, Retry, "answered 503"),
    ],
)
def test_jira_has_it_when_it_says_so(
    jira: Jira, notifier: Any, make_alert: Any, status: int, body: Any, kind: type[AlertError], said: str
) -> None:
    jira.fault = Response(json.dumps(body), status=status)
    with pytest.raises(kind) as error:
        notifier.notify(make_alert())
    assert said in str(error.value)
    assert not {"s3cr3t", "T0K3N"} & set(re.split(r"\W", str(error.value)))
    assert "T0K3N" not in repr(notifier)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"email": None}, "set email to the account's address for edition cloud"),
        ({"project": 'SEC" OR 1=1'}, "project: "),
        ({"labels": ["two words"]}, "labels: 'two words' is no label"),
        ({"token": None}, "set one of token and token_file"),
        ({"digest": {}}, "digest: jira speaks of one alert at a time"),
    ],
)
def test_settings_that_cannot_be_used(changes: dict[str, Any], said: str) -> None:
    settings = {"name": "r", "type": "jira", "url": "https://jira.example.org", "email": "a@example.org", "token": "T0K3N"}
    whole = {k: v for k, v in (settings | {"project": "SEC"} | changes).items() if v is not None}
    with pytest.raises(AlertError) as error:
        read_routes([whole])
    assert said in str(error.value)
    assert "T0K3N" not in str(error.value)
