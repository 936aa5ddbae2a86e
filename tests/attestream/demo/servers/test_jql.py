"""JQL as the small Jira reads it: what binds how, and in which zone text is a time."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from attestream.demo.servers.jql import Refused, parse

AUCKLAND = ZoneInfo("Pacific/Auckland")
ROW: dict[str, Any] = {
    "project": "SEC",
    "labels": ["security", "vpn"],
    "assignee": None,
    "statuscategory": ["To Do", "new"],
    "summary": "A (strange) one",
    "updated": 1_763_596_830_500,  # 2025-11-20T00:00:30.5Z, 13:00:30.5 in Auckland
}


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("project = SEC", True),
        ("project = sec AND labels = VPN", True),
        ("project = OPS OR project = SEC AND labels = vpn", True),
        ("(project = OPS OR project = SEC) AND labels = none", False),
        ("NOT project = OPS", True),
        ("project IN (OPS, 'SEC')", True),
        ("labels NOT IN (vpn)", False),
        ("assignee IS EMPTY", True),
        ("assignee is not empty", False),
        ("statusCategory != Done", True),
        ("statusCategory != new", False),
        ('summary ~ "(STRANGE"', True),
        ("updated >= 1763596859999", True),  # the same minute
        ("updated > 1763596800000", False),
        ("updated >= 1763596860000", False),
        ('updated >= "2025/11/20 13:00" AND updated <= "2025/11/20 13:00"', True),
        ('updated >= "2025/11/20 13:01"', False),
        ('updated <= "2025-11-20 12:59"', False),
        ("ORDER BY updated", True),
    ],
)
def test_what_fits(query: str, fits: bool) -> None:
    assert parse(query, AUCKLAND).fits(ROW) is fits


def test_an_order_and_whether_anything_restricts() -> None:
    query = parse("project = SEC ORDER BY updated DESC, key ASC, created", AUCKLAND)
    assert query.order == (("updated", True), ("key", False), ("created", False))
    assert query.bounded
    assert not parse("order by key", AUCKLAND).bounded


@pytest.mark.parametrize(
    "query", ["project", "project =", "(project = SEC", "project = SEC)", "updated >= tomorrow", "a > b", 'a = "b']
)
def test_what_cannot_be_read_is_refused(query: str) -> None:
    with pytest.raises(Refused):
        parse(query, AUCKLAND)
