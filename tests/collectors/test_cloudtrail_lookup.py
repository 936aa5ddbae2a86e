"""collectors/cloudtrail_lookup.py against a CloudTrail over HTTP with its pages, bounds, tokens and rate."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from attestream.demo.servers.cloudtrail_lookup import CloudTrailServer
from collectors import cloudtrail_lookup, rate
from collectors.base import Collector, Window
from collectors.registry import build, read_settings
from collectors.report import Silent, WindowReport
from collectors.runner import run_attempts, run_period
from store.records import DAY, HOUR, SECOND, Event, WindowRecord
from tests.contract.front import Asked, Front, How, fronted
from tests.memory import MemoryLedger, MemoryStream

pytestmark = pytest.mark.usefixtures("aws_environment")

ACCOUNT = "111122223333"


@dataclass
class World:
    """One installation that reads a simulated CloudTrail, both with a clock of ours."""

    server: CloudTrailServer
    front: Front
    settings: dict[str, Any]
    stream: Any = field(default_factory=MemoryStream)
    ledger: MemoryLedger = field(init=False)
    sources: dict[str, Collector] = field(default_factory=dict)
    now: float = 1_795_000_000.0

    def __post_init__(self) -> None:
        self.ledger = MemoryLedger(self.stream.log)
        self.server.clock = lambda: self.now

    def run(self, later: float = 0.0, **more: Any) -> list[WindowRecord]:
        self.now += later
        key = json.dumps(more, sort_keys=True)
        if key not in self.sources:
            self.sources[key] = build(read_settings({**self.settings, **more}), lambda: int(self.now) * SECOND)
        return run_attempts(self.sources[key], self.stream, self.ledger, 1, int(self.now) * SECOND)

    def logs(self, record: WindowRecord | None = None) -> list[Event]:
        events = self.stream.events if record is None else self.stream.of(record.attempt)
        return [event for event in events if event.kind == "log"]

    def ids(self) -> set[str]:
        return {event.id for event in self.logs()}


@pytest.fixture
def world() -> Iterator[World]:
    with CloudTrailServer(regions=("eu-west-1", "us-east-1")) as server, fronted(server.url) as front:
        settings = {"name": "lookup", "type": "cloudtrail-lookup", "endpoint_url": front.url, "region": "eu-west-1"}
        world = World(server, front, {**settings, "requests_per_second": 100, "max_attempts": 1, "read_timeout": 5})
        world.ledger.end = int(world.now - 3600) * SECOND
        yield world


def test_every_event_of_every_region_and_its_own_bytes(world: World) -> None:
    ids = {world.server.put(ago=60.0 * number, region=("eu-west-1", "us-east-1")[number % 2]) for number in range(120)}
    [record] = world.run()
    assert record.state == "complete"
    assert world.ids() == ids
    assert [(part.part, part.complete) for part in record.parts] == [(f"{ACCOUNT}/{r}", True) for r in ("eu-west-1", "us-east-1")]
    assert record.identity == f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/attestream"
    end = int(world.now) * SECOND
    assert [(c.part, c.start, c.end, c.bridge) for c in record.covers] == [
        (f"{ACCOUNT}/{region}", end - 2 * HOUR, end, 0) for region in ("eu-west-1", "us-east-1")
    ]
    texts = {item["CloudTrailEvent"] for item in _wrapped(world)}
    assert {event.payload.decode() for event in world.logs()} == texts
    assert all(event.type == "log.aws.cloudtrail" and event.account == ACCOUNT for event in world.logs())


def _wrapped(world: World) -> list[dict[str, Any]]:
    return [{"CloudTrailEvent": text} for of in world.server._events.values() for _, _, text in of]


def test_events_that_appear_late_are_read_within_the_hour(world: World) -> None:
    world.run()
    late = world.server.put(ago=50 * 60.0)
    [record] = world.run(300.0)
    assert (record.state, world.ids()) == ("complete", {late})


def test_the_daily_round_reads_what_came_late(world: World) -> None:
    world.run()
    for _ in range(23):
        world.run(3600.0)
    late = world.server.put(ago=22 * 3600.0)
    world.run(1800.0)
    assert late not in world.ids()
    world.run(1800.0)
    assert late in world.ids()


@pytest.mark.parametrize("how", ["denied", "throttled", "failing", "cut", "nonsense"])
def test_a_page_that_is_not_had_leaves_the_part_owed_and_the_others_read(world: World, how: How) -> None:
    world.server.page = 2
    ids = [world.server.put(ago=600.0 + number, region=region) for number in range(5) for region in world.server.regions]
    world.front.denial = lambda _asked: (403, {"x-amzn-ErrorType": "AccessDeniedException"}, b"{}")
    pages = 0

    def second_page(asked: Asked) -> How | None:
        nonlocal pages
        pages += b"StartTime" in asked.body
        return how if b"NextToken" in asked.body and pages < 4 else None

    world.front.breaks = second_page
    [record] = world.run()
    assert record.state == "partial"
    assert {part.part: part.complete for part in record.parts} == {f"{ACCOUNT}/eu-west-1": False, f"{ACCOUNT}/us-east-1": True}
    assert [cover.part for cover in record.covers] == [f"{ACCOUNT}/us-east-1"]
    assert world.ledger.kept["owed"] == {f"{ACCOUNT}/eu-west-1": int(world.now) * SECOND - 2 * HOUR}
    world.front.reset()
    [again] = world.run(7200.0)
    assert (again.state, world.ids()) == ("complete", set(ids))
    assert again.covers[0].start == int(world.now) * SECOND - 4 * HOUR, "from where it was owed"
    assert world.ledger.kept["owed"] == {}


def test_a_token_that_ends_too_soon_is_not_the_end(world: World) -> None:
    world.server.page, world.server.token_lives = 2, -1.0
    for number in range(5):
        world.server.put(ago=600.0 + number)
    [record] = world.run()
    assert record.state == "partial"
    assert "InvalidNextTokenException" in record.errors[0]
    assert not any("NextToken" in str(value) for value in world.ledger.kept.values()), "no token is ever kept"


def test_a_token_that_comes_again_is_a_circle(world: World) -> None:
    world.server.page = 1
    for _ in range(3):
        world.server.put(ago=600.0)
    real = world.server._lookup

    def same(where: tuple[str, str], body: Any) -> dict[str, Any]:
        answer = real(where, {name: value for name, value in body.items() if name != "NextToken"})
        return {**answer, **({"NextToken": "t"} if "NextToken" in answer else {})}

    world.server._lookup = same  # type: ignore[method-assign]
    [record] = world.run()
    assert record.state == "partial"
    assert "circle" in record.errors[0]


def test_two_requests_a_second_are_kept_to(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    now = [0.0]

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        now[0] += seconds
        world.now += seconds

    slow = rate.Rate
    monkeypatch.setattr(cloudtrail_lookup, "Rate", lambda per_second: slow(per_second, lambda: now[0], sleep))
    world.server.page, world.server.per_second = 1, 2.0
    for number in range(6):
        world.server.put(ago=600.0 + number)
    [record] = world.run(requests_per_second=2.0)
    assert (record.state, len(world.ids())) == ("complete", 6)
    assert waited == pytest.approx([0.5] * 5)


def test_accounts_by_role_and_one_that_cannot_be_assumed(world: World) -> None:
    roles = [{"role_arn": f"arn:aws:iam::{number * 12}:role/reader"} for number in ("4", "5")]
    mine = world.server.put(account="4" * 12)
    theirs = world.server.put(account="5" * 12)
    world.front.denial = lambda _asked: (403, {}, b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>")
    world.front.breaks = lambda asked: "denied" if b"555555555555" in asked.body else None
    [record] = world.run(accounts=roles)
    assert record.state == "partial"
    assert [(part.part, part.complete) for part in record.parts] == [
        (f"{'4' * 12}/eu-west-1", True),
        (f"{'4' * 12}/us-east-1", True),
        ("5" * 12, False),
    ]
    assert world.ids() == {mine}
    world.front.reset()
    [again] = world.run(7200.0, accounts=roles)
    assert (again.state, world.ids()) == ("complete", {mine, theirs})


def test_nobody_answers_is_a_failed_window(world: World) -> None:
    world.front.break_from(0, "failing")
    [record] = world.run()
    assert (record.state, record.covers) == ("failed", ())
    assert not any(part.complete for part in record.parts)
    assert world.ledger.end == int(world.now - 3600) * SECOND


def test_regions_that_all_fail_are_not_asked_for_ever(world: World) -> None:
    world.server.regions = tuple(f"eu-test-{number}" for number in range(1, 9))
    for region in world.server.regions[1:]:
        world.server.refused[ACCOUNT, region] = "InternalFailure"
    [record] = world.run()
    assert sum("was not asked" in error for error in record.errors) == 4
    assert len(world.ledger.kept["owed"]) == 7


@pytest.mark.parametrize(
    "text",
    [
        None,
        "not json",
        '{"eventID": "a"}',
        '{"eventID": "a", "eventTime": "2999-01-01T00:00:00Z"}',
        '{"eventID": "a", "eventID": "b", "eventTime": "2026-11-20T00:00:00Z"}',
        "[" * 100,
    ],
)
def test_what_is_no_record_is_a_dead_letter(world: World, text: str | None) -> None:
    good = world.server.put()
    world.server.put_text(text, int(world.now) - 60, "x")
    [record] = world.run()
    [dead] = [event for event in world.stream.of(record.attempt) if event.type == "unreadable"]
    assert dead.payload == text.encode() if text is not None else json.loads(dead.payload)["EventId"] == "x"
    assert (record.state, world.ids()) == ("partial", {good})
    assert record.unreadable == 1
    assert world.ledger.kept["owed"] == {}, "it will not be better next time"


def test_long_periods_are_asked_for_in_ranges(world: World) -> None:
    ids = {world.server.put(ago=hours * 3600.0) for hours in range(1, 80, 7)}
    world.ledger.end = None
    since = "2026-11-15T00:00:00Z"
    records = world.run(since=since, regions=["eu-west-1"])
    assert [record.state for record in records] == ["complete"] * len(records)
    assert len(records) >= 3
    assert ids == world.ids()
    for _, _, asked in world.server.asked:
        assert asked["EndTime"] - asked["StartTime"] <= 26 * 3600


def test_an_owed_part_is_asked_for_range_by_range(world: World) -> None:
    ids = {world.server.put(ago=hours * 3600.0) for hours in range(1, 80, 7)}
    world.ledger.kept = {"again": int(world.now) * SECOND, "owed": {f"{ACCOUNT}/eu-west-1": int(world.now) * SECOND - 4 * DAY}}
    [record] = world.run(regions=["eu-west-1"])
    assert (record.state, world.ids()) == ("complete", ids)
    assert len(world.server.asked) == 4
    assert record.covers[0].start == int(world.now) * SECOND - 4 * DAY


def test_a_backfill_reads_its_period_and_moves_nothing(world: World) -> None:
    old = world.server.put(ago=10 * 86_400.0)
    at = int(world.now) * SECOND
    source = build(read_settings(world.settings), lambda: at)
    records = run_period(source, world.stream, world.ledger, 1, (at - 11 * DAY, at - 9 * DAY))
    assert {event.id for record in records for event in world.logs(record)} == {old}
    assert world.ledger.end == at - HOUR


def test_the_check_names_the_permission(world: World) -> None:
    source = build(read_settings(world.settings))
    assert all(probe.denied is None for probe in source.check())
    world.server.refused[ACCOUNT, "eu-west-1"] = "AccessDeniedException"
    [denied] = [probe.denied for probe in build(read_settings(world.settings)).check() if probe.denied]
    assert denied.action == "cloudtrail:LookupEvents"


def test_pages_are_passed_on_as_they_come(world: World) -> None:
    """However busy a day is, no more than a page of it is held."""
    for number in range(400):
        world.server.put(ago=600.0 + number)
    source = build(read_settings({**world.settings, "regions": ["eu-west-1"]}), lambda: int(world.now) * SECOND)
    window = Window("a", "lookup", int(world.now - 3600) * SECOND, int(world.now) * SECOND, {})
    events = source.collect(window, WindowReport(Silent(), {}))
    for count in range(1, 401):
        assert next(events).type == "log.aws.cloudtrail"
        assert len(world.server.asked) == (count - 1) // 50 + 1
    assert next(events, None) is None
