"""A local S3 for the demonstration: `moto` in a process of its own, on a free port of the loopback address.

The server lives as long as the `with` block. It also ends by itself when its standard input closes, so that it outlives
no parent, however that one ended.
"""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import boto3
import botocore.session
from botocore.config import Config

from attestream.demo.world import ACCOUNT, HOME_REGION

# moto accepts any credentials. These say what they are, and are passed on explicitly so that no real ones are looked for.
ACCESS_KEY_ID = "AKIAEXAMPLE000000000"
SECRET_ACCESS_KEY = "not-a-secret"  # noqa: S105

_HOST = "127.0.0.1"
_START_SECONDS = 180
_STOP_SECONDS = 10

# Where botocore looks for a profile and its files: (key, environment variable, default, conversion). A profile that the
# shell names must not decide, or break, how the demonstration speaks to its own server.
_NOTHING_FROM_OUTSIDE = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}

# The child binds port 0 and says which one it got: no other program can take a port that was only looked up before.
_CHILD = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address=sys.argv[1], port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.buffer.read()
"""


class DemoError(Exception):
    """The demonstration's simulated cloud could not be brought up."""


class LocalS3:
    """Context manager: a running S3 at `.endpoint` (http://127.0.0.1:PORT). Its log goes to `log`. Raises `DemoError`."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    @property
    def endpoint(self) -> str:
        return f"http://{_HOST}:{self._port}"

    def __enter__(self) -> LocalS3:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        # The child needs no setting of ours; above all it must not see real AWS credentials.
        environment = {"PATH": os.defpath, "HOME": str(self._log.parent), "LANG": "C.UTF-8", "MOTO_ACCOUNT_ID": ACCOUNT}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _CHILD, _HOST],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                cwd=self._log.parent,
            )
        try:
            self._port = self._read_port(self._process)
            self._answers()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop()

    def client(self, service: str = "s3", region: str = HOME_REGION) -> Any:
        """A boto3 client for this server: explicit credentials, no proxy, names of buckets in the path."""
        config = Config(proxies={}, s3={"addressing_style": "path"}, max_pool_connections=16, retries={"max_attempts": 2})
        session = botocore.session.Session(session_vars=_NOTHING_FROM_OUTSIDE)
        return boto3.session.Session(botocore_session=session).client(
            service,
            endpoint_url=self.endpoint,
            region_name=region,
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
            config=config,
        )

    def make_bucket(self, name: str) -> None:
        self.client().create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": HOME_REGION})

    def _read_port(self, process: subprocess.Popen[bytes]) -> int:
        # A child that never answers is ended by the timer, and then its output ends too.
        timer = threading.Timer(_START_SECONDS, process.kill)
        timer.start()
        try:
            line = _pipe(process.stdout).readline()
        finally:
            timer.cancel()
        if not line.strip().isdigit():
            raise DemoError(f"the local S3 (moto) did not start; its log is {self._log}")
        return int(line)

    def _answers(self) -> None:
        connection = http.client.HTTPConnection(_HOST, self._port, timeout=_START_SECONDS)
        try:
            connection.request("GET", "/moto-api/")
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise DemoError(f"the local S3 at {self.endpoint} does not answer ({error}); its log is {self._log}") from error
        finally:
            connection.close()
        if status != http.client.OK:
            raise DemoError(f"the local S3 at {self.endpoint} answered {status}; its log is {self._log}")

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _pipe(process.stdin).close()
        _pipe(process.stdout).close()


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:  # Popen gives None only for streams that were not asked for
        raise DemoError("the local S3 was started without its pipes")
    return stream
