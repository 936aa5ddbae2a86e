"""PagerDuty over its real protocol: changes by the log, pages that end, who is on call."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from attestream.demo.servers.pagerduty import PagerdutyServer, stamp
from attestream.demo.servers.serving import Asked, Reply
from collectors import pagerduty_calls
from collectors.registry import SourceInvalid, read_settings
from store.records import DAY, HOUR
from store.times import format_time
from tests.contract.labs import pagerduty as labs
from tests.contract.rig import Rig, complete

TOKEN = "u+canary-of-the-pagerduty-tests"
KIND, ON_CALLS = "ticket.pagerduty.incident", "snapshot.pagerduty.oncalls"
Begin = Callable[..., Rig]


@pytest.fixture
def server() -> Iterator[PagerdutyServer]:
    with PagerdutyServer(token=TOKEN) as made:
        yield made


@pytest.fixture
def begin(server: PagerdutyServer, tmp_path: Path) -> Begin:
    (tmp_path / "token").write_text(TOKEN)

    def make(**more: Any) -> Rig:
        own = {"name": "pagerduty", "type": "pagerduty", "url": server.url, "token_file": str(tmp_path / "token")}
        own |= {"max_attempts": 1, "requests_per_second": 1000}
        own |= {"since": format_time(int((time.time() - 20 * 3600) * 1e6))}
        return Rig(SimpleNamespace(settings={**own, **more}, secrets=(TOKEN,)))  # type: ignore[arg-type]

    return make


def seen(rig: Rig, kind: str = KIND) -> dict[str, dict[str, Any]]:
    """The newest payload of each subject, by its last word."""
    events = [event for event in rig.stream.events if event.type == kind]
    return {str(event.subject).rpartition("/")[2]: json.loads(event.payload) for event in events}


def shallow(monkeypatch: pytest.MonkeyPatch, server: PagerdutyServer, deepest: int, page: int) -> None:
    """Pages that end early, so that a test needs few entries."""
    monkeypatch.setattr(pagerduty_calls, "DEEPEST", deepest)
    monkeypatch.setattr(pagerduty_calls, "PER_PAGE", page)
    server.deepest = deepest


# -- the life of an incident


def test_a_whole_life(server: PagerdutyServer, begin: Begin) -> None:
    now = int(server.clock())
    server.trigger("PA", now - 7000, priority={"id": "P1", "summary": "P1"})
    server.log("PA", "notify", now - 6999)
    server.log("PA", "acknowledge", now - 6000)
    server.log("PA", "acknowledge", now - 5500)
    rig = begin()
    assert complete(rig.run())
    life = seen(rig)["PA"]["_life"]
    assert (life["state"], life["owner"], life["severity"], life["resolved"]) == ("open", "Ann", "P1", None)
    assert life["first_response"].startswith(stamp(now - 6000)[:-1])
    server.log("PA", "resolve", now - 4000)
    server.log("PA", "annotate", now - 3000, channel={"type": "note", "summary": "post-mortem: …"})
    rig.run()
    told = seen(rig)["PA"]
    life = told["_life"]
    assert life["state"] == "done"
    assert life["resolved"].startswith(stamp(now - 4000)[:-1])
    assert life["reviewed"].startswith(stamp(now - 3000)[:-1])
    assert next(entry["type"] for entry in told["_log_entries"]) == "annotate_log_entry"
    assert not [entry for entry in told["_log_entries"] if entry["type"] == "notify_log_entry"]


def test_an_incident_that_ran_through_the_whole_chain_shows_it(server: PagerdutyServer, begin: Begin) -> None:
    server.trigger("PA", server.clock() - 7000)
    server.log("PA", "exhaust_escalation_path", server.clock() - 6000)
    rig = begin()
    rig.run()
    assert "exhaust_escalation_path_log_entry" in [entry["type"] for entry in seen(rig)["PA"]["_log_entries"]]


def test_without_a_priority_the_urgency_is_the_severity(server: PagerdutyServer, begin: Begin) -> None:
    server.trigger("PA", server.clock() - 60, urgency="low", assignments=[])
    rig = begin()
    rig.run()
    life = seen(rig)["PA"]["_life"]
    assert (life["severity"], life["owner"], life["first_response"]) == ("low", None, None)


# -- nothing is passed over


def test_an_old_incident_that_changes_is_found(server: PagerdutyServer, begin: Begin) -> None:
    """`since` and `until` of /incidents would not show it: it was created two years ago."""
    now = server.clock()
    server.trigger("PA", now - 700 * 86_400)
    server.log("PA", "resolve", now - 600 * 86_400)
    rig = begin()
    rig.run()
    assert not seen(rig)
    server.log("PA", "annotate", now - 30)
    rig.run()
    assert seen(rig)["PA"]["_life"]["state"] == "done"


def test_an_incident_that_is_open_for_two_years_comes_in_every_run(server: PagerdutyServer, begin: Begin) -> None:
    server.trigger("PA", server.clock() - 700 * 86_400)
    rig = begin()
    for number in range(3):
        assert complete(rig.run())
        events = [event for event in rig.stream.events if event.type == KIND]
        assert len(events) == number + 1
        assert len({event.payload for event in events}) == 1


def test_more_entries_than_pages_reach_are_read_in_shorter_periods(
    server: PagerdutyServer, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    shallow(monkeypatch, server, 40, 10)
    now = server.clock()
    for number in range(203):
        server.trigger(f"P{number}", now - 3600 + number)
        server.incidents[f"P{number}"]["status"] = "resolved"  # so that the list of open ones does not show them
    asked: list[Asked] = []
    server.before = asked.append
    rig = begin()
    assert complete(rig.run())
    assert set(seen(rig)) == set(server.incidents)
    assert all(int(call.query.get("offset", 0)) + int(call.query.get("limit", 25)) <= 40 for call in asked)
    assert all({"since", "until"} <= set(call.query) for call in asked if call.path == "/log_entries")


@pytest.mark.parametrize("total", [True, False])
def test_the_end_of_pages_is_found_where_no_total_is_told(
    server: PagerdutyServer, begin: Begin, monkeypatch: pytest.MonkeyPatch, total: bool
) -> None:
    shallow(monkeypatch, server, 40, 10)
    now = server.clock()
    for number in range(90):
        server.trigger(f"P{number}", now - 3600 + number)
        server.incidents[f"P{number}"]["status"] = "resolved"
    real = server.answer

    def silent(asked: Asked) -> Reply:
        reply = real(asked)
        return Reply(reply.status, {**reply.value, "total": None} if not total and "total" in reply.value else reply.value)

    server.answer = silent  # type: ignore[method-assign]
    rig = begin()
    assert complete(rig.run())
    assert len(seen(rig)) == 90


def test_more_than_pages_reach_within_a_second_fails_and_never_stops_quietly(
    server: PagerdutyServer, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    shallow(monkeypatch, server, 40, 10)
    at = server.clock() - 3600
    for number in range(60):
        server.trigger(f"P{number}", at)
    [record] = begin().run()
    assert record.state == "failed"
    assert "within one second" in record.errors[0]


def test_pages_that_move_while_they_are_read_hide_no_open_incident(
    server: PagerdutyServer, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    shallow(monkeypatch, server, 1000, 10)
    at = server.clock() - 400 * 86_400
    for number in range(55):
        server.trigger(f"P{number:02d}", at + number)
    calls: list[str] = []

    def close(asked: Asked) -> None:
        if asked.path == "/incidents":
            calls.append(asked.path)
            server.incidents[f"P{len(calls):02d}"]["status"] = "resolved"

    server.before = close
    rig = begin()
    rig.run()
    still = {name for name, item in server.incidents.items() if item["status"] != "resolved"}
    assert len(calls) >= 6
    assert set(seen(rig)) >= still


def test_resolved_ones_come_again_once_a_day_for_as_long_as_follow(server: PagerdutyServer, begin: Begin) -> None:
    now = server.clock()
    server.trigger("PA", now - 7000)
    server.log("PA", "resolve", now - 6000)
    rig = begin()
    rig.run()
    rig.run()
    assert sum(event.type == KIND for event in rig.stream.events) == 1
    rig.ledger.kept = {**rig.ledger.kept, "followed": rig.ledger.kept["followed"] - DAY}
    rig.run()
    events = [event for event in rig.stream.events if event.type == KIND]
    assert len(events) == 2
    assert events[0].payload == events[1].payload


def test_an_open_one_that_is_gone_is_said_to_be(server: PagerdutyServer, begin: Begin) -> None:
    server.trigger("PA", server.clock() - 7000)
    rig = begin()
    rig.run()
    del server.incidents["PA"]
    assert complete(rig.run())
    assert seen(rig)["PA"] == {"_gone": True}


def test_a_log_that_is_not_there_makes_no_incident_gone(server: PagerdutyServer, begin: Begin) -> None:
    server.trigger("PA", server.clock() - 7000)
    real, log = server.answer, "/incidents/PA/log_entries"
    server.answer = lambda asked: Reply(404, {}) if asked.path == log else real(asked)  # type: ignore[method-assign]
    rig = begin()
    assert not complete(rig.run())
    assert not [event for event in rig.stream.events if b"_gone" in event.payload]
    server.answer = real  # type: ignore[method-assign]
    assert complete(rig.run())
    assert set(seen(rig)) == {"PA"}


@pytest.mark.parametrize("path", ["/log_entries", "/incidents"])
def test_a_list_that_shows_fewer_than_it_counts_is_not_believed(server: PagerdutyServer, begin: Begin, path: str) -> None:
    server.trigger("PA", server.clock() - 7000)
    real, member = server.answer, path.strip("/")
    lie = {member: [], "more": False, "total": 250}
    server.answer = lambda asked: Reply(200, lie) if asked.path == path else real(asked)  # type: ignore[method-assign]
    records = begin().run()
    assert not complete(records)


# -- refused, throttled, broken


def test_an_incident_that_cannot_be_read_is_asked_for_again(server: PagerdutyServer, begin: Begin) -> None:
    now = server.clock()
    for name in ("PA", "PB"):
        server.trigger(name, now - 7000)
        server.log(name, "resolve", now - 6000)
    real = server.answer
    server.answer = lambda asked: Reply(403, {}) if asked.path == "/incidents/PA" else real(asked)  # type: ignore[method-assign]
    rig = begin()
    [record] = rig.run()
    assert record.state == "partial"
    assert set(seen(rig)) == {"PB"}
    [record] = rig.run()
    assert record.state == "partial"
    server.answer = real  # type: ignore[method-assign]
    assert complete(rig.run())
    assert set(seen(rig)) == {"PA", "PB"}


def test_a_refused_log_fails_the_window_and_the_cursor_stays(server: PagerdutyServer, begin: Begin) -> None:
    labs.furnish(server)
    server.refused = {"log_entries"}
    rig = begin()
    [record] = rig.run()
    assert record.state == "failed"
    assert rig.ledger.end is None


def test_throttling_is_waited_for(server: PagerdutyServer, begin: Begin) -> None:
    labs.furnish(server)
    server.throttled = 2
    assert complete(begin(max_attempts=4).run())


def test_a_wrong_token_is_said_without_it(server: PagerdutyServer, begin: Begin, tmp_path: Path) -> None:
    rig = begin()
    (tmp_path / "token").write_text("u+wrong-canary")
    [record] = rig.run()
    assert record.state == "failed"
    assert "credentials" in record.errors[0]
    assert "u+wrong-canary" not in str(record)


def test_a_clock_that_is_ahead_passes_nothing_over(server: PagerdutyServer, begin: Begin) -> None:
    server.clock = lambda: time.time() - 1200
    [record] = begin(since=stamp(time.time() - 3600)).run()
    assert record.state == "failed"
    assert "clock" in record.errors[0]


def test_a_list_that_does_not_say_whether_it_goes_on_is_no_answer(server: PagerdutyServer, begin: Begin) -> None:
    labs.furnish(server)
    real = server.answer

    def mute(asked: Asked) -> Reply:
        reply = real(asked)
        return Reply(200, {k: v for k, v in reply.value.items() if k != "more"}) if asked.path == "/log_entries" else reply

    server.answer = mute  # type: ignore[method-assign]
    [record] = begin().run()
    assert record.state == "failed"


# -- on call


def test_who_is_on_call_is_told_per_policy_and_nobody_is_a_fact(server: PagerdutyServer, begin: Begin) -> None:
    server.policy("PPOL1", 2, (1, 2))
    server.policy("PPOL2", 2, (2,))
    server.oncalls.append({"escalation_policy": {"id": "PPOL2"}, "escalation_level": 1, "user": None})
    rig = begin()
    [record] = rig.run()
    assert record.state == "complete"
    told = seen(rig, ON_CALLS)
    assert told["PPOL1"]["_manned"] == [1, 2]
    assert told["PPOL2"]["_manned"] == [2]
    assert told["PPOL1"]["escalation_rules"][0]["escalation_delay_in_minutes"] == 30
    [part] = [part for part in record.parts if part.type == ON_CALLS]
    assert part.enumerates
    assert next(iter(seen(rig, "summary.pagerduty.oncalls").values()))["names"] == ["PPOL1", "PPOL2"]


def test_refused_on_calls_are_unread_and_not_nobody(server: PagerdutyServer, begin: Begin) -> None:
    labs.furnish(server)
    server.refused = {"oncalls"}
    rig = begin()
    [record] = rig.run()
    assert record.state == "partial"
    for value in seen(rig, ON_CALLS).values():
        assert value["_unread"] == ["_manned", "_oncalls"]
        assert "_manned" not in value
    assert not seen(rig, "summary.pagerduty.oncalls")
    assert not [part for part in record.parts if part.type == ON_CALLS and (part.complete or part.enumerates)]
    assert len(seen(rig)) == 4  # incidents went on, and so does the cursor
    assert rig.ledger.end == record.asked[1]


def test_on_calls_are_read_once_an_hour(server: PagerdutyServer, begin: Begin) -> None:
    labs.furnish(server)
    rig = begin()
    rig.run()
    rig.run()
    assert sum(event.type == ON_CALLS for event in rig.stream.events) == 2
    rig.ledger.kept = {**rig.ledger.kept, "looked": rig.ledger.kept["looked"] - HOUR}
    rig.run()
    assert sum(event.type == ON_CALLS for event in rig.stream.events) == 4


# -- settings and check


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"token_file": None}, "token_file"),
        ({"url": "http://api.pagerduty.com"}, "https://"),
        ({"url": "https://u:p@api.pagerduty.com"}, "no credentials"),
        ({"region": "eu"}, "no setting of pagerduty"),
        ({"overlap": "10s"}, "overlap"),
    ],
)
def test_settings_that_cannot_be_used_are_named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(SourceInvalid, match=words):
        read_settings({"name": "p", "type": "pagerduty", "token_file": "/token", **change})


def test_a_check_says_which_scope_lacks(server: PagerdutyServer, begin: Begin) -> None:
    labs.furnish(server)
    server.refused = {"oncalls"}
    probes = begin().collector.check()
    assert {probe.denied.action for probe in probes if probe.denied} == {"oncalls.read"}
    assert not [probe for probe in probes if TOKEN in probe.text]
