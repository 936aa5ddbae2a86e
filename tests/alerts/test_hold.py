"""alerts/hold.py in delivery: silences, quiet hours, escalation and acknowledgement, over a real store."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.acknowledge import NotOpen, acknowledgement, is_acknowledged
from alerts.base import Retry
from alerts.deliver import Deliverer
from alerts.listing import standing_alerts
from alerts.registry import read_routes
from alerts.routes import Filters, Route
from pipeline.posture import decide
from store.engine import reading
from store.evidence import EvidenceStore
from store.outbox import wake
from store.records import HOUR, MINUTE, Batch
from store.silences import add_entry, read_silences, revoke_entry

ACCOUNT = "111122223333"
KEY = f"finding/m/{ACCOUNT}"


def opened(world: Any, name: str = "a", at: float = 0, mapping: str = "m", **more: Any) -> None:
    world.finding(mapping, name, "not-assessed", "not-satisfied", at, **more)


def closed(world: Any, name: str = "a", at: float = 12, mapping: str = "m", **more: Any) -> None:
    world.finding(mapping, name, "not-satisfied", "closed", at, **more)


@pytest.fixture
def store(world: Any) -> EvidenceStore:
    """The world's store as commands write to it. Entries that `world` makes by hand lie beyond those that are appended."""
    world.size = 1000
    return EvidenceStore(world.engine, b"s" * 32, world.clock)


@pytest.fixture
def make(world: Any, make_desk: Any) -> Any:
    """make(name, after=…, quiet=…): a route to a recorder, and what delivers to it."""

    def build(name: str = "desk", fail: Any = None, **more: Any) -> Any:
        desk = make_desk(fail) if fail is not None else make_desk()
        desk.route = Route(name, desk.recorder, Filters(), **more)
        desk.deliverer = Deliverer(world.engine, [desk.route], world.clock, jitter=lambda: 0.5)
        return desk

    return build


def silence(store: EvidenceStore, until: int, **match: str) -> str:
    id_, own = add_entry(match, store.clock(), until, "maintenance", "carol")
    store.append(Batch(own=(own,)), (), decide)
    return id_


def acknowledge(store: EvidenceStore, key: str = KEY) -> None:
    with reading(store.engine) as connection:
        batch = acknowledgement(connection, key, "carol", "INC-77", store.clock())
    store.append(batch, (), decide)


# -- silences


@pytest.mark.parametrize(
    "match", [{"key": KEY}, {"mapping": "m"}, {"account": ACCOUNT}, {"source": "trail"}, {"control": "A.8.15"}, {"route": "desk"}]
)
def test_what_is_silenced_is_told_when_the_silence_ends_if_it_is_open(
    world: Any, store: EvidenceStore, make: Any, match: dict[str, str]
) -> None:
    desk = make()
    id_ = silence(store, world.now + 2 * HOUR, **match)
    opened(world)
    assert desk.run() == []
    [row] = world.rows("desk")
    assert (row.state, row.attempts) == ("pending", 0)
    assert row.error.startswith(f"held by silence {id_} until ")
    opened(world, "b", 1)
    world.pass_(119)
    assert desk.run() == []
    world.pass_(2)
    [alert] = desk.run()
    assert (alert.action, alert.subjects) == ("trigger", ("a", "b"))


def test_a_silence_holds_for_what_it_names_and_nothing_else(world: Any, store: EvidenceStore, make: Any) -> None:
    desk = make()
    silence(store, world.now + HOUR, mapping="m", account="444455556666")
    opened(world)
    opened(world, account="444455556666")
    opened(world, mapping="other", account="444455556666")
    assert sorted(alert.key for alert in desk.run()) == [KEY, "finding/other/444455556666"]


def test_what_was_over_while_it_was_silenced_is_not_told(world: Any, store: EvidenceStore, make: Any) -> None:
    desk = make()
    id_ = silence(store, world.now + HOUR, mapping="m")
    opened(world)
    assert desk.run() == []
    closed(world)
    assert desk.run() == []
    assert [row.state for row in world.rows("desk")] == ["cancelled"] * 2
    assert world.rows("desk")[0].error == f"it was over while silence {id_} held"


def test_what_was_told_before_is_resolved_in_the_silence(world: Any, store: EvidenceStore, make: Any) -> None:
    desk = make()
    opened(world)
    desk.run()
    silence(store, world.now + HOUR, mapping="m")
    opened(world, "b", 1)
    assert desk.run() == []
    closed(world, "b", 2)
    closed(world, "a", 3)
    [alert] = desk.run()
    assert (alert.action, alert.key) == ("resolve", KEY)


def test_a_silence_that_is_revoked_lets_go_at_once(world: Any, store: EvidenceStore, make: Any) -> None:
    desk = make()
    id_ = silence(store, world.now + 40 * HOUR, mapping="m")
    opened(world)
    assert desk.run() == []
    with reading(world.engine) as connection:
        own = revoke_entry(connection, id_, world.now, "done", "carol")
    store.append(Batch(own=(own,)), (), decide)
    assert desk.run() == []
    wake(world.engine)
    assert [alert.action for alert in desk.run()] == ["trigger"]
    with reading(world.engine) as connection:
        [found] = read_silences(connection)
    assert (found.revoked_at is not None, found.by, found.reason) == (True, "carol", "maintenance")


def test_what_was_tried_already_is_not_held(world: Any, store: EvidenceStore, make: Any) -> None:
    """The receiver may have it: it must hear the rest."""

    def fail(_: Any) -> None:
        raise Retry("the answer got lost")

    desk = make(fail=fail)
    opened(world)
    desk.run()
    silence(store, world.now + HOUR, mapping="m")
    closed(world)
    world.pass_(1)
    desk.recorder.fail = lambda _: None
    assert [alert.action for alert in desk.run()] == ["trigger", "resolve"]


