"""Erasing names: of a subject that no entry names any more, and wherever drift repeats what was erased. Handles stay."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, literal, or_, select, union, update

from store import schema
from store.attested import PREFIX
from store.sql import chunks, find_rows
from store.statement_entries import subjects_named

MASK: Final = "(erased)"
_LOOK: Final = 20
_TEXTS: Final = ("text", "key", "account")


def erase_names(connection: Connection, indexes: Sequence[int], value: str) -> int:
    """Erase the names that only these entries held (their details are gone already), and mask drift; returns how many names."""
    handles = _subjects(connection, indexes)
    found = find_rows(connection, schema.handle, ("handle", "name"), "handle", sorted(handles))
    named = {bytes(handle): name for handle, name in found if name is not None}
    gone = {handle: name for handle, name in named.items() if not _is_named(connection, handle, handles[handle])}
    table = schema.handle
    for some in chunks(sorted(gone)):
        connection.execute(update(table).where(table.c.handle.in_(some)).values(name=None))
        _mask(connection, schema.drift.c.subject.in_(some), sorted(gone[handle] for handle in some))
    if value:
        _mask(connection, or_(*(schema.drift.c[column].contains(value, autoescape=True) for column in _TEXTS)), [value])
        _mask_errors(connection, value)
    return len(gone)


def _subjects(connection: Connection, indexes: Iterable[int]) -> dict[bytes, set[str]]:
    """Subjects that these entries speak of, each with mappings by which they do."""
    found: dict[bytes, set[str]] = {}
    wanted = list(indexes)
    for table in (schema.tag, schema.finding_row):
        for subject, mapping in find_rows(connection, table, ("subject", "mapping"), "idx", wanted):
            found.setdefault(bytes(subject), set()).add(mapping)
    for handle, _, _ in subjects_named(connection, wanted):
        found.setdefault(handle, set())
    return found


def _is_named(connection: Connection, handle: bytes, mappings: Iterable[str]) -> bool:
    """Whether an entry that names this subject still has its detail, or it is a part's silence (a part stands in the clear).

    The newest entries are looked at first: erasing goes from the oldest on, and a subject with many is rarely erased whole.
    """
    finding, entry = schema.finding, schema.entry
    every = union(select(schema.mapping.c.id), select(literal(PREFIX) + schema.control.c.id))
    silent = select(finding.c.subject).where(finding.c.mapping.in_(every), finding.c.subject == handle, finding.c.silence)
    if connection.execute(silent.limit(1)).first() is not None:
        return True
    if any(named == handle and there for named, _, there in subjects_named(connection)):
        return True
    for mapping in sorted(mappings):
        table = schema.tag
        newest = select(table.c.idx).where(table.c.mapping == mapping, table.c.subject == handle)
        last = newest.order_by(table.c.event_time.desc(), table.c.idx.desc()).limit(_LOOK).subquery()
        there = select(entry.c.idx).join(last, last.c.idx == entry.c.idx).where(entry.c.detail_salt.is_not(None))
        if connection.execute(there.limit(1)).first() is not None:
            return True
    for table in (schema.tag, schema.finding_row):
        of_subject = (table.c.mapping.in_(every), table.c.subject == handle)
        there = select(table.c.idx).join(entry, entry.c.idx == table.c.idx).where(*of_subject, entry.c.detail_salt.is_not(None))
        if connection.execute(there.limit(1)).first() is not None:
            return True
    return False


def _mask(connection: Connection, where: ColumnElement[bool], words: Sequence[str]) -> None:
    """Mask the words in drift. Longer ones first, so that none is left in a part."""
    table = schema.drift
    rows = connection.execute(select(table.c.id, *(table.c[column] for column in _TEXTS)).where(where)).all()
    for row in rows:
        values: dict[str, Any] = {}
        for column in _TEXTS:
            before = after = row._mapping[column]
            for word in sorted(words, key=len, reverse=True):
                after = after.replace(word, MASK) if word else after
            if after != before:
                values[column] = after
        if values:
            connection.execute(update(table).where(table.c.id == row.id).values(values))


def _mask_errors(connection: Connection, value: str) -> None:
    table = schema.delivery
    where = table.c.error.contains(value, autoescape=True)
    for row in connection.execute(select(table.c.drift_id, table.c.route, table.c.error).where(where)).all():
        place = (table.c.drift_id == row.drift_id, table.c.route == row.route)
        connection.execute(update(table).where(*place).values(error=row.error.replace(value, MASK)))
