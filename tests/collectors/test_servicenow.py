"""Rows of ServiceNow over its real protocol: nothing is passed over, nothing hidden reads as nothing there."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestream.demo.servers.servicenow import ServiceNowServer, encoded
from attestream.demo.servers.serving import Asked, Reply
from collectors.base import SourceUnreadable, Window
from collectors.http import Answer
from collectors.registry import SourceInvalid, build, read_settings
from collectors.report import Silent, WindowReport
from collectors.servicenow_row import condition, conventions, life
from collectors.servicenow_table import OLDEST, Table, read, selection, time_of, time_text
from store.records import DAY, HOUR, SECOND, UNREADABLE
from store.times import MAX_TIME, format_time
from tests.contract.rig import Rig, complete

PASSWORD, TOKEN = "canary-password-0815", "canary-token-0815"
H, D = 3600, 86_400


@pytest.fixture
def server() -> Iterator[ServiceNowServer]:
    with ServiceNowServer(password=PASSWORD, token=TOKEN) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "token").write_text(TOKEN)
    return tmp_path


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Table.__init__

    def init(self: Table, *args: Any, **more: Any) -> None:
        original(self, *args, **{"limit": 4, **more})

    monkeypatch.setattr(Table, "__init__", init)


def settings(server: ServiceNowServer, folder: Path, **more: Any) -> dict[str, Any]:
    own = {"name": "tickets", "type": "servicenow", "url": server.url, "tables": ["incident"], "max_attempts": 1}
    secret = {} if "token_file" in more else {"user": server.user, "password_file": str(folder / "password")}
    return {**own, **secret, "requests_per_second": 1000, **more}


def rig_of(server: ServiceNowServer, folder: Path, **more: Any) -> Rig:
    return Rig(SimpleNamespace(settings=settings(server, folder, **more), secrets=(PASSWORD, TOKEN)))  # type: ignore[arg-type]


def tickets(rig: Rig) -> dict[str, dict[str, Any]]:
    """The last payload of each row by sys_id."""
    events = [event for event in rig.stream.events if event.kind == "ticket"]
    return {str(event.subject).rpartition("/")[2]: json.loads(event.payload) for event in events}


# -- the life of a ticket


def test_a_whole_life_is_told(server: ServiceNowServer, folder: Path) -> None:
    at = time_of("2026-11-20 09:00:00")
    assert at is not None
    start = at / SECOND
    sys_id = server.create("incident", at=start, priority="1")
    server.change("incident", sys_id, at=start + 300, assigned_to="b" * 32, work="2")
    server.change(
        "incident", sys_id, at=start + 2 * H, state="6", resolved_at="2026-11-20 11:00:00", u_reviewed="2026-11-21 08:00:00"
    )
    server.close("incident", sys_id, at=start + 5 * H)
    more = {"reviewed_field": {"incident": "u_reviewed"}, "first_response_field": {"incident": "u_responded"}}
    server.tables["incident"][sys_id]["u_responded"] = "2026-11-20 09:05:00"
    rig = rig_of(server, folder, **more)
    assert complete(rig.run())
    event = [event for event in rig.stream.events if event.kind == "ticket"][-1]
    payload = json.loads(event.payload)
    assert payload["_life"] == {
        "state": "done",
        "opened": "2026-11-20T09:00:00.000000Z",
        "owner": "b" * 32,
        "severity": "1",
        "first_response": "2026-11-20T09:05:00.000000Z",
        "resolved": "2026-11-20T11:00:00.000000Z",
        "closed": "2026-11-20T14:00:00.000000Z",
        "reviewed": "2026-11-21T08:00:00.000000Z",
        "updated": "2026-11-20T14:00:00.000000Z",
    }
    assert "_unread" not in payload
    assert payload["closed_at"] == "2026-11-20 14:00:00"
    assert (event.type, event.subject) == ("ticket.servicenow.incident", f"{event.account}/incident/{sys_id}")


def test_an_entry_of_a_register_in_use_comes_again_though_nobody_touched_it(server: ServiceNowServer, folder: Path) -> None:
    sys_id = server.create("alm_hardware", assigned_to="b" * 32, **{"assigned_to.active": "true"})
    server.create("alm_hardware", install_status="6", at=server.clock() - 90 * D)
    rig = rig_of(server, folder, tables=["alm_hardware"])
    assert complete(rig.run())
    before = tickets(rig)[sys_id]
    assert before["_life"]["state"] == "open"
    assert before["_life"]["owner"] == "b" * 32
    server.tables["alm_hardware"][sys_id]["assigned_to.active"] = "false"  # the person left: the device's row is as it was
    assert complete(rig.run())
    assert tickets(rig)[sys_id]["assigned_to.active"] == "false"
    assert tickets(rig)[sys_id]["sys_updated_on"] == before["sys_updated_on"]


@pytest.mark.parametrize("table", ["ast_contract", "cmdb_ci", "alm_hardware", "sc_task", "sc_req_item", "sn_audit_engagement"])
def test_each_table_that_is_known_has_a_life(server: ServiceNowServer, folder: Path, table: str) -> None:
    sys_id = server.create(table)
    rig = rig_of(server, folder, tables=[table])
    assert complete(rig.run())
    row = tickets(rig)[sys_id]
    opened = time_of(row["sys_created_on"])
    assert opened is not None
    assert (row["_life"]["opened"], row["_life"]["state"]) == (format_time(opened), "open")
    assert [name for name in row["_unread"] if not name.startswith("_life.")] == []


def test_empty_is_null_and_what_was_not_answered_is_unread(server: ServiceNowServer, folder: Path) -> None:
    sys_id = server.create("incident")
    server.hidden_fields = {"assigned_to", "short_description"}
    rig = rig_of(server, folder)
    assert complete(rig.run())
    payload = tickets(rig)[sys_id]
    assert payload["_unread"] == [
        "_life.first_response",
        "_life.owner",
        "_life.reviewed",
        "assigned_to",
        "short_description",
    ]
    assert "owner" not in payload["_life"]
    assert payload["_life"]["closed"] is None
    probes = rig.collector.check()
    assert "hidden or not there: short_description, assigned_to" in probes[0].text


def test_the_journal_tells_the_first_response_and_is_asked_once(server: ServiceNowServer, folder: Path) -> None:
    now = int(server.clock()) - H
    ids = [server.create("incident", at=now, by="ann") for _ in range(30)]
    server.note("incident", ids[0], "more", at=now + 10, by="ann")
    server.note("incident", ids[0], "canary text", at=now + 20, by="bob")
    for number in range(7):
        server.note("incident", ids[0], "again", at=now + 30 + number, by="eve")
    asked: list[str] = []
    server.before = lambda request: asked.append(request.path)
    rig = rig_of(server, folder, journal=True)
    assert complete(rig.run())
    assert tickets(rig)[ids[0]]["_life"]["first_response"] == format_time((now + 20) * SECOND)
    assert tickets(rig)[ids[1]]["_life"]["first_response"] is None
    assert "canary text" not in repr(rig.stream.events)
    before = tickets(rig)
    asked.clear()
    assert complete(rig.run())
    assert "/api/now/table/sys_journal_field" not in asked
    assert tickets(rig) == before
    assert "sys_journal_field can be read" in rig.collector.check()[-1].text


@pytest.mark.parametrize("how", ["denied", "hidden"])
def test_a_journal_that_is_kept_from_us_leaves_the_response_unread(server: ServiceNowServer, folder: Path, how: str) -> None:
    sys_id = server.create("incident")
    server.note("incident", sys_id, "text")
    if how == "denied":
        server.denied = {"sys_journal_field"}
    else:
        server.hidden_rows = set(server.tables["sys_journal_field"])
    rig = rig_of(server, folder, journal=True)
    assert rig.run()[-1].state == "partial"
    assert "_life.first_response" in tickets(rig)[sys_id]["_unread"]
    probe = rig.collector.check()[-1]
    assert probe.denied is not None
    assert probe.denied.resource == "sys_journal_field"


def test_an_approval_is_open_while_it_is_requested(server: ServiceNowServer, folder: Path) -> None:
    sys_id = server.create("sysapproval_approver", approver="c" * 32)
    rig = rig_of(server, folder, tables=["sysapproval_approver"])
    rig.run()
    assert tickets(rig)[sys_id]["_life"]["state"] == "open"
    assert tickets(rig)[sys_id]["_life"]["owner"] == "c" * 32
    server.change("sysapproval_approver", sys_id, state="approved")
    assert complete(rig.run())
    assert tickets(rig)[sys_id]["_life"]["state"] == "done"


def test_a_row_whose_state_is_hidden_is_open_and_says_so() -> None:
    agreed = conventions("incident", None, "priority", None, None, ())
    row = read(json.dumps({"sys_id": "a" * 32, "sys_updated_on": "2026-11-20 10:00:00"}).encode())
    assert life(row, agreed).state == "open"
    assert "state" in life(row, agreed).unread


# -- pages


def test_many_rows_of_one_second_across_page_borders(server: ServiceNowServer, folder: Path) -> None:
    now = server.clock()
    ids = {server.create("incident", at=now - 2 * H) for _ in range(23)}
    ids |= {server.create("incident", at=now - 2 * H + 1) for _ in range(4)}
    ids |= {server.create("incident", at=now - 2 * H + 2 + number) for number in range(9)}
    rig = rig_of(server, folder)
    assert complete(rig.run())
    assert set(tickets(rig)) == ids
    assert len([event for event in rig.stream.events if event.kind == "ticket"]) == len(ids)


@given(st.lists(st.integers(0, 6), max_size=40), st.integers(1, 6))
def test_any_spread_of_times_is_read_whole_in_pages_of_any_size(seconds: list[int], limit: int) -> None:
    rows = [
        {"sys_id": f"{number:032x}", "sys_updated_on": f"2026-11-20 10:00:0{second}"} for number, second in enumerate(seconds)
    ]

    class Direct:
        what = "ServiceNow"

        def get(self, _path: str, query: Mapping[str, Any]) -> Answer:
            fits, order = encoded(query["sysparm_query"], {"sys_id", "sys_updated_on"})
            found = sorted(filter(fits, rows), key=lambda row: [row[name] for name, _ in order])
            page = found[query["sysparm_offset"] :][: query["sysparm_limit"]]
            return Answer(200, {"x-total-count": str(len(found))}, json.dumps({"result": page}).encode())

    table = Table(Direct(), "incident", ("sys_id",), "", limit=limit)  # type: ignore[arg-type]
    seen = [row.sys_id for page in table.walk("", OLDEST) for row in page.rows]
    assert sorted(seen) == [row["sys_id"] for row in rows]


@pytest.mark.parametrize("turn", range(1, 9))
def test_pages_that_change_between_requests_lose_nothing(server: ServiceNowServer, folder: Path, turn: int) -> None:
    now = server.clock()
    ids = [server.create("incident", at=now - 2 * H + number // 6) for number in range(20)]
    gone = server.create("incident", at=now - 2 * H - 1)
    asked = 0

    def before(_asked: Asked) -> None:
        nonlocal asked
        asked += 1
        if asked == turn + 2:
            server.delete("incident", gone)
            for sys_id in ids[:5]:
                server.change("incident", sys_id, short_description="changed")

    server.before = before
    rig = rig_of(server, folder)
    assert complete(rig.run())
    assert asked >= turn + 2
    assert set(ids) <= set(tickets(rig))
    server.before = lambda _asked: None
    assert complete(rig.run())
    assert all(tickets(rig)[sys_id]["short_description"] == "changed" for sys_id in ids[:5])
    assert gone not in tickets(rig) or tickets(rig)[gone] == {"_gone": True}


def test_an_answer_that_grows_too_large_is_asked_for_in_smaller_pages(
    server: ServiceNowServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collectors.servicenow.MAX_BODY", 100_000)
    ids = {server.create("incident", short_description="x" * 40_000) for _ in range(9)}
    rig = rig_of(server, folder)
    assert complete(rig.run())
    assert set(tickets(rig)) == ids


def test_a_row_that_is_not_understood_does_not_hide_the_others(server: ServiceNowServer, folder: Path) -> None:
    ids = [server.create("incident", at=server.clock() - number) for number in range(3)]
    server.tables["incident"][ids[1]]["short_description"] = _deep()
    rig = rig_of(server, folder)
    records = rig.run()
    assert records[-1].state == "partial"
    assert set(tickets(rig)) == {ids[0], ids[2]}
    assert [event for event in rig.stream.events if event.type == UNREADABLE]


def _deep() -> Any:
    value: Any = "deep"
    for _ in range(80):
        value = [value]
    return value


# -- hidden and missing


def test_hidden_rows_are_never_no_tickets(server: ServiceNowServer, folder: Path) -> None:
    ids = [server.create("incident", at=server.clock() - H) for _ in range(11)]
    server.hidden_rows = set(ids)
    rig = rig_of(server, folder)
    records = rig.run()
    assert records[-1].state == "partial"
    assert "access rules hide rows" in records[-1].errors[0]
    assert not tickets(rig)
    [probe] = rig.collector.check()
    assert probe.denied is not None
    assert "access rules hide" in probe.text
    server.hidden_rows = set()
    assert complete(rig.run())
    assert set(tickets(rig)) == set(ids)


def test_an_open_row_that_is_hidden_from_now_on_is_not_gone(server: ServiceNowServer, folder: Path) -> None:
    ids = [server.create("incident") for _ in range(6)]
    rig = rig_of(server, folder)
    assert complete(rig.run())
    server.hidden_rows = {ids[3]}
    server.delete("incident", ids[0])
    rig.stream.batches.clear()
    assert rig.run()[-1].state == "partial"
    assert set(tickets(rig)) == {ids[1], ids[2], ids[4], ids[5]}
    server.hidden_rows = set()
    assert complete(rig.run())
    assert tickets(rig)[ids[0]] == {"_gone": True}
    assert tickets(rig)[ids[3]]["_life"]["state"] == "open"


def test_rows_among_hidden_ones_are_read(server: ServiceNowServer, folder: Path) -> None:
    ids = sorted(server.create("incident", at=server.clock() - H) for _ in range(30))
    server.hidden_rows = {*ids[2:15], *ids[16:28]}
    rig = rig_of(server, folder)
    [*_, record] = rig.run()
    assert record.state == "partial"
    assert set(tickets(rig)) == {*ids[:2], ids[15], *ids[28:]}


def test_a_row_that_left_between_count_and_list_is_not_called_hidden(server: ServiceNowServer, folder: Path) -> None:
    ids = [server.create("incident", at=server.clock() - H) for _ in range(3)]
    asked = 0

    class Counting(ServiceNowServer):
        def _list(self, table: str, names: list[str], query: Mapping[str, str]) -> Reply:
            nonlocal asked
            asked += 1
            reply = super()._list(table, names, query)
            return reply if asked != 2 else Reply(200, reply.value, {"X-Total-Count": str(len(ids) + 1)})

    server.__class__ = Counting
    rig = rig_of(server, folder)
    assert complete(rig.run())
    assert asked == 3


def test_an_answer_without_a_count_is_not_believed(server: ServiceNowServer, folder: Path) -> None:
    class Uncounted(ServiceNowServer):
        def _list(self, table: str, names: list[str], query: Mapping[str, str]) -> Reply:
            return Reply(200, super()._list(table, names, query).value)

    server.__class__ = Uncounted
    records = rig_of(server, folder).run()
    assert [record.state for record in records] == ["failed"]
    assert "X-Total-Count" in records[0].errors[0]


def test_rows_beside_an_error_are_not_all(server: ServiceNowServer, folder: Path) -> None:
    server.create("incident")

    class Slow(ServiceNowServer):
        def _list(self, table: str, names: list[str], query: Mapping[str, str]) -> Reply:
            error = {"message": "Transaction cancelled: maximum execution time exceeded"}
            return Reply(200, {"result": [], "error": error, "status": "failure"}, {"X-Total-Count": "0"})

    server.__class__ = Slow
    records = rig_of(server, folder).run()
    assert [record.state for record in records] == ["failed"]
    assert "an error beside its rows" in records[0].errors[0]


def test_a_denied_table_stands_alone_and_is_read_from_where_it_stood(server: ServiceNowServer, folder: Path) -> None:
    now = server.clock()
    first = server.create("incident", at=now - 60)
    early = server.create("problem", at=now - 60 * D)
    server.close("problem", early, at=now - 50 * D)
    rig = rig_of(server, folder, tables=["incident", "problem"], since=format_time(int((now - 55 * D) * SECOND)))
    server.denied = {"problem"}
    records = rig.run()
    assert {record.state for record in records} == {"partial"}
    assert [part.complete for part in records[-1].parts] == [True, False]
    assert rig.ledger.end == records[-1].asked[1]
    assert set(tickets(rig)) == {first}
    server.denied = set()
    later = server.create("problem", at=now - 52 * D)
    server.close("problem", later, at=now - 51 * D)
    rig.restart()
    assert complete(rig.run())
    assert set(tickets(rig)) == {first, early, later}


def test_what_changed_while_a_table_was_denied_is_read_afterwards(server: ServiceNowServer, folder: Path) -> None:
    server.create("incident")
    rig = rig_of(server, folder, tables=["incident", "problem"], follow="0d")
    assert complete(rig.run())
    server.denied = {"problem"}
    done = server.create("problem", at=server.clock() - 1)
    server.close("problem", done, at=server.clock() - 1)
    for _ in range(3):
        assert rig.run()[-1].state == "partial"
    start = rig.ledger.kept["tables"]["problem"]
    assert start is not None
    server.denied = set()
    rig.restart()
    assert complete(rig.run())
    assert done in tickets(rig)
    assert rig.ledger.kept["tables"] == {"incident": None, "problem": None}


def test_a_table_that_was_added_is_read_from_its_beginning(server: ServiceNowServer, folder: Path) -> None:
    server.create("incident")
    old = server.create("problem", at=server.clock() - 400 * D)
    server.close("problem", old, at=server.clock() - 390 * D)
    rig = rig_of(server, folder)
    rig.run()
    assert complete(rig.run())
    rig.lab.settings = settings(server, folder, tables=["incident", "problem"])  # type: ignore[misc]
    rig.restart()
    assert complete(rig.run())
    assert old in tickets(rig)


def test_a_deleted_row_is_said_to_be_gone_once(server: ServiceNowServer, folder: Path) -> None:
    ids = [server.create("incident") for _ in range(6)]
    rig = rig_of(server, folder)
    rig.run()
    server.delete("incident", ids[2])
    assert complete(rig.run())
    assert tickets(rig)[ids[2]] == {"_gone": True}
    rig.stream.batches.clear()
    assert complete(rig.run())
    assert set(tickets(rig)) == {*ids} - {ids[2]}


def test_open_ones_come_again_and_done_ones_for_a_while(server: ServiceNowServer, folder: Path) -> None:
    now = server.clock()
    waits = server.create("incident", at=now - 100 * D)
    late, done = server.create("incident", at=now - 100 * D), server.create("incident", at=now - 100 * D)
    server.close("incident", late, at=now - 10 * D)
    server.close("incident", done, at=now - 60 * D)
    rig = rig_of(server, folder)
    assert complete(rig.run())
    assert set(tickets(rig)) == {waits, late, done}
    before = tickets(rig)
    rig.stream.batches.clear()
    assert complete(rig.run())
    assert tickets(rig) == {waits: before[waits], late: before[late]}


def test_a_query_selects_and_an_open_one_that_leaves_it_is_followed(server: ServiceNowServer, folder: Path) -> None:
    sys_id = server.create("incident", category="security")
    server.create("incident", category="hardware")
    rig = rig_of(server, folder, query={"incident": "category=security^ORcategory=privacy"})
    assert complete(rig.run())
    assert set(tickets(rig)) == {sys_id}
    server.change("incident", sys_id, category="hardware")
    assert complete(rig.run())
    assert tickets(rig)[sys_id]["category"] == "hardware"


# -- time, credentials


def test_a_period_is_what_was_updated_in_it(server: ServiceNowServer, folder: Path) -> None:
    end = time_of("2026-11-20 12:00:00")
    assert end is not None
    at = end / SECOND
    inside = {server.create("incident", at=at - offset, active="false") for offset in (0, 1, D - 1, D + 299)}
    server.create("incident", at=at - D - 301)
    server.create("incident", at=at + 1)
    collector = build(read_settings(settings(server, folder)))
    report = WindowReport(Silent(), {})
    events = list(collector.collect(Window("attempt", "tickets", end - DAY, end, {}, latest=False), report))
    assert {str(event.subject).rpartition("/")[2] for event in events} == inside
    assert not report.errors


def test_a_server_that_passes_the_asked_time_over_is_not_believed(server: ServiceNowServer, folder: Path) -> None:
    class Deaf(ServiceNowServer):
        def _list(self, table: str, names: list[str], query: Mapping[str, str]) -> Reply:
            return super()._list(table, names, {**query, "sysparm_query": "ORDERBYsys_updated_on"})

    server.create("incident", at=server.clock() - 9 * D)
    server.__class__ = Deaf
    now = int(server.clock() * SECOND)
    collector = build(read_settings(settings(server, folder)))
    with pytest.raises(SourceUnreadable, match="before the time"):
        list(collector.collect(Window("attempt", "tickets", now - HOUR, now, {}, latest=False), WindowReport(Silent(), {})))


def test_a_clock_of_ours_that_runs_ahead_fails_the_window(server: ServiceNowServer, folder: Path) -> None:
    server.create("incident")
    server.clock = lambda: time.time() - 900
    records = rig_of(server, folder).run()
    assert not complete(records)
    assert "ahead of the clock of ServiceNow" in records[-1].errors[0]


def test_an_oauth_token_serves_too(server: ServiceNowServer, folder: Path) -> None:
    server.create("incident")
    rig = rig_of(server, folder, token_file=str(folder / "token"))
    assert complete(rig.run())
    (folder / "token").write_text("expired")
    records = rig.run()
    assert [record.state for record in records] == ["failed"]
    assert "(401)" in records[0].errors[0]


def test_throttling_is_waited_for(server: ServiceNowServer, folder: Path) -> None:
    server.create("incident")
    server.throttled = 2
    assert complete(rig_of(server, folder, max_attempts=4).run())


# -- settings and forms


@pytest.mark.parametrize(
    "query", ["a=1^NQb=2", "ORDERBYnumber", "a=1^ORDERBYDESCnumber", "^a=1", "a=1^", "a=1\n", "a=1^EQ", "NQa=1"]
)
def test_a_query_that_is_not_one_selection_is_refused(query: str) -> None:
    with pytest.raises(ValueError, match="one encoded query"):
        selection(query)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"user": None}, "user"),
        ({"token_file": "t"}, "only one"),
        ({"password": "both"}, "only one"),
        ({"tables": ["incident/../x"]}, "no name of a table"),
        ({"tables": ["incident", "incident"]}, "twice"),
        ({"query": {"problem": "a=1"}}, "not among tables"),
        ({"query": {"incident": "a=1^NQb=1"}}, "query"),
        ({"open": {"incident": "active"}}, "FIELD=VALUE"),
        ({"fields": {"incident": ["a b"]}}, "no name of a field"),
        ({"url": "http://x.service-now.com"}, "https"),
    ],
)
def test_a_mistake_in_the_settings_is_named(wrong: dict[str, Any], message: str) -> None:
    own = {
        "name": "t",
        "type": "servicenow",
        "url": "https://x.service-now.com",
        "user": "a",
        "password_file": "p",
        "tables": ["incident"],
    }
    read_settings(own)
    with pytest.raises(SourceInvalid, match=message):
        read_settings({**own, **wrong})


def test_a_condition_is_judged_as_it_is_asked() -> None:
    some = condition("stateIN1,2")
    row = read(json.dumps({"sys_id": "a" * 32, "sys_updated_on": "2026-11-20 10:00:00", "state": "2"}).encode())
    assert some.of(row) is True
    assert condition("state=3").of(row) is False
    assert condition("active=true").of(row) is None


@given(st.integers(0, MAX_TIME // SECOND))
def test_times_are_written_as_they_are_read(second: int) -> None:
    assert time_of(time_text(second * SECOND)) == second * SECOND


@pytest.mark.parametrize("value", ["", None, "2026-11-20", "2026-13-20 10:00:00", "2026-11-20T10:00:00", 5])
def test_what_is_no_time_is_none(value: Any) -> None:
    assert time_of(value) is None


# -- size


class Endless:
    """An Api whose table holds `count` rows, one in each second, made as they are asked for."""

    what = "ServiceNow"

    def __init__(self, count: int) -> None:
        self.count = count

    def get(self, _path: str, query: Mapping[str, Any]) -> Answer:
        low = time_of(query["sysparm_query"].split(">=")[1][:19])
        assert low is not None
        first = (low - OLDEST) // SECOND
        last = min(first + query["sysparm_limit"], self.count)
        rows = [
            {"sys_id": f"{n:032x}", "sys_updated_on": time_text(OLDEST + n * SECOND), "text": "x" * 1000}
            for n in range(first, last)
        ]
        return Answer(200, {"x-total-count": str(self.count - first)}, json.dumps({"result": rows}).encode())


@pytest.mark.parametrize("count", [5_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
def test_any_number_of_rows_takes_the_same_memory(count: int) -> None:
    table = Table(Endless(count), "incident", ("sys_id",), "", limit=100)  # type: ignore[arg-type]
    tracemalloc.start()
    try:
        found = sum(len(page.rows) for page in table.walk("", OLDEST))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == count
    assert peak < 20_000_000


@pytest.mark.parametrize("total", [150, 10**14])
def test_an_instance_that_passes_the_question_over_fails_the_window(folder: Path, total: int) -> None:
    class Deaf(ServiceNowServer):
        """Answers the same rows of one second, or none, whatever is asked, and counts many."""

        def answer(self, asked: Asked) -> Reply:
            reply = super().answer(asked)
            if asked.path.endswith("/table/incident"):
                rows = [] if total > 150 else sorted(self.tables["incident"].values(), key=lambda row: row["sys_id"])[:4]
                return Reply(200, {"result": rows}, {"X-Total-Count": str(total)})
            return reply

    with Deaf(password=PASSWORD, token=TOKEN) as server:
        for _ in range(4):
            server.create("incident", at=server.clock() - 600)
        [record] = rig_of(server, folder, since="2026-01-01T00:00:00Z").run()[:1]
        assert record.state != "complete"
        assert record.errors
