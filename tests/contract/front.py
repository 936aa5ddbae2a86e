"""A reverse proxy before any HTTP server of a lab: it counts what is asked, and breaks what it is told to break."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

How = Literal["denied", "throttled", "failing", "cut", "nonsense"]
"""A refusal, 429 for ever, 500 for ever, half a body, a page of HTML instead of an answer."""
Reply = tuple[int, Mapping[str, str], bytes]
_HTML = b"<html><body>Sign in to the guest network</body></html>"


@dataclass(frozen=True)
class Asked:
    """One request: its number (from 0), and what makes it the same one when it is tried again."""

    number: int
    method: str
    path: str
    body: bytes

    @property
    def key(self) -> tuple[str, str, bytes]:
        return (self.method, self.path, self.body)


class Front(ThreadingHTTPServer):
    """Passes on; `breaks` says what to break. `denial` words a refusal as the API behind would."""

    daemon_threads = True

    def __init__(self, target: str, denial: Callable[[Asked], Reply] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Passed)
        self.target = target.rstrip("/")
        self.denial = denial or (lambda _asked: (403, {"Content-Type": "application/json"}, b'{"message": "not for you"}'))
        self.breaks: Callable[[Asked], How | None] = lambda _asked: None
        self.seen: list[Asked] = []
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def reset(self) -> None:
        """Break nothing and count from 0."""
        self.breaks = lambda _asked: None
        self.seen = []

    def break_request(self, number: int, how: How) -> None:
        """Break request `number`, each time it is tried again, and none beside it."""
        broken: set[tuple[str, str, bytes]] = set()

        def breaks(asked: Asked) -> How | None:
            if asked.number == number:
                broken.add(asked.key)
            return how if asked.key in broken else None

        self.breaks = breaks

    def break_from(self, number: int, how: How) -> None:
        """Break every request from `number` on: an outage that begins there."""
        self.breaks = lambda asked: how if asked.number >= number else None

    def note(self, method: str, path: str, body: bytes) -> Asked:
        with self._lock:
            asked = Asked(len(self.seen), method, path, body)
            self.seen.append(asked)
        return asked


class _Passed(BaseHTTPRequestHandler):
    server: Front

    def do_GET(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size) if size else b""
        asked = self.server.note(self.command, self.path, body)
        how = self.server.breaks(asked)
        if how == "denied":
            self._answer(*self.server.denial(asked))
        elif how == "throttled":
            self._answer(429, {"Content-Type": "application/json", "Retry-After": "0"}, b'{"message": "too many"}')
        elif how == "failing":
            self._answer(500, {"Content-Type": "application/json"}, b'{"message": "broken"}')
        elif how == "nonsense":
            self._answer(200, {"Content-Type": "text/html"}, _HTML)
        else:
            status, headers, content = self._ask(body)
            self._answer(status, headers, content, len(content) // 2 if how == "cut" else None)

    do_POST = do_PUT = do_HEAD = do_DELETE = do_GET

    def _ask(self, body: bytes) -> Reply:
        headers = {key: value for key, value in self.headers.items() if key.lower() not in ("host", "connection")}
        request = urllib.request.Request(self.server.target + self.path, body or None, headers, method=self.command)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read()

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes, send: int | None = None) -> None:
        self.send_response_only(status)
        skipped = ("content-length", "connection", "transfer-encoding")
        own = {key: value for key, value in headers.items() if key.lower() not in skipped}
        for key, value in {**own, "Content-Length": str(len(body)), "Connection": "close"}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body if send is None else body[:send])
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def fronted(target: str, denial: Callable[[Asked], Reply] | None = None) -> Iterator[Front]:
    """A Front on a free port, until the block ends."""
    front = Front(target, denial)
    thread = threading.Thread(target=front.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield front
    finally:
        front.shutdown()
        front.server_close()
        thread.join(60)


def answers(url: str, within: float = 120.0) -> bool:
    """Wait until a server answers anything at all."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            time.sleep(0.1)
    return False
