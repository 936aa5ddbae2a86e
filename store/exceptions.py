"""Exceptions: accepted deviations, each with a reason, an approver and an end. What they cover, and since and until when.

Each act is an entry: the exception holds from its event time until `until`, or until the next act of the same exception.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, select

from store import schema
from store.active import ActiveSet
from store.attested import is_voice
from store.changes import Accepted, FindingKey
from store.entries import canonical, committed
from store.errors import StoreError
from store.names import Names
from store.sql import find_rows, insert_rows
from store.stated_views import Act, ExceptionView
from store.statement_entries import Stated, stated
from store.statements import ALL_SUBJECTS, ExceptionAct, checked
from store.times import format_time
from store.writer import EntryWriter

COLUMNS: Final = ("mapping", "subject", "idx", "id", "start", "until")


def accepted_by(rows: Iterable[Sequence[Any]]) -> dict[FindingKey, tuple[Accepted, ...]]:
    """What rows of `acceptance` cover, by (mapping, subject); the subject is ALL_SUBJECTS where it is of all of them."""
    acts: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        acts[row[3]].append(row)
    found: dict[FindingKey, list[Accepted]] = defaultdict(list)
    for of_one in acts.values():
        of_one.sort(key=lambda row: row[2])
        for row, after in zip(of_one, [*of_one[1:], None], strict=True):
            mapping, subject, idx, _, start, until = row
            cut = after is not None and after[4] <= until
            end = after[4] if after is not None and cut else until
            if end > start:
                found[mapping, bytes(subject)].append(Accepted(start, end, idx, after[2] if after is not None and cut else None))
    return {key: tuple(sorted(spans, key=lambda s: (s.start, s.idx))) for key, spans in found.items()}


def accepted_for(connection: Connection, keys: Iterable[FindingKey]) -> dict[FindingKey, tuple[Accepted, ...]]:
    """What exceptions cover of these findings; those that none ever covered are missing."""
    wanted = list(keys)
    rows = list(find_rows(connection, schema.acceptance, COLUMNS, "mapping", sorted({key[0] for key in wanted})))
    if not rows:
        return {}
    spans = accepted_by(rows)
    found = {}
    for mapping, subject in wanted:
        own = (*spans.get((mapping, subject), ()), *spans.get((mapping, ALL_SUBJECTS), ()))
        if own:
            found[mapping, subject] = tuple(sorted(own, key=lambda s: (s.start, s.idx)))
    return found


def state_exception(writer: EntryWriter, names: Names, active: ActiveSet, act: ExceptionAct) -> tuple[list[FindingKey], int]:
    """Write an exception's act; returns the findings that it may change, and until when the exception holds now.

    Raises StoreError for what cannot be.
    """
    connection, now = writer.connection, writer.now
    before = list(find_rows(connection, schema.acceptance, COLUMNS, "id", [act.id]))
    detail = {"reason": checked(act.reason, "the reason", needed=True), "by": checked(act.by, "who states it", needed=True)}
    detail["account"] = checked(act.account, "the account")
    if act.act == "add":
        mapping, subject = _new(active, names, act, bool(before))
        detail["subject"] = act.subject if act.subject is not None else ""
    else:
        mapping, subject, ends = _known(before, act.id)
        detail["subject"] = names.names([subject]).get(subject, "") if subject != ALL_SUBJECTS else ""
        if act.act == "revoke" and ends <= now:
            raise StoreError(f"exception {act.id[:8]} ended at {format_time(ends)}: there is nothing to take back")
    if act.act != "revoke":
        detail["approver"] = checked(act.approver, "the approver", needed=True)
    until = now if act.act == "revoke" else act.until
    if act.act != "revoke" and until <= now:
        raise StoreError("an exception must end in the future: give a later time")
    fields = {"exception": act.id, "act": act.act, "mapping": mapping, "subject": subject.hex(), "until": format_time(until)}
    index = writer.add("exception", "attestream", now, now, fields, committed(canonical(detail)))
    insert_rows(connection, schema.acceptance, COLUMNS, [(mapping, subject, index, act.id, now, until)])
    return list(_covered(connection, mapping, subject)), until


def _new(active: ActiveSet, names: Names, act: ExceptionAct, known: bool) -> tuple[str, bytes]:
    if known:
        raise StoreError(f"there is an exception {act.id[:8]} already")
    if is_voice(act.mapping):
        raise StoreError("an attestation is answered by another attestation, not by an exception: renew or revoke it")
    if not active.holds(act.mapping, silence=False):
        raise StoreError(f"no active mapping {act.mapping!r} says satisfied or not: there is nothing to accept")
    return act.mapping, names.handle(act.subject) if act.subject is not None else ALL_SUBJECTS


def _known(rows: Sequence[Sequence[Any]], id_: str) -> tuple[str, bytes, int]:
    """(mapping, subject, until) of the last act. Raises StoreError where there is none, or it was revoked."""
    if not rows:
        raise StoreError(f"there is no exception {id_[:8]}")
    mapping, subject, _, _, start, until = max(rows, key=lambda row: row[2])
    if until <= start:
        raise StoreError(f"exception {id_[:8]} was revoked: make another one")
    return mapping, bytes(subject), until


def _covered(connection: Connection, mapping: str, subject: bytes) -> Iterator[FindingKey]:
    """Findings there are that the exception speaks of."""
    table = schema.finding
    query = select(table.c.mapping, table.c.subject).where(table.c.mapping == mapping, table.c.silence.is_(False))
    if subject != ALL_SUBJECTS:
        query = query.where(table.c.subject == subject)
    for row in connection.execute(query):
        yield row.mapping, bytes(row.subject)


def read_exceptions(connection: Connection, now: int, size: int | None = None, as_of: int | None = None) -> list[ExceptionView]:
    """Every exception at a moment (`now` is the present, or the moment itself), those that end first at the top."""
    acts: dict[str, list[Stated]] = defaultdict(list)
    for one in stated(connection, "exception", size, as_of):
        acts[str(one.field("exception"))].append(one)
    views = [_view(id_, some, as_of if as_of is not None else now) for id_, some in acts.items()]
    order: Mapping[str, int] = {"valid": 0, "expired": 1, "revoked": 2}
    return sorted(views, key=lambda view: (order[view.state], view.until, view.id))


def _view(id_: str, acts: Sequence[Stated], now: int) -> ExceptionView:
    first, last = acts[0], acts[-1]
    standing = next(act for act in reversed(acts) if act.field("act") != "revoke")
    revoked = last.field("act") == "revoke"
    until = last.time("until")
    handle = str(first.field("subject"))
    return ExceptionView(
        id=id_,
        state="revoked" if revoked else "valid" if now < until else "expired",
        mapping=str(first.field("mapping")),
        subject=first.text("subject") if handle else None,
        subject_handle=handle,
        start=first.event_time,
        until=until,
        reason=standing.text("reason"),
        approver=standing.text("approver"),
        by=first.text("by"),
        idx=standing.idx,
        acts=[Act(a.idx, str(a.field("act")), a.event_time, a.text("by"), a.text("reason")) for a in acts],
    )
