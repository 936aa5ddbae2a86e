"""Broken on purpose: each takes one safeguard away, and the simulator must find a seed in which that is seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import msgspec
from sqlalchemy import Connection, update

import pipeline.fold
import store.cursors
import store.evidence
import store.seen
import store.windows
from pipeline.posture import decide
from pipeline.worker import Worker
from store import schema
from store.cursors import CollectionLedger, Lease
from store.engine import writing
from store.errors import Fenced, StorageUnusable
from store.evidence import EvidenceStore
from store.records import HOUR, Advance, Appended, Batch, Counts, WindowRecord
from tests.faults.simulator import Rates

Mutation = Callable[[], AbstractContextManager[Any]]


def no_epoch_check() -> AbstractContextManager[Any]:
    """A position moves for whoever knows where it stands."""
    return patch.object(store.evidence, "_advance", _move)


def _move(connection: Connection, positions: Sequence[Advance]) -> None:
    table = schema.position
    for advance in positions:
        where = (table.c.partition == advance.partition, table.c.position == advance.start)
        if connection.execute(update(table).where(*where).values(position=advance.end)).rowcount != 1:
            raise Fenced("moved")


def no_position_check() -> AbstractContextManager[Any]:
    """A position moves from wherever it stands, for whoever holds the epoch."""

    def move(connection: Connection, positions: Sequence[Advance]) -> None:
        table = schema.position
        for advance in positions:
            where = (table.c.partition == advance.partition, table.c.epoch == advance.epoch)
            if connection.execute(update(table).where(*where).values(position=advance.end)).rowcount != 1:
                raise Fenced("taken over")

    return patch.object(store.evidence, "_advance", move)


@contextmanager
def position_moved_afterwards() -> Iterator[None]:
    """The evidence is committed, and the position moves in a transaction of its own."""
    real = EvidenceStore.append

    def append(self: EvidenceStore, batch: Batch, positions: Sequence[Advance], decide: Any) -> Appended:
        appended = real(self, batch, (), decide)
        with writing(self.engine) as connection:
            _move(connection, positions)
        return appended

    with patch.object(EvidenceStore, "append", append):
        yield


@contextmanager
def cursor_before_publishing() -> Iterator[None]:
    """The cursor moves when a period is registered, not when all of it is published."""
    real = CollectionLedger.register

    def register(self: CollectionLedger, source: str, epoch: int, periods: Sequence[tuple[int, int]], kind: str) -> Sequence[str]:
        ids = real(self, source, epoch, periods, kind)
        if kind == "scheduled" and periods:
            with writing(self._engine) as connection:
                table = schema.source
                connection.execute(update(table).where(table.c.name == source).values(cursor_end=periods[-1][1]))
        return ids

    with patch.object(CollectionLedger, "register", register):
        yield


def seen_not_consulted() -> AbstractContextManager[Any]:
    """What was stored before is not looked up."""
    return patch.object(store.seen, "look_up", lambda *_args: {})


def windows_do_not_count() -> AbstractContextManager[Any]:
    """A window closes when its record is there, whatever of it has arrived."""

    def settle(writer: Any, names: Any, row: Any, positions: Any, current: Any, wall: int, closed: Any) -> None:
        if row.record is not None and row.finished:
            record = msgspec.json.decode(row.record, type=WindowRecord)
            counted = sum(store.windows._counted(writer.connection, row.id).values(), Counts())
            store.windows._close(writer, names, row, record, counted, current, closed)
        elif row.deadline <= wall:
            store.windows._abandon(writer, row, Counts(), "no record of it came in time", closed)

    return patch.object(store.windows, "_settle", settle)


def given_up_for_good() -> AbstractContextManager[Any]:
    """A window that is given up is not asked for again."""
    return patch.object(store.windows, "_ask_again", lambda *_args: None)


@contextmanager
def deadline_by_the_logs_clock() -> Iterator[None]:
    """A window is late by the time of recording, which a clock that was ahead leaves in the future."""
    real = store.evidence.settle

    def settle(writer: Any, names: Any, attempts: Any, digest: str, set_idx: int, wall: int) -> Any:
        return real(writer, names, attempts, digest, set_idx, writer.now)

    with patch.object(store.evidence, "settle", settle):
        yield


@contextmanager
def unknown_commit_is_a_failure() -> Iterator[None]:
    """What was perhaps written is written again, as something new."""
    real = Worker._append

    def append(self: Worker, batch: Batch, advances: Sequence[Advance]) -> Appended:
        try:
            return real(self, batch, advances)
        except StorageUnusable:
            items = tuple(replace(i, event=replace(i.event, id=f"{i.event.id}-again")) for i in batch.items if i.record is None)
            return self.store.append(replace(batch, items=items), (), decide)

    with patch.object(Worker, "_append", append):
        yield


def old_epochs_may_finish() -> AbstractContextManager[Any]:
    """The lease's epoch is not looked at."""
    return patch.object(CollectionLedger, "_check", lambda *_args: None)


@contextmanager
def lease_of_a_wrong_clock() -> Iterator[None]:
    """A lease that a clock took which was a day ahead is waited for."""
    with patch.object(store.cursors, "CLOCK_AHEAD", 1000 * HOUR):
        yield


def two_leaders() -> AbstractContextManager[Any]:
    """A lease is taken from whoever holds it."""
    real = Lease.acquire
    return patch.object(Lease, "acquire", lambda self, steal=True: real(self, steal=True))


def arrival_decides() -> AbstractContextManager[Any]:
    """What a finding says follows the order of arrival, not of events."""
    return patch.object(pipeline.fold, "_order", lambda inputs, parts: sorted(inputs, key=lambda item: item.idx))


_CLOCKS = Rates(jump=0.5, crash=0.01, delay=0.3)
MUTATIONS: Mapping[Mutation, Rates | None] = {
    no_epoch_check: None,
    position_moved_afterwards: None,
    cursor_before_publishing: None,
    seen_not_consulted: None,
    windows_do_not_count: None,
    given_up_for_good: None,
    deadline_by_the_logs_clock: _CLOCKS,
    unknown_commit_is_a_failure: None,
    old_epochs_may_finish: None,
    lease_of_a_wrong_clock: _CLOCKS,
    arrival_decides: None,
}
"""What must be found, and how much must go wrong for it to be found soon (None: the seed says)."""
HARMLESS: tuple[Mutation, ...] = (no_position_check, two_leaders)
"""Safeguards behind which there is another: epochs fence whoever lost a partition or a lease."""
