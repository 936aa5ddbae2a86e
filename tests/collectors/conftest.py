"""What tests of collectors share: delivered files, a stream and ledger in memory, a real S3 over HTTP and its faults."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from collectors.report import Silent, WindowReport
from pipeline.stream.base import Published
from store.records import Event, WindowRecord
from store.times import parse_time

ACCOUNT = "111122223333"


def micros(text: str) -> int:
    return parse_time(text)


@dataclass
class Files:
    """Writes CloudTrail files as AWS names them."""

    count: int = 0

    def name(self, when: str, account: str = ACCOUNT, region: str = "eu-west-1") -> str:
        self.count += 1
        return f"{account}_CloudTrail_{region}_{when}_{self.count:016d}.json.gz"

    def record(self, number: int, **more: Any) -> dict[str, Any]:
        return {
            "eventVersion": "1.08",
            "eventID": f"00000000-0000-0000-0000-{number:012d}",
            "eventTime": "2026-11-20T10:00:00Z",
            "eventName": "ConsoleLogin",
            "requestParameters": {"policy": '{"Version": "2012-10-17"}', "n": [1, 2, {"a": None}]},
            **more,
        }

    def content(self, *records: Any) -> bytes:
        return json.dumps({"Records": list(records)}).encode()

    def packed(self, *records: Any) -> bytes:
        return gzip.compress(self.content(*records), mtime=0)

    def put(self, folder: Path, when: str, *records: Any, raw: bytes | None = None, at: str | None = None, **name: str) -> Path:
        """Write one file; `at` sets its mtime."""
        path = folder / self.name(when, **name)
        path.write_bytes(self.packed(*records) if raw is None else raw)
        if at is not None:
            os.utime(path, ns=(micros(at) * 1000,) * 2)
        return path


@pytest.fixture
def files() -> Files:
    return Files()


@pytest.fixture
def report() -> WindowReport:
    return WindowReport(Silent(), {})


@dataclass
class MemoryStream:
    """A stream of two partitions that keeps what is published, and can be made to do something before it does."""

    batches: list[list[Event]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    before: Callable[[Sequence[Event]], None] = lambda _events: None
    ends: dict[int, int] = field(default_factory=lambda: {0: 0, 1: 0})

    def publish(self, events: Sequence[Event]) -> Published:
        self.before(events)
        self.batches.append(list(events))
        self.log.append(f"publish {'window' if events[0].kind == 'window' else len(events)}")
        counts: dict[int, int] = {}
        for event in events:
            partition = sum(event.id.encode()) % 2
            counts[partition] = counts.get(partition, 0) + 1
        offsets = {}
        for partition in counts:
            offsets[partition] = self.ends[partition]
            self.ends[partition] += 1
        return Published(offsets, counts)

    @property
    def events(self) -> list[Event]:
        return [event for batch in self.batches for event in batch]

    def of(self, attempt: str) -> list[Event]:
        return [event for event in self.events if event.window == attempt and event.kind != "window"]


@dataclass
class MemoryLedger:
    """A ledger that keeps attempts and cursors, with the order of calls in the stream's log."""

    log: list[str]
    end: int | None = None
    kept: Mapping[str, Any] = field(default_factory=dict)
    again: list[tuple[int, int]] = field(default_factory=list)
    registered: dict[str, tuple[tuple[int, int], str]] = field(default_factory=dict)
    finished: dict[str, WindowRecord] = field(default_factory=dict)

    def cursor(self, source: str) -> tuple[int | None, Mapping[str, Any]]:
        return self.end, json.loads(json.dumps(self.kept))

    def register(self, source: str, epoch: int, periods: Sequence[tuple[int, int]], kind: str) -> Sequence[str]:
        self.log.append(f"register {len(periods)} {kind}")
        ids = [f"attempt-{len(self.registered) + number}" for number in range(len(periods))]
        self.registered |= {attempt: (period, kind) for attempt, period in zip(ids, periods, strict=True)}
        return ids

    def finish(self, attempt: str, epoch: int, record: WindowRecord, cursor: Mapping[str, Any] | None) -> None:
        assert record.attempt == attempt
        assert attempt not in self.finished
        self.log.append("finish" if cursor is None else "finish, cursor moves")
        self.finished[attempt] = record
        if cursor is not None:
            assert len(json.dumps(cursor)) <= 1024 * 1024
            self.end, self.kept = record.asked[1], cursor

    def interrupted(self, source: str, epoch: int) -> Sequence[tuple[int, int]]:
        found, self.again = self.again, []
        return found


@pytest.fixture
def stream() -> MemoryStream:
    return MemoryStream()


@pytest.fixture
def ledger(stream: MemoryStream) -> MemoryLedger:
    return MemoryLedger(stream.log)


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
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-tests")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        yield


@pytest.fixture(scope="session")
def moto_url(aws_environment: None) -> Iterator[str]:
    """A moto server in a process of its own."""
    port = free_port()
    code = f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"
    environment = {**os.environ, "MOTO_S3_DEFAULT_MAX_KEYS": "10"}  # so that every listing has pages
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{url}/moto-api/", timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail("the moto server did not start (pip install 'moto[server]')")
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(10)


Fault = Callable[[str, str], "tuple[int, str] | bytes | str | None"]
"""fault(method, path) -> (status, AWS error code), a page, "cut" (half the body), "slow" (no answer), or None: pass it on."""


class FaultProxy(ThreadingHTTPServer):
    """Passes requests on to a server, unless `fault` says otherwise. Signatures are not checked by moto, so hosts may differ."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Proxied)
        self.target = target
        self.fault: Fault = lambda _method, _path: None
        self.seen: list[str] = []
        self.headers: dict[str, str] = {}
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Proxied(BaseHTTPRequestHandler):
    server: FaultProxy

    def do_GET(self) -> None:
        self.server.seen.append(self.path)
        fault = self.server.fault(self.command, self.path)
        if fault == "slow":
            self.server.released.wait(20)
            return
        if isinstance(fault, tuple):
            body = f"<Error><Code>{fault[1]}</Code><Message>hidden words</Message></Error>".encode()
            self._answer(fault[0], {"Content-Type": "application/xml"}, body)
            return
        if isinstance(fault, bytes):
            self._answer(200, {"Content-Type": "text/html"}, fault)
            return
        status, headers, body = self._ask()
        if fault == "cut":
            self._answer(status, headers, body, len(body) // 2)
        else:
            self._answer(status, headers, body)

    def do_POST(self) -> None:
        self.do_GET()

    def _ask(self) -> tuple[int, dict[str, str], bytes]:
        size = int(self.headers.get("Content-Length") or 0)
        data = self.rfile.read(size) if size else None
        headers = {key: value for key, value in self.headers.items() if key.lower() not in ("host", "connection")}
        request = urllib.request.Request(self.server.target + self.path, data, headers, method=self.command)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read()

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes, send: int | None = None) -> None:
        self.send_response_only(status)
        skipped = ("content-length", "connection", "transfer-encoding")
        own = {key: value for key, value in headers.items() if key.lower() not in skipped} | self.server.headers
        for key, value in {**own, "Content-Length": str(len(body)), "Connection": "close"}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body if send is None else body[:send])
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def proxy(moto_url: str) -> Iterator[FaultProxy]:
    server = FaultProxy(moto_url)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()
    thread.join(10)
