"""Watches the operations of a run from outside: how often each was begun, and which of them a kill interrupted.

The counters live in a shared file mapping, which a SIGKILL leaves as it was. A `Strike` sends this process a signal in the middle
of an operation that it names, so that every phase is really hit, not only the long ones.
"""

from __future__ import annotations

import mmap
import os
import signal
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.pool import Pool

OPERATIONS = {
    "activate": ("attestream.wiring", "Parts", "activate"),
    "register": ("store.cursors", "CollectionLedger", "register"),
    "collect": ("collectors.cloudtrail_files", "CloudTrailFiles", "collect"),
    "publish": ("pipeline.stream.sqlite", "SqliteStream", "publish"),
    "finish": ("store.cursors", "CollectionLedger", "finish"),
    "poll": ("pipeline.stream.sqlite_consumer", "SqliteConsumer", "poll"),
    "append": ("store.evidence", "EvidenceStore", "append"),
    "trim": ("pipeline.stream.sqlite", "SqliteStream", "trim"),
    "tick": ("pipeline.timekeeper", "Timekeeper", "tick"),
    "seal": ("store.checkpoint", "CheckpointSigner", "publish"),
}
"""Operation -> (module, class, method). `collect` is a generator: it is inside while it computes the next event."""

KAFKA = {
    **OPERATIONS,
    "publish": ("pipeline.stream.kafka", "KafkaStream", "publish"),
    "poll": ("pipeline.stream.kafka_consumer", "GroupConsumer", "poll"),
    "trim": ("pipeline.stream.kafka", "KafkaStream", "trim"),
}
"""The same where the stream is a Kafka topic. `trim` comes right after every append, and does nothing."""

NAMES = tuple(OPERATIONS)
_CELL = struct.Struct("=II")
SIZE = _CELL.size * len(NAMES)


@dataclass(frozen=True)
class Strike:
    """Send `signal` `delay` seconds after the `nth` time (from 1) that `operation` begins."""

    operation: str
    nth: int
    delay: float = 0.0
    signal: int = int(signal.SIGKILL)


class Probe:
    """The counters, in the file at `path`: (begun, inside now) per operation."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(SIZE))
        with path.open("r+b") as file:
            self._cells = mmap.mmap(file.fileno(), SIZE)
        self._lock = threading.Lock()

    def begun(self) -> dict[str, int]:
        return {name: self._read(number)[0] for number, name in enumerate(NAMES)}

    def inside(self) -> list[str]:
        return [name for number, name in enumerate(NAMES) if self._read(number)[1]]

    def _read(self, number: int) -> tuple[int, int]:
        return _CELL.unpack_from(self._cells, number * _CELL.size)

    def add(self, name: str, begun: int, inside: int) -> int:
        number = NAMES.index(name)
        with self._lock:
            cell = self._read(number)
            _CELL.pack_into(self._cells, number * _CELL.size, cell[0] + begun, cell[1] + inside)
            return cell[0] + begun


def install(probe: Probe, strikes: list[Strike], operations: dict[str, tuple[str, str, str]] = OPERATIONS) -> None:
    """Wrap the operations of this process."""
    if any(strike.signal == signal.SIGSTOP for strike in strikes):
        event.listen(Pool, "checkout", _checked_out)
        event.listen(Pool, "checkin", _checked_in)
    for name, (module, owner, method) in operations.items():
        cls = getattr(__import__(module, fromlist=[owner]), owner)
        wrap = _generator if name == "collect" else _call
        setattr(cls, method, wrap(probe, name, [s for s in strikes if s.operation == name], getattr(cls, method)))


_gate = threading.Lock()
_own = threading.local()
_connections: set[int] = set()
"""Driver connections in use outside the operations: claims of partitions, the lease."""


def _call(probe: Probe, name: str, strikes: list[Strike], real: Callable[..., Any]) -> Callable[..., Any]:
    def watched(*args: Any, **more: Any) -> Any:
        with _gate:
            begun = probe.add(name, 1, 1)
        _own.depth = getattr(_own, "depth", 0) + 1
        _strike(probe, strikes, begun)
        try:
            return real(*args, **more)
        finally:
            _own.depth -= 1
            probe.add(name, 0, -1)

    return watched


def _generator(probe: Probe, name: str, strikes: list[Strike], real: Callable[..., Iterator[Any]]) -> Callable[..., Any]:
    def watched(*args: Any, **more: Any) -> Iterator[Any]:
        _strike(probe, strikes, probe.add(name, 1, 0))
        items = real(*args, **more)
        while True:
            probe.add(name, 0, 1)
            try:
                item = next(items)
            except StopIteration:
                return
            finally:
                probe.add(name, 0, -1)
            yield item

    return watched


def _strike(probe: Probe, strikes: list[Strike], begun: int) -> None:
    for strike in strikes:
        if strike.nth != begun:
            continue
        if strike.signal == signal.SIGSTOP:
            _stop(probe)
            continue
        if not strike.delay:
            os.kill(os.getpid(), strike.signal)
            continue
        threading.Thread(target=_later, args=(strike,), daemon=True).start()


def _stop(probe: Probe) -> None:
    """Stop when no other thread is inside an operation: stopped in a transaction, it would only hold up the others."""
    with _gate:
        while len(probe.inside()) > _own.depth or _connections:
            time.sleep(0.001)
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)  # to this very thread, which then goes no further


def _checked_out(connection: Any, *_: Any) -> None:
    """A thread takes a connection for a transaction; outside any operation it waits for one that is about to stop."""
    if not getattr(_own, "depth", 0):
        with _gate:
            _connections.add(id(connection))


def _checked_in(connection: Any, *_: Any) -> None:
    _connections.discard(id(connection))


def _later(strike: Strike) -> None:
    time.sleep(strike.delay)
    os.kill(os.getpid(), strike.signal)
