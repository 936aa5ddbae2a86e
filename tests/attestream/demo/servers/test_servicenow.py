"""Encoded queries as the small ServiceNow reads them."""

from __future__ import annotations

import pytest

from attestream.demo.servers.servicenow import encoded

FIELDS = {"a", "b", "state", "sys_updated_on", "sys_id"}
ROW = {"a": "1", "b": "2", "state": "3", "sys_updated_on": "2026-11-20 10:00:00", "sys_id": "f" * 32}


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("", True),
        ("a=1^b=2", True),
        ("a=1^b=9", False),
        ("a=9^ORa=1^b=2", True),  # OR binds to the condition before it
        ("a=1^b=9^ORb=8", False),
        ("a=9^NQb=2", True),
        ("stateIN1,3", True),
        ("stateNOT IN1,3", False),
        ("sys_updated_on>=2026-11-20 10:00:00^sys_updated_on<=2026-11-20 10:00:00", True),
        ("sys_updated_on>2026-11-20 10:00:00", False),
        (f"sys_id>{'e' * 32}", True),
        ("a!=1", False),
        ("bISEMPTY", False),
        ("bISNOTEMPTY", True),
        ("no_such_field=1", True),  # passed over, as the real one does
    ],
)
def test_what_fits(query: str, fits: bool) -> None:
    assert encoded(query, FIELDS)[0](ROW) is fits


def test_an_order() -> None:
    assert encoded("a=1^ORDERBYsys_updated_on^ORDERBYDESCsys_id", FIELDS)[1] == [("sys_updated_on", False), ("sys_id", True)]
