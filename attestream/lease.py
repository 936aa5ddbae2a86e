"""The collect role's lease on the embedded store: the row in the store, and a lock that dies with its process.

A lease row outlives a killed process by a minute. Beside an embedded store every collector runs on this machine and holds the
lock: whoever gets the lock knows that the row's holder is gone, and need not wait for it.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from store.cursors import Lease


@dataclass(slots=True)
class LocalLease:
    """A Lease (collectors/schedule.py) that another process on this machine can take over as soon as its holder has died."""

    row: Lease
    path: Path
    _descriptor: int = -1

    def acquire(self) -> int | None:
        """Take it; returns its epoch, None while another process collects."""
        if self._descriptor < 0 and not self._lock():
            return None
        return self.row.acquire(steal=True)

    def renew(self) -> bool:
        """Hold it for longer; False when it is lost."""
        return self._descriptor >= 0 and self.row.renew()

    def release(self) -> None:
        """Give it up."""
        try:
            self.row.release()
        finally:
            if self._descriptor >= 0:
                os.close(self._descriptor)  # releases the lock
                self._descriptor = -1

    def _lock(self) -> bool:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True
