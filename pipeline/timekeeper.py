"""The timekeeper: passing time changes states too. It applies what is due through `append`, exactly once, whenever it runs.

A wall clock that gained more than five minutes on the time since boot is not believed: the timekeeper holds still and says so.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.posture import decide
from store.due import Clocks, due_attempts, due_findings, forget, last_clocks, remember_clocks
from store.evidence import EvidenceStore
from store.records import MINUTE, Batch, DriftRow
from store.reminders import due_reminders

JUMP: Final = 5 * MINUTE


def boot_clock() -> tuple[str, int]:
    """Which boot this is, and microseconds since then, suspended time included."""
    try:
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        boot_id = f"process {os.getpid()}"
    return boot_id, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


@dataclass(slots=True)
class Timekeeper:
    """Applies due rows and settles windows. One per log (the seal role). The clocks of the last tick are kept in the store."""

    store: EvidenceStore
    boot: Callable[[], tuple[str, int]] = boot_clock
    held: bool = False

    def tick(self) -> int:
        """Do what is due; returns how many appends it took. Does nothing while the clock is not believed."""
        if not self._believes_clock():
            return 0
        appends = 0
        while self._settle() or self._apply() or self._remind():
            appends += 1
        forget(self.store.engine, self.store.clock())
        return appends

    def confirm_clock(self) -> None:
        """A person says that the clock is right as it is: what is due is applied again from the next tick on."""
        boot_id, boot = self.boot()
        remember_clocks(self.store.engine, Clocks(boot_id, self.store.clock(), boot, held=False))

    def _settle(self) -> bool:
        attempts = due_attempts(self.store.engine, self.store.clock())
        return bool(attempts) and bool(self.store.append(Batch(settle=tuple(attempts)), (), decide).closed)

    def _apply(self) -> bool:
        due = due_findings(self.store.engine, self.store.clock())
        return bool(due) and self.store.append(Batch(due=tuple(due)), (), decide).findings > 0

    def _remind(self) -> bool:
        due = due_reminders(self.store.engine, self.store.clock())
        return bool(due) and self.store.append(Batch(reminders=tuple(due)), (), decide).drifts > 0

    def _believes_clock(self) -> bool:
        """Compare with the last tick of this boot, in whichever process it was. A clock that goes back only waits."""
        (boot_id, boot), wall = self.boot(), self.store.clock()
        last = last_clocks(self.store.engine)
        gained = 0
        if last is not None and last.boot_id == boot_id:
            gained = (wall - last.wall) - (boot - last.boot)
        if gained > JUMP and last is not None:
            if not last.held:
                self._tell("clock", gained)  # first, for what is remembered is not told again
                remember_clocks(self.store.engine, Clocks(last.boot_id, last.wall, last.boot, held=True))
            self.held = True
            return False
        if last is not None and last.held:
            self._tell("agrees", gained)
        remember_clocks(self.store.engine, Clocks(boot_id, wall, boot, held=False))
        self.held = False
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
