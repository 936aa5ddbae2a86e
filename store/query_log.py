"""The log: its head, entries, drift, mapping sets, roll-ups, proofs."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, select

from store import schema
from store.blocks import BlockReader
from store.erasures import why_erased
from store.errors import StoreError
from store.query_common import Known, bounded, names_of, read_number
from store.records import Counts
from store.reports import DriftView, EntryView, LogStatus
from store.sql import total
from store.writer import read_head


def log_status(connection: Connection, origin: str) -> LogStatus:
    """The head of the log."""
    head = read_head(connection)
    dead = connection.execute(select(total(schema.source.c.dead_letter))).scalar_one()
    return LogStatus(origin, head.size, head.root.hex(), head.recorded_at, head.mapping_set, dead)


def totals(connection: Connection) -> Counts:
    """Source records processed, of all sources and attempts."""
    table = schema.source
    columns = (table.c.evidence, table.c.unmatched, table.c.duplicate, table.c.dead_letter)
    row = connection.execute(select(*map(total, columns))).one()
    return Counts(*map(int, row))


def size_at(connection: Connection, recorded_at: int) -> int:
    """Number of entries that had been recorded at this time."""
    table = schema.entry
    query = select(table.c.idx).where(table.c.recorded_at <= recorded_at)
    last = connection.execute(query.order_by(table.c.recorded_at.desc(), table.c.idx.desc()).limit(1)).scalar_one_or_none()
    return 0 if last is None else int(last) + 1


def entry_view(connection: Connection, idx: int) -> EntryView | None:
    """One entry with its bytes."""
    row = connection.execute(select(schema.entry).where(schema.entry.c.idx == idx)).one_or_none()
    if row is None:
        return None
    reader = BlockReader(connection)
    detail = payload = None
    if row.detail_salt is not None:
        detail = reader.piece(row.detail_block, row.detail_offset, row.detail_length)
    if row.payload_salt is not None:
        payload = reader.piece(row.payload_block, row.payload_offset, row.payload_length)
    fields = json.loads(row.metadata)
    erased = (detail is None and "detail" in fields) or (payload is None and "payload" in fields)
    return EntryView(
        idx=idx,
        type=row.type,
        metadata=row.metadata,
        fields=fields,
        leaf=row.leaf,
        detail=detail,
        detail_salt=row.detail_salt,
        payload=payload,
        payload_salt=row.payload_salt,
        erased=why_erased(connection, idx, row.type) if erased else None,
    )


def list_drift(
    connection: Connection,
    known: Known,
    since: int | None,
    control: str | None,
    kind: str | None,
    after: str | None,
    limit: int,
) -> list[DriftView]:
    """Drift, newest recorded first; `since` is a recorded_at."""
    table = schema.drift
    where: list[Any] = []
    if since is not None:  # ids are in the order of recorded_at: both are given under the head's lock
        first = select(table.c.id).where(table.c.recorded_at >= since).order_by(table.c.recorded_at, table.c.id).limit(1)
        where.append(table.c.id >= first.scalar_subquery())
    if kind is not None:
        where.append(table.c.kind == kind)
    if after is not None:
        where.append(table.c.id < read_number(after))
    query = select(table).where(*where).order_by(table.c.id.desc())
    if control is not None:
        # The offset keeps the planner from sorting all that it thinks few: rows come newest first until the page is full.
        newest = query.offset(0).subquery()
        fits = (" " + newest.c.controls + " ").contains(f" {control} ", autoescape=True)
        query = select(newest).where(fits).order_by(newest.c.id.desc())
    rows = connection.execute(query.limit(bounded(limit))).all()
    names = names_of(connection, (bytes(row.subject) for row in rows if row.subject is not None))
    return [
        DriftView(
            id=row.id,
            kind=row.kind,
            key=row.key,
            before=row.before,
            after=row.after,
            mapping=row.mapping,
            title=known.title(row.mapping),
            subject=names.get(bytes(row.subject), "") if row.subject is not None else "",
            account=row.account,
            source=row.source,
            controls=tuple(row.controls.split()),
            level=row.level,
            event_time=row.event_time,
            recorded_at=row.recorded_at,
            idx=row.idx,
            delivery=row.delivery,
            text=row.text,
            cursor=str(row.id),
        )
        for row in rows
    ]


def mapping_set_bytes(connection: Connection, digest: str | None) -> bytes:
    """The bytes of a mapping set as they stand in the log; None: the active one. Raises StoreError when there is none."""
    wanted = digest if digest is not None else read_head(connection).mapping_set
    table = schema.mapping_set
    idx = connection.execute(select(table.c.idx).where(table.c.digest == wanted)).scalar_one_or_none()
    found = entry_view(connection, idx) if idx is not None else None
    if found is None or found.payload is None:
        if not wanted:
            raise StoreError("no mapping set is active yet: run `attestream mappings activate`")
        raise StoreError(f"the log holds no mapping set {wanted[:64]!r}")
    return found.payload


def rollup(connection: Connection, dim: str, key: str, start: int, end: int) -> list[tuple[int, int]]:
    """(hour, count) of evidence, start <= hour < end, oldest first; hours without evidence are left out."""
    table = schema.rollup
    where = (table.c.dim == dim, table.c.key == key, table.c.hour >= start, table.c.hour < end)
    return [(row.hour, row.n) for row in connection.execute(select(table.c.hour, table.c.n).where(*where).order_by(table.c.hour))]
