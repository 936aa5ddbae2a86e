"""A small Cloud Logging over gRPC on the loopback address: ListLogEntries with its filter, its order, its pages and its habits.

As the real one it adds `timestamp >= now - 24h` to a filter that does not bound timestamp, answers pages whose tokens live 24
hours and belong to one question, and knows resources that nobody may read. Of the filter's language it understands comparisons
joined by AND, of logName with alternatives in parentheses; anything else is INVALID_ARGUMENT.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from store.times import parse_time

SERVICE: Final = "google.logging.v2.LoggingServiceV2"
DAY: Final = 86_400.0
MAX_PAGE: Final = 1000
_TERM: Final = re.compile(r'(logName|timestamp|receiveTimestamp) *(>=|<=|=|>|<) *(\((?:"[^"]*"(?: OR )?)+\)|"[^"]*")')
_TESTS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    "=": lambda a, b: a == b,
}


class Refused(Exception):
    """The call ends with a status: the code's name, and what it says."""

    def __init__(self, code: str, said: str = "", trailers: tuple[tuple[str, bytes], ...] = ()) -> None:
        super().__init__(said)
        self.code = code
        self.said = said
        self.trailers = trailers


@dataclass(frozen=True, slots=True)
class Call:
    """One call: its number (from 0) since the start, and what was asked."""

    number: int
    resources: tuple[str, ...]
    filter: str
    token: str


@dataclass(slots=True)
class _Place:
    """What a page token stands for."""

    question: tuple[tuple[str, ...], str, str]
    at: int
    made: float


