"""The verifier's step 5, last part: no name outlives the last entry that held it."""

from __future__ import annotations

from sqlalchemy import select, union_all

from store import schema
from store.fsck_common import Context, differs


def check_names(context: Context) -> None:
    """A name of which every entry was erased is erased too. Silences are named after parts, which stand in the clear anyway."""
    if not context.erasures.any:
        return
    handle, entry, finding = schema.handle, schema.entry, schema.finding
    said = union_all(*(select(t.c.subject, t.c.idx) for t in (schema.tag, schema.finding_row))).subquery()
    held = select(said.c.subject).join(entry, entry.c.idx == said.c.idx).where(entry.c.detail_salt.is_not(None))
    silent = select(finding.c.subject).where(finding.c.silence)
    outlived = (
        select(said.c.idx)
        .join(handle, handle.c.handle == said.c.subject)
        .where(handle.c.name.is_not(None), said.c.subject.not_in(held), said.c.subject.not_in(silent))
    )
    index = context.connection.execute(outlived.order_by(said.c.idx).limit(1)).scalar()
    if index is not None:
        differs("it was erased, and the name of its subject is still there", index)
