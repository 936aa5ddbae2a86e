"""alerts/apprise.py: the library itself, against a real HTTP server; what it is kept from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from alerts.base import Action, AlertError, Refused, Retry
from alerts.registry import read_routes


def url(httpserver: HTTPServer, path: str = "/hook/T0K3N", scheme: str = "json") -> str:
    return f"{scheme}://127.0.0.1:{httpserver.port}{path}"


@pytest.mark.parametrize(
    ("action", "kind"),
    [(Action.TRIGGER, "failure"), (Action.RESOLVE, "success"), (Action.SUMMARY, "info")],
)
def test_a_message_is_handed_over(build: Any, make_alert: Any, httpserver: HTTPServer, action: Action, kind: str) -> None:
    httpserver.expect_request("/hook/T0K3N", method="POST").respond_with_data("")
    build("apprise", urls=url(httpserver)).notify(make_alert(action))
    [(request, _)] = httpserver.log
    sent = json.loads(request.data)
    assert (sent["type"], "Trail stopped from logging" in sent["title"]) == (kind, True)
    assert "not satisfied for main" in sent["message"]


def test_every_line_of_the_file_is_a_service(build: Any, make_alert: Any, httpserver: HTTPServer, tmp_path: Path) -> None:
    httpserver.expect_request("/a").respond_with_data("")
    httpserver.expect_request("/b").respond_with_data("")
    file = tmp_path / "urls"
    file.write_text(f"# ours\n{url(httpserver, '/a')}\n\n{url(httpserver, '/b', 'xml')}\n")
    build("apprise", urls_file=str(file)).notify(make_alert())
    assert sorted(request.path for request, _ in httpserver.log) == ["/a", "/b"]


@pytest.mark.parametrize("status", [500, 429, 404])
def test_what_a_service_does_not_take_is_tried_again(build: Any, make_alert: Any, httpserver: HTTPServer, status: int) -> None:
    httpserver.expect_request("/hook/T0K3N").respond_with_data("s3cr3t", status=status)
    notifier = build("apprise", urls=url(httpserver))
    with pytest.raises(Retry, match="did not take the message") as error:
        notifier.notify(make_alert())
    assert len(httpserver.log) == 1, "Apprise does not try again by itself"
    assert not {"T0K3N", "s3cr3t"} & set(str(error.value).split())
    assert "T0K3N" not in repr(notifier)


def test_redirects_are_not_followed(build: Any, make_alert: Any, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook/T0K3N").respond_with_data("", status=307, headers={"Location": httpserver.url_for("/other")})
    httpserver.expect_request("/other").respond_with_data("")
    with pytest.raises(Retry):
        build("apprise", urls=url(httpserver) + "?redirect=yes").notify(make_alert())
    assert [request.path for request, _ in httpserver.log] == ["/hook/T0K3N"]


def test_a_name_is_resolved_and_checked_before_each_message(build: Any, make_alert: Any) -> None:
    notifier = build("apprise", urls="jsons://hooks.example.org/T0K3N")
    notifier = replace(notifier, rules=replace(notifier.rules, allow_private=False), lookup=lambda *_: ["10.0.0.7"])
    with pytest.raises(Refused, match=r"10\.0\.0\.7") as error:
        notifier.notify(make_alert())
    assert "T0K3N" not in str(error.value)


@pytest.mark.parametrize(
    ("urls", "said"),
    [
        ("json://hooks.example.org/T0K3N", "URL 1: https only"),
        ("jsons://127.0.0.1/T0K3N", "URL 1: 127.0.0.1 is not a public address"),
        ("jsons://169.254.169.254/T0K3N", "link-local, metadata"),
        ("jsons://user:T0K3N@localhost/", "a name of this machine"),
        ("jsons://hooks.example.org/T0K3N?verify=no", "certificates are always checked"),
        ("syslog://", "acts on this machine"),
        ("nonsense://T0K3N", "no Apprise URL of a known service"),
        ("T0K3N", "no Apprise URL of a known service"),
        ("# nothing", "1 to 20 Apprise URLs"),
    ],
)
def test_urls_that_are_not_used(urls: str, said: str) -> None:
    with pytest.raises(AlertError) as error:
        read_routes([{"name": "r", "type": "apprise", "urls": urls}])
    assert said in str(error.value)
    assert "T0K3N" not in str(error.value)
