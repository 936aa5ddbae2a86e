"""alerts/routes.py: which drift goes to which route."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.routes import theme_of
from pipeline.rules.annex import control_ids

ACCOUNT = "111122223333"


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ({}, True),
        ({"controls": {"A.8.15"}}, True),
        ({"controls": {"A.8.1"}}, False),
        ({"themes": {"technological"}}, True),
        ({"themes": {"people", "physical"}}, False),
        ({"level": "high"}, True),
        ({"level": "critical"}, False),
        ({"sources": {"trail"}}, True),
        ({"sources": {"other"}}, False),
        ({"accounts": {ACCOUNT}}, True),
        ({"accounts": {"1"}}, False),
        ({"controls": {"A.8.15"}, "level": "critical"}, False),
        ({"controls": {"A.5.1", "A.8.16"}, "themes": {"people", "technological"}, "level": "low"}, True),
    ],
)
def test_every_filter_that_is_set_must_fit(world: Any, make_desk: Any, filters: dict[str, Any], told: bool) -> None:
    chosen = {name: value if isinstance(value, str) else frozenset(value) for name, value in filters.items()}
    desk = make_desk(**chosen)
    world.finding("m", "s", "not-assessed", "not-satisfied", controls="A.8.15 A.8.16", level="high")
    assert bool(desk.run()) is told
    assert world.states("desk") == ["delivered" if told else "cancelled"]


@pytest.mark.parametrize(
    ("filters", "told"),
    [({"level": "high"}, True), ({"controls": frozenset({"A.8.15"})}, False), ({"sources": frozenset({"trail"})}, True)],
)
def test_what_a_source_says_of_itself_concerns_no_control(
    world: Any, make_desk: Any, filters: dict[str, Any], told: bool
) -> None:
    desk = make_desk(**filters)
    world.source("failing", "collecting", "failing", "down")
    assert bool(desk.run()) is told


def test_what_resolves_goes_where_the_trigger_went_whatever_its_level(world: Any, make_desk: Any) -> None:
    desk = make_desk(level="high")
    world.finding("m", "s", "not-assessed", "not-satisfied", level="high")
    desk.run()
    world.finding("m", "s", "not-satisfied", "closed", 5, level="low")
    assert [a.action for a in desk.run()] == ["resolve"]


def test_what_resolves_goes_where_the_trigger_waits(world: Any, make_desk: Any) -> None:
    desk = make_desk(level="high")
    world.finding("m", "s", "not-assessed", "not-satisfied", level="high")
    world.finding("m", "s", "not-satisfied", "closed", 5, level="low")
    assert [(a.action, a.brief) for a in desk.run()] == [("resolve", True)]


def test_a_control_is_at_the_same_level_when_it_goes_stale_and_when_it_recovers(world: Any, make_desk: Any) -> None:
    desk = make_desk(level="medium")
    world.control("A.8.15", "satisfied", "stale")
    world.control("A.8.15", "stale", "satisfied", 5)
    assert [(a.action, a.level) for a in desk.run()] == [("resolve", "medium")]


def test_every_control_has_a_theme() -> None:
    themes = {theme_of(control) for control in control_ids()}
    assert themes == {"organizational", "people", "physical", "technological"}
    assert [theme_of(odd) for odd in ("", "A.9.1", "A.x.1", "A.8", "8")] == [""] * 5
