"""The evidence store: `append`, the only way to write evidence, in one transaction.

What is stored and what is logged are the same fact: rows, entries, tiles, head, positions, findings and drift commit together.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from sqlalchemy import Connection, Engine, select

from store import schema
from store.active import ActiveSet, activate, load_active, set_before
from store.changes import Decide
from store.database_clock import moment
from store.engine import reading, writing
from store.entries import committed, own_fields
from store.erase import erase
from store.errors import Fenced, StaleMappingSet
from store.keep import Kept, Prepared, close_by_hand, count, keep, lateness_of, prepare
from store.links import close_by_tickets, write_links
from store.names import Names
from store.present import note_evidence, write_changes, write_drift
from store.records import Advance, Appended, Batch, DriftRow, OwnEntry
from store.reminders import remind
from store.replays import write_replay
from store.sightings import retire_gone
from store.sql import change, find_rows
from store.stating import state
from store.times import Clock, wall_clock
from store.touched import want_coverage
from store.view import Wanted, load_view
from store.windows import Closed, note_sets, record_windows, settle
from store.writer import EntryWriter, Head, read_head

_MOVE: Final = "UPDATE position SET position = ? WHERE partition = ? AND epoch = ? AND position = ?"


class _Rehearsed(Exception):
    """Takes a rehearsal back."""


class EvidenceStore:
    """One log of evidence in one database. Made by store.open.open_store; safe to share between threads."""

    def __init__(self, engine: Engine, secret: bytes, clock: Clock = wall_clock) -> None:
        self.engine = engine
        self.clock = clock
        self._secret = secret
        self._active = ActiveSet("", -1, {}, {})

    def append(self, batch: Batch, positions: Sequence[Advance], decide: Decide) -> Appended:
        """Write a batch in ONE transaction, or nothing.

        Raises Fenced when a partition is no longer ours, StaleMappingSet when another mapping set is active than the one that
        judged the batch, StorageFull and other StoreErrors when the storage fails. In every case nothing was written.
        """
        with reading(self.engine) as connection:
            prepared = prepare(connection, self._secret, batch)
        with writing(self.engine) as connection:
            return self._append(connection, batch, prepared, positions, decide)

    def rehearse(self, batch: Batch, decide: Decide) -> None:
        """Do all that `append` does, and take it back: raises what the batch's own data makes it raise."""
        with reading(self.engine) as connection:
            prepared = prepare(connection, self._secret, batch)
        with suppress(_Rehearsed), writing(self.engine) as connection:
            self._append(connection, batch, prepared, (), decide)
            raise _Rehearsed

    def _append(
        self, connection: Connection, batch: Batch, prepared: Prepared, positions: Sequence[Advance], decide: Decide
    ) -> Appended:
        # 1. The head row is ours until the commit; recorded_at never goes back, so that it is in index order.
        head = read_head(connection, lock=True)
        if (prepared.items or batch.replay) and batch.mapping_set != head.mapping_set:
            raise StaleMappingSet(f"judged by mapping set {batch.mapping_set[:12]}, {head.mapping_set[:12]} is active")
        now = moment(self.clock, head.now)
        writer = EntryWriter(connection, head, max(now, head.recorded_at))
        # 2. Positions move only from where this batch starts, under the epoch of its consumer.
        _advance(connection, positions)
        return self._write(writer, head, now, batch, prepared, decide)

    def _write(self, writer: EntryWriter, head: Head, now: int, batch: Batch, prepared: Prepared, decide: Decide) -> Appended:
        connection = writer.connection
        names = Names(connection)
        active = self._active_set(connection, head)
        # 3. What was seen before is dropped; the rest becomes evidence and dead letters. Entries of our own follow.
        lateness = lateness_of(connection)
        kept = keep(writer, prepared, self._secret, names, active, lateness, batch.retain_all)
        _write_own(writer, batch.own)
        for erasure in batch.erasures:
            erase(writer, self._secret, erasure)
        self._close(writer, names, active, batch, kept)
        said = state(writer, names, active, batch.statements, kept)
        if batch.activate is not None and batch.activate.digest != head.mapping_set:
            active = activate(writer, batch.activate)
        # 4. Counts move with the positions; windows close by them; then the state rows that all this names are decided on.
        attempts = _count(connection, head, batch, kept)
        closed = settle(writer, names, attempts, active.digest, active.idx, now)
        for window in closed.records:
            retire_gone(connection, names, active, *window, head.appends + 1, kept.inputs)
        replayed = write_replay(writer, names, active, batch.replay, kept.inputs) if batch.replay else frozenset()
        wanted = self._wanted(connection, names, active, batch, kept, closed)
        wanted.digest_sources |= replayed
        wanted.retire = active.digest != head.mapping_set
        said.want(wanted, writer.now)
        view = load_view(connection, names, active, writer.now, wanted)
        changes = decide(view)
        # 5. Findings, drift, tiles and head; the commit is the caller's.
        write_changes(writer, names, active, active.digest, view, changes)
        note_evidence(writer, kept.evidence)
        extra = [*closed.drifts, *batch.drifts, *(_conflict(writer, *conflict) for conflict in kept.conflicts)]
        extra += [*said.drifts, *remind(writer, batch.reminders)]
        write_drift(writer, extra, ())
        writer.flush()
        return Appended(
            before=head.size,
            after=writer.size,
            counts=kept.sum(),
            findings=len(changes.rows),
            drifts=len(changes.drifts) + len(extra),
            closed=tuple(closed.attempts),
        )

    def _close(self, writer: EntryWriter, names: Names, active: ActiveSet, batch: Batch, kept: Kept) -> None:
        """What people close, what they link to tickets, and what tickets that are done close."""
        close_by_hand(writer, names, batch.closings, kept)
        write_links(writer, names, self._secret, batch.links)
        close_by_tickets(writer, names, active, self._secret, batch.items, kept)

    def _active_set(self, connection: Connection, head: Head) -> ActiveSet:
        if (self._active.digest, self._active.idx) != (head.mapping_set, head.set_idx):
            self._active = load_active(connection, head.mapping_set, head.set_idx)
        return self._active

    def _wanted(
        self, connection: Connection, names: Names, active: ActiveSet, batch: Batch, kept: Kept, closed: Closed
    ) -> Wanted:
        backfills = _backfills(connection, [attempt for attempt, _ in kept.counts] + closed.attempts)
        wanted = Wanted(inputs=kept.inputs, baselines=closed.baselines, digest_sources=backfills)
        want_coverage(connection, names, active, closed.changed, wanted)
        finding = schema.finding
        for mapping, subject in batch.due:
            row = connection.execute(
                select(finding.c.due_at, finding.c.part_id, finding.c.silence).where(
                    finding.c.mapping == mapping, finding.c.subject == subject
                )
            ).one_or_none()
            if row is not None and row.due_at is not None:
                wanted.fold_from((mapping, subject), row.due_at)
        return wanted


