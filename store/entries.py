"""Entries: the small metadata records that the log commits to, and their two committed parts (docs/entry.md).

An entry is canonical JSON (RFC 8785: ASCII keys in order, strings, integers, arrays, objects), at most 8 KiB. `detail` and
`payload` stand in it as commitments only: SHA-256(salt || bytes) with 16 random bytes of salt each, so that bytes can be erased
and nobody can guess them from what is left.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from store.errors import StoreError, VerificationError
from store.records import Counts, OwnEntry, WindowRecord
from store.times import format_time

MAX_ENTRY: Final = 8192
SALT: Final = 16
JSON: Final = "application/json"


class Committed(msgspec.Struct, frozen=True, gc=False):
    """Bytes that an entry commits to, with their salt."""

    salt: bytes
    data: bytes
    media_type: str = JSON

    def field(self) -> dict[str, Any]:
        """The part of the entry that stands for these bytes."""
        return {"commit": commit(self.salt, self.data), "size": len(self.data), "media_type": self.media_type}


def committed(data: bytes, media_type: str = JSON) -> Committed:
    """Give `data` a salt of its own."""
    return Committed(os.urandom(SALT), data, media_type)


def commit(salt: bytes, data: bytes) -> str:
    """SHA-256(salt || data), hex."""
    return hashlib.sha256(salt + data).hexdigest()


def encode(fields: Mapping[str, Any]) -> bytes:
    """Canonical JSON of an entry. Raises StoreError over 8 KiB."""
    data = canonical(fields)
    if len(data) > MAX_ENTRY:
        raise StoreError(f"an entry of {len(data)} bytes is over the limit of {MAX_ENTRY}")
    return data


def canonical(value: Any) -> bytes:
    """RFC 8785 JSON for values of strings, integers, booleans, None, arrays and objects with ASCII keys."""
    return msgspec.json.encode(value, order="deterministic")


def decode(data: bytes, index: int) -> dict[str, Any]:
    """Read an entry back. Raises VerificationError when it is not the canonical form of an object."""
    if len(data) > MAX_ENTRY:
        raise VerificationError(f"entry {index} is over the limit of {MAX_ENTRY} bytes", index=index)
    try:
        value = msgspec.json.decode(data)
        same = canonical(value) == data
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError, TypeError) as error:
        raise VerificationError(f"entry {index} is not JSON of ours", index=index) from error
    if not isinstance(value, dict) or not same:
        raise VerificationError(f"entry {index} is not in canonical form", index=index)
    return value


def window_fields(record: WindowRecord, state: str, sets: Sequence[str], counts: Counts) -> dict[str, Any]:
    """Clear fields of a window entry. Covers that do not fit stand there by digest; the payload always has them."""
    covers = [
        {"part": c.part, "from": format_time(c.start), "to": format_time(c.end), "joins": c.joins, "bridge": c.bridge}
        for c in record.covers
    ]
    fields: dict[str, Any] = {
        "attempt": record.attempt,
        "kind": record.kind,
        "state": state,
        "asked": {"from": format_time(record.asked[0]), "to": format_time(record.asked[1])},
        "sets": sorted(sets),
        "counts": counts_json(counts),
    }
    if len(canonical(covers)) <= MAX_ENTRY // 2:
        fields["covers"] = covers
    else:
        fields["covers_sha256"] = hashlib.sha256(canonical(covers)).hexdigest()
    return fields


def counts_json(counts: Counts) -> dict[str, int]:
    """Counts as they are printed everywhere."""
    return {
        "collected": counts.collected,
        "evidence": counts.evidence,
        "unmatched": counts.unmatched,
        "duplicate": counts.duplicate,
        "dead_letter": counts.dead_letter,
    }


def own_fields(own: OwnEntry) -> dict[str, Any]:
    """Clear fields of an entry of our own."""
    return dict(own.fields)


def check_committed(field: Any, salt: bytes | None, data: bytes | None, index: int, name: str) -> None:
    """Check stored bytes against the commitment in an entry. Raises VerificationError."""
    if not isinstance(field, dict):
        raise VerificationError(f"entry {index} has bytes of a {name} that it does not commit to", index=index)
    if salt is None or data is None:
        what = "salt" if data is not None else "bytes"
        raise VerificationError(f"entry {index} lacks the {what} of its {name}, and no erasure says so: tampering", index=index)
    if len(data) != field.get("size") or commit(salt, data) != field.get("commit"):
        raise VerificationError(f"entry {index}: its {name} is not what it commits to", index=index)
