"""Keeping the source records of a batch: what is new becomes evidence or a dead letter, with its tags and counts.

Everything here that needs no index is done by `prepare`, before the head row is locked.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, select

from store import schema
from store.active import ActiveSet
from store.blocks import Packed, pack_blocks
from store.changes import Input
from store.draft import Draft, make_draft, salts
from store.entries import canonical, committed
from store.errors import StoreError
from store.found import TAG_COLUMNS, FoundRows, tag_row
from store.names import Names
from store.passed import remember_passed
from store.recent import note_recent, touched_since
from store.records import HOUR, Batch, Closing, Counts, Judged, Verdict
from store.seen import Fate, Fates, id_keys, remember, same_batch, settle_fates
from store.sightings import look_beyond
from store.sql import fetch, insert_rows, upsert_rows
from store.writer import EntryWriter, read_head


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch before the lock: its source records and what is expected to become of them; drafts and blocks of those to keep.

    `appends` is how often the log was appended to by then.
    """

    items: tuple[Judged, ...]
    ids: Sequence[bytes]
    mapping_set: str
    fates: Fates
    drafts: Mapping[int, Draft]
    packed: Packed
    appends: int


@dataclass(slots=True)
class Kept:
    """What keeping wrote: inputs per finding, counts per window and partition, conflicts.

    `repeated`: per window, the oldest evidence that came again in it, and was not judged again.
    """

    inputs: dict[tuple[str, bytes], list[Input]] = field(default_factory=lambda: defaultdict(list))
    counts: dict[tuple[str, int], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    totals: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    conflicts: list[tuple[str, int, int]] = field(default_factory=list)
    repeated: dict[str, int] = field(default_factory=dict)
    evidence: dict[str, tuple[int, int]] = field(default_factory=dict)

    def sum(self) -> Counts:
        """Counts of the whole batch."""
        total: Counter[str] = Counter()
        for counts in self.totals.values():
            total.update(counts)
        return counts_of(total)


_COUNTS: Final = ("evidence", "unmatched", "duplicate", "dead_letter")
_UNKNOWN: Final[Mapping[str, Any]] = {
    "type": "",
    "lateness": HOUR,
    "schedule": 0,
    "configured": False,
    "cursor": b"{}",
    "cursor_end": None,
    "failures": 0,
}
"""A source that nobody declared: the stream's own unreadable records, or one that was removed from the settings."""


def counts_of(counter: Mapping[str, int]) -> Counts:
    """Counts from a counter by name."""
    return Counts(*(counter.get(name, 0) for name in _COUNTS))


def prepare(connection: Connection, secret: bytes, batch: Batch) -> Prepared:
    """Hash, look up what is known already, and make and compress what looks new. Holds no lock: `keep` looks again under it."""
    kinds = {event_type: event_type.partition(".")[0] for event_type in {item.event.type for item in batch.items}}
    items = tuple(item for item in batch.items if kinds[item.event.type] != "window")
    ids = id_keys(secret, items)
    head = read_head(connection)
    fates = settle_fates(connection, secret, items, ids, batch.retain_all, head.set_idx)
    drafts = _drafts(items, fates, batch.mapping_set, {})
    return Prepared(items, ids, batch.mapping_set, fates, drafts, _pack(drafts.values()), head.appends)


def _drafts(items: Sequence[Judged], fates: Fates, mapping_set: str, made: Mapping[int, Draft]) -> dict[int, Draft]:
    """Drafts of what is kept, in order; those `made` already are taken. What conflicts with an item of its own batch has none."""
    salt = salts(2 * len(fates.kept))
    drafts: dict[int, Draft] = {}
    for number in fates.kept:
        fate = fates.fates[number]
        first = fate.first
        if first is None and number in made and made[number].kind == fate.kind:
            drafts[number] = made[number]
        elif first is None or first >= 0:
            drafts[number] = make_draft(fate.kind, items[number], mapping_set, first, salt)
    return drafts


def _pack(drafts: Iterable[Draft]) -> Packed:
    return pack_blocks([(draft.detail.data, draft.payload.data) for draft in drafts])


def keep(
    writer: EntryWriter,
    prepared: Prepared,
    secret: bytes,
    names: Names,
    active: ActiveSet,
    lateness: Mapping[str, int],
    retain_all: bool,
) -> Kept:
    """Write the batch's source records, in the order they came."""
    items, fates, drafts, packed = prepared.items, prepared.fates, prepared.drafts, prepared.packed
    if not _stands(writer, prepared):
        fates = settle_fates(writer.connection, secret, items, prepared.ids, retain_all, writer.head.set_idx)
        if fates.fates != prepared.fates.fates:
            drafts = _drafts(items, fates, prepared.mapping_set, drafts)
            packed = _pack(drafts.values())
    writer.use_blocks(packed)
    indexes = _write(writer, prepared, fates, drafts, packed)
    kept = Kept()
    for number in fates.kept:
        if (first := fates.fates[number].first) is not None:
            first = first if first >= 0 else indexes[same_batch(first)]
            kept.conflicts.append((items[number].event.source, indexes[number], first))
    _count(kept, items, fates.fates)
    remember(writer.connection, items, fates, indexes)
    remember_passed(writer.connection, fates.passed, lateness, writer.now)
    fates.observed.write(writer.connection, {same_batch(number): index for number, index in indexes.items()})
    note_recent(writer.connection, writer.head.appends + 1, fates.touched())
    _found(writer, kept, items, fates, indexes, names, active)
    if fates.subjects:
        look_beyond(writer.connection, items, fates, indexes, names, active, kept.inputs)
    return kept


def _stands(writer: EntryWriter, prepared: Prepared) -> bool:
    """Whether what was looked up before the lock holds still: others have appended nothing since that touches it."""
    if prepared.appends == writer.head.appends:
        return True
    touched = touched_since(writer.connection, prepared.appends, writer.head.appends)
    return touched is not None and touched.isdisjoint(prepared.fates.about())


def _write(writer: EntryWriter, prepared: Prepared, fates: Fates, drafts: Mapping[int, Draft], packed: Packed) -> dict[int, int]:
    """Give what is kept its entries; returns the index of each, by its number."""
    indexes: dict[int, int] = {}
    refs = iter(packed.refs)
    for number in fates.kept:
        draft = drafts.get(number)
        if draft is not None:
            indexes[number] = writer.add_draft(draft, (next(refs), next(refs)))
            continue
        fate, item = fates.fates[number], prepared.items[number]
        assert fate.first is not None
        first = indexes[same_batch(fate.first)]
        indexes[number] = writer.add_draft(make_draft(fate.kind, item, prepared.mapping_set, first, salts(2)), None)
    return indexes


def _count(kept: Kept, items: Sequence[Judged], fates: Sequence[Fate]) -> None:
    """Count by window, partition and source."""
    of_each = ((i.event.window, i.partition, i.event.source, fate.kind) for i, fate in zip(items, fates, strict=True))
    for (window, partition, source, kind), n in Counter(of_each).items():
        if window:
            kept.counts[window, partition][kind] += n
        kept.totals[source][kind] += n
    for item, fate in zip(items, fates, strict=True):
        if fate.known is not None and (window := item.event.window):
            kept.repeated[window] = min(fate.known, kept.repeated.get(window, fate.known))


def _found(
    writer: EntryWriter,
    kept: Kept,
    items: Sequence[Judged],
    fates: Fates,
    indexes: Mapping[int, int],
    names: Names,
    active: ActiveSet,
) -> None:
    """Write the rows by which what was kept is found."""
    kinds = [(number, index, fates.fates[number].kind) for number, index in indexes.items()]
    evidence = [items[number].event for number, _, kind in kinds if kind == "evidence"]
    names.learn(j.subject for number in indexes for j in items[number].judgements)
    names.learn_parts((event.source, event.place, event.type) for event in evidence)
    rows = FoundRows(names, active, kept.inputs, kept.evidence)
    conflicts = {index: first for _, index, first in kept.conflicts}
    for number, index, kind in kinds:
        if kind == "dead_letter":
            rows.add_dead_letter(items[number].event, index, writer.now)
        else:
            rows.add_evidence(items[number], index, conflicts.get(index))
    rows.write(writer.connection)


def close_by_hand(writer: EntryWriter, names: Names, closings: Sequence[Closing], kept: Kept) -> None:
    """Write closings as entries; each is an input of its finding. Raises StoreError where there is no such finding."""
    table = schema.finding
    for closing in closings:
        subject = names.handle(closing.subject)
        row = writer.connection.execute(
            select(table.c.part_id, table.c.input_time).where(table.c.mapping == closing.mapping, table.c.subject == subject)
        ).one_or_none()
        if row is None:
            raise StoreError(f"mapping {closing.mapping} has no finding about {closing.subject}")
        part_id, at = row.part_id, max(closing.event_time, row.input_time + 1)  # it answers all that was said, however dated
        detail = committed(canonical({"subject": closing.subject, "reason": closing.reason, "by": closing.by}))
        fields = {"mapping": closing.mapping, "subject": subject.hex()}
        index = writer.add("closing", "attestream", at, writer.now, fields, detail)
        found = Input(at, index, Verdict.CLOSED, part_id, at)
        insert_rows(writer.connection, schema.tag, TAG_COLUMNS, [tag_row(closing.mapping, subject, found)])
        kept.inputs[closing.mapping, subject].append(found)


def count(connection: Connection, kept: Kept) -> None:
    """Move the counts of windows and sources with the positions."""
    counts = [(*key, *(counter[name] for name in _COUNTS)) for key, counter in sorted(kept.counts.items())]
    keys = ("attempt", "partition")
    upsert_rows(connection, schema.attempt_count, keys, (*keys, *_COUNTS), counts, add=_COUNTS)
    totals = [(name, *_UNKNOWN.values(), *(c[n] for n in _COUNTS)) for name, c in sorted(kept.totals.items())]
    upsert_rows(connection, schema.source, ("name",), ("name", *_UNKNOWN, *_COUNTS), totals, add=_COUNTS)


def lateness_of(connection: Connection) -> dict[str, int]:
    """Lateness of each declared source, microseconds."""
    return dict(fetch(connection, "SELECT name, lateness FROM source"))
