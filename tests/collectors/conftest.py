"""What tests of collectors share: delivered files, a stream and ledger in memory, a real S3 over HTTP and its faults."""

from __future__ import annotations

import gzip
import json
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from collectors.report import Silent, WindowReport
from store.times import parse_time
from tests.aws import aws_environment, moto
from tests.memory import MemoryLedger, MemoryStream

__all__ = ["aws_environment"]

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


@pytest.fixture
def stream() -> MemoryStream:
    return MemoryStream()


@pytest.fixture
def ledger(stream: MemoryStream) -> MemoryLedger:
    return MemoryLedger(stream.log)


@pytest.fixture(scope="session")
def moto_url(aws_environment: None) -> str:
    """A moto server in a process of its own."""
    return moto()


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
            self.server.released.wait(120)
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

    def do_HEAD(self) -> None:
        self.do_GET()

    def _ask(self) -> tuple[int, dict[str, str], bytes]:
        size = int(self.headers.get("Content-Length") or 0)
        data = self.rfile.read(size) if size else None
        headers = {key: value for key, value in self.headers.items() if key.lower() not in ("host", "connection")}
        request = urllib.request.Request(self.server.target + self.path, data, headers, method=self.command)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
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
    thread.join(120)
