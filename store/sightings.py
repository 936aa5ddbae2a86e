"""What looking at things again says beside its verdicts: that a subject is gone, outside a population, or superseded.

These are inputs of findings like any other: a tag of the entry that says so. A part that was read to the end is remembered as
covered, so that what stands in it unchanged is as fresh as the look, though nothing of it was written again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Final

from sqlalchemy import Connection

from store import schema
from store.active import ActiveSet
from store.changes import FindingKey, Input
from store.found import TAG_COLUMNS, tag_row
from store.names import Names
from store.records import HOUR, OBSERVED, Cover, Judged, PartRecord, Verdict, WindowRecord
from store.seen import UNMATCHED, Fates, same_batch
from store.sql import change, fetch, find_rows, insert_rows

BEYOND: Final = frozenset({Verdict.GONE.value, Verdict.SUPERSEDED.value})
"""Verdicts of tags that no mapping gave: what follows from one look after the other."""
BRIDGE: Final = 26 * HOUR
"""Complete looks that follow within this hold together as one stretch: the least `max_age` that a snapshot has by default."""
_STANDING: Final = "('satisfied', 'not-satisfied', 'accepted', 'stale', 'error')"
_SAID: Final = ("matched", "not-matched", "error")
_GONE: Final = (
    "SELECT f.mapping, f.subject, t.idx, t.event_time FROM finding f"  # noqa: S608  names of ours
    " JOIN tag t ON t.mapping = f.mapping AND t.subject = f.subject AND t.event_time = f.input_time"
    " JOIN observed o ON o.idx = t.idx"
    f" WHERE f.part_id = ? AND NOT f.silence AND f.state IN {_STANDING} AND o.time < ?"
)
_OLDER: Final = (
    "SELECT subject FROM finding WHERE mapping = ? AND part_id = ? AND NOT silence"
    " AND state IN ('satisfied', 'stale') AND input_time <= ?"
)


def place_of(part: str, kind: str) -> str:
    """The part as findings know it (`Event.place`)."""
    return f"{part}/{kind}" if kind.partition(".")[0] in OBSERVED else part


def places_of(record: WindowRecord) -> Iterator[tuple[str, PartRecord]]:
    """The places of a window's parts: where resources were enumerated, their summary is a part of its own beside them."""
    for part in record.parts:
        yield place_of(part.part, part.type), part
        kind, _, rest = part.type.partition(".")
        if kind == "snapshot":
            summary = replace(part, type=f"summary.{rest}")
            yield place_of(part.part, summary.type), summary


def covers_of(record: WindowRecord) -> Iterator[tuple[str, str, Cover]]:
    """Everything that a window vouches for, as (place, type, cover): what was delivered, and looks that came to the end."""
    types = {p.part: p.type for p in record.parts}
    for cover in record.covers:
        end = min(cover.end, record.ended_at)  # a file dated in the future keeps nothing fresh
        yield cover.part, types.get(cover.part, ""), Cover(cover.part, min(cover.start, end), end, cover.joins, cover.bridge)
    for place, part in places_of(record):
        if part.complete and place != part.part and record.state != "failed":
            yield place, part.type, Cover(place, min(record.started_at, record.ended_at), record.ended_at, bridge=BRIDGE)


def look_beyond(
    connection: Connection,
    items: Sequence[Judged],
    fates: Fates,
    indexes: Mapping[int, int],
    names: Names,
    active: ActiveSet,
    inputs: dict[FindingKey, list[Input]],
) -> None:
    """Say of kept observations what their verdicts do not: whose population a subject left, and which subjects are superseded."""
    found: list[tuple[FindingKey, Input]] = []
    found.extend(_left(connection, items, fates, indexes, names, active))
    for number, index in indexes.items():
        item = items[number]
        if item.event.observes:
            found.extend(_superseded(connection, item, index, names, active))
    _write(connection, found, inputs)


