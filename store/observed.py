"""`observed`: the newest observation of each subject, so that one that is unchanged stores nothing.

(source, 16 bytes of a keyed hash of type, account, Region and subject) -> digest of the payload, log index (`UNMATCHED`: seen and
judged by none), time. It follows the time of looking, never the order of arrival.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection

from store import schema
from store.sql import find_rows, upsert_rows

Place = tuple[str, bytes]
"""A source, and the key of a subject in it."""
_PLACE: Final = ("source", "key")
_COLUMNS: Final = ("digest", "idx", "time")


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
        changed = ((place, self.newest[place]) for place in sorted(self.changed))
        rows = [(*place, row.digest, indexes.get(row.idx, row.idx), row.time) for place, row in changed]
        upsert_rows(connection, schema.observed, _PLACE, (*_PLACE, *_COLUMNS), rows, update=_COLUMNS)


def look_up_observed(connection: Connection, places: Iterable[Place]) -> Observed:
    """What stands for these subjects."""
    by_source: dict[str, set[bytes]] = {}
    for source, key in places:
        by_source.setdefault(source, set()).add(key)
    found = Observed()
    for source, keys in by_source.items():
        rows = find_rows(connection, schema.observed, ("key", *_COLUMNS), "key", sorted(keys), {"source": source})
        found.newest.update(((source, bytes(key)), Newest(bytes(digest), idx, time)) for key, digest, idx, time in rows)
    return found
