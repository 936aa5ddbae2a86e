"""Asking Cloud Logging for entries, page by page over gRPC: each call bounded, tried again where that helps, and explained."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from collectors.base import SourceUnreadable
from collectors.gcp import Credentials
from collectors.http import ApiError, Kind
from collectors.rate import Rate

SCOPE: Final = "https://www.googleapis.com/auth/logging.read"
HOST: Final = "logging.googleapis.com"
PAGE: Final = 1000
MAX_MESSAGE: Final = 64 * 1024 * 1024
"""Bytes of one page; gRPC's own default of 4 MiB is less than 1000 entries may have."""
MAX_PAGES: Final = 100_000
FIRST_WAIT: Final = 1.0
LONGEST_WAIT: Final = 120.0
_KINDS: Final[dict[str, Kind]] = {
    "PERMISSION_DENIED": "denied",
    "UNAUTHENTICATED": "credentials",
    "RESOURCE_EXHAUSTED": "throttled",
    "NOT_FOUND": "missing",
    "INVALID_ARGUMENT": "refused",
    "FAILED_PRECONDITION": "refused",
    "OUT_OF_RANGE": "refused",
    "UNIMPLEMENTED": "nonsense",
    "UNAVAILABLE": "unreachable",
    "DEADLINE_EXCEEDED": "unreachable",
    "CANCELLED": "unreachable",
}
_AGAIN: Final = frozenset(
    {"RESOURCE_EXHAUSTED", "UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "UNKNOWN", "ABORTED", "CANCELLED"}
)
_TOO_LARGE: Final = "larger than max"
_PLUGIN: Final = "metadata from plugin failed"


class PageTooLarge(Exception):
    """A page exceeds MAX_MESSAGE: fewer entries must be asked for at once."""


@dataclass(slots=True)
class Logging:
    """Cloud Logging at `endpoint` (host:port; None: Google's). `insecure`: in clear and without credentials, to this machine."""

    credentials: Credentials
    endpoint: str | None = None
    insecure: bool = False
    tries: int = 5
    timeout: float = 60.0
    rate: Rate = field(default_factory=lambda: Rate(1.0))
    sleep: Callable[[float], None] = time.sleep
    _client: Any = field(default=None, init=False)

    @property
    def what(self) -> str:
        """Its name in sentences."""
        return f"Cloud Logging at {self.endpoint or HOST}"

    def who(self) -> str:
        """As whom it is read. Raises SourceUnreadable."""
        return f"nobody in particular, at {self.endpoint}" if self.insecure else self.credentials.who()

    def entries(self, resource: str, query: str, page: Callable[[int, int], None]) -> Iterator[Any]:
        """Yield every entry (protobuf's LogEntry) of `resource` that fits `query`, by timestamp.

        `page` is told of each page: entries, bytes. Raises ApiError; SourceUnreadable where there are no credentials.
        """
        token, seen, size = "", set[str](), PAGE
        while True:
            try:
                answer = self.ask(resource, query, size, token)
            except PageTooLarge as error:
                if size == 1:
                    raise ApiError(self.what, "nonsense", 0, f"an entry of more than {MAX_MESSAGE} bytes") from error
                size = max(1, size // 4)
                continue
            page(len(answer.entries), answer.ByteSize())
            yield from answer.entries
            token = answer.next_page_token
            if not token:
                return
            if token in seen or len(seen) >= MAX_PAGES:
                raise ApiError(self.what, "nonsense", 0, "pages that lead back to themselves")
            seen.add(token)

    def ask(self, resource: str, query: str, size: int, token: str = "") -> Any:
        """One page (protobuf's ListLogEntriesResponse), tried again as long as that helps. Raises as `entries`, PageTooLarge."""
        wait = FIRST_WAIT
        for number in range(1, self.tries + 1):
            self.rate.wait()
            try:
                return self._once(resource, query, size, token)
            except _Failed as failed:
                asked = failed.asked
                if failed.code not in _AGAIN or number == self.tries or (asked or 0.0) > LONGEST_WAIT:
                    raise self._explained(failed, resource) from failed
                self.sleep(max(asked or 0.0, random.uniform(wait / 2, wait)))  # noqa: S311  scatters callers, keeps no secret
            wait = min(wait * 2, LONGEST_WAIT)
        raise AssertionError("the last try returns or raises")

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.transport.close()
            self._client = None

    def _once(self, resource: str, query: str, size: int, token: str) -> Any:
        from google.api_core.exceptions import GoogleAPICallError
        from google.auth.exceptions import GoogleAuthError

        client = self._connected()
        asked = {
            "resource_names": [resource],
            "filter": query,
            "order_by": "timestamp asc",
            "page_size": size,
            "page_token": token,
        }
        try:
            pager = client.list_log_entries(request=asked, retry=None, timeout=self.timeout)
            answer = next(iter(pager.pages))
        except GoogleAPICallError as error:
            failed = _Failed.of(error)
            if failed.code == "RESOURCE_EXHAUSTED" and _TOO_LARGE in str(error.message):
                raise PageTooLarge from error
            if _PLUGIN in str(error.message):
                raise SourceUnreadable(
                    "Google gives no token for the credentials: renew them, or check network and proxy"
                ) from None
            raise failed from None  # what the other side wrote is not repeated
        except GoogleAuthError as error:
            raise SourceUnreadable(f"Google's credentials cannot be used ({type(error).__name__}): renew them") from None
        return type(answer).pb(answer)

    def _explained(self, failed: _Failed, resource: str) -> ApiError:
        if failed.reason == "SERVICE_DISABLED":
            return ApiError(self.what, "refused", 0, f"{failed.code}, {HOST} is not enabled in the project that calls it")
        kind = _KINDS.get(failed.code, "failing")
        asked = f", to wait {failed.asked:.0f} s" if failed.asked is not None else ""
        return ApiError(self.what, kind, 0, f"{failed.code}{asked}, {resource}")

    def _connected(self) -> Any:
        if self._client is None:
            import grpc  # type: ignore[import-untyped]
            from google.cloud.logging_v2.services.logging_service_v2 import LoggingServiceV2Client, transports

            transport = transports.LoggingServiceV2GrpcTransport
            options: Sequence[tuple[str, int]] = (("grpc.max_receive_message_length", MAX_MESSAGE),)
            if self.insecure:
                channel = grpc.insecure_channel(self.endpoint, options=[*options, ("grpc.enable_http_proxy", 0)])
            else:
                host = self.endpoint or HOST
                found, quota = self.credentials.found(), self.credentials.quota_project
                channel = transport.create_channel(host, credentials=found, quota_project_id=quota, options=options)
            self._client = LoggingServiceV2Client(transport=transport(channel=channel))
        return self._client


class _Failed(Exception):
    """A call that failed: the code's name, seconds that the other side asks for, the reason that it gives (a word)."""

    def __init__(self, code: str, asked: float | None, reason: str) -> None:
        super().__init__(code)
        self.code = code
        self.asked = asked
        self.reason = reason

    @classmethod
    def of(cls, error: Any) -> _Failed:
        """Read what google-api-core made of the status (google.rpc.RetryInfo, ErrorInfo)."""
        code = getattr(error.grpc_status_code, "name", "UNKNOWN")
        delays = [detail.retry_delay for detail in error.details or () if type(detail).__name__ == "RetryInfo"]
        asked = max(0.0, delays[0].seconds + delays[0].nanos / 1e9) if delays else None
        return cls(code, asked, str(error.reason or ""))
