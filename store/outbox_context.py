"""What an alert says beside its drift: subjects that are open, what was told before, the evidence, what a source brought.

Subjects are read as they were known when the drift was written (rows of the log up to its index), so that an alert that is sent
again says the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from sqlalchemy import Connection, Subquery, func, select

from store import schema
from store.outbox import ACKNOWLEDGEMENT, DELIVERED, Drifted, read_drift
from store.query_common import names_of, read_entries
from store.records import MappingRecord, State, part_of

WHOLE: Final = 1 << 62
"""A log size beyond every index."""
LISTED: Final = 20
"""Subjects and cited entries that an alert names; the count is always whole."""
_LOOK_BACK: Final = 200


@dataclass(frozen=True, slots=True)
class OpenSubjects:
    """Subjects of one finding key that are not satisfied: how many, since when the first, and the handles of the first few.

    `told`: one of them was told to the route as it opened; `summed`: one of them was told in the summary of its source.
    """

    count: int = 0
    since: int | None = None
    handles: tuple[bytes, ...] = ()
    told: bool = False
    summed: bool = False


@dataclass(frozen=True, slots=True)
class OpenMapping:
    """What one mapping says of the parts of a source: so many findings are open."""

    record: MappingRecord
    open: int


def open_subjects(connection: Connection, drifted: Drifted, route: str, size: int) -> OpenSubjects:
    """Open subjects of the drift's finding key, as known in a log of `size` entries."""
    rows = _open_rows(drifted, size)
    count, since = connection.execute(select(func.count(), func.min(rows.c.event_time))).one()
    if not count:
        return OpenSubjects()
    first = select(rows.c.subject).order_by(rows.c.event_time, rows.c.idx).limit(LISTED)
    drift, delivery = schema.drift, schema.delivery
    opening = (drift.c.key == drifted.key, drift.c.idx.in_(select(rows.c.idx)))
    told = select(drift.c.id).join(delivery, delivery.c.drift_id == drift.c.id)
    told = told.where(*opening, delivery.c.route == route, delivery.c.state == DELIVERED).limit(1)
    summed = select(drift.c.id).where(*opening, drift.c.delivery == "summary").limit(1)
    return OpenSubjects(
        count=count,
        since=since,
        handles=tuple(bytes(subject) for subject in connection.execute(first).scalars()),
        told=connection.execute(told).first() is not None,
        summed=connection.execute(summed).first() is not None,
    )


def _open_rows(drifted: Drifted, size: int) -> Subquery:
    """(subject, event_time, idx) of the rows that say not satisfied, the last row of each subject that the key ever named."""
    drift, row = schema.drift, schema.finding_row
    subjects = select(drift.c.subject).where(drift.c.key == drifted.key).distinct()
    last = func.row_number().over(partition_by=row.c.subject, order_by=(row.c.event_time.desc(), row.c.idx.desc()))
    ranked = (
        select(row.c.subject, row.c.event_time, row.c.idx, row.c.state, last.label("rank"))
        .where(row.c.mapping == drifted.mapping, row.c.idx < size, row.c.subject.in_(subjects))
        .subquery()
    )
    standing = select(ranked.c.subject, ranked.c.event_time, ranked.c.idx)
    return standing.where(ranked.c.rank == 1, ranked.c.state == State.NOT_SATISFIED.value).subquery()


def last_told(connection: Connection, drifted: Drifted, route: str) -> Drifted | None:
    """The newest drift of this key, older than this one, that was delivered to the route."""
    drift, delivery = schema.drift, schema.delivery
    query = select(drift).join(delivery, delivery.c.drift_id == drift.c.id)
    told = (delivery.c.route == route, delivery.c.state == DELIVERED)
    where = (drift.c.key == drifted.key, drift.c.id < drifted.id, drift.c.kind != ACKNOWLEDGEMENT, *told)
    row = connection.execute(query.where(*where).order_by(drift.c.id.desc()).limit(1)).one_or_none()
    return read_drift(row) if row is not None else None


def last_opened(connection: Connection, drifted: Drifted, *, also: bool = False) -> Drifted | None:
    """The newest drift of this finding's key, older than this one (or `also` this one), that says not satisfied."""
    drift = schema.drift
    older = drift.c.id <= drifted.id if also else drift.c.id < drifted.id
    where = (drift.c.key == drifted.key, older, drift.c.after == State.NOT_SATISFIED.value)
    row = connection.execute(select(drift).where(*where).order_by(drift.c.id.desc()).limit(1)).one_or_none()
    return read_drift(row) if row is not None else None


