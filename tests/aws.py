"""A real AWS over HTTP for tests: one moto server per test process, and credentials that are nobody's."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from functools import cache

import pytest

KEY, SECRET = "AKIATESTTESTTESTTEST", "secret-of-the-tests"


# The server binds port 0 and says which one it got: nobody can take a port that was only looked up before.
_CHILD = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.buffer.read()
"""


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
    environment = {**os.environ, "MOTO_S3_DEFAULT_MAX_KEYS": "10"}  # so that every listing has pages
    command = [sys.executable, "-c", _CHILD]
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    atexit.register(_end, process)
    assert process.stdout is not None
    port = process.stdout.readline().strip()
    if not port.isdigit():
        pytest.fail("the moto server did not start (make install)")
    url = f"http://127.0.0.1:{int(port)}"
    urllib.request.urlopen(f"{url}/moto-api/", timeout=180).close()
    return url


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.communicate()
