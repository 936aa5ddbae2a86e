"""What a store says, read from its tables and bytes alone, in a form in which two stores can be compared.

Indexes, handles, salts and our own clock's times differ from run to run and are left out; nothing else is.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
import zstandard

from store.sqlite_driver import sqlite_module

Change = tuple[int, str]


@dataclass(frozen=True)
class Entry:
    """An entry with its bytes, as stored."""

    idx: int
    type: str
    recorded_at: int
    metadata: bytes
    leaf: bytes
    parts: dict[str, tuple[bytes, bytes]]

    @cached_property
    def fields(self) -> dict[str, Any]:
        return json.loads(self.metadata)

    @property
    def detail(self) -> dict[str, Any]:
        return json.loads(self.parts["detail"][1])


Place = Path | str
"""A SQLite file, or the connection string of a PostgreSQL database."""


class Row(tuple[Any, ...]):
    """A row of PostgreSQL as sqlite3 has them: by place and by name."""

    names: tuple[str, ...] = ()

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(self.names.index(key) if isinstance(key, str) else key)

    def keys(self) -> tuple[str, ...]:
        return self.names


def _named(cursor: Any) -> Callable[[Sequence[Any]], Row]:
    names = tuple(column.name for column in cursor.description or ())
    kind = type("NamedRow", (Row,), {"names": names})
    return lambda values: kind(int(value) if isinstance(value, Decimal) else value for value in values)


class Tables:
    """Reads one database, with SQL that both kinds know. For one test; opens a file as any process would after a crash."""

    def __init__(self, path: Place) -> None:
        self.path = path

    def rows(self, sql: str, *args: Any) -> list[Any]:
        if isinstance(self.path, str):
            with psycopg.connect(self.path, row_factory=_named, connect_timeout=60) as found:
                return found.execute(sql.replace("?", "%s").encode(), args or None).fetchall()
        with closing(sqlite_module().connect(str(self.path))) as connection:
            connection.row_factory = sqlite_module().Row
            return connection.execute(sql, args).fetchall()

    def one(self, sql: str, *args: Any) -> Any:
        (row,) = self.rows(sql, *args)
        return row[0] if len(row.keys()) == 1 else row

    def entries(self) -> Iterator[Entry]:
        blocks = {row["id"]: _unpacked(row["data"], row["length"]) for row in self.rows("select * from block")}
        for row in self.rows("select * from entry order by idx"):
            parts = {}
            for name in ("detail", "payload"):
                if row[f"{name}_block"] is not None:
                    start = row[f"{name}_offset"]
                    data = blocks[row[f"{name}_block"]][start : start + row[f"{name}_length"]]
                    parts[name] = (row[f"{name}_salt"], data)
            yield Entry(row["idx"], row["type"], row["recorded_at"], row["metadata"], row["leaf"], parts)


def _unpacked(data: bytes, length: int) -> bytes:
    raw = zstandard.ZstdDecompressor().decompress(data, max_output_size=length, allow_extra_data=False)
    assert len(raw) == length
    return raw


@dataclass(frozen=True)
class Observed:
    """The outcome of a run. Evidence and dead letters with how often they are there; findings as change points; controls."""

    evidence: Counter[tuple[Any, ...]]
    dead: Counter[tuple[Any, ...]]
    findings: dict[tuple[str, str], tuple[Change, ...]]
    controls: dict[str, tuple[Any, ...]]
    unmatched: int


def observe(path: Place) -> Observed:
    """Read the outcome."""
    tables = Tables(path)
    evidence: Counter[tuple[Any, ...]] = Counter()
    dead: Counter[tuple[Any, ...]] = Counter()
    for entry in tables.entries():
        if entry.type == "evidence":
            fields, detail = entry.fields, entry.detail
            tags = json.dumps(sorted(detail["tags"], key=lambda tag: (tag["mapping"], tag["verdict"])), sort_keys=True)
            place = (fields["source"], detail["id"], detail["account"], detail["region"])
            conflict = "conflicts_with" in fields
            what = (fields["event_type"], fields["event_time"], tuple(fields["controls"]), conflict)
            evidence[(*place, *what, tags, entry.parts["payload"][1])] += 1
        elif entry.type == "dead_letter":
            detail = entry.detail
            dead[entry.fields["source"], detail["id"], detail.get("subject"), entry.parts["payload"][1]] += 1
    return Observed(evidence, dead, standing(tables), _controls(tables), tables.one("select sum(unmatched) from source"))


def standing(tables: Tables) -> dict[tuple[str, str], tuple[Change, ...]]:
    """Each finding as a step function of event time: of the rows at one time the greatest index stands."""
    names = {row["handle"]: row["name"] for row in tables.rows("select * from handle")}
    histories: dict[tuple[str, str], list[Change]] = {}
    latest: dict[tuple[str, str], int] = {}
    for row in tables.rows("select * from finding_row order by mapping, subject, event_time, idx"):
        key = (row["mapping"], names[row["subject"]])
        changes = histories.setdefault(key, [])
        if changes and latest[key] == row["event_time"]:
            changes.pop()
        latest[key] = row["event_time"]
        changes.append((row["event_time"], row["state"]))
    found = {key: tuple(_changes(changes)) for key, changes in histories.items()}
    return {key: changes for key, changes in found.items() if changes}


def _changes(rows: list[Change]) -> Iterator[Change]:
    """Only where the state changes; `closed` and `not-assessed` before anything was said say nothing."""
    before = ""
    for time, state in rows:
        if state != before and (before or state not in ("closed", "not-assessed")):
            yield time, state
            before = state


def _controls(tables: Tables) -> dict[str, tuple[Any, ...]]:
    names = "state, not_satisfied, satisfied, stale, last_evidence"
    return {row["id"]: tuple(row)[1:] for row in tables.rows(f"select id, {names} from control")}
