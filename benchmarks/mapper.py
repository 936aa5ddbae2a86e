"""A worker in a process of its own, as `attestream run --role map` has one: `python -m benchmarks.mapper ORDER`.

Prints a line of JSON for every batch (see Took), so that whoever started it sees when it was warm, what it cost and what it held.
It ends when its input does (so it never outlives who started it); without `forever` also when all that was in the stream at its
start is taken, by whichever worker.
"""

from __future__ import annotations

import logging
import select
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import structlog

from benchmarks.measure import peak_mb
from benchmarks.processes import resident_mb
from pipeline.errors import StreamError
from pipeline.stream.base import Claim, Consumer, Polled, Release, Stream
from pipeline.stream.options import StreamOptions
from pipeline.stream.registry import open_stream
from pipeline.worker import Worker
from store.cursors import Positions
from store.errors import StoreError
from store.evidence import EvidenceStore
from store.open import open_store

WAIT = 0.2


class Order(msgspec.Struct, frozen=True):
    """What to work on."""

    stream: str
    store: str
    folder: str
    group: str = "bench"
    retain_all: bool = False
    forever: bool = False


class Took(msgspec.Struct, frozen=True):
    """One batch: when it was committed (CLOCK_MONOTONIC, the same for all processes), its source records, and this process's
    totals since it began: CPU seconds of all threads, of reading the stream and of appending (in the working thread), MB now."""

    at: float
    events: int
    cpu: float
    reading: float
    appending: float
    rss: float
    errors: int


class Ended(msgspec.Struct, frozen=True):
    """The last line."""

    peak: float


class Clocked:
    """A stream and a store that note how much CPU the working thread spends in them."""

    def __init__(self, stream: Stream, store: EvidenceStore) -> None:
        self._stream = stream
        self._store = store
        self.reading = 0.0
        self.appending = 0.0

    def worker(self, retain_all: bool) -> Worker:
        """A worker over both."""
        stream, store = cast(Stream, _Stream(self._stream, self)), cast(EvidenceStore, _Store(self._store, self))
        return Worker(stream, store, retain_all, steady=True)


class _Around:
    """Everything is the inner one's, but for what a subclass says."""

    def __init__(self, inner: Any, clock: Clocked) -> None:
        self._inner = inner
        self._clock = clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _Stream(_Around):
    def subscribe(self, claim: Claim, release: Release) -> Consumer:
        return cast(Consumer, _Consumer(self._inner.subscribe(claim, release), self._clock))


class _Consumer(_Around):
    def poll(self, limit: int, timeout: float) -> Polled:
        began = time.thread_time()
        try:
            return cast(Polled, self._inner.poll(limit, timeout))
        finally:
            self._clock.reading += time.thread_time() - began


class _Store(_Around):
    def append(self, *given: Any) -> Any:
        began = time.thread_time()
        try:
            return self._inner.append(*given)
        finally:
            self._clock.appending += time.thread_time() - began


def main(arguments: Sequence[str]) -> None:
    """Work."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR), logger_factory=_to_stderr)
    order = msgspec.json.decode(arguments[0], type=Order)
    store = open_store(order.store)
    stream = open_stream(order.stream, Path(order.folder), StreamOptions(group=order.group))
    clock = Clocked(stream, store)
    worker = clock.worker(order.retain_all)
    ends, positions, errors = {} if order.forever else stream.ends(), Positions(store.engine), 0
    while not _told_to_stop():
        try:
            appended = worker.run_once(WAIT)
            if appended is None and not order.forever:
                reached = positions.all()
                if all(reached.get(partition, 0) >= end for partition, end in ends.items()):
                    break
        except (StoreError, StreamError) as error:
            errors += 1
            print(f"batch not written; trying again: {error}", file=sys.stderr)
            time.sleep(WAIT)
            continue
        if appended is not None:
            costs = (time.process_time(), clock.reading, clock.appending)
            _say(Took(time.monotonic(), appended.counts.collected, *costs, resident_mb(), errors))
    worker.close()
    stream.close()
    _say(Ended(peak_mb()))


def _told_to_stop() -> bool:
    return bool(select.select([sys.stdin], [], [], 0)[0])


def _to_stderr(*_: object) -> Any:
    return structlog.PrintLogger(sys.stderr)


def _say(line: msgspec.Struct) -> None:
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
