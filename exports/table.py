"""index.csv: one row per selected item of evidence, for people and their spreadsheets (docs/bundle.md, "index.csv")."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

COLUMNS: Final = (
    "index",
    "event_time",
    "collected_at",
    "recorded_at",
    "source",
    "type",
    "id",
    "subject",
    "account",
    "region",
    "controls",
    "mappings",
    "reason",
    "window",
    "media_type",
    "payload_size",
    "payload_sha256",
    "payload_file",
)
HEADER: Final = "\ufeff" + ",".join(f'"{name}"' for name in COLUMNS) + "\r\n"
"""The byte order mark makes spreadsheets read UTF-8."""

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_PLAIN: Final = re.compile("(?:[A-Za-z0-9][A-Za-z0-9._:/-]*)?")
"""Most cells: nothing here can run, and it needs no other look."""

_RUNS: Final = re.compile('(^|[\t\r\n;,|"])( *[=+\\-@\uff1d\uff0b\uff0d\uff20])')


def cell(text: str) -> str:
    """One cell, quoted. What a spreadsheet would run gets a leading apostrophe, also behind what it may take for a separator.

    Control characters, and those that reverse the direction of text, become U+FFFD. The exact text stands in details.jsonl.
    """
    if _PLAIN.fullmatch(text):
        return f'"{text}"'
    if text[:1] in ("\t", "\r", "\n"):
        text = "'" + text
    text = _CONTROL.sub("\ufffd", _RUNS.sub(r"\1'\2", text))
    return '"' + text.replace('"', '""') + '"'


def evidence_row(
    index: int, entry: Mapping[str, Any], detail: Mapping[str, Any] | None, payload_sha256: str, payload_file: str
) -> bytes:
    """A row. `detail` is None, and the last two are "", where the bytes were erased."""
    tags: Iterable[Mapping[str, Any]] = detail["tags"] if detail else ()
    values = {
        **{name: entry[name] for name in ("event_time", "collected_at", "recorded_at", "source", "window")},
        **{name: (detail or {}).get(name, "") for name in ("id", "subject", "account", "region")},
        "index": str(index),
        "type": entry["event_type"],
        "controls": " ".join(entry["controls"]),
        "mappings": " ".join(tag["mapping"] for tag in tags),
        "reason": " / ".join(tag["reason"] for tag in tags),
        "media_type": entry["payload"]["media_type"],
        "payload_size": str(entry["payload"]["size"]),
        "payload_sha256": payload_sha256,
        "payload_file": payload_file,
    }
    return (",".join(cell(values[name]) for name in COLUMNS) + "\r\n").encode()
