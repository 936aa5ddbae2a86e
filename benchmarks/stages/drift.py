"""Drift: from the moment that an event is in the stream until its alert is handed over, while the worker is kept busy."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from alerts.base import Alert
from alerts.deliver import Deliverer
from alerts.routes import Route
from benchmarks.bench_store import Bench, begin
from benchmarks.events import event, payloads, write_files
from benchmarks.mappings import mapping_set
from benchmarks.measure import Measured
from benchmarks.sizes import Size
from collectors.registry import build, read_settings
from collectors.runner import run_attempts
from pipeline.stream.sqlite import SqliteStream
from pipeline.worker import Worker
from store.cursors import Lease
from store.records import Event

LOAD = 100
EVERY = 0.25
PATIENCE = 600.0


@dataclass(slots=True)
class Receiver:
    """A notifier that notes when it was handed which subject."""

    seen: dict[str, float] = field(default_factory=dict)

    def notify(self, alert: Alert) -> None:
        """Note every subject that joined."""
        now = time.monotonic()
        for subject in (*alert.subjects, *alert.joined):
            self.seen.setdefault(subject, now)


def drift(size: Size, folder: Path) -> Iterator[Measured]:
    """Publish load all the time, and now and then an event that opens a finding about somebody new."""
    bench = begin(folder / "store", mapping_set(folder / "rules", size.mappings[1]))
    stream = SqliteStream(folder / "stream.db")
    receiver, stop = Receiver(), threading.Event()
    mapper = Worker(stream, bench.store)
    _baseline(bench, stream, mapper)
    deliverer = Deliverer(bench.store.engine, [Route("bench", receiver)], bench.store.clock)
    threads = [threading.Thread(target=work, args=(stop,)) for work in (mapper.run, deliverer.loop)]
    for thread in threads:
        thread.start()
    began, cpu = time.monotonic(), time.process_time()
    sent = _publish(stream, size)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and len(_found(sent, receiver)) < len(sent):
        time.sleep(0.02)
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    stop.set()
    for thread in threads:
        thread.join()
    mapper.close()
    stream.close()
    times = sorted(_found(sent, receiver))
    if len(times) < len(sent):
        raise AssertionError(f"{len(sent) - len(times)} of {len(sent)} alerts were never handed over")
    more = {"drift_p50_s": times[len(times) // 2], "drift_p95_s": times[min(len(times) - 1, len(times) * 95 // 100)]}
    yield Measured("drift, stream to alert handed over", len(times), seconds, cpu, more)


def _baseline(bench: Bench, stream: SqliteStream, mapper: Worker) -> None:
    """A first complete window: what comes in it is told in one summary, what comes after it one by one."""
    files = bench.folder / "files"
    files.mkdir()
    write_files(payloads(10), files)
    settings = read_settings({"name": "bench", "type": "cloudtrail-files", "path": str(files)})
    epoch = Lease(bench.store.engine).acquire()
    if epoch is None:
        raise AssertionError("the lease of a new store is taken")
    run_attempts(build(settings), stream, bench.ledger, epoch, bench.store.clock())
    mapper.drain()


def _publish(stream: SqliteStream, size: Size) -> dict[str, float]:
    """Publish; returns when each person's event was handed to the stream."""
    # Only those whom we wait for are subjects of rule 0: an alert names the first few that joined.
    bodies = [body for body in payloads(2 * LOAD * size.drifts) if b"Change0Setting" not in body]
    sent: dict[str, float] = {}
    for number in range(size.drifts):
        load = [event(n, bodies[n], "bench") for n in range(number * LOAD, (number + 1) * LOAD)]
        stream.publish(load)
        subject = f"person-{number}"
        opening = _opening(load[0], subject)
        sent[subject] = time.monotonic()  # before it: the alert may be there before this thread goes on
        stream.publish([opening])
        time.sleep(EVERY)
    return sent


def _opening(like: Event, person: str) -> Event:
    """An event that rule 0 opens a finding for, about this person."""
    record = msgspec.json.decode(like.payload)
    record |= {"eventName": "Change0Setting", "eventSource": "service-0.amazonaws.com", "eventID": person}
    record["userIdentity"]["arn"] = f"arn:aws:iam::111122223333:user/{person}"
    return replace(like, id=person, payload=msgspec.json.encode(record))


def _found(sent: dict[str, float], receiver: Receiver) -> list[float]:
    return [receiver.seen[person] - when for person, when in sent.items() if person in receiver.seen]
