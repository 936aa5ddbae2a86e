"""What processes cost, by /proc: CPU seconds of a process with its children, resident memory."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class Times:
    """One process: its parent, CPU seconds of its own, and of children that have ended and were waited for."""

    parent: int
    own: float
    ended: float


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a process and its children, living and ended. 0.0 where there is no /proc."""
    first = _times(pid)
    if first is None:
        return 0.0
    living = (_times(int(path.name)) for path in _PROC.iterdir() if path.name.isdigit())
    return first.own + first.ended + sum(one.own for one in living if one is not None and one.parent == pid)


def _times(pid: int) -> Times | None:
    with suppress(OSError):
        fields = (_PROC / str(pid) / "stat").read_text("ascii", "replace").rpartition(")")[2].split()
        own, ended = (int(fields[n]) + int(fields[n + 1]) for n in (11, 13))
        return Times(int(fields[1]), own / _TICKS, ended / _TICKS)
    return None


def end_on_sigterm() -> None:
    """Let SIGTERM raise SystemExit, so that whatever this process started is ended too."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


def resident_mb() -> float:
    """Resident memory of this process now, MB; 0.0 where there is no /proc."""
    with suppress(OSError):
        return int((_PROC / "self" / "statm").read_text("ascii").split()[1]) * _PAGE / 2**20
    return 0.0


def machine_seconds() -> float:
    """CPU seconds that the whole machine has worked, or was kept from working by its host; 0.0 where there is no /proc."""
    with suppress(OSError):
        user, nice, system, _idle, _waiting, irq, softirq, steal = map(int, (_PROC / "stat").read_text("ascii").split()[1:9])
        return (user + nice + system + irq + softirq + steal) / _TICKS
    return 0.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A moment: monotonic seconds, CPU seconds of this process, of servers by name, and of the whole machine."""

    at: float
    own: float
    servers: Mapping[str, float]
    machine: float

    @classmethod
    def take(cls, pids: Mapping[str, int]) -> Snapshot:
        """Now."""
        return cls(
            time.monotonic(), time.process_time(), {name: cpu_seconds(pid) for name, pid in pids.items()}, machine_seconds()
        )
