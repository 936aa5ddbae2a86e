"""An installation in this process, with a clock that the test moves, for faults that need a hand inside."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from collectors.base import Probe, Reads, Report, SourceUnreadable, Window
from pipeline.posture import decide
from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.reader import read_set
from pipeline.rules.ruleset import RuleSet
from pipeline.stream.sqlite import SqliteStream
from pipeline.timekeeper import Timekeeper
from pipeline.worker import Worker
from store.active import active_digest, set_payload
from store.cursors import CollectionLedger, Lease
from store.evidence import EvidenceStore
from store.open import open_store
from store.records import HOUR, MINUTE, Activation, Batch, Cover, Event
from store.times import parse_time

START = parse_time("2026-03-02T00:00:00Z")
ACCOUNT = "111122223333"
PART = f"{ACCOUNT}/eu-west-1"
TRAIL = {"name": "trail", "type": "cloudtrail-files", "lateness": HOUR, "schedule": 5 * MINUTE}


@dataclass
class Clock:
    """The wall clock, and the time since boot, as far as they are asked."""

    now: int = START
    boot: int = HOUR

    def __call__(self) -> int:
        return self.now

    def since_boot(self) -> tuple[str, int]:
        return "this boot", self.boot

    def pass_time(self, span: int) -> None:
        self.now += span
        self.boot += span


class Kit:
    """Store, stream, ledger, lease and worker in a folder. `template` is a store that was begun and has an active set."""

    def __init__(self, folder: Path, template: Path, clock: Clock | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.clock = clock or Clock()
        self.path = folder / "store.db"
        shutil.copy(template, self.path)
        self.store = self.open_store()
        self.stream = SqliteStream(folder / "stream.db")
        self.ledger = CollectionLedger(self.store.engine, self.clock)
        self.ledger.declare([TRAIL])
        self.lease = Lease(self.store.engine, clock=self.clock)
        self.worker = Worker(self.stream, self.store)
        self.keeper = Timekeeper(self.store, boot=self.clock.since_boot)

    def open_store(self) -> EvidenceStore:
        return open_store(f"sqlite:///{self.path}", self.clock)

    def rules(self) -> RuleSet:
        payload = set_payload(self.store.engine, active_digest(self.store.engine))
        return RuleSet.compile(MappingSet.from_bytes(payload))

    def epoch(self) -> int:
        epoch = self.lease.acquire()
        assert epoch is not None
        return epoch

    def close(self) -> None:
        self.worker.close()
        self.stream.close()
        self.store.engine.dispose()


def begin(folder: Path, mappings: Path) -> Path:
    """Make the template: a store with an active mapping set."""
    path = folder / "template.db"
    store = open_store(f"sqlite:///{path}", Clock(START - HOUR))
    found = read_set([mappings], {})
    rules = RuleSet.compile(found)
    controls = tuple(control.id for control in rules.controls)
    store.append(Batch(activate=Activation(rules.digest, found.to_bytes(), rules.mappings, controls)), (), decide)
    with store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    store.engine.dispose()
    return path


def event(number: int, name: str, at: int, window: str = "w", **more: Any) -> Event:
    """A CloudTrail record that the rules of rules.py know."""
    record = {"eventID": f"e-{number}", "eventName": name, "eventSource": "x", "requestParameters": more or None}
    payload = json.dumps(record).encode()
    return Event("trail", f"e-{number}", "log.aws.cloudtrail", at, payload, window, at + MINUTE, None, ACCOUNT, "eu-west-1")


@dataclass
class Script:
    """A collector that yields what it is told, window by window: events, covers, or the reason why it cannot read."""

    windows: Sequence[Iterable[Event] | str]
    covers: Mapping[int, Sequence[Cover]] = field(default_factory=dict)
    source: str = "trail"
    type: str = "cloudtrail-files"
    reads: Reads = "deliveries"
    first: int = START
    asked: list[Window] = field(default_factory=list)

    def oldest(self, cursor: Mapping[str, Any], now: int) -> int:
        return self.first

    def collect(self, window: Window, report: Report) -> Iterable[Event]:
        number = len(self.asked)
        self.asked.append(window)
        found = self.windows[number] if number < len(self.windows) else ()
        if isinstance(found, str):
            raise SourceUnreadable(found)
        report.identity("tests")
        count = 0
        for item in found:
            count += 1
            yield Event(**{name: getattr(item, name) for name in _FIELDS} | {"window": window.attempt})
        report.part(PART, "log.aws.cloudtrail", complete=True, read=count)
        report.covered(self.covers.get(number, ()))
        report.keep({"number": number})

    def check(self) -> Sequence[Probe]:
        return ()


_FIELDS = tuple(Event.__slots__)
