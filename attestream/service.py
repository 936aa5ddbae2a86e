"""The service: all roles in one process, once or until it is told to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import structlog

from attestream.errors import AttestreamError
from attestream.waiting import PASSING, when_it_answers
from attestream.wiring import Parts
from collectors.base import Collector
from collectors.report import Progress, Silent
from collectors.runner import run_attempts, run_period
from collectors.schedule import Job, Schedule
from pipeline.errors import PipelineError
from pipeline.posture import decide
from pipeline.timekeeper import Timekeeper
from pipeline.worker import Worker
from store.checkpoint import SignedCheckpoint
from store.errors import StoreError, VerificationError
from store.evidence import EvidenceStore
from store.records import Batch, DriftRow, WindowRecord
from store.retention import Retention

ROLES: Final = ("collect", "map", "seal", "serve", "alert")
GRACE: Final = 30.0
"""Seconds that each role gets to end when the service stops."""
log = structlog.get_logger("attestream.service")


class NoLease(AttestreamError):
    """Another process collects into this store."""


@dataclass(slots=True)
class Once:
    """What one run did."""

    windows: list[WindowRecord] = field(default_factory=list)
    checkpoint: SignedCheckpoint | None = None


class Mapping:
    """A worker in a thread of its own, which can be waited for until nothing is left to do."""

    def __init__(self, parts: Parts) -> None:
        self.worker = Worker(parts.stream, parts.store, parts.settings.retain == "all")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.worker.run, args=(self._stop, 0.2), name="map", daemon=True)

    def __enter__(self) -> Mapping:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.worker.close()


def run_once(
    parts: Parts,
    progress: Progress | None = None,
    only: Sequence[str] = (),
    period: tuple[int, int] | None = None,
    stop: threading.Event | None = None,
    seal: bool = True,
) -> Once:
    """Collect every source once (or `only` these, or a `period` of them again), process all, apply what is due, seal.

    Raises NoLease while another process collects, Refused where it is to seal and what was signed is not here.
    """
    done = Once()
    if seal:
        parts.check_place()
        parts.check_continues()
    parts.activate_at_start()
    ledger = parts.ledger
    epoch = parts.lease.acquire()
    if epoch is None:
        raise NoLease("another process is collecting into this store (its lease has not ended); stop it, or wait a minute")
    keeper = Timekeeper(parts.store)
    try:
        with Renewing(parts), Mapping(parts):
            for collector in chosen(parts.collectors, only):
                if period is not None and collector.reads == "states" and not only:
                    log.info("left out: it says how things are now, not how they were", source=collector.source)
                elif period is not None:
                    held = _held(collector, period, parts.store.clock())
                    args: tuple[Any, ...] = (collector, parts.stream, ledger, epoch, held, progress or Silent())
                    done.windows += run_period(*args, stop=stop, clock=parts.store.clock)
                else:
                    now = parts.store.clock()
                    args = (collector, parts.stream, ledger, epoch, now, progress or Silent())
                    done.windows += run_attempts(*args, stop=stop, clock=parts.store.clock)
        worker = Worker(parts.stream, parts.store, parts.settings.retain == "all")
        worker.drain()
        worker.close()
    finally:
        parts.lease.release()
    keeper.tick()
    done.checkpoint = parts.publish() if seal else None
    return done


def _held(collector: Collector, period: tuple[int, int], now: int) -> tuple[int, int]:
    """The period as far as the source reaches back: before its oldest there is nothing to ask for. Raises SourceUnreadable."""
    oldest = collector.oldest({}, now)
    start = period[1] if oldest is None else min(max(period[0], oldest), period[1])
    return start, period[1]


def chosen(collectors: Sequence[Collector], only: Sequence[str]) -> list[Collector]:
    """The collectors named, or all. Raises AttestreamError for a name that is not configured."""
    known = {c.source: c for c in collectors}
    for name in only:
        if name not in known:
            raise AttestreamError(f"no source {name!r} is set up (set up: {', '.join(known) or 'none'})")
    return [known[name] for name in only] if only else list(collectors)


class Renewing:
    """Keeps the lease while a block runs."""

    def __init__(self, parts: Parts, every: float = 15.0) -> None:
        self._parts = parts
        self._every = every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    def __enter__(self) -> Renewing:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _renew(self) -> None:
        while not self._stop.wait(self._every):
            try:
                if not self._parts.lease.renew():
                    log.warning("the lease is lost; what is read from now on will not count")
                    return
            except StoreError as error:
                log.warning("the lease could not be renewed", error=str(error))


class Sealer:
    """The seal role: the timekeeper and the signer, every few seconds. A refusal to sign is told as drift, once."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._keeper = Timekeeper(parts.store)
        age = parts.settings.store.retention
        self._retention = Retention(parts.store, age, decide) if age is not None else None
        self._refused = ""

    def tick(self) -> None:
        """Apply what is due, erase what is too old (not by a clock that is not believed), then sign."""
        self._keeper.tick()
        if self._retention is not None and not self._keeper.held:
            erased = self._retention.tick()
            if erased:
                log.info("payloads were erased: they are older than store.retention", payloads=erased)
        try:
            self._parts.publish()
        except VerificationError as error:
            log.error("refused to sign the log", error=str(error))
            self._tell("refused", str(error))
            return
        self._tell("", "")

    def _tell(self, after: str, text: str) -> None:
        if after == self._refused:
            return
        tell_integrity(self._parts.store, self._refused, after, text or "the log is whole again and signed")
        self._refused = after


