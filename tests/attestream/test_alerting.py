"""Alerts from the command line: a finding that opens is told, taken on, silenced, linked to a ticket, and closed by it."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from alerts.base import Alert, Ticket
from alerts.deliver import Deliverer
from alerts.routes import Route
from attestream.alerting import alert_role
from attestream.errors import Exit
from attestream.settings import load
from attestream.wiring import opened
from collectors.tickets import Life
from pipeline.worker import Worker
from store.records import Event
from tests.alertmanager_server import alertmanager
from tests.attestream.conftest import ACCOUNT, Installation, Run, call, install
from tests.repository import ROOT

STOPPED = "14f7d867-24fe-4162-86bf-725b5db14a3f"
KEY = f"finding/{STOPPED}/{ACCOUNT}"
SUBJECT = f"{ACCOUNT}/third"
MAPPING = ROOT / "control_mappings" / "aws" / "cloudtrail" / "trail-logging-stopped.yaml"


@pytest.fixture(scope="module")
def alerted(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation that read its first window, and then that a third trail was stopped. Its alerts went to the log."""
    from attestream.service import run_once

    made = install(tmp_path_factory.mktemp("alerted"))
    with made.config.open("a", encoding="utf-8") as config:  # one mapping is enough here, and read faster
        config.write(f"mappings: {{builtin: false, paths: ['{MAPPING}']}}\n")
    for more in ((), (call("2026-11-20T14:20:00Z", "cloudtrail", "StopLogging", name="third"),)):
        if more:
            made.trail.deliver("20261120T1430Z", *more)
        with opened(load(made.config, {}), create=True) as parts:
            run_once(parts)
            alert_role(parts).run_once()
    return made


@pytest.fixture
def own(alerted: Installation, tmp_path: Path) -> Installation:
    """A copy of it, to be changed."""
    shutil.copytree(alerted.folder, tmp_path, dirs_exist_ok=True)
    config = tmp_path / "attestream.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace(str(alerted.folder), str(tmp_path)), encoding="utf-8")
    return Installation(config, tmp_path, alerted.trail)


def routes(own: Installation, *routes: dict[str, Any]) -> None:
    with own.config.open("a", encoding="utf-8") as config:
        config.write(f"alerts: {{routes: {json.dumps(routes)}}}\n")


def test_what_is_open_is_listed_and_can_be_taken_on(own: Installation, run: Run) -> None:
    [alert] = run("alert", "list", "--json", config=own.config).lines
    assert (alert["key"], alert["told"], alert["waits"], alert["acknowledged"]) == (KEY, ["log"], [], False)
    assert alert["controls"] == ["A.8.15"]
    done = run("alert", "acknowledge", KEY, "--note", "INC-77", "--by", "carol", config=own.config)
    assert (done.code, done.out) == (Exit.DONE, "")
    assert run("alert", "list", "--json", config=own.config).lines[0]["acknowledged"] is True
    assert "(acknowledged)" in run("alert", "list", config=own.config).out
    [row] = run("drift", "list", "--kind", "acknowledgement", "--json", config=own.config).lines
    assert row["text"] == "acknowledged by carol: INC-77"
    said: list[Alert] = []

    class Told:
        def notify(self, alert: Alert) -> None:
            said.append(alert)

    with opened(load(own.config, {})) as parts:
        Deliverer(parts.store.engine, [Route("log", Told())], parts.store.clock).run_once()
    assert [(alert.action, alert.key) for alert in said] == [("acknowledge", KEY)]
    assert run("evidence", "verify", config=own.config).code == Exit.DONE


@pytest.mark.parametrize("key", ["finding/nothing/1", f"finding/{STOPPED}/444455556666", "source/trail//gap"])
def test_what_is_not_open_cannot_be_taken_on(own: Installation, run: Run, key: str) -> None:
    done = run("alert", "acknowledge", key, config=own.config)
    assert done.code == Exit.FAILED
    assert "is open; attestream alert list" in done.err


