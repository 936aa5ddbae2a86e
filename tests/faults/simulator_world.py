"""The simulated world: what happened, when the sources deliver it, and the collectors that read them.

Made by the seed before anything is run: log records up to a day late, delivered again, under one id with other bytes, at equal
times; bytes that nobody can read; records of the stream that are none of ours; resources whose state changes or does not.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from collectors.base import Probe, Reads, Report, SourceUnreadable, Window
from collectors.observation import snapshot
from store.records import HOUR, MINUTE, UNREADABLE, Cover, Event
from tests.faults.kit import ACCOUNT, START
from tests.faults.rules import rule
from tests.faults.simulator import Simulation

SPAN = 24 * HOUR
"""How long something happens, and things go wrong."""
END = START + SPAN + 26 * HOUR
"""Everything was delivered; the last windows end here."""
LATENESS = HOUR
OVERLAP = 15 * MINUTE
REGIONS = ("eu-west-1", "us-east-1")
TYPE = "log.aws.cloudtrail"
STATE_TYPE = "snapshot.aws.account.contact"
STATES = "settings"
LOGS = ("trail", "audit")
NAMES = (
    "DescribeAlarms",
    "ListFunctions20150331",
    "GetBucketPolicy",
    "GetBucketVersioning",
    "DescribeVolumes",
    "ConsoleLogin",
    "UpdateService",
    "Decrypt",
    "AssumeRole",
    "Nothing",
)
STATE_CONTROL = "A.5.2"
SOURCES = [{"name": name, "type": "simulated", "lateness": LATENESS, "schedule": 10 * MINUTE} for name in (*LOGS, STATES)]

_STATE_SOURCE = {"category": "snapshot", "product": "aws", "service": "account", "resource": "contact"}
STATE_RULE = rule(20, "", STATE_CONTROL, "evidence", logsource=_STATE_SOURCE, detection={"a": {"on": True}, "condition": "a"})
SPARE_RULE = rule(21, "NeverCalled", "A.5.15", "evidence")
"""A later mapping set holds this one too: whoever judged by the set before judges again."""


@dataclass(frozen=True)
class World:
    """Deliveries of the log sources: (source, when, event); states: subject -> (when, value); junk: (when, partition, bytes)."""

    deliveries: tuple[tuple[str, int, Event], ...]
    states: Mapping[str, tuple[tuple[int, int], ...]]
    junk: tuple[tuple[int, int, bytes], ...]
    activation: int

    def delivered(self, source: str, start: int, end: int) -> list[Event]:
        """What a source delivers in (start, end], in the order of delivery."""
        return [event for name, at, event in self.deliveries if name == source and start < at <= end]

    def state(self, subject: str, now: int) -> int:
        """The value of a subject."""
        return [value for at, value in self.states[subject] if at <= now][-1]


def make_world(rng: random.Random) -> World:
    """A world of some hundred events."""
    deliveries: list[tuple[str, int, Event]] = []
    for number in range(rng.randint(40, 110)):
        source = rng.choice(LOGS)
        made = _record(rng, source, number, rng.choice(NAMES), START + rng.randrange(SPAN // (15 * MINUTE)) * 15 * MINUTE)
        deliveries += _deliver(rng, made)
        if rng.random() < 0.08:
            twin = _record(rng, source, number, rng.choice(NAMES[:-1]), START + rng.randrange(SPAN // HOUR) * HOUR, conflict=True)
            if json.loads(made.payload)["eventName"] != "Nothing":
                deliveries += _deliver(rng, twin)
    for number in range(rng.randint(0, 4)):
        made = _unreadable(rng.choice(LOGS), f"torn {number}".encode(), START + rng.randrange(SPAN))
        deliveries += _deliver(rng, made)
    deliveries.sort(key=lambda item: (item[1], item[2].id, item[2].payload))
    states = {}
    for number in range(rng.randint(2, 5)):
        times = [START, *sorted(START + rng.randrange(1, SPAN) for _ in range(rng.randint(0, 5)))]
        states[f"contact-{number}"] = tuple((time, rng.randrange(3)) for time in times)
    junk = tuple((START + rng.randrange(SPAN), rng.randrange(3), f"junk {n}".encode()) for n in range(rng.randint(0, 3)))
    return World(tuple(deliveries), states, junk, START + rng.randrange(SPAN))


def _record(rng: random.Random, source: str, number: int, name: str, at: int, *, conflict: bool = False) -> Event:
    bucket = rng.choice(("one", "two"))
    content = {"eventID": f"e-{number}", "eventName": name, "requestParameters": {"bucketName": bucket}, "other": conflict}
    payload = json.dumps(content).encode()
    return Event(source, f"e-{number}", TYPE, at, payload, "", at + MINUTE, None, ACCOUNT, rng.choice(REGIONS))


def _unreadable(source: str, data: bytes, at: int) -> Event:
    digest = hashlib.sha256(data).hexdigest()
    more: dict[str, Any] = {"collected_at": at, "subject": "a file", "account": ACCOUNT, "media_type": "application/octet-stream"}
    return Event(source=source, id=digest, type=UNREADABLE, time=at, payload=data, **more)


def _deliver(rng: random.Random, event: Event) -> Iterator[tuple[str, int, Event]]:
    """Mostly soon, sometimes up to a day late, sometimes again."""
    times = [event.time + rng.randrange(1, 24 * HOUR if rng.random() < 0.15 else 10 * MINUTE)]
    if rng.random() < 0.15:
        times.append(event.time + rng.randrange(1, 25 * HOUR))
    for at in times:
        yield event.source, at, event


@dataclass
class LogSource:
    """A collector of deliveries. It reads with overlap, in any order, and fails as chance will have it."""

    sim: Simulation
    world: World
    source: str
    type: str = "simulated"
    reads: Reads = "deliveries"

    def oldest(self, cursor: Mapping[str, Any], now: int) -> int:
        self.sim.point("before the oldest is asked for")
        if self.sim.chance("source"):
            self.sim.fault("source", f"{self.source} does not answer")
            raise SourceUnreadable("it does not answer")
        return START

    def collect(self, window: Window, report: Report) -> Iterator[Event]:
        sim = self.sim
        sim.say(f"{self.source} is read from {_hours(window.start)} to {_hours(window.end)}")
        report.identity("simulated")
        found = self.world.delivered(self.source, window.start - OVERLAP, min(window.end, sim.now))
        sim.rng.shuffle(found)
        fault = sim.rng.choice(("unreadable", "denied", "defect")) if sim.chance("source") else ""
        stop = sim.rng.randrange(len(found) + 1) if fault else len(found)
        for event in found[:stop]:
            sim.point("between two records")
            if event.type == UNREADABLE:
                report.unreadable("a file", "is torn")
            yield replace(event, window=window.attempt)
        if fault:
            sim.fault("source", f"{self.source}: {fault} after {stop} of {len(found)} records")
        if fault == "unreadable":
            raise SourceUnreadable("the source went away")
        if fault == "defect":
            raise RuntimeError("a defect of the collector")
        if fault == "denied":
            report.denied("a region", "was refused")
        for region in REGIONS:
            report.part(f"{ACCOUNT}/{region}", TYPE, complete=not fault, read=len(found))
            if not fault:
                report.covered([Cover(f"{ACCOUNT}/{region}", window.start, window.end)])
        report.keep({"end": window.end})

    def check(self) -> Sequence[Probe]:
        return ()


@dataclass
class StateSource:
    """A collector of how things are now. `seen` is what it said, by subject."""

    sim: Simulation
    world: World
    source: str = STATES
    type: str = "simulated"
    reads: Reads = "states"
    seen: dict[str, list[tuple[int, bytes]]] = field(default_factory=dict)

    def oldest(self, cursor: Mapping[str, Any], now: int) -> int | None:
        return None

    def collect(self, window: Window, report: Report) -> Iterator[Event]:
        report.identity("simulated")
        for subject in self.world.states:
            self.sim.point("between two resources")
            value = {"on": True, "value": self.world.state(subject, self.sim.now)}
            yield snapshot(window, STATE_TYPE, subject, self.sim.wall(), value, account=ACCOUNT)
        report.part(ACCOUNT, STATE_TYPE, complete=True, read=len(self.world.states), enumerates=True)
        report.keep({})

    def check(self) -> Sequence[Probe]:
        return ()


def _hours(time: int) -> str:
    return f"{(time - START) / HOUR:.2f} h"
