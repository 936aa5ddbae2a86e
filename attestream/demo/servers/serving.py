"""A JSON API on the loopback address: what the small servers of ticket systems have in common."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

MAX_BODY = 8 << 20


@dataclass(frozen=True, slots=True)
class Asked:
    """A request; names of headers in lower case, the path without its query."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    pairs: tuple[tuple[str, str], ...] = ()
    """The query as it came, names that repeat too."""

    def json(self) -> dict[str, Any]:
        """The body as an object, {} where it is none."""
        try:
            value = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: `value` is written as JSON, bytes as they are."""

    status: int
    value: Any
    headers: Mapping[str, str] = field(default_factory=dict)


class JsonServer:
    """Context manager: a server at `.url`, whose requests come to `answer` one at a time.

    `clock`: what time it has (seconds), also in its Date header. `throttled`: so many requests from now on are answered with 429.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.throttled = 0
        self.lock = threading.RLock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one piece, or each answer waits for an acknowledgement
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                length = min(int(self.headers.get("Content-Length") or 0), MAX_BODY)
                place = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                pairs = parse_qsl(place.query, keep_blank_values=True)
                query = dict(pairs)
                reply = outer.reply(Asked(self.command, place.path, query, headers, self.rfile.read(length), tuple(pairs)))
                body = reply.value if isinstance(reply.value, bytes) else json.dumps(reply.value).encode()
                self.send_response_only(reply.status)
                own = {"Content-Type": "application/json", "Date": formatdate(outer.clock(), usegmt=True), **reply.headers}
                for name, value in {**own, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name=type(self).__name__, daemon=True
        )

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def reply(self, asked: Asked) -> Reply:
        """Answer one request."""
        with self.lock:
            if self.throttled > 0:
                self.throttled -= 1
                return Reply(429, {"message": "too many requests"}, {"Retry-After": "0"})
            return self.answer(asked)

    def answer(self, asked: Asked) -> Reply:
        """What the API says; called with the lock held."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)
