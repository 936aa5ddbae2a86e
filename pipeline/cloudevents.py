"""Events as CloudEvents 1.0: JSON, and the headers of Kafka records (github.com/cloudevents/spec, json-format.md and
kafka-protocol-binding.md, binary mode).

Beside the core attributes stand four extension attributes: account, region, window, collectedat. An empty one is left out.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, NoReturn

from pipeline.errors import CodecError
from store.errors import InvalidTime
from store.records import Event
from store.text import clean_attribute, is_clean_attribute
from store.times import format_time, parse_time

_JSON: Final = "application/json"
_CE: Final = "ce_"
_CONTENT_TYPE: Final = "content-type"
_ATTRIBUTES: Final = frozenset(
    {"specversion", "source", "id", "type", "time", "window", "collectedat", "subject", "account", "region"}
)
Headers = list[tuple[str, bytes]]
"""Of a Kafka record. A name may stand twice, a value may be None."""


def to_cloudevents(event: Event, *, readable: bool = False) -> dict[str, Any]:
    """Return the event as a JSON object of CloudEvents 1.0, its attributes clean.

    The payload is `data_base64`. With `readable` it is `data`, a JSON value, wherever that loses nothing: a JSON payload
    without insignificant space, duplicate keys or numbers that would be written otherwise. Raises CodecError for a time
    outside 1970..9999.
    """
    document = _attributes(event)
    if readable and event.media_type == _JSON:
        try:
            return document | {"data": _exact(event.payload)}
        except ValueError:
            pass
    return document | {"data_base64": base64.b64encode(event.payload).decode("ascii")}


def to_headers(event: Event) -> Headers:
    """Return the headers of a Kafka record whose value is the payload. Raises CodecError as `to_cloudevents` does."""
    document = _attributes(event)
    content_type = document.pop("datacontenttype")
    headers = [(_CE + name, value.encode()) for name, value in document.items()]
    return [*headers, (_CONTENT_TYPE, content_type.encode())]


def is_binary(headers: Iterable[tuple[str, bytes | None]]) -> bool:
    """Whether a Kafka record says by its headers that it is a CloudEvent in binary mode."""
    return any(name == "ce_specversion" for name, _ in headers)


def from_headers(headers: Iterable[tuple[str, bytes | None]], payload: bytes) -> Event:
    """Read a Kafka record in binary mode; attributes that are not ours are passed over. Raises CodecError."""
    document: dict[str, Any] = {}
    for name, value in headers:
        known = name.removeprefix(_CE) if name.startswith(_CE) else "datacontenttype" if name == _CONTENT_TYPE else ""
        if known not in _ATTRIBUTES and known != "datacontenttype":
            continue
        if known in document or value is None:
            raise CodecError(f"{name}: stands twice, or without a value")
        try:
            document[known] = value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise CodecError(f"{name}: not UTF-8") from error
    return _event(document, payload)


def from_cloudevents(document: Mapping[str, Any]) -> Event:
    """Read a CloudEvents 1.0 JSON object; extension attributes that are not ours are passed over.

    Raises CodecError that names the attribute, for a missing, wrongly typed or unclean one, and for no or two payloads.
    """
    return _event(document, None)


def _attributes(event: Event) -> dict[str, str]:
    """All attributes by their names, clean. Raises CodecError for a time outside 1970..9999."""
    try:
        document = {
            "specversion": "1.0",
            "id": clean_attribute(event.id),
            "source": clean_attribute(event.source),
            "type": clean_attribute(event.type),
            "time": format_time(event.time),
            "datacontenttype": clean_attribute(event.media_type),
        }
        if event.collected_at:
            document["collectedat"] = format_time(event.collected_at)
    except InvalidTime as error:
        raise CodecError(f"event {event.id!r} of {event.source!r}: {error}") from error
    if event.subject is not None:
        document["subject"] = clean_attribute(event.subject)
    for name, value in (("account", event.account), ("region", event.region), ("window", event.window)):
        if value:
            document[name] = clean_attribute(value)
    return document


def _event(document: Mapping[str, Any], payload: bytes | None) -> Event:
    """The event of attributes by their names; its payload is among them where none is given."""
    if document.get("specversion") != "1.0":
        raise CodecError("specversion: CloudEvents 1.0 is expected")
    return Event(
        source=_text(document, "source", required=True),
        id=_text(document, "id", required=True),
        type=_text(document, "type", required=True),
        time=_time(document, "time", required=True),
        payload=_payload(document) if payload is None else payload,
        window=_text(document, "window"),
        collected_at=_time(document, "collectedat"),
        subject=_text(document, "subject") if "subject" in document else None,
        account=_text(document, "account"),
        region=_text(document, "region"),
        media_type=_text(document, "datacontenttype") if "datacontenttype" in document else _JSON,
    )


def _text(document: Mapping[str, Any], name: str, *, required: bool = False) -> str:
    value = document.get(name, "")
    if not isinstance(value, str) or not is_clean_attribute(value):
        raise CodecError(f"{name}: not a text of at most 512 bytes without NUL")
    if required and not value:
        raise CodecError(f"{name}: missing or empty")
    return value


def _time(document: Mapping[str, Any], name: str, *, required: bool = False) -> int:
    text = _text(document, name, required=required)
    try:
        return parse_time(text) if text else 0
    except InvalidTime as error:
        raise CodecError(f"{name}: {error}") from error


def _payload(document: Mapping[str, Any]) -> bytes:
    if ("data" in document) == ("data_base64" in document):
        raise CodecError("data: exactly one of data and data_base64 is expected")
    try:
        if "data" in document:
            return _compact(document["data"])
        return base64.b64decode(document["data_base64"], validate=True)
    except (ValueError, TypeError, RecursionError, binascii.Error) as error:
        raise CodecError(f"data: cannot be read as JSON or base64: {error}") from error


def _compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _exact(payload: bytes) -> Any:
    """Return the payload as the JSON value from which `_compact` makes the same bytes; ValueError where it would not."""

    def refuse(name: str) -> NoReturn:
        raise ValueError(f"not JSON: {name}")

    try:
        value = json.loads(payload.decode("utf-8"), parse_constant=refuse)
        if _compact(value) == payload:
            return value
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    raise ValueError("would not be written the same again")
