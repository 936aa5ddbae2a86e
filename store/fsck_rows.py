"""The verifier's step 5, first part: rows that each belong to one entry, compared entry by entry."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from store import schema
from store.erasures import event_of
from store.fsck_common import KEPT, Context, differs, expect
from store.log_source import PAGE, EntryReader, StoredEntry
from store.observed import Observed, look_up_observed
from store.records import Judged, Verdict
from store.seen import ERASED, Keys, id_keys, keys_of, look_up
from store.sightings import BEYOND, place_of
from store.times import parse_time


@dataclass(frozen=True, slots=True)
class Facts:
    """What one entry says, without its payload. `detail` and `keys` are None when erased or not there; `halved` is the hash of
    the id where only the payload was erased."""

    index: int
    type: str
    fields: Mapping[str, Any]
    detail: Mapping[str, Any] | None
    keys: Keys | None
    recorded_at: int
    event_time: int
    collected_at: int
    halved: bytes | None = None

    @property
    def source(self) -> str:
        """The entry's source."""
        return str(self.fields["source"])


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a page of entries, by index. Subjects are (handle, name); None for a name that is not there."""

    evidence: Mapping[int, Any]
    tags: Mapping[int, Sequence[Any]]
    controls: Mapping[int, Sequence[Any]]
    dead: Mapping[int, Any]
    findings: Mapping[int, Sequence[Any]]


def pages(context: Context) -> Iterator[list[Facts]]:
    """All entries in order, a page at a time."""
    page: list[Facts] = []
    for entry in EntryReader(context.connection).entries(0, context.head.size):
        context.place.at(entry.index)
        page.append(_facts(entry, context.secret))
        if len(page) == PAGE:
            yield page
            page = []
    if page:
        yield page


def _facts(entry: StoredEntry, secret: bytes) -> Facts:
    fields = json.loads(entry.metadata)
    detail = json.loads(entry.detail.data) if entry.detail.data is not None else None
    keys = halved = None
    if entry.type in KEPT and detail is not None:
        judged = Judged(event_of(fields, detail, entry.payload.data or b""))
        if entry.payload.data is not None:
            keys = keys_of(secret, judged)
        else:
            [halved] = id_keys(secret, [judged])
    event_time, collected_at = parse_time(fields["event_time"]), parse_time(fields["collected_at"])
    return Facts(entry.index, entry.type, fields, detail, keys, entry.recorded_at, event_time, collected_at, halved)


def read_rows(connection: Connection, first: int, last: int) -> Rows:
    """The rows of the entries from `first` to `last`."""
    evidence, part, tag, handle = schema.evidence, schema.part, schema.tag, schema.handle
    link, dead, row = schema.evidence_control, schema.dead_letter, schema.finding_row
    name = handle.c.name.label("name")
    queries = (
        select(evidence, part.c.source.label("part_source"), part.c.part)
        .join(part, part.c.id == evidence.c.part_id, isouter=True)
        .where(evidence.c.idx.between(first, last)),
        select(tag, name).join(handle, handle.c.handle == tag.c.subject, isouter=True).where(tag.c.idx.between(first, last)),
        select(link).where(link.c.idx.between(first, last)),
        select(dead).where(dead.c.idx.between(first, last)),
        select(row, name).join(handle, handle.c.handle == row.c.subject, isouter=True).where(row.c.idx.between(first, last)),
    )
    found: list[dict[int, list[Any]]] = []
    for query in queries:
        by_index: dict[int, list[Any]] = defaultdict(list)
        for item in connection.execute(query):
            by_index[item.idx].append(item)
        found.append(by_index)
    one = [{idx: items[0] for idx, items in found[n].items()} for n in (0, 3)]
    return Rows(one[0], found[1], found[2], one[1], found[4])


def check_page(context: Context, page: Sequence[Facts], digest: str) -> str:
    """Compare the rows of a page of entries; `digest` is the active mapping set before it. Returns the one after it."""
    rows = read_rows(context.connection, page[0].index, page[-1].index)
    seen = _seen(context, page)
    observed = _observed(context, page)
    for facts in page:
        context.place.index = facts.index
        if facts.type in ("evidence", "finding"):
            expect(facts.fields["mapping_set"], digest, "it names a mapping set that was not the active one", facts.index)
        if facts.type == "mapping_set":
            digest = str(facts.fields["digest"])
        _evidence(facts, rows)
        _tags(context, facts, rows)
        _dead_letter(facts, rows)
        _finding_row(facts, rows)
        if facts.keys is not None:
            _seen_row(context, facts, facts.keys, seen)
            _observed_row(facts, facts.keys, observed)
        if facts.halved is not None:
            _halved_row(facts, facts.halved, seen)
    return digest


def _evidence(facts: Facts, rows: Rows) -> None:
    """The evidence row and the controls by which it is found."""
    row = rows.evidence.get(facts.index)
    links = sorted((link.control, link.event_time) for link in rows.controls.get(facts.index, ()))
    if facts.type != "evidence":
        if row is not None or links:
            differs("it is listed as evidence and is none", facts.index)
        return
    if row is None:
        differs("its row of evidence is missing", facts.index)
    fields = facts.fields
    wanted = (facts.source, fields["event_type"], fields["window"], facts.event_time, fields.get("conflicts_with"))
    actual = (row.source, row.type, row.window, row.event_time, row.conflicts_with)
    expect(actual, wanted, "its row of evidence says otherwise", facts.index)
    expect(links, sorted((c, facts.event_time) for c in fields["controls"]), "its controls are not those listed", facts.index)
    if facts.detail is not None:
        account, region = facts.detail["account"], facts.detail["region"]
        part = place_of(f"{account}/{region}" if region else account, fields["event_type"])
        expect((row.part_source, row.part), (facts.source, part), "it is of another part than its row says", facts.index)


def _tags(context: Context, facts: Facts, rows: Rows) -> None:
    """Tags with the subject that each handle stands for."""
    tags = rows.tags.get(facts.index, ())
    if facts.type == "closing":
        _closing_tag(context, facts, tags)
        return
    if facts.type in ("attestation", "window", "replay"):
        return  # check_statements, check_gone, check_replays
    if facts.type != "evidence":
        if tags:
            differs("it has tags and is no evidence", facts.index)
        return
    fresh, part_id = min(facts.event_time, facts.collected_at), rows.evidence[facts.index].part_id
    times = [(t.event_time, t.fresh_at, t.part_id) for t in tags]
    expect(times, [(facts.event_time, fresh, part_id)] * len(tags), "a tag of it has another time or part", facts.index)
    if facts.detail is None:
        return
    judged = [t for t in tags if t.verdict not in BEYOND]
    actual = sorted((t.mapping, t.verdict, t.name) for t in judged if t.name is not None)
    wanted = sorted((t["mapping"], t["verdict"], t["subject"]) for t in facts.detail["tags"])
    expect(actual, wanted, "its tags, or the names of their subjects, are not those in its detail", facts.index)
    expect(len(judged), len(wanted), "a subject's name is missing, and no erasure says so", facts.index)


def _closing_tag(context: Context, facts: Facts, tags: Sequence[Any]) -> None:
    """The one tag of a closing; its part is one in which the finding was seen before."""
    actual = [(t.mapping, bytes(t.subject).hex(), t.event_time, t.fresh_at, t.verdict, t.ends_at) for t in tags]
    fields, time = facts.fields, facts.event_time
    wanted = (fields["mapping"], fields["subject"], time, time, Verdict.CLOSED.value, None)
    expect(actual, [wanted], "its tag is not what it says", facts.index)
    table, tag = schema.tag, tags[0]
    of_finding = (table.c.mapping == tag.mapping, table.c.subject == tag.subject)
    there = select(table.c.idx).where(*of_finding, table.c.part_id == tag.part_id, table.c.idx < facts.index)
    if context.connection.execute(there.limit(1)).first() is None:
        differs("its tag is of a part where its finding was never seen", facts.index)
    if facts.detail is not None:
        expect(tag.name, facts.detail["subject"], "its subject has another name", facts.index)


def _dead_letter(facts: Facts, rows: Rows) -> None:
    row = rows.dead.get(facts.index)
    actual = (row.source, row.window, row.recorded_at) if row is not None else None
    wanted = (facts.source, facts.fields["window"], facts.recorded_at) if facts.type == "dead_letter" else None
    expect(actual, wanted, "its row of dead letters is not what it says", facts.index)


def _finding_row(facts: Facts, rows: Rows) -> None:
    found = rows.findings.get(facts.index, ())
    if facts.type != "finding":
        if found:
            differs("a finding's row points to it", facts.index)
        return
    actual = [(r.mapping, bytes(r.subject).hex(), r.event_time, r.state) for r in found]
    wanted = (facts.fields["mapping"], facts.fields["subject"], facts.event_time, facts.fields["after"])
    expect(actual, [wanted], "its finding's row is not what it says", facts.index)
    if facts.detail is not None:
        expect(found[0].name or "", facts.detail["subject"], "its subject has another name", facts.index)


def _seen(context: Context, page: Iterable[Facts]) -> Mapping[tuple[str, bytes], Any]:
    wanted = [(f.source, key) for f in page if f.keys is not None for key in (f.keys.id, f.keys.both)]
    wanted += [(f.source, f.halved) for f in page if f.halved is not None]
    return look_up(context.connection, wanted)


def _halved_row(facts: Facts, id_: bytes, seen: Mapping[tuple[str, bytes], Any]) -> None:
    """Its payload was erased, and nothing that tells of its content stays behind. (A conflicting one is known by its content.)"""
    known = seen.get((facts.source, id_))
    if "conflicts_with" not in facts.fields and (known is None or known.idx != facts.index or known.digest is not None):
        differs("what was seen does not point to it, or still tells what its erased payload was", facts.index)


def _seen_row(context: Context, facts: Facts, keys: Keys, seen: Mapping[tuple[str, bytes], Any]) -> None:
    """What makes an event known points to it; a conflicting one is known by id and bytes together."""
    first = facts.fields.get("conflicts_with")
    by_id = seen.get((facts.source, keys.id))
    if first is None:
        known = by_id
    else:
        known = seen.get((facts.source, keys.both))
        forgotten = "detail" in context.erasures.parts(first, facts.type)
        if by_id is None or by_id.idx != (ERASED if forgotten else first):
            differs(f"entry {first}, which it conflicts with, is not the first of its id", facts.index)
    if known is None or known.idx != facts.index or known.digest != keys.digest:
        differs("what was seen does not point to it: it would be taken in again, or another in its place", facts.index)


def _observed(context: Context, page: Iterable[Facts]) -> Observed:
    places = [(f.source, f.keys.subject) for f in page if f.keys is not None and f.keys.subject is not None]
    return look_up_observed(context.connection, places)


def _observed_row(facts: Facts, keys: Keys, observed: Observed) -> None:
    """Its subject stands as this observation or as a newer one."""
    if keys.subject is None:
        return
    newest = observed.newest.get((facts.source, keys.subject))
    if newest is None or newest.time < facts.event_time:
        differs("its subject does not stand as it, nor as a later one: a change would pass as none", facts.index)
    if newest.idx == facts.index and newest.digest != keys.digest:
        differs("its subject stands as it, with another content", facts.index)
    if newest.idx != facts.index and newest.time == facts.event_time and newest.idx >= 0 and newest.idx < facts.index:
        differs("its subject stands as an older observation", facts.index)
