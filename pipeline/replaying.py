"""Judging old evidence again under the active mapping set, piece by piece, so that it can stop at any moment and go on later."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pipeline.errors import PipelineError
from pipeline.posture import decide
from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.ruleset import RuleSet
from store.active import active_digest, set_payload
from store.engine import reading
from store.errors import StaleMappingSet
from store.evidence import EvidenceStore
from store.log_source import StoredEntry
from store.records import Batch, Event
from store.rejudged import Rejudged, Replay, Said
from store.replays import last_replay, old_evidence, stored_evidence
from store.times import parse_time
from store.writer import read_head

PIECE: Final = 500
"""Events of one append."""


class ReplayError(PipelineError):
    """Old evidence cannot be judged again."""


@dataclass(slots=True)
class Replayed:
    """How far a replay is: log indexes [start, stop), events judged and not to be read, changes of findings so far."""

    start: int
    at: int
    stop: int
    read: int = 0
    unread: int = 0
    findings: int = 0


def replay(store: EvidenceStore, since: int, tell: Callable[[Replayed], None]) -> Replayed:
    """Judge all evidence from logs since `since` (event time) that older sets judged; `tell` hears of each piece.

    It goes on where the last replay of the same set and time stopped. Raises ReplayError where no set is active, or another one
    becomes active meanwhile.
    """
    digest = active_digest(store.engine)
    if not digest:
        raise ReplayError("no mapping set is active: run `attestream mappings activate`")
    rules = RuleSet.compile(MappingSet.from_bytes(set_payload(store.engine, digest)))
    speaks = frozenset(record.id for record in rules.mappings if record.finding != "evidence")
    with reading(store.engine) as connection:
        stop, last = read_head(connection).set_idx, last_replay(connection)
    start = last.stop if last is not None and (last.mapping_set, last.since) == (digest, since) else 0
    done = Replayed(start, start, stop)
    while done.at < stop:
        piece = _piece(store, rules, speaks, since, done)
        try:
            appended = store.append(Batch(mapping_set=digest, replay=piece), (), decide)
        except StaleMappingSet as error:
            raise ReplayError("another mapping set became active: start the replay again") from error
        done.at, done.read, done.unread = piece.stop, done.read + piece.read, done.unread + piece.unread
        done.findings += appended.findings
        tell(done)
    return done


def _piece(store: EvidenceStore, rules: RuleSet, speaks: frozenset[str], since: int, done: Replayed) -> Replay:
    with reading(store.engine) as connection:
        indexes = old_evidence(connection, since, done.at, done.stop, PIECE)
        entries = list(stored_evidence(connection, indexes))
    judged: list[Rejudged] = []
    unread = 0
    for entry in entries:
        event = _event(entry)
        if event is None:
            unread += 1
            continue
        said = tuple(Said(j.mapping, j.verdict.value, j.subject, j.reason) for j in rules.judge(event) if j.mapping in speaks)
        if said:
            judged.append(Rejudged(entry.index, min(event.time, event.collected_at), said))
    stop = done.stop if len(indexes) < PIECE else indexes[-1] + 1
    return Replay(since, done.at, stop, len(entries) - unread, unread, tuple(judged), last=stop == done.stop)


def _event(entry: StoredEntry) -> Event | None:
    """The event behind an evidence entry; None where its bytes are not kept any more."""
    if entry.detail.data is None or entry.payload.data is None:
        return None
    fields, detail = json.loads(entry.metadata), json.loads(entry.detail.data)
    return Event(
        source=fields["source"],
        id=detail["id"],
        type=fields["event_type"],
        time=parse_time(fields["event_time"]),
        payload=entry.payload.data,
        window=fields["window"],
        collected_at=parse_time(fields["collected_at"]),
        subject=detail.get("subject"),
        account=detail["account"],
        region=detail["region"],
    )