def tell_integrity(store: EvidenceStore, before: str, after: str, text: str) -> None:
    """Put an integrity drift into the outbox."""
    drift = DriftRow("log", "log/integrity", before, after, (), "critical", store.clock(), "alert", text)
    store.append(Batch(drifts=(drift,)), (), decide)


@dataclass
class Service:
    """Roles in threads, until `stop`."""

    parts: Parts
    roles: Sequence[str] = ROLES
    extra: Sequence[tuple[str, Callable[[threading.Event], None]]] = ()
    stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _schedule: Schedule | None = None

    def start(self) -> None:
        """Start what was asked for; returns as soon as the store answers. Raises Refused where it is not the one that was signed.

        What needs the stream is started as soon as its servers answer.
        """
        if not when_it_answers(self._prepare, self.stopping):
            return
        if "seal" in self.roles:
            self._thread("seal", self._seal)
        for name, target in self.extra:
            self._thread(name, target)
        if "map" in self.roles or "collect" in self.roles:
            try:
                self._start_streaming()
            except PASSING as error:
                self._thread("stream", partial(self._stream_later, error))

    def _prepare(self) -> bool:
        """What is looked at and done before anything runs."""
        if self.parts.embedded or "seal" in self.roles:  # another machine has neither the key nor what was signed
            self.parts.check_place()
            self.parts.check_continues()
        self.parts.activate_at_start()
        return True

    def _stream_later(self, met: Exception, stop: threading.Event) -> None:
        """Start what needs the stream when it answers."""
        try:
            when_it_answers(self._start_streaming, stop, met)
        except Exception as error:  # noqa: BLE001  a defect must not leave the roles out without a word
            log.error("what needs the stream cannot be started", error=str(error), kind=type(error).__name__)

    def _start_streaming(self) -> None:
        """Start the roles that need the stream. Raises StreamError or StoreError, and then none of them is started."""
        stream, jobs = self.parts.stream, self._jobs() if "collect" in self.roles else []
        if "map" in self.roles:
            self._thread("map", Worker(stream, self.parts.store, self.parts.settings.retain == "all", steady=True).run)
        if "collect" in self.roles:
            self._schedule = Schedule(jobs, self.parts.lease)
            self._schedule.start()

    def _jobs(self) -> list[Job]:
        """A job for each source; declares them, for only who collects knows all of them."""
        ledger = self.parts.ledger
        sources = zip(self.parts.settings.source_settings(), self.parts.collectors, strict=True)
        return [Job(source.name, source.schedule, _job(self.parts, collector, ledger)) for source, collector in sources]

    def stop(self) -> None:
        """Stop gracefully: collectors first, then what works through what they read."""
        self._stop_collecting()
        self.stopping.set()
        for thread in self._threads:
            thread.join(GRACE)
        self._stop_collecting()  # which may have been started while it was stopped

    def _stop_collecting(self) -> None:
        schedule, self._schedule = self._schedule, None
        if schedule is not None:
            schedule.stop()
            self.parts.lease.release()

    def _thread(self, name: str, target: Callable[[threading.Event], None]) -> None:
        thread = threading.Thread(target=target, args=(self.stopping,), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _seal(self, stop: threading.Event) -> None:
        sealer = Sealer(self.parts)
        while not stop.is_set():
            try:
                sealer.tick()
            except (StoreError, PipelineError) as error:
                log.error("sealing failed; trying again", error=str(error))
            stop.wait(self.parts.settings.signing.every)


def _job(parts: Parts, collector: Collector, ledger: Any) -> Callable[[int, threading.Event], Sequence[WindowRecord]]:
    def run(epoch: int, stop: threading.Event) -> Sequence[WindowRecord]:
        now = parts.store.clock()
        return run_attempts(collector, parts.stream, ledger, epoch, now, stop=stop, clock=parts.store.clock)

    return run
