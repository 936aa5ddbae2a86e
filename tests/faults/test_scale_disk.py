"""I1 at scale when the database's disk is full, or fails: strace has the server's writes answered by ENOSPC and EIO.

A write of the database's own log that fails ends every session, and the server recovers; so all kinds are met.
FAULTS=long: 100 failed writes of each kind.
"""

from __future__ import annotations

import os
import random
import subprocess
import time
from pathlib import Path

import pytest

from tests.faults.scale import ROLES, Scale, check_covered
from tests.faults.scale_feed import Feed
from tests.faults.world import LIMIT
from tests.postgres_server import Postgres, Server, own_server

pytestmark = [pytest.mark.timeout(0), pytest.mark.parts("kafka"), pytest.mark.parts("postgres"), pytest.mark.parts("strace")]

POINTS = 50 if os.environ.get("FAULTS") == "long" else 3
WRITES = "fallocate,pwritev,pwrite64"


class FailingDisk:
    """Every so many writes of a server's processes fail, while this is in use. A server that ends of it is started again."""

    def __init__(self, server: Server, error: str, step: int, log: Path) -> None:
        self._server, self._log, self._error, self._step = server, log, error, step
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
        """How many writes have failed."""
        return sum(path.read_text(errors="replace").count("(INJECTED)") for path in self._log.parent.glob(f"{self._log.name}*"))

    def tend(self) -> None:
        """Start the server again if it has ended."""
        if not self._server.running:
            self._detach()
            self._server.start()
            self._attach()

    def _attach(self) -> None:
        inject = f"inject={WRITES}:error={self._error}:when={self._step}+{self._step}"
        log = self._log.with_name(f"{self._log.name}-{time.monotonic_ns()}")
        pids = [option for pid in self._server.pids() for option in ("-p", str(pid))]
        command = ["strace", "-f", "-qq", "-o", str(log), "-e", f"trace={WRITES}", "-e", inject, *pids]
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
        scale: Scale = scaled(url=Postgres(server.port).url(Postgres(server.port).create()))
        scale.start(*ROLES)
        scale.until(scale.up, "all have begun")
        with Feed(scale, alone.extra, dice, every=0.2) as feed:
            for error in ("ENOSPC", "EIO"):
                with FailingDisk(server, error, 15, tmp_path / error) as disk:

                    def enough(disk: FailingDisk = disk) -> bool:
                        disk.tend()
                        return disk.failed >= POINTS

                    scale.until(enough, f"writes fail with {error}")
                told.append(f"{disk.failed} writes failed with {error}")
            feed.rest()
        assert scale.finish() == alone.outcome
        check_covered(scale)
        scale.close()
    with capsys.disabled():
        print(f"\n{', '.join(told)}")
