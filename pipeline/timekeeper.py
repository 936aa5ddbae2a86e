"""The timekeeper: passing time changes states too. It applies what is due through `append`, exactly once, whenever it runs.

A wall clock that gained more than five minutes on the time since boot is not believed: the timekeeper holds still and says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from pipeline.posture import decide
from store.due import due_attempts, due_findings, forget
from store.evidence import EvidenceStore
from store.records import MINUTE, Batch, DriftRow

JUMP: Final = 5 * MINUTE


def boot_clock() -> int:
    """Microseconds since boot, suspended time included."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


@dataclass(slots=True)
class Timekeeper:
    """Applies due rows and settles windows. One per log (the seal role)."""

    store: EvidenceStore
    boot: Callable[[], int] = boot_clock
    _seen: tuple[int, int] | None = field(default=None)
    held: bool = False

    def tick(self) -> int:
        """Do what is due; returns how many appends it took. Does nothing while the clock is not believed."""
        if not self._believes_clock():
            return 0
        appends = 0
        while self._settle() or self._apply():
            appends += 1
        forget(self.store.engine, self.store.clock())
        return appends

    def confirm_clock(self) -> None:
        """A person says that the clock is right as it is."""
        self._seen = (self.store.clock(), self.boot())

    def _settle(self) -> bool:
        attempts = due_attempts(self.store.engine, self.store.clock())
        return bool(attempts) and bool(self.store.append(Batch(settle=tuple(attempts)), (), decide).closed)

    def _apply(self) -> bool:
        due = due_findings(self.store.engine, self.store.clock())
        return bool(due) and self.store.append(Batch(due=tuple(due)), (), decide).findings > 0

    def _believes_clock(self) -> bool:
        wall, boot = self.store.clock(), self.boot()
        if self._seen is None:
            self._seen = (wall, boot)
        gained = (wall - self._seen[0]) - (boot - self._seen[1])
        if gained > JUMP:
            if not self.held:
                self.held = True
                self._tell("clock", gained)
            return False
        if self.held:
            self.held = False
            self._tell("agrees", gained)
        if gained <= 0 or gained > JUMP // 5:
            # A slow drift is followed; the reference only moves forward with what boot time confirms.
            self._seen = (wall, boot)
        return True

    def _tell(self, after: str, gained: int) -> None:
        minutes = gained // MINUTE
        text = (
            f"the wall clock gained {minutes} minutes on the time since boot; nothing is judged by time until they agree"
            if after == "clock"
            else "the wall clock agrees with the time since boot again"
        )
        drift = DriftRow(
            kind="log",
            key="log/clock",
            before="agrees" if after == "clock" else "clock",
            after=after,
            controls=(),
            level="high",
            event_time=self.store.clock(),
            delivery="alert",
            text=text,
        )
        self.store.append(Batch(drifts=(drift,)), (), decide)
