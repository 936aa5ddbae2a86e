"""What sources of tickets share: the life before the source's own bytes, and which tickets are open."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.base import SourceUnreadable, Window
from collectors.http import Answer
from collectors.tickets import (
    MAX_BYTES,
    MAX_OPEN,
    Life,
    OpenOnes,
    address,
    check_clock,
    earliest,
    gone,
    host,
    moment,
    recent,
    said_at,
    ticket,
)
from collectors.unreadable import Unreadable
from store.records import DAY, MINUTE, SECOND
from store.times import format_time, parse_time

WINDOW = Window("attempt", "tickets", 0, 10, {})
NOON = parse_time("2026-11-20T12:00:00Z")


def test_the_life_stands_before_the_bytes_which_stay_as_they_are() -> None:
    own = b'{ "key" : "SEC-1",  "x": "\\ud800" }'
    life = Life("open", opened=NOON, owner="bob", unread=("first_response", "fields.duedate"))
    event = ticket(WINDOW, "ticket.x.y", "host/SEC-1", NOON, own, life, account="host", more={"_reviews": []})
    value = json.loads(event.payload)
    assert event.payload.endswith(own[1:])
    assert value["_life"] == {
        "state": "open",
        "opened": "2026-11-20T12:00:00.000000Z",
        "owner": "bob",
        "severity": None,
        "resolved": None,
        "closed": None,
        "reviewed": None,
        "updated": None,
    }
    assert value["_unread"] == ["_life.first_response", "fields.duedate"]
    assert value["_reviews"] == []
    assert (event.account, event.subject, event.time) == ("host", "host/SEC-1", NOON)


def test_a_member_of_our_name_is_not_taken_for_ours() -> None:
    with pytest.raises(Unreadable, match="_life"):
        ticket(WINDOW, "ticket.x.y", "s", 1, b'{"_life": {"state": "done"}}', Life("open"), account="a")


def test_a_look_is_one_event_and_its_payload_only_changes_with_the_ticket() -> None:
    first, again = (ticket(WINDOW, "ticket.x.y", "s", at, b"{}", Life("open"), account="a") for at in (1, 2))
    assert first.payload == again.payload
    assert first.id.rpartition("-")[0] == again.id.rpartition("-")[0]
    assert gone(WINDOW, "ticket.x.y", "s", 2, account="a").id.partition("-")[0] == first.id.partition("-")[0]


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-20T10:00:00.000+1300", "2026-11-19T21:00:00.000000Z"),
        ("2026-11-20T10:00:00.5-0330", "2026-11-20T13:30:00.500000Z"),
        ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00.000000Z"),
        ("2026-11-20T10:00:00+13:00", "2026-11-19T21:00:00.000000Z"),
    ],
)
def test_times_of_others_are_read(text: str, utc: str) -> None:
    time = moment(text)
    assert time is not None
    assert format_time(time) == utc


@pytest.mark.parametrize("value", [None, "", "yesterday", "2026-11-20", 5, [], "2026-11-20T10:00:00", "+1300"])
def test_what_is_no_time_is_none(value: Any) -> None:
    assert moment(value) is None


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_none(text: str) -> None:
    assert moment(text) is None or isinstance(moment(text), int)


def test_the_earliest_is_of_those_there_are() -> None:
    assert earliest([None, 5, 3, None]) == 3
    assert earliest([None]) is None


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans())), st.sets(st.sampled_from("abcdef")))
def test_what_was_open_is_seen_missing_or_remembered(reads: list[tuple[str, bool]], before: set[str]) -> None:
    ones = OpenOnes.remembered(sorted(before))
    for name, done in reads:
        ones.saw(name, "done" if done else "open")
    last = dict(reads)
    assert list(ones.missing()) == sorted(before - set(last))
    assert set(ones.names()) == {name for name, done in last.items() if not done} | (before - set(last))
    for name in list(ones.missing()):
        ones.lost(name)
    assert ones.missing() == []
    assert ones.notes() == ()


def test_no_more_is_remembered_than_a_cursor_holds() -> None:
    ones = OpenOnes.remembered(None)
    for number in range(MAX_OPEN + 7):
        ones.saw(f"SEC-{number}", "open")
    assert len(ones.names()) == MAX_OPEN
    assert "7 more open tickets" in ones.notes()[0]
    long = OpenOnes.remembered(None)
    for number in range(1000):
        long.saw("\x00" * 200 + str(number), "open")
    assert len(json.dumps(long.names(), separators=(",", ":"))) < MAX_BYTES + 2
    assert long.notes()


def test_a_ticket_comes_again_while_it_is_open_and_for_a_while() -> None:
    assert recent(Life("open", updated=0), 100 * DAY, DAY)
    assert recent(Life("done", closed=99 * DAY), 100 * DAY, DAY)
    assert not recent(Life("done", closed=98 * DAY, updated=100 * DAY), 100 * DAY, DAY)
    assert not recent(Life("done", resolved=98 * DAY), 100 * DAY, DAY)
    assert recent(Life("done"), 100 * DAY, DAY)


def test_a_clock_that_runs_ahead_is_refused_and_one_behind_is_not() -> None:
    check_clock(NOON, NOON - 5 * MINUTE, 5 * MINUTE, "x")
    check_clock(NOON, NOON + DAY, 5 * MINUTE, "x")
    check_clock(NOON, None, 5 * MINUTE, "x")
    with pytest.raises(SourceUnreadable, match="302 s ahead of the clock of Jira"):
        check_clock(NOON, NOON - 5 * MINUTE - 2 * SECOND, 5 * MINUTE, "Jira")


def test_the_other_sides_clock_is_its_date_header() -> None:
    assert said_at(Answer(200, {"date": "Fri, 20 Nov 2026 12:00:00 GMT"}, b"")) == NOON
    for date in ("", "soon", "Fri, 99 Nov 2026 12:00:00 GMT"):
        assert said_at(Answer(200, {"date": date}, b"")) is None


def test_an_address_is_https_and_holds_no_credentials() -> None:
    assert address("https://Example.org:8443/jira/") == "https://Example.org:8443/jira"
    assert host("https://Example.org:8443/jira") == "example.org:8443"
    assert address("http://127.0.0.1:80") == "http://127.0.0.1:80"
    for wrong in ("http://example.org", "https://a:b@example.org", "ftp://x", "https://", "https://x?q=1", "https://x#f", "x"):
        with pytest.raises(ValueError, match="must"):
            address(wrong)
