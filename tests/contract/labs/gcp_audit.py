"""Audit logs of two projects in a small Cloud Logging that speaks gRPC, with pages of two entries."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from google.cloud.audit.audit_log_pb2 import AuditLog
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from attestream.demo.servers.gcp_logging import Call, GcpLoggingServer, Refused
from store.times import format_time
from tests.contract.front import How
from tests.contract.labs.base import Lab

SAID = "ya29.canary-token-in-an-error"
HOUR = 3600.0


def log(resource: str, name: str = "activity") -> str:
    return f"{resource}/logs/cloudaudit.googleapis.com%2F{name}"


def packed(message: Any) -> AnyMessage:
    found = AnyMessage()
    found.Pack(message)
    return found


def audit(method: str = "SetIamPolicy", **content: Any) -> AnyMessage:
    return packed(AuditLog(service_name="cloudresourcemanager.googleapis.com", method_name=method, **content))


def refusal(code: str, *details: Any, said: str = SAID) -> Refused:
    """A status with details, as Google's servers send them."""
    import grpc

    status = Status(code=grpc.StatusCode[code].value[0], message=said, details=[packed(detail) for detail in details])
    return Refused(code, said, (("grpc-status-details-bin", status.SerializeToString()),))


def wait(seconds: float) -> RetryInfo:
    found = RetryInfo()
    found.retry_delay.FromMilliseconds(round(seconds * 1000))
    return found


class Logs:
    """See Lab."""

    secrets: tuple[str, ...] = (SAID,)

    def __init__(self, server: GcpLoggingServer) -> None:
        self.server, self.number, self.start = server, 0, 0
        server.page = 2
        self.settings: Mapping[str, Any] = {
            "name": "google",
            "type": "gcp-audit",
            "endpoint": server.address,
            "insecure": True,
            "resources": ["projects/shop-prod", "organizations/123456789"],
            "since": format_time(int((time.time() - 6 * HOUR) * 1e6)),
            "max_attempts": 1,
            "requests_per_second": 1000,
            "read_timeout": 120,
        }
        for ago in (5 * HOUR, HOUR, HOUR, 600.0):
            self.more(ago)
        self.more(1800.0, "organizations/123456789")

    def more(self, ago: float = 0.0, resource: str = "projects/shop-prod", **content: Any) -> None:
        self.number += 1
        at = self.server.clock() - ago
        name = f"n{self.number}"
        self.server.put(log(resource), stamped=at - 5, received=at, insert_id=name, proto_payload=audit(**content))

    def empty(self) -> None:
        self.server.clear()

    def hostile(self, text: str) -> bool:
        try:
            text.encode()
        except UnicodeEncodeError:
            return False  # protobuf holds no such text
        self.more(resource_name=text)
        return True

    def requests(self) -> int:
        return len(self.server.calls) - self.start

    def break_one(self, number: int, how: How) -> None:
        broken: set[tuple[Any, ...]] = set()

        def breaks(call: Call) -> bool:
            key = (call.resources, call.filter, call.token)
            if call.number - self.start == number:
                broken.add(key)
            return key in broken

        self._break(breaks, how)

    def break_from(self, number: int, how: How) -> None:
        self._break(lambda call: call.number - self.start >= number, how)

    def heal(self) -> None:
        self.start = len(self.server.calls)
        self.server.before, self.server.after = (lambda _call: None), (lambda _call, data: data)

    def _break(self, breaks: Any, how: How) -> None:
        codes = {
            "denied": ("PERMISSION_DENIED", ErrorInfo(reason="IAM_PERMISSION_DENIED", domain="logging.googleapis.com")),
            "throttled": ("RESOURCE_EXHAUSTED", wait(0)),
            "failing": ("INTERNAL",),
            "cut": ("UNAVAILABLE",),
        }

        def after(call: Call, data: bytes) -> bytes:
            if not breaks(call):
                return data
            if how == "nonsense":
                return b"<html>Sign in</html>"
            raise refusal(*codes[how])

        self.server.after = after


@contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    with GcpLoggingServer() as server:
        yield Logs(server)
