"""Runs sources on their schedules, in memory, as long as this process holds the lease.

Two schedulers on one set of sources would both fire, so nothing fires without the lease, and it is renewed before each run: a
process that slept through its lease finds out before it does anything. What it registered before is fenced by the epoch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from collectors.base import CollectorError
from store.errors import StoreError
from store.records import SECOND, WindowRecord

RENEW_EVERY: Final = 15.0
"""Seconds; a quarter of the lease's time."""
MAX_JITTER: Final = 30
MAX_WORKERS: Final = 4

Run = Callable[[int, threading.Event], Sequence[WindowRecord]]
"""run(epoch, stop): read what is due of one source (collectors/runner.py)."""


class Lease(Protocol):
    """The leader's lease."""

    def acquire(self) -> int | None:
        """Take it; returns its epoch, None while another holds it."""
        ...

    def renew(self) -> bool:
        """Hold it for longer; False when it is lost."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """A source on its schedule (microseconds)."""

    source: str
    schedule: int
    run: Run


@dataclass(slots=True)
class Tally:
    """What became of a source's runs: how many, how many failed, how many failed in a row, the last error."""

    runs: int = 0
    failed: int = 0
    in_a_row: int = 0
    last_error: str = ""

    def add(self, error: str) -> None:
        """One more run; "" means that it went well."""
        self.runs += 1
        self.failed += bool(error)
        self.in_a_row = self.in_a_row + 1 if error else 0
        self.last_error = error or self.last_error


@dataclass(slots=True)
class Schedule:
    """The scheduler. `start` returns at once; `stop` asks running sources to end and waits for them."""

    jobs: Sequence[Job]
    lease: Lease
    renew_every: float = RENEW_EVERY
    tallies: dict[str, Tally] = field(init=False)
    _epoch: int | None = field(default=None, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _scheduler: Any = field(default=None, init=False)
    _log: Any = field(default_factory=lambda: structlog.get_logger("collectors.schedule"), init=False)

    def __post_init__(self) -> None:
        self.tallies = {job.source: Tally() for job in self.jobs}

    @property
    def leading(self) -> bool:
        """Does this process hold the lease, as far as it knows?"""
        return self._epoch is not None

    def start(self) -> None:
        """Begin: every source runs once as soon as the lease is held, then on its schedule."""
        pools = {"default": ThreadPoolExecutor(MAX_WORKERS), "lease": ThreadPoolExecutor(1)}
        defaults = {"max_instances": 1, "coalesce": True, "misfire_grace_time": None}
        self._scheduler = BackgroundScheduler(executors=pools, job_defaults=defaults, timezone=UTC)
        every = IntervalTrigger(seconds=self.renew_every)  # the pool of its own keeps it from waiting behind sources
        self._scheduler.add_job(self.tick, every, executor="lease", next_run_time=_now(), id="lease")
        for job in self.jobs:
            seconds = max(1, job.schedule // SECOND)
            trigger = IntervalTrigger(seconds=seconds, jitter=min(MAX_JITTER, seconds // 10) or None)
            self._scheduler.add_job(self.fire, trigger, args=[job], id=f"source/{job.source}")
        self._scheduler.start()

    def stop(self) -> None:
        """End: nothing fires any more; sources that run are asked to stop and waited for."""
        self._stop.set()
        with self._lock:  # a tick that waits for the scheduler would be waited for by it
            scheduler = self._scheduler
        if scheduler is not None:
            scheduler.shutdown(wait=True)
            self._scheduler = None

    def tick(self) -> None:
        """Renew the lease or try to take it. On taking it every source is due."""
        with self._lock:
            if self._stop.is_set() or self._held():
                return
            self._epoch = self._ask(self.lease.acquire)
            if self._epoch is None or self._scheduler is None or self._stop.is_set():
                return
            self._log.info("lease_taken", epoch=self._epoch)
            for job in self.jobs:
                self._scheduler.modify_job(f"source/{job.source}", next_run_time=_now())

    def fire(self, job: Job) -> None:
        """Run one source now, if the lease is held. Never raises: what goes wrong is logged and counted."""
        with self._lock:
            if self._stop.is_set() or not self._held():
                return
            epoch = self._epoch
        assert epoch is not None, "a lease that is held has an epoch"
        try:
            records = job.run(epoch, self._stop)
        except (CollectorError, StoreError) as error:
            self._failed(job, str(error), type(error).__name__)
        except Exception as error:  # noqa: BLE001  the loop must live; the run is counted as failed
            self._failed(job, str(error) or "an error without words", type(error).__name__)
        else:
            self._ended(job, records)

    def _held(self) -> bool:
        """Renew; forgets the epoch of a lease that is lost, or that cannot be renewed."""
        if self._epoch is None:
            return False
        if not self._ask(self.lease.renew):
            self._log.warning("lease_lost", epoch=self._epoch)
            self._epoch = None
        return self._epoch is not None

    def _ask(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception as error:  # noqa: BLE001  a store that is down for a moment: not held, and asked again at the next tick
            self._log.error("lease_failed", error=str(error), kind=type(error).__name__)
            return None

    def _ended(self, job: Job, records: Sequence[WindowRecord]) -> None:
        failed = next((record for record in records if record.state == "failed"), None)
        if failed is not None and not self._stop.is_set():
            self._failed(job, failed.errors[-1] if failed.errors else "the window failed", "window")
            return
        self.tallies[job.source].add("")
        events = sum(record.records + record.unreadable for record in records)
        self._log.info("source_read", source=job.source, windows=len(records), events=events)

    def _failed(self, job: Job, error: str, kind: str) -> None:
        tally = self.tallies[job.source]
        tally.add(error)
        self._log.error("source_failed", source=job.source, error=error, kind=kind, in_a_row=tally.in_a_row)


def _now() -> datetime:
    return datetime.now(UTC)
