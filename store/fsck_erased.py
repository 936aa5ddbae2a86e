"""The verifier's step 5, last part: no name outlives the last entry that held it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select, union_all

from store import schema
from store.fsck_common import Context, differs
from store.statement_entries import subjects_named


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
    stated: dict[bytes, list[tuple[int, bool]]] = defaultdict(list)
    for named, idx, there in subjects_named(context.connection):
        stated[named].append((idx, there))
    _check_stated(context, stated, held)
    kept = [named for named, some in stated.items() if any(there for _, there in some)]
    if kept:
        outlived = outlived.where(said.c.subject.not_in(kept))
    index = context.connection.execute(outlived.order_by(said.c.idx).limit(1)).scalar()
    if index is not None:
        differs("it was erased, and the name of its subject is still there", index)


def _check_stated(context: Context, stated: Mapping[bytes, Sequence[tuple[int, bool]]], held: Any) -> None:
    """A subject of which only people spoke is named nowhere else, so its name goes with the last of what they said."""
    handle, finding = schema.handle, schema.finding
    for named, some in stated.items():
        if any(there for _, there in some):
            continue
        there = select(handle.c.name).where(handle.c.handle == named, handle.c.name.is_not(None), handle.c.handle.not_in(held))
        silent = select(finding.c.subject).where(finding.c.subject == named, finding.c.silence).exists()
        if context.connection.execute(there.where(~silent)).first() is not None:
            differs("it was erased, and the name of its subject is still there", some[0][0])
