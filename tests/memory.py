"""A stream and a ledger in memory, for tests of what collectors publish."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.stream.base import Published
from store.records import Event, WindowRecord


@dataclass
class MemoryStream:
    """A stream of two partitions that keeps what is published, and can be made to do something before it does."""

    batches: list[list[Event]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    before: Callable[[Sequence[Event]], None] = lambda _events: None
    ends: dict[int, int] = field(default_factory=lambda: {0: 0, 1: 0})

    def publish(self, events: Sequence[Event]) -> Published:
        self.before(events)
        self.batches.append(list(events))
        self.log.append(f"publish {'window' if events[0].kind == 'window' else len(events)}")
        counts: dict[int, int] = {}
        for event in events:
            partition = sum(event.id.encode()) % 2
            counts[partition] = counts.get(partition, 0) + 1
        offsets = {}
        for partition in counts:
            offsets[partition] = self.ends[partition]
            self.ends[partition] += 1
        return Published(offsets, counts)

    @property
    def events(self) -> list[Event]:
        return [event for batch in self.batches for event in batch]

    def of(self, attempt: str) -> list[Event]:
        return [event for event in self.events if event.window == attempt and event.kind != "window"]


@dataclass
class MemoryLedger:
    """A ledger that keeps attempts and cursors, with the order of calls in the stream's log."""

    log: list[str]
    end: int | None = None
    kept: Mapping[str, Any] = field(default_factory=dict)
    again: list[tuple[int, int]] = field(default_factory=list)
    registered: dict[str, tuple[tuple[int, int], str]] = field(default_factory=dict)
    finished: dict[str, WindowRecord] = field(default_factory=dict)

    def cursor(self, source: str) -> tuple[int | None, Mapping[str, Any]]:
        return self.end, json.loads(json.dumps(self.kept))

    def register(self, source: str, epoch: int, periods: Sequence[tuple[int, int]], kind: str) -> Sequence[str]:
        self.log.append(f"register {len(periods)} {kind}")
        ids = [f"attempt-{len(self.registered) + number}" for number in range(len(periods))]
        self.registered |= {attempt: (period, kind) for attempt, period in zip(ids, periods, strict=True)}
        return ids

    def finish(self, attempt: str, epoch: int, record: WindowRecord, cursor: Mapping[str, Any] | None) -> None:
        assert record.attempt == attempt
        assert attempt not in self.finished
        self.log.append("finish" if cursor is None else "finish, cursor moves")
        self.finished[attempt] = record
        if cursor is not None:
            assert len(json.dumps(cursor)) <= 1024 * 1024
            self.end, self.kept = record.asked[1], cursor

    def withdraw(self, attempts: Sequence[str], epoch: int) -> None:
        self.log.append(f"withdraw {len(attempts)}")
        for attempt in attempts:
            assert attempt not in self.finished
            del self.registered[attempt]

    def interrupted(self, source: str, epoch: int) -> Sequence[tuple[int, int]]:
        found, self.again = self.again, []
        return found