def _left(
    connection: Connection,
    items: Sequence[Judged],
    fates: Fates,
    indexes: Mapping[int, int],
    names: Names,
    active: ActiveSet,
) -> Iterator[tuple[FindingKey, Input]]:
    """Findings that the observation before this one spoke to, and this one does not."""
    before = {
        number: first if first >= 0 else indexes.get(same_batch(first), UNMATCHED) for number, first in fates.replaced.items()
    }
    tags: dict[int, list[tuple[str, bytes, int]]] = {}
    columns = ("idx", "mapping", "subject", "verdict", "part_id")
    for idx, mapping, subject, verdict, part_id in find_rows(
        connection, schema.tag, columns, "idx", sorted(set(before.values()))
    ):
        if verdict in _SAID and active.observing(mapping):
            tags.setdefault(idx, []).append((mapping, bytes(subject), part_id))
    for number, first in before.items():
        event = items[number].event
        now = {(j.mapping, names.handle(j.subject)) for j in items[number].judgements}
        for mapping, subject, part_id in tags.get(first, ()):
            if (mapping, subject) not in now:
                yield (
                    (mapping, subject),
                    Input(event.time, indexes[number], Verdict.GONE, part_id, min(event.time, event.collected_at)),
                )


def _superseded(
    connection: Connection, item: Judged, index: int, names: Names, active: ActiveSet
) -> Iterator[tuple[FindingKey, Input]]:
    """Where only the newest of many subjects counts (a review that was done says so once), those before it."""
    event = item.event
    for judgement in item.judgements:
        if judgement.verdict is not Verdict.MATCHED or not active.observing(judgement.mapping):
            continue
        record = active.mappings[judgement.mapping].record
        if record.finding != "satisfied" or record.two_sided or record.kind not in ("ticket", "finding"):
            continue
        part_id, subject = names.part(event.source, event.place, event.type), names.handle(judgement.subject)
        for row in fetch(connection, _OLDER, record.id, part_id, event.time):
            if bytes(row[0]) != subject:
                fresh = min(event.time, event.collected_at)
                yield (record.id, bytes(row[0])), Input(event.time, index, Verdict.SUPERSEDED, part_id, fresh)


def retire_gone(
    connection: Connection,
    names: Names,
    active: ActiveSet,
    source: str,
    record: WindowRecord,
    index: int,
    appends: int,
    inputs: dict[FindingKey, list[Input]],
) -> None:
    """Retire the subjects of parts that the window enumerated, last seen before it began. `index`: its entry; `appends`: the
    number of this append."""
    found: list[tuple[FindingKey, Input]] = []
    for place, part in places_of(record):
        if not (part.complete and part.enumerates) or record.state == "failed":
            continue
        part_id, gone = names.part(source, place, part.type), set()
        for mapping, subject, idx, time in fetch(connection, _GONE, part_id, record.started_at):
            gone.add(idx)
            if active.observing(mapping):
                at = max(record.started_at, time + 1)
                found.append(((mapping, bytes(subject)), Input(at, index, Verdict.GONE, part_id, at)))
        for idx in sorted(gone):  # one that comes back unchanged is judged again
            change(connection, "UPDATE observed SET idx = ? WHERE idx = ?", UNMATCHED, idx)
    if found:
        # What stands for these subjects has changed: whoever prepared a batch meanwhile looks everything up again.
        change(connection, "DELETE FROM recent WHERE appends = ?", appends)
    _write(connection, found, inputs)


def _write(connection: Connection, found: Iterable[tuple[FindingKey, Input]], inputs: dict[FindingKey, list[Input]]) -> None:
    rows = []
    for key, said in {(key, said.idx): (key, said) for key, said in found}.values():
        rows.append(tag_row(*key, said))
        inputs[key].append(said)
    insert_rows(connection, schema.tag, TAG_COLUMNS, sorted(rows, key=itemgetter(0, 1, 2, 3, 4)))
