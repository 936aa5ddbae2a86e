"""The worker: takes packs from the stream, judges each event under the active mapping set, and appends what comes of it.

A poison message never stops the stream: a batch that the database refuses for its data is bisected down to the one event, which
becomes a dead letter with its bytes.
"""

from __future__ import annotations

import gc
import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import structlog
from sqlalchemy.exc import DBAPIError, StatementError

from pipeline.errors import CodecError, PipelineError, StreamError
from pipeline.membership import Membership
from pipeline.posture import decide
from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.members import Sets
from pipeline.rules.problems import RulesError
from pipeline.rules.ruleset import RuleSet
from pipeline.stream.base import Consumer, Gap, Polled, Received, Stream
from pipeline.ticket import TICKET, done_at
from pipeline.window import read_window
from store.active import active_digest, set_payload
from store.cursors import Positions, adopt_stream
from store.errors import Fenced, StaleMappingSet, StorageBusy, StorageUnusable, StoreError
from store.evidence import EvidenceStore
from store.records import UNREADABLE, Advance, Appended, Batch, DriftRow, Event, Judged

BATCH: Final = 2000
"""Events of one append. Much of what it costs is the same whatever its size: with half of them an event costs a tenth more."""
TRIM_EVERY: Final = 8
"""Large batches after which the stream is trimmed; after a smaller one it is at once."""
_GENERATIONS: Final = (20_000, 20, 100)
"""Of the collector, in a process that mostly maps: a batch makes some ten thousand objects, and hardly one cycle."""
_DRAIN_WAIT: Final = 0.2
"""Seconds that a poll waits while the rest of a stream is another worker's to take."""
log = structlog.get_logger("attestream.worker")


def settle_memory() -> None:
    """Leave all that is in memory now out of garbage collection, and collect less often what comes and goes.

    For the whole process. A compiled mapping set is a hundred thousand objects, which each full collection would walk again.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GENERATIONS)


class NoMappingSet(PipelineError):
    """No mapping set is active yet: nothing can be judged."""


@dataclass(slots=True)
class Worker:
    """Maps one consumer's partitions into the store.

    `steady`: this process mostly maps, so what it compiles is left out of garbage collection (`settle_memory`).
    """

    stream: Stream
    store: EvidenceStore
    retain_all: bool = False
    batch: int = BATCH
    steady: bool = False
    _consumer: Consumer | None = field(default=None)
    _rules: RuleSet | None = field(default=None)
    _members: Membership | None = field(default=None)
    _taken: dict[int, int] = field(default_factory=dict)
    _large: int = 0

    def run_once(self, timeout: float = 0.0) -> Appended | None:
        """Take one batch through to the store; None when there is nothing to read. Raises StoreError, StreamError.

        After an error the partitions are claimed anew, so that what was read and not written is read again.
        """
        consumer = self._claimed()
        try:
            polled = consumer.poll(self.batch, timeout)
            if not polled.advances:
                return None
            return self._take(polled)
        except (StoreError, StreamError):
            self._again()
            raise
        except BaseException:
            self.close()
            raise

    def _take(self, polled: Polled) -> Appended:
        while True:
            rules = self._active()
            # Sets are read once, before what this batch adds to them: what was judged by them can be told from the log.
            sets, size = self._members.read(self.store.engine) if self._members is not None else (None, -1)
            items = [_judge(rules, received, sets, size) for received in polled.items]
            drifts = tuple(_gap(gap, self.store.clock()) for gap in polled.gaps)
            batch = Batch(mapping_set=rules.digest, items=tuple(items), drifts=drifts, retain_all=self.retain_all)
            try:
                appended = self._append(batch, polled.advances)
            except StaleMappingSet:
                self._rules = None
                continue
            except Fenced:
                log.warning("another worker took over; claiming again")
                self._again()
                return Appended(0, 0)
            self._trim(polled)
            return appended

    def _trim(self, polled: Polled) -> None:
        """Let go of what was taken: at once, or under load after several batches, for it is a transaction of its own."""
        self._taken.update((a.partition, a.end) for a in polled.advances)
        self._large = self._large + 1 if len(polled.items) >= BATCH else TRIM_EVERY
        if self._large >= TRIM_EVERY:
            self._large = 0
            taken, self._taken = self._taken, {}
            self.stream.trim(taken)

    def drain(self) -> int:
        """Work until all that is in the stream now has been taken, by whichever worker; returns how many batches it took."""
        self._claimed()
        ends, positions = self.stream.ends(), Positions(self.store.engine)
        batches = 0
        while _behind(positions.all(), ends):
            if self.run_once(timeout=_DRAIN_WAIT) is not None:
                batches += 1
        return batches

    def run(self, stop: threading.Event, patience: float = 1.0) -> None:
        """Work until told to stop, then give the partitions up. What fails is waited for, with back-off, and nothing is lost."""
        delay = patience
        while not stop.is_set():
            try:
                self.run_once(timeout=patience)
                delay = patience
            except Exception as error:  # noqa: BLE001  a defect must not stop the stream without a word either
                log.error("batch not written; trying again", error=str(error), kind=type(error).__name__, wait_seconds=delay)
                stop.wait(delay)
                delay = min(delay * 2, 30.0)
        try:
            self.close()
        except (StoreError, StreamError) as error:
            log.warning("the partitions are not given back; others take them when the session has ended", error=str(error))

    def close(self) -> None:
        """Give the partitions up."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close()

    def _again(self) -> None:
        """Claim anew, so that what was read and not written is read again; a consumer that cannot is given up."""
        try:
            if self._consumer is not None:
                self._consumer.rewind()
        except (StoreError, StreamError):
            self.close()

    def _claimed(self) -> Consumer:
        if self._consumer is None:
            if adopt_stream(self.store.engine, self.stream.identity):
                log.warning("the stream is another one than before: what it carried is asked for again")
            positions = Positions(self.store.engine)
            self._consumer = self.stream.subscribe(positions.claim, positions.release)
        return self._consumer

    def _active(self) -> RuleSet:
        """The active set, compiled from the bytes in the store."""
        if self._rules is None:
            digest = active_digest(self.store.engine)
            if not digest:
                raise NoMappingSet("no mapping set is active: run `attestream mappings activate`")
            self._rules = RuleSet.compile(MappingSet.from_bytes(set_payload(self.store.engine, digest)))
            self._members = Membership(self._rules.sets) if self._rules.sets else None
            if self.steady:
                settle_memory()
        return self._rules

    def _append(self, batch: Batch, advances: Sequence[Advance]) -> Appended:
        try:
            return self.store.append(batch, advances, decide)
        except (Fenced, StaleMappingSet, StorageUnusable, StorageBusy):
            raise
        except _REFUSALS as error:
            log.error("the store refused a batch for its data; looking for the event", error=type(error).__name__)
            mended = replace(batch, items=tuple(self._mend(batch, list(batch.items))))
            return self.store.append(mended, advances, decide)

    def _mend(self, batch: Batch, items: list[Judged]) -> list[Judged]:
        """Replace the events that the store refuses, by halving; each becomes an unreadable event with its bytes."""
        try:
            self.store.rehearse(replace(batch, items=tuple(items)), decide)
            return items
        except (Fenced, StaleMappingSet, StorageUnusable, StorageBusy):
            raise
        except _REFUSALS as error:
            if len(items) == 1:
                return [_dead(items[0], f"refused by the store: {type(error).__name__}")]
            half = len(items) // 2
            return self._mend(batch, items[:half]) + self._mend(batch, items[half:])


