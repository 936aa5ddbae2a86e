"""The verifier's step 5, what people state: rows and tags of exceptions, attestations and applicability are what entries say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import func, or_, select

from store import schema
from store.attest import VERDICTS
from store.attested import KIND, PART, SOURCE, voice
from store.fsck_common import Context, differs, expect
from store.fsck_rows import Facts
from store.records import Verdict
from store.times import parse_time

TYPES: Final = ("exception", "soa", KIND)
_BY_INDEX: Final = (schema.acceptance, schema.applicability)


def check_statements(context: Context, page: Sequence[Facts]) -> None:
    """Compare the rows of a page of entries that somebody stated with what the entries say."""
    some = [facts for facts in page if facts.type in TYPES]
    if not some:
        return
    rows = [_rows(context, table, some) for table in (*_BY_INDEX, schema.tag)]
    for facts in some:
        context.place.index = facts.index
        accepted, applicable, tags = (found.get(facts.index, ()) for found in rows)
        expect([_acceptance(row) for row in accepted], _wanted_acceptance(facts), "its exception is another", facts.index)
        expect(
            [_applicable(row) for row in applicable], _wanted_applicable(facts), "its control was stated otherwise", facts.index
        )
        _check_name(context, facts)
        if facts.type == KIND:
            expect(sorted(_tag(row) for row in tags), _wanted_tags(facts), "its tags are not what it attests", facts.index)
            _check_part(context, facts, tags)
            _check_effect(facts)


def check_stray_statements(context: Context, types: Mapping[str, int]) -> None:
    """No row without its entry."""
    for table, kind in zip(_BY_INDEX, TYPES, strict=False):
        outside = or_(table.c.idx < 0, table.c.idx >= context.head.size)
        index = context.connection.execute(select(func.min(table.c.idx)).where(outside)).scalar()
        count = context.connection.execute(select(func.count()).select_from(table)).scalar_one()
        if index is not None or count != types.get(kind, 0):
            differs(f"rows of {table.name} are there without their entries", index)


def _rows(context: Context, table: Any, some: Sequence[Facts]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in context.connection.execute(select(table).where(table.c.idx.between(some[0].index, some[-1].index))):
        found[row.idx].append(row)
    return found


def _acceptance(row: Any) -> tuple[Any, ...]:
    return row.id, row.mapping, bytes(row.subject).hex(), row.start, row.until


def _wanted_acceptance(facts: Facts) -> list[tuple[Any, ...]]:
    if facts.type != "exception":
        return []
    fields, until = facts.fields, parse_time(facts.fields["until"])
    if (fields["act"] == "revoke") != (until <= facts.event_time):
        differs("an exception that ends before it begins, or is revoked and goes on", facts.index)
    return [(fields["exception"], fields["mapping"], fields["subject"], facts.event_time, until)]


def _applicable(row: Any) -> tuple[Any, ...]:
    return row.control, row.event_time, bool(row.applicable)


def _wanted_applicable(facts: Facts) -> list[tuple[Any, ...]]:
    if facts.type != "soa":
        return []
    return [(facts.fields["control"], facts.event_time, facts.fields["applicable"])]


def _tag(row: Any) -> tuple[Any, ...]:
    return row.mapping, bytes(row.subject).hex(), row.event_time, row.fresh_at, row.verdict, row.ends_at


def _wanted_tags(facts: Facts) -> list[tuple[Any, ...]]:
    """What it says to the finding of each control that it names."""
    fields, time = facts.fields, facts.event_time
    if fields["effect"] == "none":
        return []
    ends = fields["effect"] == "ends"
    verdict = Verdict.CLOSED if ends else VERDICTS[fields["says"]]
    fresh = time if ends else parse_time(fields["until"])
    return sorted((voice(control), fields["subject"], time, fresh, verdict.value, None) for control in fields["controls"])


def _check_part(context: Context, facts: Facts, tags: Sequence[Any]) -> None:
    part = schema.part
    for part_id in {tag.part_id for tag in tags}:
        row = context.connection.execute(select(part.c.source, part.c.part).where(part.c.id == part_id)).one_or_none()
        expect(tuple(row) if row is not None else None, (SOURCE, PART), "its tag is of another part", facts.index)


def _check_effect(facts: Facts) -> None:
    """A statement that needs a second person says nothing; only an approval, or one that needs none, speaks."""
    fields = facts.fields
    act = fields["act"]
    allowed = {
        "add": ("none" if fields.get("four_eyes") else "speaks",),
        "renew": ("none" if fields.get("four_eyes") else "speaks",),
        "review": ("speaks" if fields.get("approved") else "none",),
        "revoke": ("ends", "none"),
        "attach": ("none",),
    }
    if fields["effect"] not in allowed.get(act, ()):
        differs("an attestation whose effect does not follow from its act", facts.index)


def _check_name(context: Context, facts: Facts) -> None:
    """Its subject's handle stands for the name in its detail."""
    if facts.detail is None or not facts.detail.get("subject") or not facts.fields.get("subject"):
        return
    table = schema.handle
    name = context.connection.execute(
        select(table.c.name).where(table.c.handle == bytes.fromhex(facts.fields["subject"]))
    ).scalar_one_or_none()
    expect(name or "", facts.detail["subject"], "its subject has another name", facts.index)
