"""Old evidence judged again under the active mapping set: an entry of its own says what, and findings follow from that.

Nothing that stands is touched: the evidence keeps the tags of its day, and the hourly roll-ups count what was said then.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from store import schema
from store.active import ActiveSet
from store.changes import FindingKey, Input
from store.entries import canonical, committed
from store.found import TAG_COLUMNS, tag_row
from store.log_source import EntryReader, StoredEntry
from store.names import Names
from store.records import Verdict
from store.rejudged import Rejudged, Replay
from store.sql import fetch, find_rows, insert_rows
from store.times import format_time, parse_time
from store.writer import EntryWriter

REPLAY: Final = "replay"
_OLD: Final = "SELECT idx FROM evidence WHERE idx >= ? AND idx < ? AND event_time >= ? AND type LIKE 'log.%' ORDER BY idx LIMIT ?"
_LAST: Final = "SELECT metadata FROM entry WHERE type = 'replay' ORDER BY idx DESC LIMIT 1"
_SAID: Final = "SELECT 1 FROM tag WHERE mapping = ? AND subject = ? AND event_time = ? AND verdict = ? LIMIT 1"


class Reached(NamedTuple):
    """How far a replay came: of which set, since when, and the log index up to which evidence was judged again."""

    mapping_set: str
    since: int
    stop: int


def last_replay(connection: Connection) -> Reached | None:
    """How far the last replay came."""
    rows = fetch(connection, _LAST)
    if not rows:
        return None
    fields = json.loads(bytes(rows[0][0]))
    return Reached(fields["mapping_set"], parse_time(fields["since"]), fields["stop"])


def old_evidence(connection: Connection, since: int, start: int, stop: int, limit: int) -> list[int]:
    """Log indexes [start, stop) of evidence from logs whose event is not before `since`, in order, at most `limit`."""
    return [row[0] for row in fetch(connection, _OLD, start, stop, since, limit)]


def stored_evidence(connection: Connection, indexes: Sequence[int]) -> Iterator[StoredEntry]:
    """These entries with what is kept of them, in order."""
    wanted = frozenset(indexes)
    if wanted:
        found = EntryReader(connection).entries(min(wanted), max(wanted) + 1)
        yield from (entry for entry in found if entry.index in wanted)


Rows = dict[tuple[str, bytes, int, str], tuple[FindingKey, Input]]
"""By mapping, subject, event time, verdict: what is said once, however often it is found."""


def write_replay(
    writer: EntryWriter, names: Names, active: ActiveSet, replay: Replay, inputs: dict[FindingKey, list[Input]]
) -> frozenset[str]:
    """Write what is new in a replay; it speaks to findings like any evidence. Returns the sources that it tells of."""
    names.learn(said.subject for one in replay.judged for said in one.said)
    columns = ("idx", "part_id", "event_time", "source")
    known = find_rows(writer.connection, schema.evidence, columns, "idx", [one.index for one in replay.judged])
    places = {row[0]: row[1:] for row in known}
    of: list[dict[str, Any]] = []
    rows: Rows = {}
    sources: set[str] = set()
    for one in replay.judged:
        if one.index not in places:
            continue
        part_id, time, source = places[one.index]
        if tags := _new(writer, names, active, one, (part_id, time), rows):
            of.append({"index": one.index, "fresh": format_time(one.fresh), "tags": tags})
            sources.add(source)
    if rows or replay.last:
        fields = {
            "mapping_set": active.digest, "since": format_time(replay.since), "start": replay.start, "stop": replay.stop,
            "read": replay.read, "unread": replay.unread,
        }  # fmt: skip
        writer.add(REPLAY, "attestream", writer.now, writer.now, fields, committed(canonical({"of": of})))
        written = [tag_row(mapping, subject, found) for (mapping, subject), found in rows.values()]
        insert_rows(writer.connection, schema.tag, TAG_COLUMNS, sorted(written, key=lambda row: tuple(row[:5])))
        for key, found in rows.values():
            inputs[key].append(found)
    return frozenset(sources)


def _new(
    writer: EntryWriter, names: Names, active: ActiveSet, one: Rejudged, place: tuple[int, int], rows: Rows
) -> list[dict[str, Any]]:
    """What is said of one event (its part and time are `place`) and was not said of it before, as tags; adds their rows."""
    part_id, time = place
    tags = []
    for said in one.said:
        key = said.mapping, names.handle(said.subject)
        row = (*key, time, said.verdict)
        if active.holds(said.mapping, False) and row not in rows and not fetch(writer.connection, _SAID, *row):
            rows[row] = key, Input(time, writer.size, Verdict(said.verdict), part_id, one.fresh)
            tags.append(asdict(said))
    return tags
