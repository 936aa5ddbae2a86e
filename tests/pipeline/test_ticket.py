"""pipeline/ticket.py: when a ticket was done, from what its collector wrote of its life."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.tickets import Life
from pipeline.ticket import done_at
from store.records import DAY, Event

NOW = 20_000 * DAY


def seen(payload: bytes) -> Event:
    return Event("jira", "1", "ticket.jira.issue", NOW, payload, subject="jira.example.org/SEC-12")


def of(**life: Any) -> Event:
    return seen(json.dumps({**Life(**life).members(), "key": "SEC-12"}).encode())


@pytest.mark.parametrize(
    ("life", "at"),
    [
        ({"state": "open", "closed": NOW - 5}, None),
        ({"state": "done", "closed": NOW - 5, "resolved": NOW - 9}, NOW - 5),
        ({"state": "done", "resolved": NOW - 9, "updated": NOW - 1}, NOW - 9),
        ({"state": "done", "updated": NOW - 1}, NOW - 1),
        ({"state": "done"}, NOW),
        ({"state": "done", "closed": NOW + DAY}, NOW),
    ],
)
def test_a_ticket_is_done_when_its_life_says_so(life: dict[str, Any], at: int | None) -> None:
    assert done_at(of(**life)) == at


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"{}", b'{"_life":7}', b'{"_life":{"state":"done","closed":7}}', b'{"_gone":true}']
)
def test_what_is_no_life_of_a_ticket_says_nothing(payload: bytes) -> None:
    assert done_at(seen(payload)) is None


def test_a_time_that_is_none_is_passed_over() -> None:
    assert done_at(seen(b'{"_life":{"state":"done","closed":"soon","resolved":"2020-01-01T00:00:00Z"}}')) == 1_577_836_800_000_000


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_passed_over(payload: bytes) -> None:
    done = done_at(seen(payload))
    assert done is None or done <= NOW
