"""alerts/deliver.py with store/outbox.py: the process may end anywhere, routes may come later, others may deliver too."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.base import Alert
from alerts.deliver import LEASE, Deliverer
from alerts.routes import Route
from alerts.sending import Passed
from store import outbox

ACCOUNT = "111122223333"
KEY = f"finding/trail-stopped/{ACCOUNT}"


def opened(world: Any, name: str = "main", at: float = 0, **more: Any) -> int:
    return world.finding("trail-stopped", name, "not-assessed", "not-satisfied", at, title="Trail stopped", **more)


def closed(world: Any, name: str = "main", at: float = 12, **more: Any) -> int:
    return world.finding("trail-stopped", name, "not-satisfied", "closed", at, title="Trail stopped", **more)


def test_the_same_id_goes_out_again_when_the_process_dies_between_sending_and_noting_it(world: Any, make_desk: Any) -> None:
    class Killed(BaseException):
        pass

    dying = make_desk()
    opened(world)
    outbox.take_in(world.engine, lambda drift: {"desk": dying.route.assign(drift)})
    claimed = outbox.claim(world.engine, "desk", KEY, world.now, LEASE)
    assert claimed is not None
    sent: list[Alert] = []

    def send(alert: Alert) -> None:
        sent.append(alert)
        raise Killed

    dying.recorder.fail = send
    world.pass_(2)
    with pytest.raises(Killed):
        dying.deliverer._pass(dying.route, lambda: False, Passed())
    # what comes after the crash does not change what is sent again
    closed(world)
    world.pass_(2)
    after = make_desk()
    first, second = after.run()
    assert first.id == sent[0].id
    assert (first.action, first.key, first.subjects, first.sentence) == ("trigger", KEY, ("main",), sent[0].sentence)
    assert (second.action, second.key) == ("resolve", KEY)
    assert second.id != first.id


def test_a_claimed_delivery_is_nobody_elses_until_its_lease_ends(world: Any, desk: Any, make_desk: Any) -> None:
    opened(world)
    outbox.take_in(world.engine, lambda drift: {"desk": desk.route.assign(drift)})
    assert outbox.claim(world.engine, "desk", KEY, world.now, LEASE) is not None
    assert make_desk().run() == []
    world.now += LEASE
    assert [a.action for a in make_desk().run()] == ["trigger"]


def test_what_is_taken_in_for_one_route_is_taken_in_for_all(world: Any, make_desk: Any) -> None:
    desk, other = make_desk(), make_desk()
    routes = [desk.route, Route("other", other.recorder)]
    opened(world)
    deliverer = Deliverer(world.engine, routes, world.clock)
    deliverer._take_in()  # and the process ends here
    Deliverer(world.engine, routes, world.clock).run_once()
    assert desk.recorder.said() == other.recorder.said() == [("trigger", KEY)]


def test_a_route_that_is_new_begins_with_what_is_new(world: Any, make_desk: Any) -> None:
    desk, other = make_desk(), make_desk()
    opened(world)
    desk.run()
    routes = [desk.route, Route("other", other.recorder)]
    opened(world, "second", 1)
    Deliverer(world.engine, routes, world.clock).run_once()
    assert other.recorder.said() == [("trigger", KEY)]
    assert other.recorder.alerts[0].subjects == ("main", "second")