_REFUSALS: Final = (StoreError, DBAPIError, StatementError, ValueError, OverflowError, TypeError)


def _behind(positions: Mapping[int, int], ends: Mapping[int, int]) -> bool:
    return any(positions.get(partition, 0) < end for partition, end in ends.items())


def _gap(gap: Gap, now: int) -> DriftRow:
    """The drift that says loudly what a partition of the stream no longer has."""
    where = f"partition {gap.partition} of the stream"
    if gap.damaged:
        text = f"{where}: what stands from offset {gap.start} to {gap.end - 1} cannot be read and was passed over"
    elif gap.end < gap.start:
        text = f"{where} no longer reaches offset {gap.start}: its log was cut short, and is read again from offset {gap.end}"
    else:
        text = (
            f"{where}: offsets {gap.start} to {gap.end - 1} were deleted before they were read; windows whose events they held "
            "are asked for again"
        )
    return DriftRow("source", f"stream/{gap.partition}/{gap.start}", "complete", "lost", (), "critical", now, "alert", text)


def _judge(rules: RuleSet, received: Received, sets: Sets | None = None, size: int = -1) -> Judged:
    event, partition, _ = received
    if event.type.startswith(_OWN_KINDS):
        if event.kind == "window":
            return _window(event, partition)
        if event.type == UNREADABLE:
            return Judged(event, (), partition)
    try:
        said = rules.judge(event, sets)
        at = size if rules.asking and any(j.mapping in rules.asking for j in said) else -1
        if event.type.startswith(TICKET):
            return Judged(event, said, partition, done=done_at(event), sets_at=at)
        return Judged(event, said, partition, sets_at=at)
    except (RulesError, RecursionError, ValueError) as error:
        return _dead(Judged(event, (), partition), f"could not be judged: {type(error).__name__}")


_OWN_KINDS: Final = ("window", UNREADABLE)


def _window(event: Event, partition: int) -> Judged:
    try:
        return Judged(event, (), partition, read_window(event))
    except CodecError as error:
        return _dead(Judged(event, (), partition), f"no window record: {error}")


def _dead(judged: Judged, reason: str) -> Judged:
    """The event as a dead letter, with the bytes it had."""
    event = judged.event
    letter = Event(
        source=event.source,
        id=hashlib.sha256(event.payload).hexdigest(),
        type=UNREADABLE,
        time=min(max(event.time, 0), event.collected_at or event.time),
        payload=event.payload,
        window=event.window,
        collected_at=event.collected_at,
        subject=reason,
        account=event.account,
        region=event.region,
        media_type="application/octet-stream",
    )
    return Judged(letter, (), judged.partition)