@dataclass(slots=True)
class GcpLoggingServer:
    """Context manager: a server at `.address` (host:port).

    `clock`: what time it has (seconds). `before` is told of each call and may raise Refused; `after` may change the bytes of an
    answer, or raise it too. `denied`: resources that nobody may read. `page`: entries that a page holds at most.
    """

    clock: Callable[[], float] = time.time
    before: Callable[[Call], None] = lambda _call: None
    after: Callable[[Call, bytes], bytes] = lambda _call, data: data
    page: int = MAX_PAGE
    denied: set[str] = field(default_factory=set)
    calls: list[Call] = field(default_factory=list)
    port: int = field(default=0, init=False)
    _entries: dict[tuple[str, float, str], Any] = field(default_factory=dict, init=False)
    _tokens: dict[str, _Place] = field(default_factory=dict, init=False)
    _lock: Any = field(default_factory=threading.RLock, init=False)
    _server: Any = field(default=None, init=False)

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    def put(self, log_name: str, *, stamped: float, received: float | None = None, insert_id: str = "", **content: Any) -> Any:
        """Take one entry (members of LogEntry in `content`); returns protobuf's LogEntry, which may be changed.

        Times are seconds. One with the same logName, timestamp and insertId replaces the first, as the real one does.
        """
        from google.cloud.logging_v2.types import LogEntry

        with self._lock:
            name = insert_id or f"i{len(self._entries):08d}"
            entry = LogEntry.pb(LogEntry(log_name=log_name, insert_id=name, **content))
            entry.timestamp.FromMicroseconds(round(stamped * 1e6))
            entry.receive_timestamp.FromMicroseconds(round((self.clock() if received is None else received) * 1e6))
            self._entries[(log_name, stamped, name)] = entry
            return entry

    def clear(self) -> None:
        """Everything goes."""
        with self._lock:
            self._entries.clear()

    def __enter__(self) -> Self:
        import grpc  # type: ignore[import-untyped]
        from google.cloud.logging_v2.types import ListLogEntriesRequest

        handler = grpc.unary_unary_rpc_method_handler(self._answer, ListLogEntriesRequest.deserialize, lambda data: data)
        self._server = grpc.server(ThreadPoolExecutor(4, "gcp-logging"), options=[("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"ListLogEntries": handler}),))
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.stop(grace=None).wait(10)

    def _answer(self, request: Any, context: Any) -> bytes:
        import grpc

        with self._lock:
            call = Call(len(self.calls), tuple(request.resource_names), request.filter, request.page_token)
            self.calls.append(call)
            try:
                self.before(call)
                return self.after(call, self._listed(request))
            except Refused as refused:
                context.set_trailing_metadata(refused.trailers)
                context.abort(grpc.StatusCode[refused.code], refused.said)
                raise AssertionError("abort raises") from refused

    def _listed(self, request: Any) -> bytes:
        from google.cloud.logging_v2.types import ListLogEntriesResponse

        question = (tuple(request.resource_names), request.filter, request.order_by)
        at = self._place(request.page_token, question)
        found = self._found(*question)
        size = max(1, min(self.page, request.page_size or 50, MAX_PAGE))
        answer = ListLogEntriesResponse.pb(ListLogEntriesResponse())
        answer.entries.extend(found[at : at + size])
        if at + size < len(found):
            answer.next_page_token = f"t{len(self._tokens)}"
            self._tokens[answer.next_page_token] = _Place(question, at + size, self.clock())
        data: bytes = answer.SerializeToString()
        return data

    def _place(self, token: str, question: tuple[tuple[str, ...], str, str]) -> int:
        if not token:
            return 0
        place = self._tokens.get(token)
        if place is None or place.question != question or self.clock() - place.made > DAY:
            raise Refused("INVALID_ARGUMENT", "page_token doesn't match arguments from the request")
        return place.at

    def _found(self, resources: tuple[str, ...], text: str, order: str) -> list[Any]:
        if not resources or order not in ("", "timestamp asc", "timestamp desc"):
            raise Refused("INVALID_ARGUMENT", "resource_names and order_by must be valid")
        if self.denied.intersection(resources):
            raise Refused("PERMISSION_DENIED", "The caller does not have permission")
        terms = list(_terms(text))
        if not any(name == "timestamp" for name, _, _ in terms):
            terms.append(("timestamp", ">=", (round((self.clock() - DAY) * 1e6),)))
        found = [entry for entry in self._entries.values() if _within(entry, resources) and _fits(entry, terms)]
        key = lambda entry: (entry.timestamp.seconds, entry.timestamp.nanos, entry.insert_id)  # noqa: E731
        return sorted(found, key=key, reverse=order == "timestamp desc")


def _terms(text: str) -> Iterable[tuple[str, str, tuple[Any, ...]]]:
    """The comparisons of a filter: name, operator, alternatives; times as microseconds."""
    rest = text.strip()
    while rest:
        found = _TERM.match(rest)
        if found is None:
            raise Refused("INVALID_ARGUMENT", "Unparseable filter")
        values = re.findall(r'"([^"]*)"', found[3])
        try:
            yield found[1], found[2], tuple(values if found[1] == "logName" else map(parse_time, values))
        except ValueError as error:
            raise Refused("INVALID_ARGUMENT", "Unparseable filter") from error
        rest = rest[found.end() :]
        if rest and not rest.startswith(" AND "):
            raise Refused("INVALID_ARGUMENT", "Unparseable filter")
        rest = rest.removeprefix(" AND ")


def _within(entry: Any, resources: tuple[str, ...]) -> bool:
    """Is it of one of the resources themselves? Entries of a folder's projects are not the folder's."""
    return any(entry.log_name.startswith(f"{resource}/logs/") for resource in resources)


def _fits(entry: Any, terms: Iterable[tuple[str, str, tuple[Any, ...]]]) -> bool:
    values: Mapping[str, Any] = {
        "logName": entry.log_name,
        "timestamp": entry.timestamp.ToMicroseconds(),
        "receiveTimestamp": entry.receive_timestamp.ToMicroseconds(),
    }
    return all(any(_TESTS[sign](values[name], wanted) for wanted in alternatives) for name, sign, alternatives in terms)
