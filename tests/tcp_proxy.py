"""A TCP proxy that cuts connections at a chosen moment: around a COMMIT, or all of them at once.

`with TcpProxy(port) as proxy:` listens on `proxy.port` and passes everything on. What is cut is reset on both sides.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from dataclasses import dataclass
from typing import Final, Literal

When = Literal["before", "after"]
"""Before the words reach the server, or after the server has answered them and before the answer reaches the client."""
_SIZE: Final = 1 << 16


@dataclass
class Cut:
    """The `nth` time that a client says `words`, its connection is cut. `done` is set when that has happened."""

    when: When
    words: bytes
    nth: int
    done: threading.Event


class TcpProxy:
    """Passes connections on to a port of this machine."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._cut: Cut | None = None
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._open = threading.Event()
        self._open.set()
        self._refuse = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> TcpProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut_all()

    def cut(self, when: When, words: bytes = b"COMMIT", nth: int = 1) -> threading.Event:
        """Cut the connection whose client says `words` for the `nth` time from now on; returns what is set then."""
        with self._lock:
            self._cut = Cut(when, words, nth, threading.Event())
            return self._cut.done

    def cut_all(self) -> None:
        """Cut every connection now."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            self._reset(pair)

    def refuse(self, refusing: bool) -> None:
        """Take no new connections (as a server that is down), or take them again."""
        self._refuse = refusing

    def hold(self) -> None:
        """Pass nothing on, as a network that lost both directions; nobody is told."""
        self._open.clear()

    def go_on(self) -> None:
        """Pass on what was held, and everything after it."""
        self._open.set()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._refuse:
                _reset(client)
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._target), timeout=30)
            except OSError:
                _reset(client)
                continue
            server.settimeout(None)
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _Passage(self, client, server).start()

    def _reset(self, pair: tuple[socket.socket, socket.socket]) -> None:
        with self._lock:
            self._pairs.discard(pair)
        for end in pair:
            _reset(end)


class _Passage:
    """One connection: a thread for each direction."""

    def __init__(self, proxy: TcpProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._after: Cut | None = None

    def start(self) -> None:
        with self._proxy._lock:
            self._proxy._pairs.add((self._client, self._server))
        for target in (self._up, self._down):
            threading.Thread(target=target, daemon=True).start()

    def _up(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._client.recv(_SIZE):
                self._proxy._open.wait()
                cut = self._due(data)
                if cut is not None and cut.when == "before":
                    self._end(cut)
                    return
                self._after = cut or self._after
                self._server.sendall(data)
        self._end(self._after)  # who hung up before the answer has cut it too

    def _down(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._server.recv(_SIZE):
                self._proxy._open.wait()
                if self._after is not None:
                    self._end(self._after)
                    return
                self._client.sendall(data)
        self._end(self._after)  # who hung up before the answer has cut it too

    def _due(self, data: bytes) -> Cut | None:
        """The cut that is due with these bytes. Short statements come in one piece."""
        with self._proxy._lock:
            cut = self._proxy._cut
            if cut is None or cut.words not in data:
                return None
            cut.nth -= 1
            if cut.nth:
                return None
            self._proxy._cut = None
            return cut

    def _end(self, cut: Cut | None) -> None:
        self._proxy._reset((self._client, self._server))
        if cut is not None:
            cut.done.set()


def _reset(end: socket.socket) -> None:
    """Close with a reset; wakes up who reads from it."""
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
