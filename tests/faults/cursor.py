"""I2: a cursor is never ahead of durable data."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterable
from pathlib import Path

from store.records import Event
from tests.faults.observe import Tables
from tests.faults.world import Installation, pending


def record_ids(path: Path) -> list[str]:
    """The ids of the whole records of a file; those that cannot be had need not be there."""
    try:
        found = json.loads(gzip.decompress(path.read_bytes()))["Records"]
    except (EOFError, OSError, ValueError, zlib.error):
        return []
    return [record["eventID"] for record in found if isinstance(record, dict) and "eventTime" in record]


def check_cursor(installation: Installation) -> int:
    """Every record of every file that the cursor has passed is in the store, or in the stream behind the store's position.

    Returns how many records were looked for.
    """
    if not installation.store.exists():
        return 0
    tables = Tables(installation.store)
    if not tables.rows("select 1 from sqlite_master where name = 'source'"):
        return 0
    found = tables.rows("select cursor_end from source where name = 'trail'")
    end = found[0]["cursor_end"] if found else None
    if end is None:
        return 0
    positions = {row["partition"]: row["position"] for row in tables.rows("select * from position")}
    return check_known(tables, installation.files, end, pending(installation.stream, positions))


def check_known(tables: Tables, files: Path, end: int, waiting: Iterable[Event]) -> int:
    """The same for a cursor that stands at `end`, with the events that wait in the stream."""
    key = tables.one("select value from meta where name = 'seen_key'")
    seen = {row["key"] for row in tables.rows("select key from seen")}
    passed = {row["key"] for row in tables.rows("select key from passed")}
    salt = int.from_bytes(hashlib.blake2b(b"trail", digest_size=8).digest(), "big", signed=True)
    ids = {event.id for event in waiting}
    looked = 0
    for path in files.rglob("*.json.gz"):
        if path.stat().st_mtime_ns // 1000 <= end:
            for id_ in record_ids(path):
                looked += 1
                digest = hashlib.blake2b(b"\0" + id_.encode(), digest_size=16, key=key).digest()
                mark = int.from_bytes(digest[:8], "big", signed=True) ^ salt
                known = digest in seen or mark in passed or id_ in ids
                assert known, f"I2: {id_} of {path.name} is behind the cursor and nowhere"
    return looked