def test_silences_are_entries_of_the_log_and_end(own: Installation, run: Run) -> None:
    made = run(
        "silence",
        "add",
        "--mapping",
        STOPPED[:8],
        "--account",
        ACCOUNT,
        "--until",
        "4h",
        "--reason",
        "CHG-912",
        config=own.config,
    )
    assert made.code == Exit.DONE
    [silence] = run("silence", "list", "--json", config=own.config).lines
    assert (silence["state"], silence["match"]) == ("holds", {"mapping": STOPPED, "account": ACCOUNT})
    assert "CHG-912" in run("silence", "list", config=own.config).out
    assert run("silence", "revoke", silence["id"][:4], "--reason", "done", config=own.config).code == Exit.DONE
    assert run("silence", "list", "--json", config=own.config).lines == []
    [silence] = run("silence", "list", "--all", "--json", config=own.config).lines
    assert silence["state"] == "revoked"
    assert run("silence", "revoke", silence["id"], config=own.config).code == Exit.FAILED
    assert run("evidence", "verify", config=own.config).code == Exit.DONE


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--until", "4h", "--reason", "x"), "matches by one or more of"),
        (("--source", "trail", "--until", "91d", "--reason", "x"), "within 90 days"),
        (("--source", "trail", "--until", "2020-01-01", "--reason", "x"), "in the future"),
        (("--source", "trail", "--until", "4h", "--reason", " "), "has a reason"),
    ],
)
def test_a_silence_that_cannot_be(own: Installation, run: Run, words: tuple[str, ...], said: str) -> None:
    done = run("silence", "add", *words, config=own.config)
    assert done.code == Exit.FAILED
    assert said in done.err


def test_a_sample_is_sent_and_what_came_of_it_is_said(own: Installation, run: Run, httpserver: HTTPServer) -> None:
    here = {"allow_private": True, "allow_http": True, "url": httpserver.url_for("/T0K3N")}
    routes(own, {"name": "chat", "type": "slack", **here}, {"name": "news", "type": "slack", "digest": {}, **here})
    httpserver.expect_request("/T0K3N").respond_with_data("ok")
    done = run("alert", "test", "chat", config=own.config)
    assert (done.code, "route chat: the sample was delivered" in done.err) == (Exit.DONE, True)
    assert run("alert", "test", "news", config=own.config).code == Exit.DONE
    assert run("alert", "test", "chat", "--action", "update", config=own.config).code == Exit.DONE
    texts = [json.loads(request.data)["text"] for request, _ in httpserver.log]
    assert [text.split(":")[0] for text in texts] == ["Open and over (low)", "Digest", "Still open (low)"]
    httpserver.clear()
    httpserver.expect_request("/T0K3N").respond_with_data("invalid_payload")
    done = run("alert", "test", "chat", config=own.config)
    assert done.code == Exit.FAILED
    assert "invalid_payload" in done.err
    assert "T0K3N" not in done.err
    done = run("alert", "test", "chta", config=own.config)
    assert (done.code, "'chta' is not known; did you mean 'chat'" in done.err) == (Exit.USAGE, True)


def test_a_route_that_cannot_be_used_is_an_error_of_the_settings(own: Installation, run: Run) -> None:
    routes(own, {"name": "chat", "type": "slack", "url": "https://127.0.0.1/T0K3N"})
    done = run("run", "--once", config=own.config)
    assert done.code == Exit.USAGE
    assert "alerts.routes: chat: url: 127.0.0.1 is not a public address" in done.err


def looked(own: Installation, ticket: str, life: Life) -> None:
    """The ticket as its collector would observe it, taken through the stream."""
    with opened(load(own.config, {})) as parts:
        now = parts.store.clock()
        payload = json.dumps({**life.members(), "key": "SEC-12"}).encode()
        seen = Event("jira", f"{ticket}@{now}", "ticket.jira.issue", now, payload, collected_at=now, subject=ticket)
        parts.stream.publish([seen])
        worker = Worker(parts.stream, parts.store)
        worker.drain()
        worker.close()


def state_of(own: Installation, run: Run) -> str:
    rows = run("finding", "list", "--mapping", STOPPED, "--json", config=own.config).lines
    return next(row["state"] for row in rows if row["subject"] == SUBJECT)


def test_a_finding_is_closed_by_the_ticket_that_it_is_linked_to(own: Installation, run: Run) -> None:
    ticket = "jira.example.org/browse/SEC-12"
    assert run("finding", "link", STOPPED, "nobody", ticket, config=own.config).code == Exit.FAILED
    done = run("finding", "link", STOPPED[:8], SUBJECT, f"https://{ticket}", config=own.config)
    assert (done.code, f"linked to {ticket}" in done.err) == (Exit.DONE, True)
    assert "already" in run("finding", "link", STOPPED, SUBJECT, ticket, config=own.config).err
    looked(own, ticket, Life("open"))
    assert state_of(own, run) == "not-satisfied"
    looked(own, ticket, Life("done"))
    assert state_of(own, run) == "closed"
    history = run("finding", "show", STOPPED, SUBJECT, "--json", config=own.config).json
    assert any(f"its ticket {ticket} is done" in row["by"] for row in history)
    assert run("evidence", "verify", config=own.config).code == Exit.DONE


