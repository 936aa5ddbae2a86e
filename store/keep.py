"""Keeping the source records of a batch: what is new becomes evidence or a dead letter, with its tags and counts.

Everything here that needs no index is done by `prepare`, before the head row is locked.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select, update

from store import schema
from store.blocks import Packed, Ref, pack_blocks
from store.changes import Input
from store.entries import Committed, canonical, committed, evidence_detail, evidence_fields
from store.errors import StoreError
from store.found import FoundRows, tag_row
from store.names import Names
from store.records import HOUR, Closing, Counts, Judged, Verdict
from store.seen import Fate, Keys, keys_of, remember, same_batch, settle_fates
from store.sql import insert, upsert
from store.writer import EntryWriter


@dataclass(frozen=True, slots=True)
class Item:
    """A source record with its hashes and its two committed parts."""

    judged: Judged
    keys: Keys
    detail: Committed
    payload: Committed


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch before the lock: its source records, and blocks packed for those that are expected to be new."""

    items: tuple[Item, ...]
    expected: tuple[int, ...]
    packed: Packed


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


def counts_of(counter: Mapping[str, int]) -> Counts:
    """Counts from a counter by name."""
    names = ("evidence", "unmatched", "duplicate", "dead_letter")
    return Counts(*(counter.get(name, 0) for name in names))


def prepare(connection: Connection, secret: bytes, items: Sequence[Judged], retain_all: bool) -> Prepared:
    """Hash, look up what is known already, and compress what looks new. Holds no lock: `keep` looks again under it."""
    keys = [keys_of(secret, item) for item in items]
    made = tuple(
        Item(
            judged,
            key,
            committed(evidence_detail(judged.event, judged.judgements)),
            committed(judged.event.payload, judged.event.media_type),
        )
        for judged, key in zip(items, keys, strict=True)
    )
    expected = _kept(settle_fates(connection, items, keys, retain_all)[0])
    return Prepared(made, expected, _pack(made, expected))


def _kept(fates: Sequence[Fate]) -> tuple[int, ...]:
    return tuple(n for n, fate in enumerate(fates) if fate.kind in ("evidence", "dead_letter"))


def _pack(items: Sequence[Item], numbers: Iterable[int]) -> Packed:
    return pack_blocks([[items[n].detail.data, items[n].payload.data] for n in numbers])


def keep(
    writer: EntryWriter,
    prepared: Prepared,
    names: Names,
    mapping_set: str,
    speaking: Mapping[str, bool],
    lateness: Mapping[str, int],
    retain_all: bool,
) -> Kept:
    """Write the batch's source records, in the order they came. `speaking`: mappings whose findings a judgement touches."""
    connection = writer.connection
    items = prepared.items
    fates, observed = settle_fates(connection, [i.judged for i in items], [i.keys for i in items], retain_all)
    numbers = _kept(fates)
    packed = prepared.packed if numbers == prepared.expected else _pack(items, numbers)
    writer.use_blocks(packed)
    kept = Kept()
    indexes: dict[int, int] = {}
    for place, number in enumerate(numbers):
        refs = (packed.refs[2 * place], packed.refs[2 * place + 1])
        indexes[number] = _write(writer, items[number], fates[number], indexes, refs, mapping_set)
    for number, fate in enumerate(fates):
        judged = items[number].judged
        window = judged.event.window
        if window:
            kept.counts[window, judged.partition][fate.kind] += 1
            if fate.known is not None:
                kept.repeated[window] = min(fate.known, kept.repeated.get(window, fate.known))
        kept.totals[judged.event.source][fate.kind] += 1
        if fate.first is not None and number in indexes:
            first = fate.first if fate.first >= 0 else indexes[same_batch(fate.first)]
            kept.conflicts.append((judged.event.source, indexes[number], first))
    expires = [writer.now + 2 * lateness.get(i.judged.event.source, HOUR) for i in items]
    remember(connection, [i.judged for i in items], fates, indexes, expires)
    observed.write(connection, {same_batch(number): index for number, index in indexes.items()})
    names.learn(j.subject for n in indexes for j in items[n].judged.judgements)
    rows = FoundRows(names, speaking, kept.inputs, kept.evidence)
    conflicts = {index: first for _, index, first in kept.conflicts}
    for number, index in indexes.items():
        if fates[number].kind == "dead_letter":
            rows.add_dead_letter(items[number].judged.event, index, writer.now)
        else:
            rows.add_evidence(items[number].judged, index, conflicts.get(index))
    rows.write(connection)
    return kept


def _write(
    writer: EntryWriter, item: Item, fate: Fate, indexes: Mapping[int, int], refs: tuple[Ref, Ref], mapping_set: str
) -> int:
    event = item.judged.event
    first = fate.first
    if first is not None and first < 0:
        first = indexes[same_batch(first)]
    fields: dict[str, Any]
    if fate.kind == "evidence":
        controls = {control for j in item.judged.judgements for control in j.controls}
        fields = evidence_fields(event, sorted(controls), mapping_set, first)
    else:
        fields = {"window": event.window}
    return writer.add(fate.kind, event.source, event.time, event.collected_at, fields, item.detail, item.payload, refs)


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
        insert(writer.connection, schema.tag, [tag_row(closing.mapping, subject, found)])
        kept.inputs[closing.mapping, subject].append(found)


def count(connection: Connection, kept: Kept) -> None:
    """Move the counts of windows and sources with the positions."""
    names = ("evidence", "unmatched", "duplicate", "dead_letter")
    rows = [
        {"attempt": attempt, "partition": partition, **{name: counter[name] for name in names}}
        for (attempt, partition), counter in sorted(kept.counts.items())
    ]
    upsert(connection, schema.attempt_count, ["attempt", "partition"], rows, add=names)
    table = schema.source
    for source, counter in kept.totals.items():
        values = {name: table.c[name] + counter[name] for name in names}
        if connection.execute(update(table).where(table.c.name == source).values(**values)).rowcount == 0:
            connection.execute(table.insert().values(**_unknown_source(source), **{name: counter[name] for name in names}))


def _unknown_source(name: str) -> dict[str, Any]:
    """A source that nobody declared: the stream's own unreadable records, or one that was removed from the settings."""
    return {
        "name": name,
        "type": "",
        "lateness": HOUR,
        "schedule": 0,
        "configured": False,
        "cursor": b"{}",
        "cursor_end": None,
        "failures": 0,
    }


def lateness_of(connection: Connection) -> dict[str, int]:
    """Lateness of each declared source, microseconds."""
    return {row.name: row.lateness for row in connection.execute(select(schema.source.c.name, schema.source.c.lateness))}
