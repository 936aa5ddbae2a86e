"""What the SDK hands out, in one form that does not change while nothing changes.

Names and nesting stay AWS's own. Times become RFC 3339 in UTC. Lists are sorted, for AWS promises no order in most of them;
policy documents and what stands under an `ordered` name keep theirs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final
from urllib.parse import unquote

from collectors.json_text import render, strict
from collectors.unreadable import Unreadable

DOCUMENTS: Final = frozenset({"PolicyDocument", "AssumeRolePolicyDocument", "Document"})
"""Names under which AWS hands out a policy, as text (of IAM percent-encoded) or decoded by the SDK."""
MAX_DOCUMENT: Final = 1024 * 1024


def plain(value: Any, ordered: Collection[str] = (), documents: Collection[str] = DOCUMENTS) -> Any:
    """Return the value made of JSON's types. Raises RecursionError for what is nested without end (it never is)."""
    if isinstance(value, Mapping):
        return {str(key): _member(str(key), item, ordered, documents) for key, item in value.items() if key != "ResponseMetadata"}
    if isinstance(value, list | tuple | set | frozenset):
        return sorted((plain(item, ordered, documents) for item in value), key=render)
    return _scalar(value)


def _member(key: str, value: Any, ordered: Collection[str], documents: Collection[str]) -> Any:
    if key in documents and not isinstance(value, str):
        return _as_it_stands(value)
    if key in ordered and isinstance(value, list | tuple):
        return [plain(item, ordered, documents) for item in value]
    return plain(value, ordered, documents)


def _as_it_stands(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _as_it_stands(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_it_stands(item) for item in value]
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, datetime):
        return moment(value)
    return value.isoformat() if isinstance(value, date) else value


def moment(value: datetime) -> str:
    """RFC 3339 in UTC, with the fraction of a second that it has; without an offset it is UTC already."""
    known = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    return known.astimezone(UTC).isoformat().replace("+00:00", "Z")


def day(value: Any) -> Any:
    """The UTC day's beginning of a time (datetime or RFC 3339 text in UTC), for times that move by themselves; else as it is."""
    if isinstance(value, datetime):
        value = moment(value)
    if isinstance(value, str) and len(value) >= 20 and value[10] == "T":
        return f"{value[:10]}T00:00:00Z"
    return value


def document(text: str) -> Any:
    """The value of a policy's text, percent-encoded or not. Raises Unreadable."""
    if len(text) > MAX_DOCUMENT:
        raise Unreadable("is larger than a policy can be")
    bare = text if text.lstrip()[:1] in ("{", "[") else unquote(text, errors="strict")
    return strict(bare.encode("utf-8", "surrogatepass"))
