"""alerts/deliver.py with the outbox: what is told in which order, what is told again, what holds up what."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.base import Alert, Refused, Retry, RouteInvalid
from alerts.deliver import Deliverer
from alerts.routes import Route
from store.records import DAY, HOUR, MINUTE, SECOND
from store.sqlite_driver import writing

ACCOUNT = "111122223333"
KEY = f"finding/trail-stopped/{ACCOUNT}"
LIMIT = 120.0
"""Seconds after which a test fails instead of waiting for ever."""


def opened(world: Any, name: str = "main", at: float = 0, **more: Any) -> int:
    return world.finding("trail-stopped", name, "not-assessed", "not-satisfied", at, title="Trail stopped", **more)


def closed(world: Any, name: str = "main", at: float = 12, **more: Any) -> int:
    return world.finding("trail-stopped", name, "not-satisfied", "closed", at, title="Trail stopped", **more)


def test_a_finding_that_opens_triggers_and_the_last_that_closes_resolves(world: Any, desk: Any) -> None:
    opened(world, cites=[7, 8])
    [alert] = desk.run()
    assert (alert.action, alert.key, alert.level, alert.controls) == ("trigger", KEY, "high", ("A.8.15",))
    assert (alert.subjects, alert.subject_count, alert.account) == (("main",), 1, ACCOUNT)
    assert (alert.before, alert.after, alert.evidence, alert.entry) == ("not-assessed", "not-satisfied", (7, 8), 1)
    assert desk.run() == []
    closed(world)
    [alert] = desk.run()
    assert (alert.action, alert.key, alert.subjects, alert.brief) == ("resolve", KEY, ("main",), False)
    assert (alert.until - alert.since, alert.after) == (12 * MINUTE, "closed")
    assert world.states("desk") == ["delivered", "delivered"]


def test_subjects_that_join_or_leave_update_and_only_the_last_resolves(world: Any, desk: Any) -> None:
    opened(world, "a")
    assert [a.action for a in desk.run()] == ["trigger"]
    opened(world, "b", 1)
    [alert] = desk.run()
    assert (alert.action, alert.subjects, alert.joined, alert.left) == ("update", ("a", "b"), ("b",), ())
    closed(world, "a", 2)
    [alert] = desk.run()
    assert (alert.action, alert.subjects, alert.joined, alert.left) == ("update", ("b",), (), ("a",))
    closed(world, "b", 3)
    [alert] = desk.run()
    assert (alert.action, alert.subjects) == ("resolve", ("b",))


def test_one_alert_lists_its_subjects_and_counts_those_it_does_not_list(world: Any, desk: Any) -> None:
    for number in range(30):
        opened(world, f"trail-{number:02d}", number)
    [alert] = desk.run()
    assert (alert.action, alert.subject_count, len(alert.subjects)) == ("trigger", 30, 20)
    assert alert.subjects[0] == "trail-00"
    assert "and 25 more" in alert.sentence


def test_other_accounts_are_other_alerts(world: Any, desk: Any) -> None:
    opened(world, "a")
    opened(world, "b", account="444455556666")
    first, second = desk.run()
    assert {first.account: first.subjects, second.account: second.subjects} == {ACCOUNT: ("a",), "444455556666": ("b",)}
    assert first.key != second.key


def test_what_opened_and_closed_before_it_was_told_is_one_message(world: Any, desk: Any) -> None:
    opened(world, at=0)
    closed(world, at=12)
    [alert] = desk.run()
    assert (alert.action, alert.brief, alert.subjects) == ("resolve", True, ("main",))
    assert "00:00:00 to 00:12:00 UTC" in alert.sentence
    assert world.states("desk") == ["delivered", "delivered"]


def test_closed_and_open_again_is_an_update(world: Any, desk: Any) -> None:
    opened(world)
    desk.run()
    closed(world, at=5)
    world.finding("trail-stopped", "main", "closed", "not-satisfied", 9)
    [alert] = desk.run()
    assert (alert.action, alert.subjects) == ("update", ("main",))


def test_after_a_resolve_it_triggers_again(world: Any, desk: Any) -> None:
    opened(world)
    desk.run()
    closed(world)
    desk.run()
    world.finding("trail-stopped", "main", "closed", "not-satisfied", 20)
    assert [a.action for a in desk.run()] == ["trigger"]


def test_a_failure_holds_up_its_own_key_only(world: Any, make_desk: Any) -> None:
    def fail(alert: Alert) -> None:
        if alert.key == KEY:
            raise Retry("busy")

    desk = make_desk(fail)
    opened(world)
    world.finding("bucket-public", "b", "not-assessed", "not-satisfied")
    desk.run()
    closed(world)
    world.finding("bucket-public", "b", "not-satisfied", "closed", 3)
    desk.run()
    assert desk.recorder.said() == [
        ("trigger", f"finding/bucket-public/{ACCOUNT}"),
        ("resolve", f"finding/bucket-public/{ACCOUNT}"),
    ]
    assert [a.action for a in desk.recorder.tried if a.key == KEY] == ["trigger"]
    desk.recorder.fail = lambda _: None
    world.pass_(5)
    assert [a.action for a in desk.run()] == ["trigger", "resolve"]


def test_a_failing_route_does_not_hold_up_another(world: Any, make_desk: Any) -> None:
    def fail(_: Alert) -> None:
        raise Retry("down")

    bad, good = make_desk(fail), make_desk()
    routes = [Route("bad", bad.recorder), Route("good", good.recorder)]
    opened(world)
    passed = Deliverer(world.engine, routes, world.clock).run_once()
    assert (passed.delivered, passed.failed) == (1, 1)
    assert (world.states("bad"), world.states("good")) == (["pending"], ["delivered"])


def test_a_notifier_that_hangs_does_not_hold_up_another_route(
    world: Any, make_desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pass's time is up when the good route has ended while the other one hangs, however long that takes here."""
    hanging, release, hung, good = threading.Event(), threading.Event(), make_desk(), make_desk()
    workers: list[threading.Thread] = []

    def hang(_: Alert) -> None:
        hanging.set()
        release.wait(LIMIT)

    def go_on(_: Alert) -> None:
        assert hanging.wait(LIMIT), "it was held up until the other one would have ended"
        workers.append(threading.current_thread())

    def now() -> float:
        return 3 * LIMIT if workers and not workers[0].is_alive() else 0.0

    hung.recorder.fail, good.recorder.fail = hang, go_on
    routes = [Route("good", good.recorder), Route("hung", hung.recorder)]
    opened(world)
    monkeypatch.setattr("alerts.deliver.time", SimpleNamespace(monotonic=now))
    try:
        passed = Deliverer(world.engine, routes, world.clock, patience=2 * LIMIT).run_once()
        assert passed.late == ("hung",)
        assert good.recorder.said() == [("trigger", KEY)]
        assert (world.states("good"), world.states("hung")) == (["delivered"], ["pending"])
    finally:
        release.set()


