"""Runs under strace, which makes chosen system calls on chosen files fail, or kills the process inside them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.world import LIMIT, Installation, Run

WRITES = "write,pwrite64"
SYNCS = "fsync,fdatasync"
NAMES = "rename,renameat,renameat2,link,linkat"
_CALL = re.compile(r"^(\d+) +(\w+)\(")


@dataclass(frozen=True)
class Fault:
    """What to do at the `nth` of some system calls on the files `on` (counted per thread); with `on` empty, on any file.

    `what` is strace's: error=ENOSPC, error=EIO, signal=KILL. `lasting`: at every such call from there on.
    """

    calls: str
    what: str
    nth: int
    on: tuple[str, ...] = ()
    lasting: bool = False

    def options(self, data: Path) -> list[str]:
        where = [option for name in self.on for option in ("-P", str(data / name))]
        inject = f"inject={self.calls}:{self.what}:when={self.nth}{'+' if self.lasting else ''}"
        return [*where, "-e", f"trace={self.calls}", "-e", inject]


@contextmanager
def tracing(run: Run, options: list[str], log: Path) -> Iterator[None]:
    """Attach strace to a run that is held, and let it go."""
    _until(run, "State:\tT")
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-o", str(log), *options, "-p", str(run.pid)], stderr=subprocess.PIPE)
    _until(run, f"TracerPid:\t{tracer.pid}", tracer)
    os.kill(run.pid, signal.SIGCONT)
    try:
        yield
    finally:
        run.kill()
        tracer.wait(LIMIT)
        if tracer.stderr:
            tracer.stderr.close()


def _until(run: Run, said: str, tracer: subprocess.Popen[bytes] | None = None) -> None:
    deadline = time.monotonic() + LIMIT
    while said not in Path(f"/proc/{run.pid}/status").read_text():
        assert tracer is None or tracer.poll() is None, "strace cannot attach"
        assert time.monotonic() < deadline, said
        time.sleep(0.002)


def run_with(installation: Installation, fault: Fault) -> tuple[Run, int]:
    """A run with a fault; returns it and at how many calls the fault struck."""
    run = installation.start(hold=True)
    log = installation.folder / f"strace-{installation.runs}"
    with tracing(run, fault.options(installation.data), log):
        run.end()
    struck = log.read_text(errors="replace")
    return run, struck.count("(INJECTED)") + struck.count("killed by SIGKILL")


def count_calls(installation: Installation, calls: str, on: tuple[str, ...]) -> int:
    """How many of these calls the thread makes that makes the most of them."""
    run = installation.start(hold=True)
    log = installation.folder / f"strace-{installation.runs}"
    where = [option for name in on for option in ("-P", str(installation.data / name))]
    with tracing(run, [*where, "-e", f"trace={calls}"], log):
        assert run.end() in (0, 1)
    threads = Counter(found[1] for line in log.read_text(errors="replace").splitlines() if (found := _CALL.match(line)))
    return max(threads.values(), default=0)