def _count(connection: Connection, head: Head, batch: Batch, kept: Kept) -> list[str]:
    """Move the counts of windows, and note what they were judged by; returns the attempts that may close by it."""
    count(connection, kept)
    note_sets(connection, (attempt for attempt, _ in kept.counts), head.mapping_set, head.set_idx)
    for attempt, index in kept.repeated.items():
        # What came again was judged by the set of its day: only mappings held since then may read the window's silence.
        note_sets(connection, [attempt], *set_before(connection, index))
    attempts = record_windows(connection, (i for i in batch.items if i.event.kind == "window"))
    return attempts + [attempt for attempt, _ in kept.counts] + list(batch.settle)


def _write_own(writer: EntryWriter, entries: Sequence[OwnEntry]) -> None:
    for own in entries:
        detail = committed(own.detail) if own.detail is not None else None
        payload = committed(own.payload, own.media_type) if own.payload is not None else None
        writer.add(own.type, "attestream", writer.now, writer.now, own_fields(own), detail, payload)


def _advance(connection: Connection, positions: Sequence[Advance]) -> None:
    for advance in sorted(positions, key=lambda a: a.partition):
        if change(connection, _MOVE, advance.end, advance.partition, advance.epoch, advance.start) != 1:
            raise Fenced(f"partition {advance.partition} is not at {advance.start} under epoch {advance.epoch} any more")


def _backfills(connection: Connection, attempts: Sequence[str]) -> frozenset[str]:
    """Sources of which this batch holds backfill only: what it finds goes to the digest."""
    if not attempts:
        return frozenset()
    kinds: dict[str, set[str]] = {}
    for source, kind in find_rows(connection, schema.attempt, ("source", "kind"), "id", sorted(set(attempts))):
        kinds.setdefault(source, set()).add(kind)
    return frozenset(source for source, found in kinds.items() if found == {"backfill"})


def _conflict(writer: EntryWriter, source: str, index: int, first: int) -> DriftRow:
    return DriftRow(
        kind="conflict",
        key=f"source/{source}//conflict",
        before="",
        after="conflict",
        controls=(),
        level="high",
        event_time=writer.now,
        delivery="alert",
        text=f"{source}: entry {index} has the source and id of entry {first}, and other bytes",
        source=source,
        idx=index,
    )