def test_the_loop_delivers_until_it_is_stopped(world: Any, make_desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.deliver.GRACE", LIMIT)
    told, stop = threading.Event(), threading.Event()
    desk = make_desk(lambda _: told.set())
    thread = threading.Thread(target=desk.deliverer.loop, args=(stop,))
    thread.start()
    opened(world)
    assert told.wait(LIMIT)
    stop.set()
    thread.join(2 * LIMIT)
    assert not thread.is_alive()
    assert desk.recorder.said()[:1] == [("trigger", KEY)]


def test_what_fails_waits_longer_each_time_then_shows_as_undeliverable_and_is_tried_on(world: Any, make_desk: Any) -> None:
    def fail(_: Alert) -> None:
        raise Retry("receiver answered 500")

    desk = make_desk(fail)
    opened(world)
    waits, states = [], []
    for _ in range(10):
        desk.run()
        [row] = world.rows("desk")
        waits.append(row.next_at - world.now)
        states.append(row.state)
        assert "receiver answered 500" in row.error
        desk.run()
        assert world.rows("desk")[0].attempts == len(waits)
        world.now = row.next_at
    assert waits[:7] == [n * SECOND for n in (5, 10, 20, 40, 80, 160, 300)]
    assert states == ["pending"] * 7 + ["failed"] * 3
    assert waits[7] >= 10 * MINUTE
    assert world.rows("desk")[0].error.startswith("undeliverable after 10 attempts: ")
    desk.recorder.fail = lambda _: None
    [alert] = desk.run()
    assert alert.action == "trigger"
    [row] = world.rows("desk")
    assert (row.state, row.error, row.delivered_at) == ("delivered", None, world.now)
    assert len({a.id for a in desk.recorder.tried}) == 1


def test_a_refusal_shows_at_once_and_is_tried_again_seldom(world: Any, make_desk: Any) -> None:
    def fail(_: Alert) -> None:
        raise Refused("receiver answered 404")

    desk = make_desk(fail)
    opened(world)
    desk.run()
    [row] = world.rows("desk")
    assert (row.state, row.error) == ("failed", "undeliverable after 1 attempt: receiver answered 404")
    assert row.next_at - world.now == 10 * MINUTE


def test_retry_after_is_honoured(world: Any, make_desk: Any) -> None:
    def fail(_: Alert) -> None:
        raise Retry("receiver answered 429", 3600)

    desk = make_desk(fail)
    opened(world)
    desk.run()
    wait = world.rows("desk")[0].next_at - world.now
    assert HOUR <= wait <= 2 * HOUR


def test_the_fault_of_a_notifier_is_counted_and_its_text_is_not_kept(world: Any, make_desk: Any) -> None:
    def fail(_: Alert) -> None:
        raise RuntimeError("token=s3cr3t")

    desk = make_desk(fail)
    opened(world)
    world.finding("other", "x", "not-assessed", "not-satisfied")
    desk.run()
    assert [row.error for row in world.rows("desk")] == ["the notifier failed with RuntimeError"] * 2


def test_a_clock_set_back_delays_nothing_for_long(world: Any, make_desk: Any) -> None:
    def fail(_: Alert) -> None:
        raise Retry("down")

    desk = make_desk(fail)
    opened(world)
    desk.run()
    world.now -= 40 * DAY
    desk.recorder.fail = lambda _: None
    assert [a.action for a in desk.run()] == ["trigger"]


@pytest.mark.parametrize(("delivery", "why"), [("digest", "digest"), ("told", "told in"), ("summary", "told in the summary")])
def test_what_is_told_elsewhere_is_not_told_here(world: Any, desk: Any, delivery: str, why: str) -> None:
    opened(world, delivery=delivery)
    assert desk.run() == []
    [row] = world.rows("desk")
    assert row.state == "cancelled"
    assert row.error.startswith(why)


@pytest.mark.parametrize(
    ("before", "after"),
    [("not-assessed", "satisfied"), ("satisfied", "stale"), ("not-satisfied", "error"), ("closed", "retired")],
)
def test_what_neither_opens_nor_closes_is_not_told(world: Any, desk: Any, before: str, after: str) -> None:
    world.finding("m", "s", before, after)
    assert desk.run() == []
    assert world.states("desk") == ["cancelled"]


def test_an_error_closes_nothing(world: Any, desk: Any) -> None:
    opened(world)
    desk.run()
    world.drift("finding", KEY, "not-satisfied", "error", mapping="trail-stopped", account=ACCOUNT)
    assert desk.run() == []


def test_a_close_of_what_was_never_told_is_not_told(world: Any, desk: Any) -> None:
    opened(world, delivery="digest")
    closed(world)
    assert desk.run() == []
    assert world.states("desk") == ["cancelled", "cancelled"]


def test_an_alert_that_stands_is_resolved_even_when_the_last_subject_was_not_told_itself(world: Any, desk: Any) -> None:
    opened(world, "a")
    desk.run()
    opened(world, "b", 1, delivery="digest")
    closed(world, "a", 2)
    [alert] = desk.run()
    assert (alert.action, alert.subjects, alert.left) == ("update", ("b",), ("a",))
    closed(world, "b", 3)
    assert [a.action for a in desk.run()] == ["resolve"]


def test_an_erased_subject_is_counted_and_not_named(world: Any, desk: Any) -> None:
    opened(world, "person")
    with writing(world.engine) as connection:
        connection.exec_driver_sql("UPDATE handle SET name = NULL")
    [alert] = desk.run()
    assert (alert.subjects, alert.subject_count) == (("(erased)",), 1)


def test_a_link_that_is_no_address_is_refused(world: Any) -> None:
    with pytest.raises(RouteInvalid, match=r"alerts\.link"):
        Deliverer(world.engine, [], world.clock, "javascript:alert(1)")


STEPS = st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.booleans()), max_size=14)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(changes=STEPS, seed=st.integers(0, 1 << 32))
def test_whatever_fails_the_receiver_ends_with_the_truth(
    changes: list[tuple[str, bool]], seed: int, tmp_path_factory: Any, make_world: Callable[[Any], Any]
) -> None:
    """Triggers and resolves alternate per key, ids never mean two things, and the last word is what is open."""
    world = make_world(tmp_path_factory.mktemp("w"))
    sent: list[Alert] = []
    well = False  # in the end the receiver is
    chance = random.Random(seed)

    class Shaky:
        def notify(self, alert: Alert) -> None:
            if not well and chance.random() < 0.3:
                raise Retry("down")
            sent.append(alert)
            if not well and chance.random() < 0.3:
                raise Retry("the answer got lost")

    deliverer = Deliverer(world.engine, [Route("r", Shaky())], world.clock, jitter=lambda: 0.0)
    standing: set[str] = set()
    for at, (name, up) in enumerate(changes):
        if up is (name not in standing):
            (standing.add if up else standing.discard)(name)
            words = ("closed", "not-satisfied") if up else ("not-satisfied", "closed")
            world.finding("m", name, *words, at)
        if chance.random() < 0.5:
            deliverer.run_once()
        world.pass_(1)
    well = True
    world.pass_(3000)
    deliverer.run_once()
    assert set(world.states("r")) <= {"delivered", "cancelled"}
    first: dict[str, Alert] = {}
    for alert in sent:
        assert first.setdefault(alert.id, alert).action == alert.action
        assert first[alert.id].subjects == alert.subjects
    once = list(first.values())
    assert [a.known_at for a in once] == sorted(a.known_at for a in once)
    assert bool(standing) == (bool(once) and once[-1].action != "resolve")
    if standing:
        assert set(once[-1].subjects) == standing
    words = [a.action for a in once if a.action != "update" and not a.brief]
    assert words == (["trigger", "resolve"] * len(words))[: len(words)]
    world.engine.dispose()
