"""A server process that a run started: where it listens, and how it is ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PATIENCE: Final = 60.0
"""Seconds that a server has to answer."""
_TAIL: Final = 1500


class PartMissing(Exception):
    """A server cannot be started here; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers: `address` is host:port, `pid` its first process, `folder` where its data is."""

    address: str
    pid: int
    folder: Path

    def stop(self) -> None:
        """End it by its process id: told to, then forced to."""
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGINT)
            until = time.monotonic() + PATIENCE
            while os.waitpid(self.pid, os.WNOHANG) == (0, 0):
                if time.monotonic() > until:
                    os.kill(self.pid, signal.SIGKILL)
                    os.waitpid(self.pid, 0)
                    return
                time.sleep(0.05)


def free_port() -> int:
    """A port of the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody does."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def launch(command: Sequence[str], port: int, folder: Path, answers: Callable[[], bool], user: str | None = None) -> Server:
    """Start a server and wait until it answers. Raises PartMissing with the end of its log."""
    log = folder / "log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd="/", user=user, start_new_session=True
        )
    server = Server(f"127.0.0.1:{port}", process.pid, folder / "data")
    until = time.monotonic() + PATIENCE
    while not answers():
        if process.poll() is not None or time.monotonic() > until:
            server.stop()
            raise PartMissing(f"it did not start: {log.read_text('utf-8', 'replace')[-_TAIL:]}")
        time.sleep(0.05)
    process.returncode = 0  # Server.stop waits for it; Popen must not warn that it still runs
    return server
