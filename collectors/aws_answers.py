"""Is it AWS that answered? A proxy's page with status 200 must not read as an empty list.

The SDK takes any well-formed XML, and for JSON services any text at all, for an answer in which every member is missing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from collectors.base import CollectorError

_ROOT: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?[^>]*>\s*|<!--.*?-->\s*)*<(?P<root>[!A-Za-z][\w:.-]*)", re.S)
_HEAD: Final = 4096
_NAMED: Final = ("query", "ec2")
"""Protocols in which the answer to Operation is an element OperationResponse."""
_ELSEWHERE: Final = ("header", "headers", "statusCode")
"""Where members stand that an answer's body does not hold."""
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class NoAnswer(CollectorError):
    """What came is not an answer to the operation; the message says what it is."""


def guard(client: Any) -> None:
    """Let a client raise botocore's ResponseParserError where what came with status 200 is no answer of the service."""
    client.meta.events.register("before-parse.*", _before_parse)


def _before_parse(operation_model: Any, response_dict: Mapping[str, Any], **_more: Any) -> None:
    from botocore.parsers import ResponseParserError

    body = response_dict["body"]
    shape = operation_model.output_shape
    if response_dict["status_code"] >= 300 or not isinstance(body, bytes) or operation_model.has_streaming_output:
        return
    if shape is None or not shape.members or operation_model.http.get("method") == "HEAD":
        return
    raw = bool(shape.serialization.get("payload")) and shape.members[shape.serialization["payload"]].type_name in (
        "string",
        "blob",
    )
    try:
        check(body, str(operation_model.service_model.resolved_protocol), str(operation_model.name), raw=raw)
    except NoAnswer as error:
        raise ResponseParserError(str(error)) from error


def check(body: bytes, protocol: str, operation: str, *, raw: bool = False) -> None:
    """Raise NoAnswer where `body` is no answer to `operation` over `protocol`. `raw`: the body is a text of somebody's own."""
    found = _ROOT.match(body[:_HEAD])
    root = found["root"].lower() if found else b""
    if root in (b"html", b"!doctype"):
        raise NoAnswer("a page of HTML")
    if raw:
        return
    if "json" in protocol:
        _json(body)
    elif protocol in _NAMED:
        if root.rpartition(b":")[2] != f"{operation}Response".lower().encode():
            raise NoAnswer(f"no {operation}Response")
    elif protocol == "rest-xml" and (not root or root.startswith(b"!")):
        raise NoAnswer("no XML")


def _json(body: bytes) -> None:
    try:
        _OBJECT.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        try:
            value = json.loads(body)  # as the SDK does; msgspec takes no lone surrogates
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise NoAnswer("no JSON object") from error
