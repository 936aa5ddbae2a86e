"""Workers in processes of their own, and the seal role beside them: started, watched, waited for.

The clock starts when every worker has committed its first batch: interpreters, compiled sets and the consumer group are ready
then. What was taken until then does not count. It stops when the last batch is committed and the log sealed.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.bench_store import Bench
from benchmarks.mapper import Ended, Order, Took
from benchmarks.processes import Snapshot
from pipeline.timekeeper import Timekeeper
from store.errors import StorageBusy

ROOT: Final = Path(__file__).resolve().parents[1]
SEAL_EVERY: Final = 2.0
"""Seconds between two checkpoints while workers work: five times as often as by default."""


@contextmanager
def beside(loop: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run `loop` in a thread while the block runs; the event tells it to end."""
    stop = threading.Event()
    thread = threading.Thread(target=loop, args=(stop,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@dataclass(slots=True)
class Hand:
    """One worker process and what it said."""

    process: subprocess.Popen[str]
    took: list[Took] = field(default_factory=list)
    peak_mb: float = 0.0


@dataclass(slots=True)
class Crew:
    """Workers on one stream and one store. `servers` are process ids by name."""

    bench: Bench
    order: Order
    count: int
    servers: Mapping[str, int]
    hands: list[Hand] = field(default_factory=list)
    warm: Snapshot | None = None
    busy: int = 0
    """How often the seal role had to wait for its next turn."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _listeners: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Start the workers; returns at once."""
        command = [sys.executable, "-m", "benchmarks.mapper", msgspec.json.encode(self.order).decode()]
        for _ in range(self.count):
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            self.hands.append(Hand(subprocess.Popen(command, cwd=ROOT, text=True, **pipes)))  # type: ignore[call-overload]
        for hand in self.hands:
            listener = threading.Thread(target=self._listen, args=(hand,), daemon=True)
            self._listeners.append(listener)
            listener.start()

    def _listen(self, hand: Hand) -> None:
        assert hand.process.stdout is not None
        for line in hand.process.stdout:
            if line.startswith('{"peak"'):
                hand.peak_mb = msgspec.json.decode(line, type=Ended).peak
                continue
            hand.took.append(msgspec.json.decode(line, type=Took))
            with self._lock:
                if self.warm is None and all(one.took for one in self.hands):
                    self.warm = Snapshot.take(self.servers)

    def work(self) -> None:
        """Wait until the workers have ended, and seal meanwhile. Raises AssertionError where one failed."""
        with self.sealing():
            for hand in self.hands:
                hand.process.wait()
        self.check()

    @contextmanager
    def sealing(self) -> Iterator[None]:
        """The seal role, in a thread, while the block runs."""
        with beside(self._seal):
            yield

    def _seal(self, stop: threading.Event) -> None:
        keeper, signer = Timekeeper(self.bench.store), self.bench.signer()
        while not stop.wait(SEAL_EVERY):
            try:
                keeper.tick()
                signer.publish()
            except StorageBusy:
                self.busy += 1

    def working(self) -> bool:
        """Whether one of them still runs."""
        return any(hand.process.poll() is None for hand in self.hands)

    def events(self) -> int:
        """How many source records were taken so far."""
        return sum(one.events for hand in self.hands for one in tuple(hand.took))

    def stop(self) -> None:
        """Tell those that work for ever to end, and wait for them."""
        for hand in self.hands:
            if hand.process.stdin is not None:
                hand.process.stdin.close()
        for hand in self.hands:
            hand.process.wait()
        self.check()

    def kill(self) -> None:
        """End whatever still runs."""
        for hand in self.hands:
            if hand.process.poll() is None:
                hand.process.kill()
                hand.process.wait()

    def check(self) -> None:
        """Raises AssertionError where a worker failed, or took nothing."""
        for listener in self._listeners:
            listener.join(10)
        for hand in self.hands:
            if hand.process.returncode:
                raise AssertionError(f"a worker ended with {hand.process.returncode}; it says why above")
            if not hand.took:
                raise AssertionError(
                    "a worker was given no partition before the others had taken everything: more events are needed"
                )


@dataclass(frozen=True, slots=True)
class Costs:
    """What one run cost from when all were warm: wall clock, CPU seconds by process, and by part of the workers."""

    events: int
    seconds: float
    processes: Mapping[str, float]
    inside: Mapping[str, float]
    peaks: Sequence[float]
    rss: tuple[float, float]
    """MB of the largest worker after a tenth of the events, and at the end."""
    others: float
    """Cores that others on this machine used meanwhile."""


def costs(crew: Crew, total: int) -> Costs:
    """Seal what is left, and reckon. Raises AssertionError where not all events were taken."""
    last = max(hand.took[-1].at for hand in crew.hands)
    began = time.monotonic()
    crew.bench.signer().publish()
    sealing = time.monotonic() - began
    warm, end = crew.warm, Snapshot.take(crew.servers)
    if warm is None or crew.events() != total:
        raise AssertionError(f"{crew.events()} of {total} events were taken")
    first = max(hand.took[0].at for hand in crew.hands)
    befores = [max((one for one in hand.took if one.at <= first), key=lambda one: one.at) for hand in crew.hands]
    afters = [hand.took[-1] for hand in crew.hands]
    early = sum(one.events for hand in crew.hands for one in hand.took if one.at <= first)
    pairs = list(zip(befores, afters, strict=True))
    cpu = sum(b.cpu - a.cpu for a, b in pairs)
    reading, appending = sum(b.reading - a.reading for a, b in pairs), sum(b.appending - a.appending for a, b in pairs)
    servers = {name: end.servers[name] - used for name, used in warm.servers.items()}
    others = end.machine - warm.machine - cpu - (end.own - warm.own) - sum(servers.values())
    return Costs(
        total - early,
        last - first + sealing,
        {"workers": cpu, "seal": end.own - warm.own, **servers},
        {"read and decode": reading, "append": appending, "judge and the rest": max(0.0, cpu - reading - appending)},
        [hand.peak_mb for hand in crew.hands],
        (max(_after(hand.took, 0.1) for hand in crew.hands), max(one.rss for one in afters)),
        max(0.0, others) / (end.at - warm.at),
    )


def _after(took: Sequence[Took], part: float) -> float:
    """MB after this part of a worker's events."""
    wanted, seen = part * sum(one.events for one in took), 0
    for one in took:
        seen += one.events
        if seen >= wanted:
            return one.rss
    return took[-1].rss
