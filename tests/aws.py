"""A real AWS over HTTP for tests: one moto server per test process, and credentials that are nobody's."""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import cache

import pytest

KEY, SECRET = "AKIATESTTESTTESTTEST", "secret-of-the-tests"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def aws_environment() -> Iterator[None]:
    """Test credentials, and none of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_ACCESS_KEY_ID", KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        yield


@cache
def moto() -> str:
    """The URL of a moto server in a process of its own, started once and ended with this process."""
    for _ in range(3):  # another process may take the port before moto does
        port = free_port()
        process = _start(port)
        if process is not None:
            atexit.register(_end, process)
            return f"http://127.0.0.1:{port}"
    pytest.fail("the moto server did not start (make install)")


def _start(port: int) -> subprocess.Popen[bytes] | None:
    code = f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"
    environment = {**os.environ, "MOTO_S3_DEFAULT_MAX_KEYS": "10"}  # so that every listing has pages
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 180
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/", timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
        else:
            return process
    _end(process)
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(30)
