"""Log entries of Google Cloud as the REST API writes them: protobuf's JSON, with what an Any holds decoded.

An Any whose type is not known here keeps its bytes as base64 under `value`, beside its `@type`. Members that this version of the
message types does not know are kept too: the whole of what held them stands as base64 under `_wire`.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from collectors.gcp import account_of
from collectors.json_text import render
from collectors.unreadable import Unreadable

WIRE: Final = "_wire"
_AUDIT: Final = "google.cloud.audit.AuditLog"
MICROS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: `id` is made of logName, timestamp and insertId; times in microseconds."""

    id: str
    log: str
    account: str
    time: int
    received: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Decoder:
    """Makes entries of protobuf's LogEntry; loads the message types of what audit logs hold."""

    json_format: Any
    audit_log: Any
    decode_error: type[Exception]

    @classmethod
    def load(cls) -> Decoder:
        """Import what is needed, and what must be known to decode it."""
        from google.cloud.audit import audit_log_pb2  # type: ignore[import-untyped]
        from google.iam.v1.logging import audit_data_pb2  # type: ignore[import-untyped]  # noqa: F401
        from google.protobuf import json_format, message  # type: ignore[import-untyped]
        from google.rpc import error_details_pb2  # type: ignore[import-untyped]  # noqa: F401

        return cls(json_format, audit_log_pb2.AuditLog, message.DecodeError)

    def entry(self, raw: Any) -> Entry:
        """Decode one. Raises Unreadable with the reason; `raw.SerializeToString()` is then what there is to keep."""
        if not raw.HasField("timestamp") or not raw.log_name:
            raise Unreadable("is no audit log entry: it has no timestamp or no logName")
        try:
            content = self._entry(raw)
            payload = render(content)
        except (self.json_format.Error, self.decode_error, TypeError, ValueError, RecursionError) as error:
            raise Unreadable(f"cannot be written as JSON ({type(error).__name__})") from error
        stamp = content["timestamp"]
        name = raw.insert_id or hashlib.sha256(payload).hexdigest()
        id_ = hashlib.sha256("\0".join((raw.log_name, stamp, name)).encode()).hexdigest()
        return Entry(id_, raw.log_name, account_of(raw.log_name), micros(raw.timestamp), micros(raw.receive_timestamp), payload)

    def _entry(self, raw: Any) -> dict[str, Any]:
        own = type(raw)()
        own.CopyFrom(raw)
        own.ClearField("proto_payload")
        content = self._message(own)
        if raw.HasField("proto_payload"):
            content["protoPayload"] = self._any(raw.proto_payload)
        return content

    def _message(self, message: Any) -> dict[str, Any]:
        """A message as an object. What its type does not know is kept as bytes."""
        content: dict[str, Any] = self.json_format.MessageToDict(message)
        known = type(message)()
        known.CopyFrom(message)
        known.DiscardUnknownFields()
        if known.ByteSize() != message.ByteSize():
            content[WIRE] = _base64(message.SerializeToString(deterministic=True))
        return content

    def _any(self, value: Any) -> dict[str, Any]:
        if value.type_url.rpartition("/")[2] == _AUDIT:
            try:
                return {"@type": value.type_url, **self._audit(self.audit_log.FromString(value.value))}
            except (self.decode_error, self.json_format.Error, TypeError, ValueError):
                return _opaque(value)
        try:
            found: dict[str, Any] = self.json_format.MessageToDict(value)
        except (self.decode_error, self.json_format.Error, TypeError, ValueError):
            return _opaque(value)
        return found

    def _audit(self, audit: Any) -> dict[str, Any]:
        """An AuditLog; what it holds in an Any is decoded by itself, so that one unknown type does not hide the rest."""
        service = [self._any(audit.service_data)] if audit.HasField("service_data") else []
        details = [self._any(detail) for detail in audit.status.details]
        audit.ClearField("service_data")
        if details:
            del audit.status.details[:]
        content = self._message(audit)
        if service:
            content["serviceData"] = service[0]
        if details:
            content.setdefault("status", {})["details"] = details
        return content


def kept_part(raw: Any) -> tuple[str, int]:
    """(account, time in microseconds) of an entry that could not be decoded, as far as it says them."""
    return (account_of(raw.log_name) if raw.log_name else "", micros(raw.timestamp))


def log_of(name: str) -> str:
    """The last words of a logName: activity, data_access."""
    return unquote(name).rpartition("/")[2]


def micros(stamp: Any) -> int:
    """Microseconds since 1970 of a protobuf Timestamp, rounded down."""
    return int(stamp.seconds) * MICROS + int(stamp.nanos) // 1000


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _opaque(value: Any) -> dict[str, Any]:
    """An Any that cannot be decoded: nothing of it is lost."""
    return {"@type": value.type_url, "value": _base64(value.value)}
