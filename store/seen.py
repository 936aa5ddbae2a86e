"""What is new: `seen` for what happened once, `observed` for the state of subjects.

`seen`: the one place of uniqueness. (source, 16 bytes of a keyed hash of the id) -> index, `unmatched` or `erased`.

A repeated event changes nothing. The same id with other bytes is a conflict: it gets an index of its own and is remembered under
id and digest together. An observation's id holds its time: it is new where it says something else than the subject's newest one
(store/observed.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, select

from store import schema
from store.observed import Newest, Observed, look_up_observed
from store.records import Judged
from store.sql import chunks, upsert

UNMATCHED: Final = -1
ERASED: Final = -2


@dataclass(frozen=True, slots=True)
class Keys:
    """Keyed hashes of one event: of its id, of its payload, of both; of an observation's subject."""

    id: bytes
    digest: bytes
    both: bytes
    subject: bytes | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What `seen` holds for a key."""

    idx: int
    digest: bytes | None


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one item: kept (as evidence or dead letter), or why not.

    `first` is what it conflicts with: a log index, or, for an item of the same batch, `same_batch(number)`. `known` is the index
    of the evidence that a duplicate repeats.
    """

    kind: str
    keys: Keys
    first: int | None = None
    known: int | None = None


def same_batch(number: int) -> int:
    """Stands for the index, not yet given, of item `number` of this batch; its own inverse."""
    return -10 - number


def keys_of(secret: bytes, item: Judged) -> Keys:
    """Hashes with the store's own key, so that `seen` tells nobody which ids it holds."""
    event = item.event
    id_ = event.id.encode("utf-8", "surrogatepass")
    digest = _hash(secret, event.payload)
    subject = None
    if event.observes:
        who = "\0".join((event.type, event.account, event.region, event.subject or ""))
        subject = _hash(secret, b"\2" + who.encode("utf-8", "surrogatepass"))
    return Keys(_hash(secret, b"\0" + id_), digest, _hash(secret, b"\1" + digest + id_), subject)


def _hash(secret: bytes, data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16, key=secret).digest()


def look_up(connection: Connection, source_keys: Iterable[tuple[str, bytes]]) -> dict[tuple[str, bytes], Known]:
    """What is known of these (source, key) pairs."""
    by_source: dict[str, list[bytes]] = {}
    for source, key in source_keys:
        by_source.setdefault(source, []).append(key)
    known: dict[tuple[str, bytes], Known] = {}
    table = schema.seen
    for source, keys in by_source.items():
        for some in chunks(keys):
            query = select(table.c.key, table.c.idx, table.c.digest).where(table.c.source == source, table.c.key.in_(some))
            for row in connection.execute(query):
                known[source, bytes(row.key)] = Known(row.idx, row.digest)
    return known


def settle_fates(
    connection: Connection, items: Sequence[Judged], keys: Sequence[Keys], retain_all: bool
) -> tuple[list[Fate], Observed]:
    """Say of each item, in order: evidence, dead_letter, unmatched or duplicate; and how subjects stand after them."""
    known = look_up(connection, ((item.event.source, key.id) for item, key in zip(items, keys, strict=True)))
    doubted = [
        (item.event.source, key.both)
        for item, key in zip(items, keys, strict=True)
        if (entry := known.get((item.event.source, key.id))) is not None and entry.digest not in (None, key.digest)
    ]
    known.update(look_up(connection, doubted))
    pairs = list(zip(items, keys, strict=True))
    observed = look_up_observed(connection, ((item.event.source, key.subject) for item, key in pairs if key.subject is not None))
    fates = []
    for number, (item, key) in enumerate(pairs):
        if key.subject is not None:
            fates.append(_observation(number, item, key, key.subject, known, observed, retain_all))
        else:
            fates.append(_fate(number, item, key, known, retain_all))
    return fates, observed


def _observation(
    number: int,
    item: Judged,
    keys: Keys,
    subject: bytes,
    known: dict[tuple[str, bytes], Known],
    observed: Observed,
    retain_all: bool,
) -> Fate:
    """Unchanged is a duplicate, which stores nothing; so is one that was delivered twice."""
    event = item.event
    place, wanted = (event.source, subject), retain_all or bool(item.judgements)
    if (before := known.get((event.source, keys.id))) is not None:
        return Fate("duplicate", keys, known=before.idx if before.idx >= 0 else None)
    same = observed.unchanged(place, keys.digest, event.time)
    if same is not None and same.idx != UNMATCHED:
        observed.note(place, Newest(keys.digest, same.idx, event.time))
        return Fate("duplicate", keys, known=same.idx if same.idx >= 0 else None)
    if wanted:
        known[event.source, keys.id] = Known(same_batch(number), keys.digest)
        observed.note(place, Newest(keys.digest, same_batch(number), event.time))
        return Fate("evidence", keys)
    if place in observed.newest:  # what was kept of this subject is no longer how it stands
        observed.note(place, Newest(keys.digest, UNMATCHED, event.time))
    return Fate("unmatched", keys)


def _fate(number: int, item: Judged, keys: Keys, known: dict[tuple[str, bytes], Known], retain_all: bool) -> Fate:
    source = item.event.source
    place = (source, keys.id)
    before = known.get(place)
    kept = "dead_letter" if item.event.kind == "unreadable" else "evidence"
    wanted = kept == "dead_letter" or retain_all or bool(item.judgements)
    if before is None or (before.idx == UNMATCHED and wanted):
        known[place] = Known(same_batch(number) if wanted else UNMATCHED, keys.digest if wanted else None)
        return Fate(kept if wanted else "unmatched", keys)
    if before.idx == UNMATCHED or before.idx == ERASED or before.digest in (None, keys.digest):
        return Fate("duplicate", keys, known=before.idx if before.idx >= 0 else None)
    if (again := known.get((source, keys.both))) is not None:
        return Fate("duplicate", keys, known=again.idx if again.idx >= 0 else None)
    known[source, keys.both] = Known(same_batch(number), keys.digest)
    return Fate(kept, keys, first=before.idx)


def remember(
    connection: Connection, items: Sequence[Judged], fates: Sequence[Fate], indexes: Mapping[int, int], expires: Sequence[int]
) -> None:
    """Write what has become of the items; `indexes` maps an item's number to its log index."""
    rows = []
    for number, (item, fate) in enumerate(zip(items, fates, strict=True)):
        if fate.kind == "duplicate" or (fate.kind == "unmatched" and fate.keys.subject is not None):
            continue  # an observation that was not kept is told by nothing but its time, and never comes again
        index = indexes.get(number)
        key = fate.keys.id if fate.first is None else fate.keys.both
        rows.append(
            {
                "source": item.event.source,
                "key": key,
                "idx": UNMATCHED if index is None else index,
                "digest": None if index is None else fate.keys.digest,
                "expires": expires[number] if index is None else None,
            }
        )
    upsert(connection, schema.seen, ["source", "key"], rows, ["idx", "digest", "expires"])


def forget_expired(connection: Connection, now: int) -> int:
    """Drop `unmatched` ids whose time has passed."""
    return connection.execute(delete(schema.seen).where(schema.seen.c.expires < now)).rowcount