def test_a_ticket_that_a_route_opened_closes_what_it_was_opened_for(
    own: Installation, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything but the receiver is real: outbox, delivery, link, stream, worker, resolve."""
    told: list[tuple[str, str]] = []

    class Desk:
        def notify(self, alert: Alert) -> Ticket | None:
            if alert.key != KEY:
                return None
            told.append((alert.action.value, alert.receipt))
            return Ticket("SEC-12", "jira.example.org/browse/SEC-12")

    monkeypatch.setattr("attestream.alerting.read_routes", lambda _: [Route("desk", Desk())])

    def deliver() -> None:
        with opened(load(own.config, {})) as parts:
            alert_role(parts).run_once()

    deliver()  # a new route begins with what is new
    own.trail.deliver("20261120T1530Z", call("2026-11-20T15:20:00Z", "cloudtrail", "StopLogging", name="fourth"))
    for file in own.trail.folder.glob("*20261120T1530Z*"):
        shutil.move(file, own.folder / "logs" / file.name)
    run("run", "--once", config=own.config)
    assert told == [("trigger", "")]
    assert state_of(own, run) == "not-satisfied"
    looked(own, "jira.example.org/browse/SEC-12", Life("done"))
    rows = run("finding", "list", "--mapping", STOPPED, "--json", config=own.config).lines
    assert {row["state"] for row in rows if row["subject"] in (SUBJECT, f"{ACCOUNT}/fourth")} == {"closed"}
    deliver()
    assert told[1:] in ([("update", "SEC-12")], [("resolve", "SEC-12")])


@pytest.mark.parts("alertmanager")
def test_what_opens_and_is_repaired_is_told_once_and_resolved_once_everywhere(
    own: Installation, run: Run, httpserver: HTTPServer
) -> None:
    """Collected, judged, delivered: to a real Alertmanager, and to servers that speak as Slack and PagerDuty do."""
    here = {"allow_private": True, "allow_http": True}
    httpserver.expect_request("/slack").respond_with_data("ok")
    httpserver.expect_request("/v2/enqueue").respond_with_json({"status": "success"}, status=202)
    httpserver.expect_request("/hook").respond_with_data("")

    def said(path: str) -> list[Any]:
        return [json.loads(request.data) for request, _ in httpserver.log if request.path == path]

    def stops_and_starts(at: str, action: str, *names: str) -> None:
        """A file into the trail of this copy."""
        hour = f"2026-11-20T{at[9:]}"
        events = [call(f"{hour}:{n:02d}:00Z", "cloudtrail", action, name=name) for n, name in enumerate(names)]
        file = own.trail.deliver(f"{at}00Z", *events)
        shutil.move(file, own.folder / "logs" / file.name)
        run("run", "--once", config=own.config)

    with alertmanager(httpserver.url_for("/hook")) as url:
        chat = {"name": "chat", "type": "slack", "url": httpserver.url_for("/slack"), "level": "high", **here}
        page = {"name": "page", "type": "pagerduty", "url": httpserver.url_for("/"), "routing_key": "R", "level": "high", **here}
        routes(own, chat, page, {"name": "am", "type": "alertmanager", "url": url, "level": "high", **here})
        run("run", "--once", config=own.config)  # new routes begin with what is new
        stops_and_starts("20261120T16", "StopLogging", "fifth")
        stops_and_starts("20261120T17", "StartLogging", "main", "third", "fifth")
        stops_and_starts("20261120T18", "DescribeTrails", "fifth")
        of_key = [event["event_action"] for event in said("/v2/enqueue") if event["dedup_key"] == KEY]
        assert of_key == ["trigger", "resolve"]
        texts = [message["text"] for message in said("/slack") if KEY in json.dumps(message)]
        assert [text.split(" (")[0] for text in texts] == ["Open", "Resolved"]
        deadline = time.monotonic() + 60
        while len(told := [a["status"] for m in said("/hook") for a in m["alerts"] if a["labels"]["key"] == KEY]) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert told == ["firing", "resolved"]
