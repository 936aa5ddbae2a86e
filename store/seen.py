"""What is new: `seen` for what happened once and was kept, `passed` for what was kept by nobody, `observed` for subjects.

`seen`: the one place of uniqueness. (source, 16 bytes of a keyed hash of the id) -> index, or `erased`. A repeated event changes
nothing. The same id with other bytes is a conflict: it gets an index of its own and is remembered under id and digest together.

`passed` (store/passed.py) remembers for a while which events were judged by none: one that comes again is a duplicate, or
evidence when the active set judges it by then.

An observation's id holds its time: it is new where it says something else than the subject's newest one (store/observed.py),
or where that was judged under an older mapping set than the active one.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final, NamedTuple

from sqlalchemy import Connection

from store import schema
from store.observed import Newest, Observed, look_up_observed
from store.passed import Mark, Passed, look_up_passed, salt_of, stamp, stamps
from store.records import OBSERVED, UNREADABLE, Judged
from store.sql import find_rows, insert_rows

UNMATCHED: Final = -1
ERASED: Final = -2
_COLUMNS: Final = ("source", "key", "idx", "digest")


@dataclass(frozen=True, slots=True)
class Keys:
    """Keyed hashes of one event: of its id, of its payload, of both; of an observation's subject."""

    id: bytes
    digest: bytes
    both: bytes
    subject: bytes | None = None


class Known(NamedTuple):
    """What is known of a key: its index (or what stands for one) and the digest of the payload."""

    idx: int
    digest: bytes | None


class Fate(NamedTuple):
    """What becomes of one item: kept (as evidence or dead letter) under a key, or why not.

    `first` is what it conflicts with: a log index, or, for an item of the same batch, `same_batch(number)`. `known` is the index
    of the evidence that a duplicate repeats.
    """

    kind: str
    key: bytes = b""
    digest: bytes | None = None
    first: int | None = None
    known: int | None = None


_NOBODYS: Final = Known(UNMATCHED, None)
_PASSED: Final = Fate("unmatched")
_AGAIN: Final = Fate("duplicate")


@dataclass(slots=True)
class Fates:
    """The fate of each item of a batch, in order; which are kept; what is to be remembered of the rest and of subjects.

    `stamps` stand for the items' ids, in order, and for the subjects of observations. `replaced` is, by item number, the index of
    the observation that stood for its subject before (or `same_batch` of one).
    """

    fates: list[Fate] = field(default_factory=list)
    kept: tuple[int, ...] = ()
    stamps: list[int] = field(default_factory=list)
    subjects: list[int] = field(default_factory=list)
    passed: dict[str, list[Mark]] = field(default_factory=lambda: defaultdict(list))
    observed: Observed = field(default_factory=Observed)
    replaced: dict[int, int] = field(default_factory=dict)

    def about(self) -> Iterator[int]:
        """What the fates depend on."""
        return chain(self.stamps, self.subjects)

    def touched(self) -> Iterator[int]:
        """What of that they change for others."""
        yield from (one for one, fate in zip(self.stamps, self.fates, strict=True) if fate.kind != "duplicate")
        yield from (stamp(subject, salt_of(source)) for source, subject in self.observed.changed)


def same_batch(number: int) -> int:
    """Stands for the index, not yet given, of item `number` of this batch; its own inverse."""
    return -10 - number


def keys_of(secret: bytes, item: Judged) -> Keys:
    """All hashes of an event, with the store's own key, so that `seen` tells nobody which ids it holds."""
    [id_] = id_keys(secret, [item])
    digest = _hash(secret, item.event.payload)
    return Keys(id_, digest, _both(secret, item, digest), _subject_key(secret, item) if item.event.observes else None)


def id_keys(secret: bytes, items: Iterable[Judged]) -> list[bytes]:
    """The hash of each event's id."""
    keyed = hashlib.blake2b(b"\0", digest_size=16, key=secret)
    hashes = []
    for item in items:
        hashed = keyed.copy()  # the key is taken in once
        hashed.update(item.event.id.encode("utf-8", "surrogatepass"))
        hashes.append(hashed.digest())
    return hashes


def _both(secret: bytes, item: Judged, digest: bytes) -> bytes:
    return _hash(secret, b"\1" + digest + item.event.id.encode("utf-8", "surrogatepass"))


def _subject_key(secret: bytes, item: Judged) -> bytes:
    event = item.event
    who = "\0".join((event.type, event.account, event.region, event.subject or ""))
    return _hash(secret, b"\2" + who.encode("utf-8", "surrogatepass"))


def _hash(secret: bytes, data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16, key=secret).digest()


def look_up(connection: Connection, source_keys: Iterable[tuple[str, bytes]]) -> dict[tuple[str, bytes], Known]:
    """What is known of these (source, key) pairs."""
    by_source: dict[str, list[bytes]] = defaultdict(list)
    for source, key in source_keys:
        by_source[source].append(key)
    known: dict[tuple[str, bytes], Known] = {}
    for source, keys in by_source.items():
        rows = find_rows(connection, schema.seen, ("key", "idx", "digest"), "key", keys, {"source": source})
        known.update(((source, bytes(key)), Known(idx, digest)) for key, idx, digest in rows)
    return known


