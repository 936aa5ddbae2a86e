"""One request to a checked URL: connects to the addresses that were checked and no others, in bounded time, following nothing.

httpcore2, the layer below httpx2: it has no redirects, proxies, cookies, decoding or environment that would have to be kept off.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpcore2

from alerts.base import Retry
from alerts.guard import Lookup, Target, resolve, system_lookup

CONNECT: Final = 5.0
TOTAL: Final = 15.0
MAX_ANSWER: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds for one connection, seconds for everything together, bytes of the answer's body that are read."""

    connect: float = CONNECT
    total: float = TOTAL
    answer: int = MAX_ANSWER


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `headers` by lower-case name; `body` is what was read of it."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Bounded(httpcore2.NetworkStream):
    """A stream on which nothing may be waited for beyond the deadline, byte by byte or otherwise."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def _left(self, timeout: float | None) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout("no time left")
        return left if timeout is None else min(left, timeout)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _Bounded(self._stream.start_tls(ssl_context, server_hostname, self._left(timeout)), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class Pinned(httpcore2.NetworkBackend):
    """Connects to the given addresses only, whatever host it is asked for, the first that answers."""

    def __init__(self, addresses: Sequence[str], deadline: float) -> None:
        self._addresses = addresses
        self._deadline = deadline
        self._sockets = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002  resolved already
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        last: Exception = httpcore2.ConnectTimeout("no time left")
        for address in self._addresses:
            left = self._deadline - time.monotonic()
            if left <= 0:
                break
            try:
                limit = left if timeout is None else min(left, timeout)
                stream = self._sockets.connect_tcp(address, port, limit, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                last = error
                continue
            return _Bounded(stream, self._deadline)
        raise last


def post(
    target: Target,
    headers: Mapping[str, str],
    body: bytes,
    *,
    tls: ssl.SSLContext | None = None,
    limits: Limits = Limits(),
    lookup: Lookup = system_lookup,
) -> Answer:
    """`request` by POST."""
    return request("POST", target, headers, body, tls=tls, limits=limits, lookup=lookup)


def request(
    method: str,
    target: Target,
    headers: Mapping[str, str],
    body: bytes,
    *,
    tls: ssl.SSLContext | None = None,
    limits: Limits = Limits(),
    lookup: Lookup = system_lookup,
) -> Answer:
    """Send `body` and return the answer, whatever its status. Raises Retry when there is none, Refused where it must not go.

    An answer that breaks off after its status is an answer.
    """
    # 1. The name is resolved once, and each of its addresses is checked.
    addresses = resolve(target, lookup)
    # 2. The connection is made to these addresses; the name is only what TLS and the Host header speak of.
    backend = Pinned(addresses, time.monotonic() + limits.total)
    url = httpcore2.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path)
    sent = [("Host", target.authority), *headers.items()]
    timeouts = {"connect": limits.connect, "read": limits.total, "write": limits.total, "pool": limits.connect}
    try:
        with (
            httpcore2.ConnectionPool(ssl_context=tls, network_backend=backend, max_connections=1, retries=0) as pool,
            pool.stream(method, url, headers=sent, content=body, extensions={"timeout": timeouts}) as response,
        ):
            # 3. Of the answer no more is read than is worth reading, and its redirects lead nowhere.
            fields = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            return Answer(response.status, fields, _read(response, limits.answer))
    except httpcore2.TimeoutException as error:
        raise Retry(f"{target.authority} did not answer in time") from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError, OSError) as error:
        raise Retry(f"{target.authority} could not be reached: {_reason(error)}") from error


def _read(response: httpcore2.Response, limit: int) -> bytes:
    body = bytearray()
    try:
        for chunk in response.iter_stream():
            body += chunk[: limit - len(body)]
            if len(body) >= limit:
                break
    except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError, OSError):
        pass  # its status is known
    return bytes(body)


def _reason(error: BaseException) -> str:
    """Why, in the words of the system or of TLS; nothing of the request is in them."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({cause.verify_message})"
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed ({cause.reason})"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
        inner = cause.args[0] if cause.args else None  # where httpcore2 keeps it when it has cut the chain
        cause = cause.__cause__ or (inner if isinstance(inner, BaseException) else None)
    return "the connection broke" if not isinstance(error, httpcore2.ProtocolError) else "what it answered is no HTTP"
