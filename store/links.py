"""Tickets that findings are linked to: a link is an entry of the log, and when its ticket is done the finding is closed.

Rows hold a keyed hash of the ticket's name, so that nothing of it is left when the entry's detail is erased. A link is used up by
its ticket's first done state; a snapshot's finding is not closed by it, only its next sighting does that.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select, update

from store import schema
from store.active import ActiveSet
from store.changes import Input
from store.entries import canonical, committed
from store.errors import StoreError
from store.found import TAG_COLUMNS, tag_row
from store.keep import Kept
from store.names import Names
from store.query_common import read_entries
from store.records import Judged, Verdict
from store.sql import find_rows, insert_rows, upsert
from store.statements import TicketLink
from store.writer import EntryWriter

LINK: Final = "link"
MAX_TICKET: Final = 500
_KEYS: Final = ("mapping", "subject", "ticket")


@dataclass(frozen=True, slots=True)
class Linked:
    """A finding's ticket, as it is read back: "" where its name was erased. `done`: the ticket was seen done."""

    ticket: str
    by: str
    idx: int
    recorded_at: int
    done: bool


def ticket_hash(secret: bytes, ticket: str) -> bytes:
    """What stands for the name of a ticket, 16 bytes."""
    return hmac.digest(secret, b"ticket\0" + ticket.encode("utf-8", "surrogatepass"), "sha256")[:16]


def write_links(writer: EntryWriter, names: Names, secret: bytes, links: Sequence[TicketLink]) -> None:
    """Write links that are not there yet. Raises StoreError where there is no such finding."""
    table, finding = schema.ticket_link, schema.finding
    for link in links:
        if not 0 < len(link.ticket) <= MAX_TICKET or not link.ticket.isprintable():
            raise StoreError(f"a ticket's name has 1 to {MAX_TICKET} characters on one line, like jira.example.org/SEC-12")
        subject, ticket = names.handle(link.subject), ticket_hash(secret, link.ticket)
        of_finding = (finding.c.mapping == link.mapping, finding.c.subject == subject)
        if writer.connection.execute(select(finding.c.state).where(*of_finding)).first() is None:
            raise StoreError(f"mapping {link.mapping} has no finding about {link.subject}")
        key = {"mapping": link.mapping, "subject": subject, "ticket": ticket}
        there = select(table.c.idx).where(*(table.c[name] == value for name, value in key.items()), table.c.done_idx.is_(None))
        if writer.connection.execute(there).first() is not None:
            continue
        fields = {"mapping": link.mapping, "subject": subject.hex()}
        detail = committed(canonical({"subject": link.subject, "ticket": link.ticket, "by": link.by}))
        index = writer.add(LINK, "attestream", writer.now, writer.now, fields, detail)
        upsert(writer.connection, table, list(_KEYS), key | {"idx": index, "done_idx": None}, ["idx", "done_idx"])


def close_by_tickets(
    writer: EntryWriter, names: Names, active: ActiveSet, secret: bytes, items: Iterable[Judged], kept: Kept
) -> None:
    """Close the findings whose linked ticket this batch saw done, at the time it was done or linked, the later of them."""
    done = _done(secret, items)
    if not done:
        return
    table = schema.ticket_link
    columns = ("mapping", "subject", "ticket", "idx", "done_idx")
    found = find_rows(writer.connection, table, columns, "ticket", sorted(done))
    rows = sorted((row for row in found if row[4] is None), key=lambda row: int(row[3]))
    linked_at = {index: read.recorded_at for index, read in read_entries(writer.connection, [row[3] for row in rows]).items()}
    for mapping, subject, ticket, idx, _ in rows:
        held = active.mappings.get(mapping)
        if held is None or held.record.kind == "snapshot":
            continue
        name, at = done[bytes(ticket)]
        at = min(max(at, linked_at.get(idx, 0)), writer.now)
        index = _close(writer, names, (mapping, bytes(subject)), name, at, kept)
        where = (table.c.mapping == mapping, table.c.subject == bytes(subject), table.c.ticket == bytes(ticket))
        writer.connection.execute(update(table).where(*where).values(done_idx=index))


def _done(secret: bytes, items: Iterable[Judged]) -> dict[bytes, tuple[str, int]]:
    """Tickets that are done, by hash: their name and since when."""
    found: dict[bytes, tuple[str, int]] = {}
    for item in items:
        if item.done is not None and item.event.subject is not None:
            found[ticket_hash(secret, item.event.subject)] = (item.event.subject, item.done)
    return found


def _close(writer: EntryWriter, names: Names, key: tuple[str, bytes], ticket: str, at: int, kept: Kept) -> int:
    table, (mapping, subject) = schema.finding, key
    part_id = writer.connection.execute(
        select(table.c.part_id).where(table.c.mapping == mapping, table.c.subject == subject)
    ).scalar_one()
    known = {} if (name := names.names([subject]).get(subject)) is None else {"subject": name}
    detail = committed(canonical({**known, "reason": f"its ticket {ticket} is done", "by": "ticket"}))
    index = writer.add("closing", "attestream", at, writer.now, {"mapping": mapping, "subject": subject.hex()}, detail)
    found = Input(at, index, Verdict.CLOSED, part_id, at)
    insert_rows(writer.connection, schema.tag, TAG_COLUMNS, [tag_row(mapping, subject, found)])
    kept.inputs[mapping, subject].append(found)
    return index


def links_of(connection: Connection, mapping: str, subject: bytes) -> Sequence[Linked]:
    """Tickets of one finding, the newest first."""
    table = schema.ticket_link
    query = select(table.c.idx, table.c.done_idx).where(table.c.mapping == mapping, table.c.subject == subject)
    rows: dict[int, Any] = {row.idx: row.done_idx for row in connection.execute(query)}
    reads = read_entries(connection, rows)
    return [
        Linked(str(read.detail.get("ticket", "")), str(read.detail.get("by", "")), idx, read.recorded_at, rows[idx] is not None)
        for idx, read in sorted(reads.items(), reverse=True)
    ]
