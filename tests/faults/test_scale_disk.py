"""I1 at scale when the database's disk is full, or fails: strace has the server's writes and syncs answered by ENOSPC and EIO.

A write or sync of the database's own log that fails ends every session, and the server recovers; so all kinds are met.
FAULTS=long: a hundred of them. The embedded store's and stream's are in test_write_faults.py.
"""

from __future__ import annotations

import random
import subprocess
import time
from pathlib import Path

import pytest

from tests.faults.counts import times
from tests.faults.scale import ROLES, Scale, check_covered
from tests.faults.scale_feed import Feed
from tests.faults.world import LIMIT
from tests.postgres_server import Postgres, Server, own_server

pytestmark = [pytest.mark.timeout(0), pytest.mark.parts("kafka"), pytest.mark.parts("postgres"), pytest.mark.parts("strace")]

POINTS = times(2, 34)
"""Of each kind."""
WRITES, SYNCS = "fallocate,pwritev,pwrite64", "fdatasync,fsync"
KINDS = {"writes failed with ENOSPC": (WRITES, "ENOSPC", 15), "writes failed with EIO": (WRITES, "EIO", 15)}
KINDS["syncs failed with EIO"] = (SYNCS, "EIO", 6)
"""Calls, error, and every how many of a process's."""


class FailingDisk:
    """Every so many calls of each of a server's processes fail, while in use. A server that ends of it is started again."""

    def __init__(self, server: Server, calls: str, error: str, step: int, log: Path) -> None:
        self._server, self._log, self._calls, self._error, self._step = server, log, calls, error, step
        self._tracer: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> FailingDisk:
        self._attach()
        return self

    def __exit__(self, *_: object) -> None:
        self._detach()
        if not self._server.running:
            self._server.start()

    @property
    def failed(self) -> int:
        """How many calls have failed."""
        return sum(path.read_text(errors="replace").count("(INJECTED)") for path in self._log.parent.glob(f"{self._log.name}*"))

    def tend(self) -> None:
        """Start the server again if it has ended."""
        if not self._server.running:
            self._detach()
            self._server.start()
            self._attach()

    def _attach(self) -> None:
        inject = f"inject={self._calls}:error={self._error}:when={self._step}+{self._step}"
        log = self._log.with_name(f"{self._log.name}-{time.monotonic_ns()}")
        pids = [option for pid in self._server.pids() for option in ("-p", str(pid))]
        command = ["strace", "-f", "-qq", "-o", str(log), "-e", f"trace={self._calls}", "-e", inject, *pids]
        self._tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def _detach(self) -> None:
        if self._tracer is not None:
            self._tracer.terminate()
            self._tracer.wait(LIMIT)
            self._tracer = None


def test_i1_a_database_whose_disk_is_full_or_fails_loses_and_doubles_nothing(scaled, alone, tmp_path, capsys):
    dice = random.Random(20250316)
    told = []
    with own_server() as server:
        with (server.data / "postgresql.conf").open("a") as config:
            config.write("fsync = on\n")
        server.stop()
        server.start()
        scale: Scale = scaled(url=Postgres(server.port).url(Postgres(server.port).create()))
        scale.start(*ROLES)
        scale.until(scale.up, "all have begun")
        with Feed(scale, alone.extra, dice, every=0.2) as feed:
            for kind, (calls, error, step) in KINDS.items():
                with FailingDisk(server, calls, error, step, tmp_path / kind.replace(" ", "-")) as disk:

                    def enough(disk: FailingDisk = disk) -> bool:
                        disk.tend()
                        return disk.failed >= POINTS

                    scale.until(enough, kind)
                told.append(f"{disk.failed} {kind}")
            feed.rest()
        assert scale.finish() == alone.outcome
        check_covered(scale)
        scale.close()
    with capsys.disabled():
        print(f"\n{', '.join(told)}")
