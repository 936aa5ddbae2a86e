"""Runs a lab's source as the service would, and holds what came of it against what every source must keep to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from collectors.base import Collector
from collectors.registry import SOURCE_TYPES, build, read_settings
from collectors.runner import run_attempts
from pipeline.event import pack, unpack
from store.records import UNREADABLE, Event, WindowRecord
from store.times import wall_clock
from tests.contract.labs.base import Lab
from tests.memory import MemoryLedger, MemoryStream

Fact = tuple[str, str, bytes]
"""Type, id of a log event or subject of an observation, payload."""
LOGS = ("log", UNREADABLE)


@dataclass
class Rig:
    """One installation in memory that reads one lab; `again` begins a new one."""

    lab: Lab
    stream: MemoryStream = field(default_factory=MemoryStream)
    ledger: MemoryLedger = field(init=False)
    collector: Collector = field(init=False)
    settings: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = MemoryLedger(self.stream.log)
        self.restart()

    def restart(self) -> None:
        """A new process: nothing is remembered but the ledger's cursor."""
        self.settings = dict(self.lab.settings)
        self.collector = build(read_settings(dict(self.settings)))

    def run(self) -> list[WindowRecord]:
        """Read what is due now, by the lab's settings as they are now; returns the windows of this run."""
        if self.settings != self.lab.settings:
            self.restart()
        try:
            return run_attempts(self.collector, self.stream, self.ledger, 1, wall_clock())
        finally:
            self.check()

    def check(self) -> None:
        """What holds of everything that was published, whatever happened."""
        types = SOURCE_TYPES[self.collector.type].types
        for batch in self.stream.batches:
            for event in batch:
                assert unpack(pack([event])) == (event,)
                if event.kind == "window":
                    continue
                assert event.window in self.ledger.registered
                assert event.type == UNREADABLE or any(fits(event.type, known) for known in types), event.type
                assert event.kind in LOGS or event.subject
        said = [repr(self.ledger.finished), repr(self.ledger.kept), *map(seen, self.stream.events)]
        for secret in self.lab.secrets:
            assert not [text for text in said if secret in text]

    def unfinished(self) -> list[tuple[int, int]]:
        """Periods of attempts that were begun and not finished."""
        return [period for attempt, (period, _) in self.ledger.registered.items() if attempt not in self.ledger.finished]

    def facts(self) -> set[Fact]:
        """Everything that was published, each once; summaries apart."""
        return {fact(event) for event in self.stream.events if event.kind not in ("window", "summary")}


def fact(event: Event) -> Fact:
    return (event.type, event.id if event.kind in LOGS else str(event.subject), event.payload)


def fits(event_type: str, known: str) -> bool:
    """Whether a source type declares an event type; a last word `*` stands for one or more."""
    return event_type == known or (known.endswith(".*") and event_type.startswith(known[:-1]))


def seen(event: Event) -> str:
    """All of an event as text."""
    return repr(event) + event.payload.decode("utf-8", "replace")


def complete(records: list[WindowRecord]) -> bool:
    """Does a run claim that it read all it asked for?"""
    return bool(records) and all(record.state == "complete" for record in records)


def texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, names too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield name
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def holds(event: Event, text: str) -> bool:
    """Did the text arrive in this event as it was, be it as JSON or as bytes that were kept?"""
    if event.type == UNREADABLE:
        return bool(event.payload)
    return any(text in found for found in texts(json.loads(event.payload)))