def settle_fates(
    connection: Connection, secret: bytes, items: Sequence[Judged], ids: Sequence[bytes], retain_all: bool, set_idx: int
) -> Fates:
    """Say of each item, in order: evidence, dead_letter, unmatched or duplicate. `ids` are its hashes, `set_idx` is the entry of
    the mapping set that judged them."""
    places = [(item.event.source, id_) for item, id_ in zip(items, ids, strict=True)]
    settling = _Settling(secret, look_up(connection, places), set_idx)
    settling.read(connection, items, places, retain_all)
    fates, known, marks, passed = settling.fates, settling.known, settling.marks, settling.passed
    for number, (item, place) in enumerate(zip(items, places, strict=True)):
        marked = marks.get(number)
        if marked is not None and place not in known and marked not in passed:
            known[place] = _NOBODYS
            fates.passed[place[0]].append(marked)
            fate = _PASSED
        elif marked is not None and known.get(place, _NOBODYS) is _NOBODYS:
            fate = _AGAIN
        elif number in settling.subjects:
            fate = settling.observation(number, item, place, retain_all or bool(item.judgements))
        else:
            fate = settling.event(number, item, place)
        fates.fates.append(fate)
    fates.kept = tuple(n for n, fate in enumerate(fates.fates) if fate.kind in ("evidence", "dead_letter"))
    return fates


@dataclass(slots=True)
class _Settling:
    """The state of settling one batch: what is known grows with each item.

    `subjects` holds the keys of observed subjects, `marks` the marks of log events that nobody wants, by item number.
    """

    secret: bytes
    known: dict[tuple[str, bytes], Known]
    set_idx: int
    subjects: dict[int, bytes] = field(default_factory=dict)
    marks: dict[int, Mark] = field(default_factory=dict)
    passed: Passed = frozenset()
    fates: Fates = field(default_factory=Fates)

    def read(
        self, connection: Connection, items: Sequence[Judged], places: Sequence[tuple[str, bytes]], retain_all: bool
    ) -> None:
        """Look up what else these items ask for: their subjects, whether they passed before, ids that came with other bytes."""
        kinds: dict[str, str] = {}
        salts = {source: salt_of(source) for source in {place[0] for place in places}}
        self.fates.stamps = stamps([id_ for _, id_ in places], [salts[source] for source, _ in places])
        doubted = []
        for number, (item, place) in enumerate(zip(items, places, strict=True)):
            event = item.event
            kind = kinds.get(event.type) or kinds.setdefault(event.type, event.kind)
            if kind in OBSERVED:
                self.subjects[number] = subject = _subject_key(self.secret, item)
                self.fates.subjects.append(stamp(subject, salts[event.source]))
            elif (before := self.known.get(place)) is not None:
                if before.digest is not None and before.digest != (digest := _hash(self.secret, event.payload)):
                    doubted.append((event.source, _both(self.secret, item, digest)))
            elif not (item.judgements or retain_all or kind == UNREADABLE):
                self.marks[number] = (event.time, self.fates.stamps[number])
        self.known.update(look_up(connection, doubted))
        self.passed = look_up_passed(connection, self.marks.values())
        found = ((items[n].event.source, key) for n, key in self.subjects.items())
        self.fates.observed = look_up_observed(connection, found)

    def event(self, number: int, item: Judged, place: tuple[str, bytes]) -> Fate:
        """A log event or a dead letter that is kept if it is new: one that is judged, or whose id was kept before."""
        kept = "dead_letter" if item.event.kind == UNREADABLE else "evidence"
        before = self.known.get(place)
        digest = _hash(self.secret, item.event.payload)
        if before is None or before.idx == UNMATCHED:
            self.known[place] = Known(same_batch(number), digest)
            return Fate(kept, place[1], digest)
        if before.idx == ERASED or before.digest in (None, digest):
            return _again(before)
        both = _both(self.secret, item, digest)
        if (again := self.known.get((place[0], both))) is not None:
            return _again(again)
        self.known[place[0], both] = Known(same_batch(number), digest)
        return Fate(kept, both, digest, before.idx)

    def observation(self, number: int, item: Judged, place: tuple[str, bytes], wanted: bool) -> Fate:
        """Unchanged is a duplicate, which stores nothing; so is one that was delivered twice.

        Where what stood for the subject was kept, what takes its place is kept too, judged or not: it ends what was said.
        """
        event, observed = item.event, self.fates.observed
        subject = (event.source, self.subjects[number])
        if (before := self.known.get(place)) is not None:
            return _again(before)
        digest = _hash(self.secret, event.payload)
        same = observed.unchanged(subject, digest, event.time)
        if same is not None and same.idx != UNMATCHED and not 0 <= same.idx < self.set_idx:
            observed.note(subject, Newest(digest, same.idx, event.time))
            return _again(Known(same.idx, None))
        stood = observed.newest.get(subject)
        replaced = stood.idx if stood is not None and stood.idx != UNMATCHED and event.time >= stood.time else None
        if wanted or replaced is not None:
            if replaced is not None:
                self.fates.replaced[number] = replaced
            self.known[place] = Known(same_batch(number), digest)
            observed.note(subject, Newest(digest, same_batch(number) if wanted else UNMATCHED, event.time))
            return Fate("evidence", place[1], digest)
        if subject in observed.newest:  # what was kept of this subject is no longer how it stands
            observed.note(subject, Newest(digest, UNMATCHED, event.time))
        return _PASSED


def _again(before: Known) -> Fate:
    return Fate("duplicate", known=before.idx) if before.idx >= 0 else _AGAIN


def remember(connection: Connection, items: Sequence[Judged], fates: Fates, indexes: Mapping[int, int]) -> None:
    """Write what was kept; `indexes` maps an item's number to its log index."""
    rows = [(items[n].event.source, fates.fates[n].key, index, fates.fates[n].digest) for n, index in indexes.items()]
    insert_rows(connection, schema.seen, _COLUMNS, sorted(rows))
