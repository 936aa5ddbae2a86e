"""Evidence: lists by control, mapping, source and time, one row, and rows by event id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, exists, select

from store import schema
from store.query_common import Known, Read, before, bounded, cursor, read_entries
from store.records import Event, Judged
from store.reports import EvidenceRow, Tag
from store.seen import keys_of
from store.times import parse_time


@dataclass(frozen=True, slots=True)
class EvidenceFilter:
    """Which evidence is wanted; None: all. `start` <= event time < `end`."""

    control: str | None = None
    mapping: str | None = None
    source: str | None = None
    start: int | None = None
    end: int | None = None


def list_evidence(
    connection: Connection, known: Known, wanted: EvidenceFilter, after: str | None, limit: int
) -> list[EvidenceRow]:
    """Evidence, newest event first; of one event time, the later index first."""
    query, time, idx = _driver(wanted)
    where: list[Any] = before(after, time, idx)
    if wanted.start is not None:
        where.append(time >= wanted.start)
    if wanted.end is not None:
        where.append(time < wanted.end)
    page = query.where(*where).order_by(time.desc(), idx.desc()).limit(bounded(limit)).with_only_columns(idx, time)
    if wanted.mapping is not None:  # it may have said several things of one event
        page = page.distinct()
    indexes = list(connection.execute(page).scalars())
    rows = evidence_rows(connection, known, indexes)
    return [rows[index] for index in indexes]


def _driver(wanted: EvidenceFilter) -> tuple[Select[Any], Any, Any]:
    """The table whose order is that of the list, with the other conditions joined to it. A mapping is narrower than a control."""
    evidence, tag, link = schema.evidence, schema.tag, schema.evidence_control
    if wanted.mapping is not None:
        query = select(tag.c.idx, tag.c.event_time).where(tag.c.mapping == wanted.mapping)
        if wanted.control is not None:
            query = query.where(exists().where(link.c.idx == tag.c.idx, link.c.control == wanted.control))
        return _of_source(query, tag.c.idx, wanted), tag.c.event_time, tag.c.idx
    if wanted.control is not None:
        query = select(link.c.idx, link.c.event_time).where(link.c.control == wanted.control)
        return _of_source(query, link.c.idx, wanted), link.c.event_time, link.c.idx
    query = select(evidence.c.idx, evidence.c.event_time)
    if wanted.source is not None:
        query = query.where(evidence.c.source == wanted.source)
    return query, evidence.c.event_time, evidence.c.idx


def _of_source(query: Select[Any], idx: Any, wanted: EvidenceFilter) -> Select[Any]:
    evidence = schema.evidence
    if wanted.source is None:
        return query
    return query.where(exists().where(evidence.c.idx == idx, evidence.c.source == wanted.source))


def evidence_rows(connection: Connection, known: Known, indexes: Sequence[int]) -> dict[int, EvidenceRow]:
    """Rows of evidence by index; an index that is no evidence is left out."""
    table = schema.evidence
    rows = connection.execute(select(table).where(table.c.idx.in_(indexes))).all()
    entries = read_entries(connection, (row.idx for row in rows))
    return {row.idx: _row(row, known, entries[row.idx]) for row in rows}


def _row(row: Row[Any], known: Known, entry: Read) -> EvidenceRow:
    detail = entry.detail
    return EvidenceRow(
        idx=row.idx,
        source=row.source,
        account=str(detail.get("account", "")),
        region=str(detail.get("region", "")),
        type=row.type,
        id=str(detail.get("id", "")),
        event_time=row.event_time,
        collected_at=parse_time(entry.fields["collected_at"]),
        recorded_at=entry.recorded_at,
        window=row.window,
        controls=tuple(entry.fields.get("controls", ())),
        tags=tuple(_tag(tag, known) for tag in detail.get("tags", ())),
        conflicts_with=row.conflicts_with,
        cursor=cursor(row.event_time, row.idx),
    )


def _tag(tag: Mapping[str, Any], known: Known) -> Tag:
    return Tag(
        mapping=tag["mapping"],
        title=known.title(tag["mapping"]),
        verdict=tag["verdict"],
        finding=tag["finding"],
        subject=tag["subject"],
        controls=tuple(tag["controls"]),
        reason=tag["reason"],
    )


def indexes_by_id(connection: Connection, secret: bytes, id_: str, sources: Iterable[str]) -> list[int]:
    """Log indexes of the evidence with this event id: the first of each source and what conflicts with it."""
    evidence, seen = schema.evidence, schema.seen
    key = keys_of(secret, Judged(Event("", id_, "", 0, b""))).id
    found = select(seen.c.idx).where(seen.c.source.in_(list(sources)), seen.c.key == key, seen.c.idx >= 0)
    firsts = list(connection.execute(found).scalars())
    query = select(evidence.c.idx).where(evidence.c.idx.in_(firsts) | evidence.c.conflicts_with.in_(firsts))
    return list(connection.execute(query.order_by(evidence.c.idx)).scalars())
