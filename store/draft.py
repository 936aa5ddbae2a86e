"""Entries of evidence and dead letters, made before the head row is locked: all but `recorded_at`, which is set under the lock.

A draft is the canonical JSON of the entry in two halves, cut where the text of `recorded_at` belongs. The structures here have
their fields in the order of canonical JSON, so that they are written without sorting.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from store.entries import MAX_ENTRY, SALT, Committed, commit
from store.errors import StoreError
from store.records import Event, Judged, Judgement
from store.times import format_time

_TIME: Final = len("2026-11-24T22:39:04.123456Z")
_CUT: Final = b'"recorded_at":"'
"""Occurs once: inside a text every quotation mark stands after a backslash, and no other field has this name."""
_ENCODER: Final = msgspec.json.Encoder()


class Draft(NamedTuple):
    """An entry before it has its `recorded_at`, with its two committed parts."""

    kind: str
    before: bytes
    after: bytes
    detail: Committed
    payload: Committed


class _Tag(msgspec.Struct):
    controls: Sequence[str]
    finding: str
    mapping: str
    reason: str
    subject: str
    verdict: str


class _Detail(msgspec.Struct):
    account: str
    id: str
    region: str
    sets_at: int | msgspec.UnsetType
    subject: str | msgspec.UnsetType
    tags: Sequence[_Tag]


class _Part(msgspec.Struct):
    commit: str
    media_type: str
    size: int


class _Evidence(msgspec.Struct):
    collected_at: str
    conflicts_with: int | msgspec.UnsetType
    controls: Sequence[str]
    detail: _Part
    event_time: str
    event_type: str
    mapping_set: str
    payload: _Part
    recorded_at: str
    source: str
    type: str
    v: int
    window: str


class _DeadLetter(msgspec.Struct):
    collected_at: str
    detail: _Part
    event_time: str
    payload: _Part
    recorded_at: str
    source: str
    type: str
    v: int
    window: str


def salts(count: int) -> Iterator[bytes]:
    """So many salts, each random and of its own, from one reading of the random source."""
    random = os.urandom(SALT * count)
    return (random[at : at + SALT] for at in range(0, SALT * count, SALT))


def make_draft(kind: str, judged: Judged, mapping_set: str, first: int | None, salt: Iterator[bytes]) -> Draft:
    """Draft of an `evidence` or `dead_letter` entry, with two of the salts. `first`: the entry that it conflicts with.

    Raises StoreError when the entry is over 8 KiB.
    """
    event = judged.event
    detail = Committed(next(salt), evidence_detail(event, judged.judgements, judged.sets_at))
    payload = Committed(next(salt), event.payload, event.media_type)
    parts = [_Part(commit(p.salt, p.data), p.media_type, len(p.data)) for p in (detail, payload)]
    times = _text(event.collected_at), _text(event.time)
    entry: msgspec.Struct
    if kind == "evidence":
        controls = sorted({control for j in judged.judgements for control in j.controls})
        conflict = msgspec.UNSET if first is None else first
        head = (times[0], conflict, controls, parts[0], times[1], event.type, mapping_set, parts[1])
        entry = _Evidence(*head, "", event.source, kind, 1, event.window)
    else:
        entry = _DeadLetter(times[0], parts[0], times[1], parts[1], "", event.source, kind, 1, event.window)
    data = _ENCODER.encode(entry)
    if len(data) + _TIME > MAX_ENTRY:
        raise StoreError(f"an entry of {len(data) + _TIME} bytes is over the limit of {MAX_ENTRY}")
    at = data.index(_CUT) + len(_CUT)
    return Draft(kind, data[:at], data[at:], detail, payload)


def evidence_detail(event: Event, judgements: Sequence[Judgement], sets_at: int = -1) -> bytes:
    """Detail of an evidence entry: what would be personal in a leaf, and the tags with their reasons. `sets_at`: see Judged."""
    tags = [_Tag(j.controls, j.finding, j.mapping, j.reason, j.subject, j.verdict.value) for j in judgements]
    subject = msgspec.UNSET if event.subject is None else event.subject
    size = msgspec.UNSET if sets_at < 0 else sets_at
    return _ENCODER.encode(_Detail(event.account, event.id, event.region, size, subject, tags))


@lru_cache(maxsize=4096)
def _text(time: int) -> str:
    return format_time(time)
