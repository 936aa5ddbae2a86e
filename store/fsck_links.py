"""The verifier's step 5, tickets: link entries have their rows, rows their entries, and what used one up is a closing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import func, select

from store import schema
from store.fsck_common import Context, differs, expect
from store.fsck_rows import Facts
from store.links import LINK, ticket_hash
from store.sql import find_rows

_COLUMNS = ("idx", "mapping", "subject", "ticket")


def check_links(context: Context, page: Sequence[Facts]) -> None:
    """Compare the rows of a page of link entries with what the entries say. One that was linked anew has the newer row alone."""
    some = {facts.index: facts for facts in page if facts.type == LINK}
    if not some:
        return
    rows = {row[0]: row for row in find_rows(context.connection, schema.ticket_link, _COLUMNS, "idx", sorted(some))}
    for index, facts in some.items():
        context.place.index = index
        row = rows.get(index)
        if row is None:
            _check_replaced(context, facts)
            continue
        said = (facts.fields["mapping"], facts.fields["subject"])
        expect((row[1], bytes(row[2]).hex()), said, "its ticket is linked to another finding", index)
        if facts.detail is not None:
            expect(bytes(row[3]), ticket_hash(context.secret, facts.detail["ticket"]), "its finding has another ticket", index)


def _check_replaced(context: Context, facts: Facts) -> None:
    table = schema.ticket_link
    where = [table.c.mapping == facts.fields["mapping"], table.c.subject == bytes.fromhex(facts.fields["subject"])]
    if facts.detail is not None:
        where.append(table.c.ticket == ticket_hash(context.secret, facts.detail["ticket"]))
    newer = context.connection.execute(select(func.max(table.c.idx)).where(*where)).scalar_one()
    if newer is None or newer <= facts.index:
        differs("the row of its link is missing", facts.index)


def check_stray_links(context: Context, types: Mapping[str, int]) -> None:
    """No row without its entry, and none that was used up by what is no closing."""
    table, entry = schema.ticket_link, schema.entry
    for column, kind in ((table.c.idx, LINK), (table.c.done_idx, "closing")):
        of_kind = select(entry.c.idx).where(entry.c.idx == column, entry.c.type == kind).exists()
        index = context.connection.execute(select(func.min(column)).where(column.is_not(None), ~of_kind)).scalar_one()
        if index is not None:
            differs(f"a ticket's link points to it, and it is no {kind}", index)
    if types.get(LINK, 0) < context.connection.execute(select(func.count()).select_from(table)).scalar_one():
        differs("rows of ticket_link are there without their entries", None)
