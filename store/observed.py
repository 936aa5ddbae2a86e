"""`observed`: the newest observation of each subject, so that one that is unchanged stores nothing.

(source, 16 bytes of a keyed hash of type, account, Region and subject) -> digest of the payload, log index (`UNMATCHED`: seen and
judged by none), time. It follows the time of looking, never the order of arrival.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from store import schema
from store.sql import chunks, upsert

Place = tuple[str, bytes]
"""A source, and the key of a subject in it."""


@dataclass(frozen=True, slots=True)
class Newest:
    """What stands for a subject: digest of its payload, log index (or, within a batch, what stands for one), when it was seen."""

    digest: bytes
    idx: int
    time: int


@dataclass(slots=True)
class Observed:
    """The newest observations that a batch touches: as they stood, with what the batch changes."""

    newest: dict[Place, Newest] = field(default_factory=dict)
    changed: set[Place] = field(default_factory=set)

    def unchanged(self, place: Place, digest: bytes, time: int) -> Newest | None:
        """The subject's newest observation, if one seen at `time` says the same again and is not older."""
        found = self.newest.get(place)
        return found if found is not None and found.digest == digest and time >= found.time else None

    def note(self, place: Place, newest: Newest) -> None:
        """This was seen; one that is older than what stands changes nothing."""
        found = self.newest.get(place)
        if found is None or newest.time >= found.time:
            self.newest[place] = newest
            self.changed.add(place)

    def write(self, connection: Connection, indexes: Mapping[int, int]) -> None:
        """Write what changed. `indexes` gives the log index of what stood for one."""
        rows = [
            {"source": source, "key": key, "digest": row.digest, "idx": indexes.get(row.idx, row.idx), "time": row.time}
            for (source, key), row in ((place, self.newest[place]) for place in sorted(self.changed))
        ]
        upsert(connection, schema.observed, ["source", "key"], rows, ["digest", "idx", "time"])


def look_up_observed(connection: Connection, places: Iterable[Place]) -> Observed:
    """What stands for these subjects."""
    by_source: dict[str, set[bytes]] = {}
    for source, key in places:
        by_source.setdefault(source, set()).add(key)
    found = Observed()
    table = schema.observed
    for source, keys in by_source.items():
        for some in chunks(sorted(keys)):
            for row in connection.execute(select(table).where(table.c.source == source, table.c.key.in_(some))):
                found.newest[source, bytes(row.key)] = Newest(bytes(row.digest), row.idx, row.time)
    return found
