"""alerts/trouble.py: a route that does not deliver is told on the others, once, and is over when nothing of it waits."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.base import Alert, Refused, Retry
from alerts.deliver import Deliverer
from alerts.routes import Filters, Route
from store.records import DriftRow

KEY = "route/bad"


class Desks:
    """Two routes over one world; `bad` fails as it is told to. What is told about routes goes into the outbox."""

    def __init__(self, world: Any, make_desk: Any) -> None:
        self.world = world
        self.bad, self.good = make_desk(), make_desk()
        self.told: list[DriftRow] = []
        self.names = ("bad", "good")

    def tell(self, drift: DriftRow) -> None:
        self.told.append(drift)
        more = {"level": drift.level, "text": drift.text, "account": "", "source": ""}
        self.world.drift(drift.kind, drift.key, drift.before, drift.after, **more)

    def run(self, passes: int = 2) -> None:
        """As a service that begins anew."""
        routes = [Route(name, getattr(self, name).recorder, Filters()) for name in self.names]
        deliverer = Deliverer(self.world.engine, routes, self.world.clock, jitter=lambda: 0.5, tell=self.tell)
        for _ in range(passes):
            deliverer.run_once()

    def said(self) -> list[tuple[str, str]]:
        return [(alert.action.value, alert.key) for alert in self.good.recorder.alerts if alert.kind == "route"]


@pytest.fixture
def desks(world: Any, make_desk: Any) -> Desks:
    return Desks(world, make_desk)


def refuse(_: Alert) -> None:
    raise Refused("hooks.example.org answered 404")


def test_what_cannot_be_delivered_is_told_on_the_other_route_and_its_recovery_too(world: Any, desks: Desks) -> None:
    desks.bad.recorder.fail = refuse
    world.finding("m", "a", "not-assessed", "not-satisfied")
    desks.run()
    assert desks.said() == [("trigger", KEY)]
    [alert] = [alert for alert in desks.good.recorder.alerts if alert.kind == "route"]
    assert alert.level == "high"
    assert (
        "route bad: alerts cannot be delivered: undeliverable after 1 attempt: hooks.example.org answered 404" in alert.sentence
    )
    # Once, however much else fails.
    world.finding("m2", "b", "not-assessed", "not-satisfied", 1)
    desks.run()
    assert len(desks.told) == 1
    # One of the two is delivered, the other still waits: not over yet.
    desks.bad.recorder.fail = lambda alert: refuse(alert) if alert.mapping == "m2" else None
    world.pass_(20)
    desks.run()
    assert desks.said() == [("trigger", KEY)]
    desks.bad.recorder.fail = lambda _: None
    world.pass_(100)
    desks.run()
    assert desks.said() == [("trigger", KEY), ("resolve", KEY)]
    assert [drift.after for drift in desks.told] == ["undeliverable", "delivering"]
    assert all(alert.kind != "route" for alert in desks.bad.recorder.tried), "it is not told of itself"


def test_what_fails_for_a_while_is_no_trouble_yet(world: Any, desks: Desks) -> None:
    def fail(_: Alert) -> None:
        raise Retry("down")

    desks.bad.recorder.fail = fail
    world.finding("m", "a", "not-assessed", "not-satisfied")
    for _ in range(7):
        desks.run()
        world.pass_(6)
    assert desks.told == []
    desks.run()
    assert [drift.after for drift in desks.told] == ["undeliverable"]


def test_two_routes_that_fail_say_so_once_each(world: Any, desks: Desks) -> None:
    desks.bad.recorder.fail = desks.good.recorder.fail = refuse
    world.finding("m", "a", "not-assessed", "not-satisfied")
    for _ in range(5):
        desks.run()
        world.pass_(120)
    assert sorted((drift.key, drift.after) for drift in desks.told) == [(KEY, "undeliverable"), ("route/good", "undeliverable")]


def test_a_route_that_is_no_longer_in_the_settings_is_over(world: Any, desks: Desks) -> None:
    desks.bad.recorder.fail = refuse
    world.finding("m", "a", "not-assessed", "not-satisfied")
    desks.run()
    desks.names = ("good",)
    desks.run()
    assert desks.said() == [("trigger", KEY), ("resolve", KEY)]
    assert desks.told[-1].after == "removed"
    desks.run()
    assert len(desks.told) == 2


def test_what_resolves_before_it_could_be_delivered_ends_the_trouble(world: Any, desks: Desks) -> None:
    """Its trigger was tried and goes first; both go when the receiver is well."""
    desks.bad.recorder.fail = refuse
    world.mapping("m", kind="snapshot")
    world.finding("m", "a", "not-assessed", "not-satisfied")
    desks.run()
    world.finding("m", "a", "not-satisfied", "satisfied", 5)
    desks.bad.recorder.fail = lambda _: None
    world.pass_(60)
    desks.run()
    assert desks.bad.recorder.actions() == ["trigger", "resolve"]
    assert desks.said() == [("trigger", KEY), ("resolve", KEY)]