# -- quiet hours


def quiet(level: str = "critical") -> Any:
    settings = {"from": "00:00", "to": "07:00", "level": level}
    [route] = read_routes([{"name": "r", "type": "log", "quiet_hours": settings}])
    return route.quiet


def test_in_quiet_hours_only_what_is_severe_is_told_and_the_rest_afterwards(world: Any, make: Any) -> None:
    desk = make(quiet=quiet("high"))
    opened(world, level="medium")
    opened(world, mapping="worse", level="high")
    assert [alert.mapping for alert in desk.run()] == ["worse"]
    world.pass_(6 * 60 + 59)
    assert desk.run() == []
    world.pass_(1)
    assert [(alert.action, alert.mapping) for alert in desk.run()] == [("trigger", "m")]


def test_what_resolves_is_told_in_quiet_hours(world: Any, make: Any) -> None:
    desk = make(quiet=quiet())
    world.pass_(-60)
    opened(world)
    assert [alert.action for alert in desk.run()] == ["trigger"]
    world.pass_(120)
    closed(world)
    assert [alert.action for alert in desk.run()] == ["resolve"]


def test_what_a_log_said_in_quiet_hours_is_one_message_afterwards(world: Any, make: Any) -> None:
    desk = make(quiet=quiet())
    opened(world)
    desk.run()
    closed(world)
    assert desk.run() == []
    world.pass_(7 * 60)
    [alert] = desk.run()
    assert (alert.action, alert.brief) == ("resolve", True)


# -- observations


def test_an_observation_that_is_over_before_it_was_told_is_not_told(world: Any, make: Any) -> None:
    world.mapping("m", kind="snapshot")
    desk = make()
    opened(world)
    closed(world)
    assert desk.run() == []
    assert {row.error for row in world.rows("desk")} == {"it was over before it was told"}


# -- escalation


def test_what_nobody_takes_on_is_escalated(world: Any, make: Any) -> None:
    desk = make(after=30 * MINUTE)
    opened(world)
    assert desk.run() == []
    world.pass_(29)
    opened(world, "b", 29)
    assert desk.run() == []
    world.pass_(1)
    [alert] = desk.run()
    assert (alert.action, alert.subjects) == ("trigger", ("a", "b"))
    closed(world, "a", 40)
    closed(world, "b", 41)
    assert [alert.action for alert in desk.run()] == ["resolve"]


def test_what_is_over_in_time_is_not_escalated(world: Any, make: Any) -> None:
    desk = make(after=30 * MINUTE)
    opened(world)
    desk.run()
    closed(world)
    assert desk.run() == []
    world.pass_(60)
    assert desk.run() == []
    assert {row.error for row in world.rows("desk")} == {"it was over before it was escalated"}


def test_an_acknowledgement_stops_the_escalation_until_it_is_over(world: Any, store: EvidenceStore, make: Any) -> None:
    desk, first = make("leads", after=30 * MINUTE), make("on-call")
    both = Deliverer(world.engine, [desk.route, first.route], world.clock, jitter=lambda: 0.5)
    opened(world)
    both.run_once()
    acknowledge(store)
    both.run_once()
    assert first.recorder.said() == [("trigger", KEY), ("acknowledge", KEY)]
    assert first.recorder.alerts[-1].sentence == "m: acknowledged by carol: INC-77."
    world.pass_(31)
    both.run_once()
    opened(world, "b", 40)
    world.pass_(60)
    both.run_once()
    assert desk.recorder.said() == []
    [alert] = standing_alerts(world.engine)
    assert (alert.key, alert.told, alert.acknowledged) == (KEY, ("on-call",), True)
    # It is over, and begins again: nobody has taken that on.
    closed(world, "a", 100)
    closed(world, "b", 101)
    opened(world, "a", 102)
    with reading(world.engine) as connection:
        assert not is_acknowledged(connection, KEY)
    both.run_once()
    world.pass_(31)
    both.run_once()
    assert desk.recorder.said() == [("trigger", KEY)]


def test_an_acknowledgement_is_told_where_the_alert_was(world: Any, store: EvidenceStore, make: Any) -> None:
    """In order: a trigger that cannot be delivered holds up the acknowledgement of it."""

    def fail(_: Any) -> None:
        raise Retry("down")

    desk = make(fail=fail)
    opened(world)
    desk.run()
    acknowledge(store)
    closed(world)
    desk.recorder.fail = lambda _: None
    world.pass_(5)
    assert [alert.action for alert in desk.run()] == ["trigger", "acknowledge", "resolve"]


def test_what_is_not_open_cannot_be_acknowledged(world: Any, store: EvidenceStore) -> None:
    with pytest.raises(NotOpen):
        acknowledge(store)
    opened(world)
    closed(world)
    with pytest.raises(NotOpen):
        acknowledge(store)


def test_a_state_can_be_acknowledged_too(world: Any, store: EvidenceStore, make: Any) -> None:
    desk = make()
    world.control("A.8.15", "satisfied", "stale")
    desk.run()
    acknowledge(store, "control/A.8.15/stale")
    assert [(alert.action, alert.kind) for alert in desk.run()] == [("acknowledge", "control")]
    with reading(world.engine) as connection:
        assert is_acknowledged(connection, "control/A.8.15/stale")
    world.control("A.8.15", "stale", "satisfied", 5)
    with reading(world.engine) as connection:
        assert not is_acknowledged(connection, "control/A.8.15/stale")