def earlier(connection: Connection, drifted: Drifted) -> Sequence[Drifted]:
    """Drift of the same key before this one, newest first, so far back as is worth looking."""
    drift = schema.drift
    query = select(drift).where(drift.c.key == drifted.key, drift.c.id < drifted.id)
    return [read_drift(row) for row in connection.execute(query.order_by(drift.c.id.desc()).limit(_LOOK_BACK))]


def newest_of(connection: Connection, key: str) -> Drifted | None:
    """The newest drift of a key that is no acknowledgement."""
    drift = schema.drift
    query = select(drift).where(drift.c.key == key, drift.c.kind != ACKNOWLEDGEMENT).order_by(drift.c.id.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return read_drift(row) if row is not None else None


def control_states(connection: Connection) -> Counter[str]:
    """How many controls are in each state now."""
    table = schema.control
    rows = connection.execute(select(table.c.state, func.count()).group_by(table.c.state))
    return Counter({str(state): int(number) for state, number in rows})


def drift_of(connection: Connection, id_: int) -> Drifted | None:
    """The drift of that number."""
    row = connection.execute(select(schema.drift).where(schema.drift.c.id == id_)).one_or_none()
    return read_drift(row) if row is not None else None


def acknowledgements(connection: Connection, key: str) -> Sequence[Drifted]:
    """From the newest acknowledgement of a key on, what came of it, oldest first; empty where there is none."""
    drift = schema.drift
    newest = select(func.max(drift.c.id)).where(drift.c.key == key, drift.c.kind == ACKNOWLEDGEMENT)
    query = select(drift).where(drift.c.key == key, drift.c.id >= newest.scalar_subquery()).order_by(drift.c.id)
    return [read_drift(row) for row in connection.execute(query)]


def is_log_mapping(connection: Connection, mapping: str | None) -> bool:
    """Whether a mapping judges what happened once. One that nobody knows any more is taken for such: what it found is told."""
    record = connection.execute(select(schema.mapping.c.record).where(schema.mapping.c.id == mapping)).scalar_one_or_none()
    return record is None or msgspec.json.decode(record, type=MappingRecord).kind == "log"


def open_keys(connection: Connection, drifted: Drifted) -> Sequence[tuple[str, bytes]]:
    """(mapping, handle) of every finding of the drift's key that is open now."""
    table = schema.finding
    if drifted.mapping is None:
        return []
    subjects = select(schema.drift.c.subject).where(schema.drift.c.key == drifted.key).distinct()
    query = select(table.c.subject).where(table.c.mapping == drifted.mapping, table.c.subject.in_(subjects))
    rows = connection.execute(query.where(table.c.state == State.NOT_SATISFIED.value).order_by(table.c.since, table.c.subject))
    return [(drifted.mapping, bytes(subject)) for subject in rows.scalars()]


def subject_names(connection: Connection, handles: Iterable[bytes]) -> dict[bytes, str]:
    """Names of subjects; an erased one is missing."""
    return names_of(connection, handles)


def cited(connection: Connection, drifts: Sequence[Drifted]) -> tuple[int, ...]:
    """Indexes of the evidence that the entries behind these drifts cite, in order, the first few."""
    found: set[int] = set()
    for entry in read_entries(connection, (d.idx for d in drifts[-LISTED:] if d.idx is not None)).values():
        found.update(entry.cites)
    return tuple(sorted(found))[:LISTED]


def open_in_parts(connection: Connection, source: str, parts: Iterable[str]) -> Sequence[OpenMapping]:
    """What is open in these parts of a source now, by mapping."""
    part, finding, mapping = schema.part, schema.finding, schema.mapping
    wanted = set(parts)
    places = connection.execute(select(part.c.id, part.c.part).where(part.c.source == source)).all()
    ids = [row.id for row in places if part_of(row.part) in wanted]
    query = (
        select(mapping.c.record, func.count())
        .join(finding, finding.c.mapping == mapping.c.id)
        .where(finding.c.part_id.in_(ids), finding.c.state == State.NOT_SATISFIED.value, finding.c.silence.is_(False))
        .group_by(mapping.c.id, mapping.c.record)
        .order_by(mapping.c.id)
    )
    return [OpenMapping(msgspec.json.decode(record, type=MappingRecord), count) for record, count in connection.execute(query)]
