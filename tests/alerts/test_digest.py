"""alerts/digest.py: what a digest says, when it is sent, and that nothing of it is lost."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.base import Retry
from alerts.deliver import Deliverer
from alerts.registry import read_routes
from alerts.routes import Filters, Route

ACCOUNT = "111122223333"
DAY = 24 * 60


@pytest.fixture
def make(world: Any, make_desk: Any) -> Any:
    """A desk that is told by a digest at 07:00."""

    def build(fail: Any = None, every: str = "day", **filters: Any) -> Any:
        desk = make_desk(fail) if fail is not None else make_desk()
        [route] = read_routes([{"name": "d", "type": "log", "digest": {"every": every, "at": "07:00"}}])
        desk.route = Route("desk", desk.recorder, Filters(**filters), digest=route.digest)
        desk.deliverer = Deliverer(world.engine, [desk.route], world.clock, "https://a.example.org", jitter=lambda: 0.5)
        return desk

    return build


def test_a_digest_is_one_message_at_its_time(world: Any, make: Any) -> None:
    desk = make()
    world.finding("root", "a", "not-assessed", "not-satisfied", title="Root signed in", level="critical")
    world.finding("root", "b", "satisfied", "not-satisfied", 1, title="Root signed in", level="critical")
    world.finding("bucket", "c", "not-satisfied", "closed", 2, title="Bucket is public")
    world.finding("passing", "d", "satisfied", "not-satisfied", 3)
    world.finding("passing", "d", "not-satisfied", "satisfied", 4)
    world.control("A.8.2", "satisfied", "not-satisfied", 5, delivery="told")
    world.control("A.5.9", "satisfied", "stale", 5)
    world.control("A.5.9", "stale", "satisfied", 6)
    world.source("gap", "complete", "gap", "trail: a window was given up", 7)
    assert desk.run() == []
    world.pass_(7 * 60)
    [digest] = desk.run()
    assert (digest.action, digest.key, digest.level) == ("digest", "digest/desk", "critical")
    assert (digest.counts, digest.top) == ({"critical": 2}, (("Root signed in", 2),))
    assert digest.lines == ("A.8.2: satisfied before, not satisfied now", "trail: a window was given up")
    assert "2 findings opened (2 critical), 1 recovered; 1 control changed." in digest.sentence
    assert digest.controls == ("A.8.2", "A.8.15")
    assert digest.link == "https://a.example.org/drift"
    assert set(world.states("desk")) == {"delivered"}
    assert desk.run() == []


def test_what_is_told_nowhere_else_is_in_the_digest(world: Any, make: Any) -> None:
    """Backfill, replay, and what a first window brings."""
    desk = make()
    world.finding("old", "a", "not-assessed", "not-satisfied", delivery="digest", title="From a backfill")
    world.finding("first", "b", "not-assessed", "not-satisfied", delivery="summary", title="From a first window")
    world.pass_(7 * 60)
    [digest] = desk.run()
    assert [title for title, _ in digest.top] == ["From a backfill", "From a first window"]


def test_what_comes_after_its_time_is_in_the_next(world: Any, make: Any) -> None:
    desk = make()
    world.finding("m", "a", "not-assessed", "not-satisfied")
    world.pass_(7 * 60)
    world.finding("m", "b", "not-assessed", "not-satisfied", 7 * 60)
    assert [alert.subject_count for alert in desk.run()] == [1]
    world.pass_(DAY)
    assert [alert.subject_count for alert in desk.run()] == [1]
    world.pass_(DAY)
    assert desk.run() == []


def test_where_nothing_changed_in_the_end_there_is_none(world: Any, make: Any) -> None:
    desk = make()
    world.finding("m", "a", "satisfied", "not-satisfied")
    world.finding("m", "a", "not-satisfied", "satisfied", 1)
    world.pass_(7 * 60)
    assert desk.run() == []
    assert {row.error for row in world.rows("desk")} == {"nothing changed in the end"}


def test_a_week_is_one_message(world: Any, make: Any) -> None:
    desk = make(every="week")
    for day in range(8):
        world.finding("m", f"s{day}", "not-assessed", "not-satisfied", day * DAY)
        world.pass_(DAY)
        desk.run()
    assert len(desk.recorder.alerts) <= 2
    world.pass_(7 * DAY)
    desk.run()
    assert sum(alert.subject_count for alert in desk.recorder.alerts) == 8


def test_filters_hold_for_digests(world: Any, make: Any) -> None:
    desk = make(level="high", controls=frozenset({"A.8.15"}))
    world.finding("m", "a", "not-assessed", "not-satisfied", level="low")
    world.finding("m", "b", "not-assessed", "not-satisfied", controls="A.5.1")
    world.finding("m", "c", "not-assessed", "not-satisfied", level="critical")
    world.pass_(7 * 60)
    [digest] = desk.run()
    assert digest.counts == {"critical": 1}


def test_a_digest_that_is_sent_again_is_the_same(world: Any, make: Any) -> None:
    def fail(_: Any) -> None:
        raise Retry("the answer got lost")

    desk = make(fail)
    world.finding("m", "a", "not-assessed", "not-satisfied")
    world.pass_(7 * 60)
    desk.run()
    world.finding("m", "b", "not-assessed", "not-satisfied", 8 * 60)
    world.pass_(DAY)
    desk.recorder.fail = lambda _: None
    first, second = desk.run()
    assert (first.id, first.subject_count) == (desk.recorder.tried[0].id, 1)
    assert (second.id != first.id, second.subject_count) == (True, 1)


def test_an_acknowledgement_is_in_no_digest(world: Any, make: Any) -> None:
    desk = make()
    world.drift("acknowledgement", f"finding/m/{ACCOUNT}", "", "acknowledged", mapping="m", account=ACCOUNT)
    world.pass_(7 * 60)
    assert desk.run() == []
    assert world.states("desk") == ["cancelled"]
