"""Drift: from the moment that an event is in the stream until an HTTP receiver has its alert, under full load.

Workers are processes of their own and never without a backlog (about feed.BACKLOG events wait before each one that is timed).
Generator, seal role, alert role and receiver share this process.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import msgspec

from alerts.deliver import Deliverer
from alerts.registry import read_routes
from attestream.demo.servers.serving import Asked, JsonServer, Reply
from benchmarks.bench_store import Bench, begin
from benchmarks.crew import Crew, beside
from benchmarks.events import payloads, write_files
from benchmarks.feed import Feed, endless
from benchmarks.mapper import Order
from benchmarks.mappings import action, mapping_set, service
from benchmarks.measure import Measured
from benchmarks.parts import Parts
from benchmarks.progress import step
from benchmarks.secrets import TOKEN
from benchmarks.setups import EMBEDDED, TWO, Setup, store_url, stream_url
from benchmarks.sizes import Size
from collectors.registry import build, read_settings
from collectors.runner import run_attempts
from pipeline.stream.base import Stream
from pipeline.stream.registry import open_stream
from pipeline.worker import Worker
from store.cursors import Lease
from store.records import Event

TOPIC: Final = "drift"
EVERY: Final = 0.25
"""Seconds between two events that open findings."""
PATIENCE: Final = 300.0
_RULES: Final = (0, 10, 20, 30)
"""Rules that open findings: an alert names the first few that joined it, so that they take turns."""


class Noted(JsonServer):
    """Notes when it was handed which subject."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, float] = {}

    def answer(self, asked: Asked) -> Reply:
        """Note every subject that an alert names."""
        now = time.monotonic()
        said: dict[str, Any] = asked.json()["data"]
        for subject in (*said["subjects"], *said["joined"]):
            self.seen.setdefault(subject, now)
        return Reply(200, b"")


@dataclass(slots=True)
class Timed:
    """When each person's event was handed to the stream, and how many events waited before it."""

    sent: dict[str, float] = field(default_factory=dict)
    waiting: list[int] = field(default_factory=list)

    def found(self, seen: Mapping[str, float]) -> list[float]:
        """Seconds until the alerts that are there."""
        return sorted(seen[person] - when for person, when in self.sent.items() if person in seen)


def drift_embedded(size: Size, folder: Path, parts: Parts) -> Iterator[Measured]:
    """The default of one host."""
    yield _measure(EMBEDDED, size, folder, parts)


def drift_served(size: Size, folder: Path, parts: Parts) -> Iterator[Measured]:
    """Two workers on Kafka and PostgreSQL, which share two cores with everything else."""
    yield _measure(TWO, size, folder, parts)


def _measure(setup: Setup, size: Size, folder: Path, parts: Parts) -> Measured:
    source = stream_url(setup, folder, parts, TOPIC)
    with store_url(setup, folder, parts, TOPIC) as url, closing(open_stream(source, folder)) as stream:
        bench = begin(folder / "store", mapping_set(folder / "rules", size.mappings[1]), url)
        _baseline(bench, stream)
        crew = Crew(bench, Order(source, url, str(folder), forever=True), setup.workers, {})
        try:
            crew.start()
            return _under_load(setup, Feed(crew, stream, endless()), size)
        finally:
            crew.kill()
            bench.store.engine.dispose()


def _under_load(setup: Setup, feed: Feed, size: Size) -> Measured:
    crew, timed, like = feed.crew, Timed(), next(feed.events)
    receiver = Noted()
    with receiver, crew.sealing(), _alerting(crew.bench, receiver.url):
        while crew.warm is None:
            feed.top_up()
        began, cpu, before = time.monotonic(), time.process_time(), crew.events()
        due, deadline = began, began + PATIENCE + size.drifts * EVERY
        while len(timed.found(receiver.seen)) < size.drifts and time.monotonic() < deadline:
            waiting = feed.top_up()
            if len(timed.sent) < size.drifts and time.monotonic() >= due:
                person = f"person-{len(timed.sent)}"
                opening = _opening(like, person, _RULES[len(timed.sent) % len(_RULES)])
                timed.waiting.append(waiting)
                timed.sent[person] = time.monotonic()  # before it: the alert may be there before this thread goes on
                feed.publish(opening)
                due += EVERY
                step(f"drift: {setup.name}", len(timed.sent), size.drifts)
        seconds, cpu, load = time.monotonic() - began, time.process_time() - cpu, crew.events() - before
        crew.stop()
    times = timed.found(receiver.seen)
    if len(times) < size.drifts:
        raise AssertionError(f"{size.drifts - len(times)} of {size.drifts} alerts were never handed over")
    more = {f"p{part}_s": times[min(len(times) - 1, len(times) * part // 100)] for part in (50, 95, 99)}
    more |= {"load_events_per_s": load / seconds, "waiting_before": sum(timed.waiting) / len(timed.waiting)}
    return Measured(f"drift under full load, {setup.name}", len(times), seconds, cpu, more, workers=setup.workers)


@contextmanager
def _alerting(bench: Bench, url: str) -> Iterator[None]:
    """The alert role, with one webhook."""
    route = {"name": "bench", "type": "webhook", "url": url, "secret": TOKEN, "allow_private": True, "allow_http": True}
    deliverer = Deliverer(bench.store.engine, read_routes([route]), bench.store.clock)
    with beside(deliverer.loop):
        yield


def _baseline(bench: Bench, stream: Stream) -> None:
    """A first complete window: what comes in it is told in one summary, what comes after it one by one."""
    files = bench.folder / "files"
    files.mkdir()
    write_files(payloads(10), files)
    settings = read_settings({"name": "bench", "type": "cloudtrail-files", "path": str(files)})
    epoch = Lease(bench.store.engine).acquire()
    if epoch is None:
        raise AssertionError("the lease of a new store is taken")
    run_attempts(build(settings), stream, bench.ledger, epoch, bench.store.clock())
    worker = Worker(stream, bench.store)
    worker.drain()
    worker.close()


def _opening(like: Event, person: str, rule: int) -> Event:
    """An event that this rule opens a finding for, about this person."""
    record = msgspec.json.decode(like.payload)
    record |= {"eventName": action(rule), "eventSource": service(rule), "eventID": person}
    record["userIdentity"]["arn"] = f"arn:aws:iam::111122223333:user/{person}"
    return replace(like, id=person, payload=msgspec.json.encode(record))
