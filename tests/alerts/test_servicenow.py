"""alerts/servicenow.py against a server that speaks as much of the Table API as is asked for: one record for each alert."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from alerts.base import Action, AlertError, Refused, Retry, Ticket
from alerts.registry import read_routes

TABLE = "/api/now/table/incident"


class ServiceNow:
    """Records by sys_id. `fault` answers instead, once."""

    def __init__(self, server: HTTPServer) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.notes: list[tuple[str, str]] = []
        self.fault: Response | None = None
        self.credentials: set[str] = set()
        server.expect_request(re.compile(f"{TABLE}.*")).respond_with_handler(self.answer)

    def answer(self, request: Request) -> Response:
        fault, self.fault = self.fault, None
        self.credentials.add(request.headers["Authorization"])
        if fault is not None:
            return fault
        if request.method == "GET":
            [wanted] = re.findall(r"^correlation_id=([0-9a-f]+)\^ORDERBY", request.args["sysparm_query"])
            return self._said([{"sys_id": i} for i, row in self.rows.items() if row["correlation_id"] == wanted])
        body = json.loads(request.data)
        if request.method == "POST":
            id_ = f"{len(self.rows) + 1:032x}"
            self.rows[id_] = body
            return self._said({"sys_id": id_, **body}, 201)
        id_ = request.path.removeprefix(f"{TABLE}/")
        assert id_ in self.rows
        self.notes.append((id_, body["work_notes"]))
        return self._said({"sys_id": id_})

    def _said(self, result: Any, status: int = 200) -> Response:
        return Response(json.dumps({"result": result}), status=status)


@pytest.fixture
def servicenow(httpserver: HTTPServer) -> ServiceNow:
    return ServiceNow(httpserver)


@pytest.fixture
def notifier(build: Any, httpserver: HTTPServer) -> Any:
    group = {"assignment_group": "Security"}
    return build("servicenow", url=httpserver.url_for("/"), user="bot", password="T0K3N", fields=group)


def test_an_alert_is_a_record_and_what_comes_later_a_work_note(
    servicenow: ServiceNow, notifier: Any, make_alert: Any, httpserver: HTTPServer
) -> None:
    alert, id_ = make_alert(), f"{1:032x}"
    ticket = notifier.notify(alert)
    assert ticket == Ticket(id_, f"localhost:{httpserver.port}/incident/{id_}")
    row = servicenow.rows[id_]
    assert (row["correlation_id"], row["assignment_group"], row["impact"]) == (alert.id, "Security", "1")
    assert row["short_description"].startswith("Open (critical): Trail stopped from logging")
    assert "not satisfied for main" in row["description"]
    for action in (Action.UPDATE, Action.ACKNOWLEDGE, Action.RESOLVE):
        assert notifier.notify(make_alert(action, id="9" * 32, receipt=id_)) == ticket
    assert [note[0] for note in servicenow.notes] == [id_] * 3
    assert servicenow.notes[-1][1].startswith("Resolved")
    assert servicenow.credentials == {"Basic Ym90OlQwSzNO"}


def test_a_trigger_that_is_sent_twice_finds_its_record(servicenow: ServiceNow, notifier: Any, make_alert: Any) -> None:
    assert notifier.notify(make_alert()) == notifier.notify(make_alert())
    assert len(servicenow.rows) == 1


@pytest.mark.parametrize("action", [Action.RESOLVE, Action.ACKNOWLEDGE, Action.SUMMARY])
def test_where_nothing_was_opened_nothing_is_said(servicenow: ServiceNow, notifier: Any, make_alert: Any, action: Action) -> None:
    assert notifier.notify(make_alert(action)) is None
    assert (servicenow.rows, servicenow.notes) == ({}, [])


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (400, {"error": {"message": "s3cr3t"}}, Refused, "answered 400: check table"),
        (403, {"error": {"message": "s3cr3t"}}, Refused, "answered 403"),
        (200, {"error": {"message": "s3cr3t"}, "status": "failure"}, Retry, "answered 200, and with an error"),
        (200, {"result": {}}, Retry, "no list of records"),
        (200, {"result": [{"sys_id": "../../x"}]}, Retry, "did not say which record"),
        (200, [], Retry, "what is no answer of this service"),
        (429, {}, Retry, "answered 429"),
        (502, {}, Retry, "answered 502"),
    ],
)
def test_servicenow_has_it_when_it_says_so(
    servicenow: ServiceNow, notifier: Any, make_alert: Any, status: int, body: Any, kind: type[AlertError], said: str
) -> None:
    servicenow.fault = Response(json.dumps(body), status=status)
    with pytest.raises(kind) as error:
        notifier.notify(make_alert())
    assert said in str(error.value)
    assert "s3cr3t" not in str(error.value)
    assert "T0K3N" not in repr(notifier)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"table": "incident/../sys_user"}, "table: "),
        ({"token": "x"}, "only one of the two"),
        ({"user": None}, "password goes with user"),
        ({"user": None, "password": None}, "set one of token and token_file"),
        ({"fields": {"a^b": "x"}}, "fields: 'a^b' is no name of a field"),
    ],
)
def test_settings_that_cannot_be_used(changes: dict[str, Any], said: str) -> None:
    settings = {"name": "r", "type": "servicenow", "url": "https://example.service-now.com", "user": "bot", "password": "T0K3N"}
    with pytest.raises(AlertError) as error:
        read_routes([{k: v for k, v in (settings | changes).items() if v is not None}])
    assert said in str(error.value)
    assert "T0K3N" not in str(error.value)
