"""Issues of Jira, both editions, over their real protocol: nothing is passed over, nothing hidden reads as nothing there."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestream.demo.servers.jira import JiraServer
from attestream.demo.servers.serving import Asked, Reply
from collectors.base import SourceUnreadable, Window
from collectors.http import Answer, ApiError
from collectors.jira_search import OLDEST, Search, read, selection, within
from collectors.registry import SourceInvalid, build, read_settings
from collectors.report import Silent, WindowReport
from collectors.tickets import moment
from store.records import DAY, HOUR, MINUTE, UNREADABLE
from store.times import format_time
from tests.contract.labs import jira as labs
from tests.contract.rig import Rig, complete

TOKEN = "canary-token-0815-of-jira"
DAY_MS, HOUR_MS, MINUTE_MS = 86_400_000, 3_600_000, 60_000


@pytest.fixture(params=["cloud", "data-center"])
def server(request: pytest.FixtureRequest) -> Iterator[JiraServer]:
    with JiraServer(request.param, TOKEN) as made:
        made.cap = 3
        yield made


@pytest.fixture
def cloud() -> Iterator[JiraServer]:
    with JiraServer("cloud", TOKEN) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text(TOKEN)
    return tmp_path


def settings(server: JiraServer, folder: Path, **more: Any) -> dict[str, Any]:
    own = {"name": "tickets", "type": "jira", "url": server.url, "edition": server.edition, "token_file": str(folder / "token")}
    email = {"email": server.email} if server.edition == "cloud" else {}
    return {**own, **email, "max_attempts": 1, "requests_per_second": 1000, **more}


def rig_of(server: JiraServer, folder: Path, **more: Any) -> Rig:
    return Rig(SimpleNamespace(settings=settings(server, folder, **more), secrets=(TOKEN,)))  # type: ignore[arg-type]


def tickets(rig: Rig) -> dict[str, dict[str, Any]]:
    """The last payload of each issue by key."""
    events = [event for event in rig.stream.events if event.kind == "ticket"]
    return {str(event.subject).rpartition("/")[2]: json.loads(event.payload) for event in events}


def ms(text: str) -> int:
    value = moment(text)
    assert value is not None
    return value // 1000


# -- the life of a ticket


def test_a_whole_life_is_told_in_utc(server: JiraServer, folder: Path) -> None:
    at = ms("2026-11-20T09:00:00Z")
    key = server.create("SEC", "intrusion", at=at, reporter="ann", priority="High")
    server.comment(key, "more of it", at=at + 1 * MINUTE_MS, by="ann")
    server.change(key, at=at + 2 * MINUTE_MS, by="ann", priority="Highest")
    server.comment(key, "looking", at=at + 5 * MINUTE_MS, by="bob")
    server.change(key, at=at + 9 * MINUTE_MS, by="bob", assignee="bob", status="In Progress")
    server.change(key, at=at + 3 * HOUR_MS, by="bob", status="Done")
    server.change(key, at=at + 5 * HOUR_MS, by="eve", labels=["postmortem-done", "vpn"])
    rig = rig_of(server, folder)
    assert complete(rig.run())
    event = [event for event in rig.stream.events if event.kind == "ticket"][-1]
    payload = json.loads(event.payload)
    assert payload["_life"] == {
        "state": "done",
        "opened": "2026-11-20T09:00:00.000000Z",
        "owner": "bob",
        "severity": "Highest",
        "first_response": "2026-11-20T09:05:00.000000Z",
        "resolved": "2026-11-20T12:00:00.000000Z",
        "closed": "2026-11-20T12:00:00.000000Z",
        "reviewed": "2026-11-20T14:00:00.000000Z",
        "updated": "2026-11-20T14:00:00.000000Z",
    }
    assert "_unread" not in payload
    assert payload["fields"]["created"].endswith("+1300")
    assert event.type == "ticket.jira.issue"
    assert event.account == server.url.removeprefix("http://")
    assert event.subject == f"{event.account}/browse/{key}"


def test_the_payload_is_what_jira_sent(cloud: JiraServer, folder: Path) -> None:
    key = cloud.create("SEC", "é \ud800 \x00")
    rig = rig_of(cloud, folder)
    rig.run()
    [event] = [event for event in rig.stream.events if event.kind == "ticket"]
    own = cloud.tickets[key]
    names = ["summary"]
    sent = json.dumps(cloud._json(own, names, False)["fields"])[1:-1].encode()
    assert sent in event.payload


def test_what_nobody_did_is_null(server: JiraServer, folder: Path) -> None:
    key = server.create("SEC", "waits", priority=None)
    server.change(key, by="app-rule", assignee="carol")
    server.change(key, by="carol", assignee=None)
    rig = rig_of(server, folder)
    rig.run()
    life = tickets(rig)[key]["_life"]
    assert life["owner"] is None
    assert life["severity"] is None
    assert life["resolved"] is life["closed"] is life["reviewed"] is None
    if server.edition == "cloud":
        assert life["first_response"] is None  # an app answers nobody, and taking the owner away is no answer


def test_long_histories_and_comments_are_asked_for_whole_and_once(cloud: JiraServer, folder: Path) -> None:
    at = cloud.now() - DAY_MS
    key = cloud.create("SEC", "long", at=at)
    cloud.change(key, at=at + MINUTE_MS, by="bob", assignee="bob")
    for number in range(250):
        cloud.change(key, at=at + 2 * MINUTE_MS + number, by="bob", summary=f"long {number}")
    for number in range(30):
        cloud.comment(key, "mine", at=at + 1000 + number, by="ann")
    cloud.comment(key, "an answer", at=at + 40_000, by="bob")
    asked: list[str] = []
    cloud.before = lambda request: asked.append(request.path)
    rig = rig_of(cloud, folder)
    rig.run()
    assert tickets(rig)[key]["_life"]["first_response"] == format_time((at + 40_000) * 1000)
    assert sum(path.endswith("/changelog") for path in asked) == 3
    asked.clear()
    rig.run()
    assert not [path for path in asked if path.endswith(("/changelog", "/comment"))]


def test_sla_fields_are_told_by_name_whatever_their_id(server: JiraServer, folder: Path) -> None:
    def cycle(breached: Any) -> dict[str, Any]:
        return {"breached": breached, "goalDuration": {"millis": 14_400_000}}

    late = {"id": "1", "name": "Time to resolution", "completedCycles": [cycle(False), cycle(True)]}
    runs = {"id": "2", "name": "Time to first response", "completedCycles": [], "ongoingCycle": cycle(False)}
    odd = {"name": 7, "completedCycles": [{}]}
    key = server.create("SEC", "one", more={"customfield_20": late, "customfield_21": runs, "customfield_22": odd})
    plain = server.create("SEC", "two", more={"customfield_20": {"value": "S1"}, "customfield_21": None, "customfield_22": 1})
    rig = rig_of(server, folder, fields=["customfield_20", "customfield_21", "customfield_22"])
    assert complete(rig.run())
    assert tickets(rig)[key]["_sla"] == [
        {"name": "Time to resolution", "field": "customfield_20", "running": False, "breached": True},
        {"name": "Time to first response", "field": "customfield_21", "running": True, "breached": False},
        {"name": "7", "field": "customfield_22", "running": False, "breached": None},
    ]
    assert "_sla" not in tickets(rig)[plain]


def test_agreed_fields_say_severity_and_review(server: JiraServer, folder: Path) -> None:
    when = "2026-11-20T10:00:00.000+1300"
    key = server.create("SEC", "one", more={"customfield_1": {"value": "S1"}, "customfield_2": when})
    other = server.create("SEC", "two")
    rig = rig_of(server, folder, severity_field="customfield_1", reviewed_field="customfield_2")
    assert complete(rig.run())
    life = tickets(rig)[key]["_life"]
    assert life["severity"] == "S1"
    assert life["reviewed"] == "2026-11-19T21:00:00.000000Z"
    assert tickets(rig)[other]["_unread"] == [
        "_life.reviewed",
        "_life.severity",
        "fields.customfield_1",
        "fields.customfield_2",
    ]
    assert "severity" not in tickets(rig)[other]["_life"]


def test_a_history_that_is_refused_is_unread_and_the_window_partial(cloud: JiraServer, folder: Path) -> None:
    key = cloud.create("SEC", "long")
    for number in range(50):
        cloud.change(key, by="bob", summary=f"long {number}")

    class Refusing(JiraServer):
        def answer(self, asked: Asked) -> Reply:
            return Reply(403, {}) if asked.path.endswith("/changelog") else super().answer(asked)

    cloud.__class__ = Refusing
    rig = rig_of(cloud, folder)
    [record] = rig.run()
    assert record.state == "partial"
    assert "history of SEC-1" in record.errors[0]
    assert tickets(rig)[key]["_unread"] == ["_life.first_response"]
    assert rig.ledger.end is None
    cloud.__class__ = JiraServer
    assert complete(rig.run())
    assert tickets(rig)[key]["_life"]["first_response"] is None


# -- pages


def test_many_issues_of_one_moment_across_page_borders(server: JiraServer, folder: Path) -> None:
    at = server.now() - 2 * HOUR_MS
    keys = {server.create("SEC", f"bulk {number}", at=at) for number in range(20)}
    keys |= {server.create("SEC", f"later {number}", at=at + 61_000 + number) for number in range(4)}
    rig = rig_of(server, folder)
    assert complete(rig.run())
    assert set(tickets(rig)) == keys
    assert len([event for event in rig.stream.events if event.kind == "ticket"]) == len(keys)


@pytest.mark.parametrize("turn", range(1, 6))
def test_pages_that_change_between_requests_lose_nothing(server: JiraServer, folder: Path, turn: int) -> None:
    at = server.now() - 2 * HOUR_MS
    keys = [server.create("SEC", f"bulk {number}", at=at + number) for number in range(14)]
    searches = 0

    def before(request: Asked) -> None:
        nonlocal searches
        if "/search" in request.path:
            searches += 1
            if searches == turn + 2:  # the first two are oldest's
                for key in keys[:4]:
                    server.change(key, summary="changed while it is read")

    server.before = before
    rig = rig_of(server, folder)
    assert complete(rig.run())
    assert searches >= turn + 2
    found = tickets(rig)
    assert set(found) == set(keys)
    server.before = lambda _asked: None
    rig.run()
    assert all(tickets(rig)[key]["fields"]["summary"] == "changed while it is read" for key in keys[:4])


def test_a_list_that_never_rests_fails_the_window(folder: Path) -> None:
    with JiraServer("data-center", TOKEN) as server:
        server.cap = 3
        at = server.now() - 2 * HOUR_MS
        keys = [server.create("SEC", f"bulk {number}", at=at) for number in range(200)]
        turn = iter(keys)

        def before(request: Asked) -> None:
            if "/search" in request.path and (key := next(turn, None)):
                server.change(key, summary="again")

        server.before = before
        rig = rig_of(server, folder)
        records = rig.run()
        assert [record.state for record in records] == ["failed"]
        assert "changes faster than it can be read" in records[0].errors[0]
        server.before = lambda _asked: None
        assert complete(rig.run())
        assert set(tickets(rig)) == set(keys)


def test_an_index_that_lags_passes_nobody_over(server: JiraServer, folder: Path) -> None:
    at = server.now() - 2 * HOUR_MS
    keys = [server.create("SEC", f"spread {number}", at=at + number * 90_000) for number in range(20)]
    server.lagging = True
    for key in keys[2:9:3]:
        server.change(key, summary="the search does not know yet")
    rig = rig_of(server, folder)
    assert complete(rig.run())
    assert set(tickets(rig)) == set(keys)


@pytest.mark.parametrize("stale", [0, 1, 2, 3, 10, 18, 19])
def test_an_index_that_forgot_an_issue_long_ago_passes_nobody_over(cloud: JiraServer, folder: Path, stale: int) -> None:
    cloud.cap = 3
    at = cloud.now() - 5 * HOUR_MS
    keys = [cloud.create("SEC", f"spread {number}", at=at + number * 90_000) for number in range(20)]
    cloud.lagging = True
    cloud.change(keys[stale], at=at + 4 * HOUR_MS, summary="the search never learns")
    rig = rig_of(cloud, folder)
    assert complete(rig.run())
    assert set(tickets(rig)) == set(keys)


def test_an_issue_that_the_index_learns_of_late_is_found_by_the_overlap(server: JiraServer, folder: Path) -> None:
    server.create("SEC", "first", at=server.now() - HOUR_MS)
    rig = rig_of(server, folder, follow="0d")
    assert complete(rig.run())
    server.lagging = True
    late = server.create("SEC", "late", at=server.now() - 2 * MINUTE_MS, status="Done", resolved=server.now() - 2 * MINUTE_MS)
    server.tickets[late].seen = {}
    assert complete(rig.run())
    assert late not in tickets(rig)
    server.reindex()
    assert complete(rig.run())
    assert late in tickets(rig)


def test_an_answer_that_grows_too_large_is_asked_for_in_smaller_pages(
    cloud: JiraServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collectors.jira.MAX_BODY", 100_000)
    keys = {cloud.create("SEC", "x" * 30_000) for _ in range(12)}
    rig = rig_of(cloud, folder)
    assert complete(rig.run())
    assert set(tickets(rig)) == keys


def test_one_issue_that_is_not_understood_does_not_hide_the_others(cloud: JiraServer, folder: Path) -> None:
    deep: Any = "deep"
    for _ in range(80):
        deep = [deep]
    keys = [cloud.create("SEC", "plain"), cloud.create("SEC", "deep", more={"duedate": deep}), cloud.create("SEC", "plain")]
    rig = rig_of(cloud, folder)
    [record] = rig.run()
    assert (record.state, record.unreadable) == ("partial", 1)
    assert set(tickets(rig)) == {keys[0], keys[2]}
    [dead] = [event for event in rig.stream.events if event.type == UNREADABLE]
    assert b'"deep"' in dead.payload


# -- time


def test_a_period_is_what_was_updated_in_it_whatever_the_zone(server: JiraServer, folder: Path) -> None:
    end = ms("2026-11-20T12:00:00Z")
    inside = [server.create("SEC", "in", at=end - offset, status="Done") for offset in (0, 1, DAY_MS - 1)]
    server.create("SEC", "before", at=end - DAY_MS - 7 * MINUTE_MS)
    server.create("SEC", "after", at=end + 2 * MINUTE_MS)
    collector = build(read_settings(settings(server, folder)))
    window = Window("attempt", "tickets", end * 1000 - DAY, end * 1000, {}, latest=False)
    report = WindowReport(Silent(), {})
    events = list(collector.collect(window, report))
    assert {str(event.subject).rpartition("/")[2] for event in events} == set(inside)
    assert not report.errors


def test_open_ones_come_again_and_done_ones_for_a_while(server: JiraServer, folder: Path) -> None:
    now = server.now()
    waits = server.create("SEC", "open for long", at=now - 400 * DAY_MS)
    late = server.create("SEC", "done lately", at=now - 400 * DAY_MS)
    server.change(late, at=now - 10 * DAY_MS, status="Done")
    done = server.create("SEC", "done long ago, commented today", at=now - 400 * DAY_MS)
    server.change(done, at=now - 100 * DAY_MS, status="Done")
    server.comment(done, "thanks", at=now - HOUR_MS)
    rig = rig_of(server, folder)
    assert complete(rig.run())
    assert set(tickets(rig)) == {waits, late, done}
    payloads = tickets(rig)
    rig.stream.batches.clear()
    assert complete(rig.run())
    assert set(tickets(rig)) == {waits, late}
    assert all(tickets(rig)[key] == payloads[key] for key in (waits, late))
    again = rig_of(server, folder, follow="5d", since=format_time((now - 2 * HOUR_MS) * 1000))
    assert complete(again.run())
    assert set(tickets(again)) == {waits, done}


def test_a_clock_of_ours_that_runs_ahead_fails_the_window(server: JiraServer, folder: Path) -> None:
    server.create("SEC", "one")
    server.clock = lambda: time.time() - 900
    records = rig_of(server, folder).run()
    assert not complete(records)
    assert "ahead of the clock of Jira" in records[-1].errors[0]
    assert complete(rig_of(server, folder, overlap="20m").run())


def test_a_server_that_passes_the_asked_time_over_is_not_believed(server: JiraServer, folder: Path) -> None:
    class Deaf(JiraServer):
        def _search(self, body: Mapping[str, Any], known: bool) -> Reply:
            return super()._search({**body, "jql": "updated >= 0 ORDER BY updated ASC, key ASC"}, known)

    end = ms("2026-11-20T12:00:00Z")
    server.create("SEC", "old", at=end - 9 * DAY_MS)
    server.__class__ = Deaf
    collector = build(read_settings(settings(server, folder)))
    window = Window("attempt", "tickets", end * 1000 - DAY, end * 1000, {}, latest=False)
    with pytest.raises(SourceUnreadable, match="before the time"):
        list(collector.collect(window, WindowReport(Silent(), {})))


# -- missing and hidden


def test_a_deleted_issue_is_said_to_be_gone_once(server: JiraServer, folder: Path) -> None:
    keys = [server.create("SEC", f"ticket {number}") for number in range(4)]
    rig = rig_of(server, folder)
    rig.run()
    server.delete(keys[1])
    assert complete(rig.run())
    [last] = [event for event in rig.stream.events if event.kind == "ticket" and str(event.subject).endswith(keys[1])][1:]
    assert json.loads(last.payload) == {"_gone": True}
    rig.stream.batches.clear()
    assert complete(rig.run())
    assert keys[1] not in tickets(rig)


def test_a_hidden_project_is_never_gone(server: JiraServer, folder: Path) -> None:
    keys = [server.create("SEC", f"ticket {number}") for number in range(4)]
    rig = rig_of(server, folder)
    rig.run()
    server.hidden.add("SEC")
    rig.stream.batches.clear()
    [record] = rig.run()
    assert record.state == "partial"
    assert len(record.errors) == 4
    assert "cannot be seen" in record.errors[0]
    assert not [event for event in rig.stream.events if event.kind == "ticket"]
    server.hidden.clear()
    server.delete(keys[0])
    assert complete(rig.run())
    assert tickets(rig)[keys[0]] == {"_gone": True}
    assert set(tickets(rig)) == set(keys)


def test_a_moved_issue_is_gone_under_its_old_name(server: JiraServer, folder: Path) -> None:
    key = server.create("SEC", "moves")
    rig = rig_of(server, folder, jql="project = SEC")
    rig.run()
    new = server.move(key, "OPS")
    assert complete(rig.run())
    assert tickets(rig)[key] == {"_gone": True}
    assert tickets(rig)[new]["_life"]["state"] == "open"


def test_an_open_issue_that_is_not_selected_any_more_is_followed_to_its_end(server: JiraServer, folder: Path) -> None:
    key = server.create("SEC", "ticket", labels=["security"])
    rig = rig_of(server, folder, jql="labels = security")
    rig.run()
    server.change(key, labels=[])
    assert complete(rig.run())
    assert tickets(rig)[key]["_life"]["state"] == "open"
    server.change(key, status="Done")
    assert complete(rig.run())
    assert tickets(rig)[key]["_life"]["state"] == "done"
    rig.stream.batches.clear()
    assert complete(rig.run())
    assert key not in tickets(rig)


def test_an_unknown_token_finds_no_nothing(server: JiraServer, folder: Path) -> None:
    server.create("SEC", "one")
    (folder / "token").write_text("expired")
    rig = rig_of(server, folder)
    records = rig.run()
    assert [record.state for record in records] == ["failed"]
    assert "(401)" in records[0].errors[0]
    with pytest.raises(SourceUnreadable, match="401"):
        rig.collector.check()


def test_a_wrong_jql_fails_the_window(server: JiraServer, folder: Path) -> None:
    records = rig_of(server, folder, jql="project is SEC").run()
    assert [record.state for record in records] == ["failed"]
    assert "(400)" in records[0].errors[0]


def test_a_search_that_warns_has_not_understood_all(server: JiraServer, folder: Path) -> None:
    class Warning_(JiraServer):
        def _search(self, body: Mapping[str, Any], known: bool) -> Reply:
            reply = super()._search(body, known)
            return Reply(200, {**reply.value, "warningMessages": ["The value 'SEC' does not exist for the field 'project'."]})

    server.create("SEC", "one")
    server.__class__ = Warning_
    records = rig_of(server, folder).run()
    assert [record.state for record in records] == ["failed"]
    assert "with warnings or errors" in records[0].errors[0]


def test_throttling_is_waited_for(server: JiraServer, folder: Path) -> None:
    server.create("SEC", "one")
    server.throttled = 2
    rig = rig_of(server, folder, max_attempts=4)
    assert complete(rig.run())
    assert tickets(rig)


@pytest.mark.parametrize("how", ["failing", "nonsense"])
def test_data_center_keeps_the_contract_too(folder: Path, how: Any) -> None:
    with labs.data_center(folder) as lab:
        clean = Rig(lab)
        lab.heal()
        assert complete(clean.run())
        calls = lab.requests()
        for number in range(0, calls, 2):
            rig = Rig(lab)
            lab.heal()
            lab.break_one(number, how)
            assert not complete(rig.run())
            lab.heal()
            rig.restart()
            assert complete(rig.run())
            assert rig.facts() >= clean.facts()


# -- settings


@pytest.mark.parametrize(
    "jql",
    [
        "project = SEC order  by key",
        "project = SEC)",
        "(project = SEC",
        'summary ~ "open',
        "summary ~ 'open",
        "a = 1) OR (b = 2",
        "x\x00",
        ")(",
    ],
)
def test_a_jql_that_is_not_one_selection_is_refused(jql: str) -> None:
    with pytest.raises(ValueError, match=r"must|has"):
        selection(jql)


@pytest.mark.parametrize("jql", ['summary ~ "order by (x" AND project = SEC', "labels in (a, b)", "summary ~ 'it\\'s'", ""])
def test_a_jql_that_selects_is_taken(jql: str) -> None:
    assert selection(jql) == jql


@given(st.text())
def test_a_selection_never_leaves_its_brackets(text: str) -> None:
    try:
        found = selection(text)
    except ValueError:
        return
    assert found.count('"') == 0 or '"' in text
    assert found == text.strip()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"edition": "server"}, "edition"),
        ({"edition": "data-center"}, "email"),
        ({"email": None}, "email"),
        ({"token_file": None}, "token_file"),
        ({"token": "both"}, "only one"),
        ({"url": "http://jira.example.org"}, "https"),
        ({"url": "https://user:pass@jira.example.org"}, "credentials"),
        ({"jql": "project = SEC ORDER BY key"}, "ORDER BY"),
        ({"overlap": "1m"}, "overlap"),
        ({"severity_field": "a,b"}, "severity_field"),
    ],
)
def test_a_mistake_in_the_settings_is_named(wrong: dict[str, Any], message: str) -> None:
    own = {
        "name": "t",
        "type": "jira",
        "url": "https://x.atlassian.net",
        "edition": "cloud",
        "email": "a@b.org",
        "token_file": "t",
    }
    read_settings(own)
    with pytest.raises(SourceInvalid, match=message) as caught:
        read_settings({**own, **wrong})
    assert "both" not in str(caught.value).replace("of the two", "")


def test_times_are_asked_for_in_milliseconds_and_whole_minutes() -> None:
    start = OLDEST + 90_000_000
    assert (
        within(start, start + HOUR)
        == f"updated >= {(OLDEST + MINUTE) // 1000} AND updated <= {(start + HOUR + 30_000_000) // 1000}"
    )


# -- size


class Endless:
    """An Api whose search holds `count` issues, made as they are asked for."""

    what = "Jira"

    def __init__(self, count: int) -> None:
        self.count = count

    def post(self, path: str, body: bytes) -> Answer:
        asked = json.loads(body)
        low = int(asked["jql"].split("updated >= ")[1].split()[0])
        first = max(0, -(-(low - OLDEST // 1000) // 1000)) if asked.get("nextPageToken") is None else int(asked["nextPageToken"])
        last = min(first + asked["maxResults"], self.count)
        issues = [
            {
                "id": str(n),
                "key": f"SEC-{n + 1}",
                "fields": {"updated": format_time(OLDEST + n * 1_000_000), "summary": "x" * 1000},
            }
            for n in range(first, last)
        ]
        return Answer(
            200, {}, json.dumps({"issues": issues, "nextPageToken": None if last == self.count else str(last)}).encode()
        )


@pytest.mark.parametrize("count", [5_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
def test_any_number_of_issues_takes_the_same_memory(count: int) -> None:
    search = Search(Endless(count), "cloud", "", ("summary",), page_size=100)  # type: ignore[arg-type]
    tracemalloc.start()
    try:
        found = sum(len(page.issues) for page in search.walk("", OLDEST, OLDEST + 10 * 365 * DAY))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == count
    assert peak < 20_000_000


def test_an_issue_is_read_strictly() -> None:
    assert read(b'{"key": "SEC-1", "fields": {"updated": "2026-11-20T10:00:00.000+1300"}}').key == "SEC-1"
    for raw in (b'{"key": "../x", "fields": {"updated": "2026-11-20T10:00:00Z"}}', b"[]", b"{}", b'{"key": "A-1", "key": "A-2"}'):
        assert read(raw).fault
        assert not read(raw).key


def test_a_token_that_leads_nowhere_ends() -> None:
    class Circle(Endless):
        def post(self, path: str, body: bytes) -> Answer:
            return Answer(200, {}, b'{"issues": [], "nextPageToken": "again"}')

    search = Search(Circle(0), "cloud", "", ("summary",))  # type: ignore[arg-type]
    with pytest.raises(ApiError):
        list(search.walk("", OLDEST, OLDEST))


@pytest.mark.parametrize("edition", ["cloud", "data-center"])
def test_pages_that_lead_back_to_themselves_fail_the_window(edition: Any, folder: Path) -> None:
    """Tokens in a circle; one issue more in the count than is ever shown."""

    class Circular(JiraServer):
        def reply(self, asked: Asked) -> Reply:
            body = asked.json()
            turn = {"": "a", "a": "b", "b": "a"}[str(body.pop("nextPageToken", None) or "")]
            reply = super().reply(replace(asked, body=json.dumps(body).encode()))
            if "/search" not in asked.path or not reply.value.get("issues"):
                return reply
            more = {"nextPageToken": turn, "isLast": False} if edition == "cloud" else {"total": reply.value["total"] + 1}
            return Reply(reply.status, {**reply.value, **more})

    with Circular(edition, TOKEN) as server:
        server.create("SEC", "alone")
        records = rig_of(server, folder).run()
    assert records[-1].state == "failed"
    assert "lead back to themselves" in records[-1].errors[-1]


def test_a_count_without_its_issues_is_not_nothing(folder: Path) -> None:
    class Empty(JiraServer):
        def reply(self, asked: Asked) -> Reply:
            reply = super().reply(asked)
            return Reply(200, {**reply.value, "issues": [], "total": 100}) if asked.path.endswith("/search") else reply

    with Empty("data-center", TOKEN) as server:
        records = rig_of(server, folder, since="2026-11-20T00:00:00Z").run()
    assert records
    assert not any(record.state == "complete" for record in records)
