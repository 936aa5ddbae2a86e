"""A real Alertmanager for tests, one for each run of pytest, on free loopback ports."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAM = "prometheus-alertmanager"
PATIENCE = 60.0
CONFIG = """
route:
  receiver: hook
  group_by: ['...']
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: hook
    webhook_configs:
      - url: {hook}
        send_resolved: true
"""


def program() -> str | None:
    """Where it is installed, as Debian calls it or as its makers do."""
    return shutil.which(PROGRAM) or shutil.which("alertmanager")


@contextmanager
def alertmanager(hook: str) -> Iterator[str]:
    """The URL of one that tells `hook` of every alert by itself, at once."""
    path = program()
    assert path is not None
    folder = Path(tempfile.mkdtemp(prefix="attestream-alertmanager-"))
    (folder / "config.yml").write_text(CONFIG.format(hook=hook), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [f"--config.file={folder}/config.yml", f"--storage.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([path, *options, "--cluster.listen-address="], stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        _await(url, process, folder / "log")
        yield url
    finally:
        process.terminate()
        process.wait(PATIENCE)
        shutil.rmtree(folder, ignore_errors=True)


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(f"{url}/-/ready", timeout=5):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"Alertmanager did not start: {log.read_text(errors='replace')[-500:]}") from None
            time.sleep(0.05)
