"""The verifier's step 5, replays: the tags of an entry are what it says that old evidence says now, and of evidence below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import func, select

from store import schema
from store.fsck_common import Context, differs, expect
from store.fsck_rows import Facts
from store.replays import REPLAY
from store.sql import find_rows
from store.times import parse_time

_TAGGED: Final = ("evidence", "closing", "attestation", "window", REPLAY)


def check_replays(context: Context, page: Sequence[Facts]) -> None:
    """Compare the tags of a page of replay entries with what the entries say."""
    for facts in page:
        if facts.type == REPLAY:
            context.place.index = facts.index
            _check(context, facts)


def check_stray_tags(context: Context) -> None:
    """No tag without an entry that may have tags, and none that ends by itself but of evidence, by a mapping that observes."""
    tag, entry = schema.tag, schema.entry
    of_entry = select(entry.c.idx).where(entry.c.idx == tag.c.idx, entry.c.type.in_(_TAGGED)).exists()
    index = context.connection.execute(select(func.min(tag.c.idx)).where(~of_entry)).scalar_one()
    if index is not None:
        differs("a tag is of it, and it is no entry that has tags", index)
    of_evidence = select(entry.c.idx).where(entry.c.idx == tag.c.idx, entry.c.type == "evidence").exists()
    ending = select(tag.c.mapping, of_evidence.label("seen"), func.min(tag.c.idx).label("idx")).where(tag.c.ends_at.is_not(None))
    for row in context.connection.execute(ending.group_by(tag.c.mapping, "seen")):
        record = context.known.records.get(row.mapping)
        if not row.seen or record is None or not record.observes:
            differs("a tag of it ends by itself, and what it says does not", row.idx)


def _check(context: Context, facts: Facts) -> None:
    tag, handle = schema.tag, schema.handle
    query = select(tag, handle.c.name.label("name")).join(handle, handle.c.handle == tag.c.subject, isouter=True)
    tags = context.connection.execute(query.where(tag.c.idx == facts.index)).all()
    if facts.detail is None:
        return
    of = facts.detail["of"]
    columns = ("idx", "part_id", "event_time")
    evidence = {row[0]: row for row in find_rows(context.connection, schema.evidence, columns, "idx", [o["index"] for o in of])}
    wanted: list[tuple[Any, ...]] = []
    for one in of:
        row = evidence.get(one["index"])
        if row is None or one["index"] >= facts.index:
            differs(f"it judges entry {one['index']} again, which is no evidence below it", facts.index)
        wanted += [
            (said["mapping"], said["verdict"], said["subject"], row[2], parse_time(one["fresh"]), row[1]) for said in one["tags"]
        ]
    actual = [(t.mapping, t.verdict, t.name, t.event_time, t.fresh_at, t.part_id) for t in tags if t.name is not None]
    named = {t.name for t in tags}
    expect(sorted(actual), sorted(w for w in wanted if w[2] in named), "its tags are not those in its detail", facts.index)
    expect(len(tags), len(wanted), "a tag of it is missing, or one is there too many", facts.index)
