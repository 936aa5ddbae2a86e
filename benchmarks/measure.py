"""Measuring: wall clock, CPU and peak memory of one stage, in a process of its own."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.parts import Parts
from benchmarks.sizes import Size


@dataclass(frozen=True, slots=True)
class Measured:
    """One line of the table: `events` in `seconds` of wall clock and `cpu` seconds. `more` are other numbers, by name.

    Where several processes worked: `processes` are CPU seconds of each kind, `inside` those within the workers, `workers` their
    number, `peak_mb` the memory of the largest worker (0: that of the stage's own process).
    """

    name: str
    events: int
    seconds: float
    cpu: float
    more: Mapping[str, float] = field(default_factory=dict)
    processes: Mapping[str, float] = field(default_factory=dict)
    inside: Mapping[str, float] = field(default_factory=dict)
    workers: int = 0
    peak_mb: float = 0.0

    @property
    def per_second(self) -> float:
        """Events per second of wall clock."""
        return self.events / self.seconds if self.seconds else 0.0


Stage = Callable[[Size, Path], Iterator[Measured]]
"""stage(size, folder): measure, in a folder that is empty and will be removed."""
Served = Callable[[Size, Path, Parts], Iterator[Measured]]
"""The same, for a stage that needs servers."""


@dataclass(slots=True)
class Watch:
    """What `timed` measured."""

    seconds: float = 0.0
    cpu: float = 0.0


@contextmanager
def timed() -> Iterator[Watch]:
    """Measure a block."""
    watch = Watch()
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        yield watch
    finally:
        watch.seconds, watch.cpu = time.perf_counter() - wall, time.process_time() - cpu


def best(repeat: int, work: Callable[[], object]) -> Watch:
    """The fastest of several runs: what else the machine does only ever adds."""
    watches = []
    for _ in range(repeat):
        with timed() as watch:
            work()
        watches.append(watch)
    return min(watches, key=lambda one: one.seconds)


_STATUS: Final = Path("/proc/self/status")


def peak_mb() -> float:
    """Peak resident memory of this process, MB. The kernel's own mark where there is one: getrusage also counts the parent's
    memory, which a child shares for a moment."""
    if _STATUS.exists():
        for line in _STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
