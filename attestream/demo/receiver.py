"""A webhook receiver on the loopback address: it shows that alerts really leave the house, and what they say."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

MAX_BODY = 1 << 20


class Receiver:
    """Context manager: a server at `.url`; `.taken()` returns and forgets what came since the last call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._came: list[dict[str, Any]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = min(int(self.headers.get("Content-Length") or 0), MAX_BODY)
                receiver.take(self.rfile.read(length))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing: the demonstration prints what came."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="demo-receiver", daemon=True)

    @property
    def url(self) -> str:
        """Where alerts are sent to."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/alerts"

    def take(self, body: bytes) -> None:
        """Keep one alert."""
        try:
            value = json.loads(body)
        except ValueError:
            return
        with self._lock:
            self._came.append(value)

    def taken(self) -> list[dict[str, Any]]:
        """What came since the last call."""
        with self._lock:
            came, self._came = self._came, []
        return came

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)
