"""Leases, attempts, cursors and positions: who may collect and consume, what was asked, how far it came.

A lease and a partition carry an epoch that grows with every change of hands. Whoever wakes up under an old one moves nothing.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, Row, delete, select, update

from store import schema
from store.database_clock import clock_of, moment
from store.engine import lock_row, reading, writing
from store.errors import CommitUnknown, Fenced, StoreError
from store.records import HOUR, MINUTE, WindowRecord, WindowState
from store.sql import chunks, find_rows, insert, upsert
from store.times import Clock
from store.writer import Head, read_head

COLLECT = "collect"
LEASE_TIME = MINUTE
_UNKNOWN: Final = (0.5, 2.0, 5.0)
"""Seconds after which the ledger tries again what may or may not have been committed."""
T = TypeVar("T")
CLOCK_AHEAD = 5 * MINUTE
"""A lease that lasts for longer than this and its own time was taken by a clock that was wrong: nobody waits for its end."""


class Positions:
    """Claims partitions for a consumer: one transaction each, which fences whoever held the partition before."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def claim(self, partition: int) -> tuple[int, int]:
        """Take a partition over: a new epoch, and the position to read from."""
        table = schema.position
        with writing(self._engine) as connection:
            read_head(connection, lock=True)
            row = connection.execute(select(table).where(table.c.partition == partition)).one_or_none()
            epoch, position = (row.epoch + 1, row.position) if row is not None else (1, 0)
            claimed = {"partition": partition, "epoch": epoch, "position": position}
            upsert(connection, table, ["partition"], claimed, ["epoch"])
        return epoch, position

    def release(self, partition: int) -> None:
        """Nothing to do: the next claim fences this one."""

    def all(self) -> dict[int, int]:
        """Positions by partition."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(schema.position.c.partition, schema.position.c.position))
            return {row.partition: row.position for row in rows}


class Lease:
    """A row that one process holds at a time. Its epoch grows with every holder. Without a clock it goes by the database's."""

    def __init__(self, engine: Engine, name: str = COLLECT, clock: Clock | None = None, time: int = LEASE_TIME) -> None:
        self._engine = engine
        self._name = name
        self._clock = clock_of(engine, clock)
        self._time = time
        self._holder = uuid.uuid4().hex
        self._epoch: int | None = None

    def acquire(self, *, steal: bool = False) -> int | None:
        """Take the lease if it is free, expired or ours; None when another holds it. Returns the epoch."""
        table = schema.lease
        with writing(self._engine) as connection:
            row, now = self._lock(connection)
            if row is not None and row.holder == self._holder and row.epoch == self._epoch:
                connection.execute(update(table).where(table.c.name == self._name).values(expires=now + self._time))
                return self._epoch
            if row is not None and row.holder and now < row.expires <= now + self._time + CLOCK_AHEAD and not steal:
                return None
            self._epoch = row.epoch + 1 if row is not None else 1
            values = {"name": self._name, "epoch": self._epoch, "holder": self._holder, "expires": now + self._time}
            upsert(connection, table, ["name"], values, ["epoch", "holder", "expires"])
        return self._epoch

    def _lock(self, connection: Connection) -> tuple[Row[Any] | None, int]:
        """The lease's row, ours for this transaction, and when; made where there is none, for then two could take it."""
        table = schema.lease
        query = select(table).where(table.c.name == self._name)
        row = lock_row(connection, query)
        if row is None:
            free = {"name": self._name, "epoch": 0, "holder": "", "expires": 0}
            upsert(connection, table, ["name"], free)
            row = lock_row(connection, query)
        return row, moment(self._clock, getattr(row, "now", None))

    def renew(self) -> bool:
        """Hold it for longer, and what was registered under it. False when it is lost."""
        table, attempt = schema.lease, schema.attempt
        with writing(self._engine) as connection:
            row, now = self._lock(connection)
            if row is None or (row.holder, row.epoch) != (self._holder, self._epoch):
                return False
            connection.execute(update(table).where(table.c.name == self._name).values(expires=now + self._time))
            if self._name == COLLECT:  # a long plan is not late while its collector lives
                late = (
                    attempt.c.state == WindowState.OPEN.value,
                    attempt.c.epoch == self._epoch,
                    attempt.c.deadline < now + HOUR,
                    attempt.c.deadline > 0,  # these lapse
                )
                # An append may hold some of them, and wait for others: those are left to the next time.
                ids = select(attempt.c.id).where(*late).with_for_update(skip_locked=True)
                for some in chunks(list(connection.execute(ids).scalars())):
                    connection.execute(update(attempt).where(attempt.c.id.in_(some)).values(deadline=now + HOUR))
            return True

    def release(self) -> None:
        """Give it up; the epoch stays, so that the next holder gets a greater one."""
        table = schema.lease
        with writing(self._engine) as connection:
            self._lock(connection)
            connection.execute(
                update(table).where(table.c.name == self._name, table.c.holder == self._holder).values(holder="", expires=0)
            )


class CollectionLedger:
    """Attempts and cursors of sources (the Ledger of collectors/base.py)."""

    def __init__(self, engine: Engine, clock: Clock | None = None, lease: str = COLLECT) -> None:
        self._engine = engine
        self._clock = clock_of(engine, clock)
        self._lease = lease

    def declare(self, sources: Sequence[Mapping[str, Any]]) -> None:
        """Make the configured sources known: name, type, lateness, schedule (microseconds). Others are no longer configured.

        Raises StoreError for a lateness that differs from the one under which the source's coverage was judged.
        """
        table = schema.source
        zero = {"cursor": b"{}", "failures": 0, "evidence": 0, "unmatched": 0, "duplicate": 0, "dead_letter": 0}
        with writing(self._engine) as connection:
            read_head(connection, lock=True)
            for source in sources:
                _same_lateness(connection, source["name"], source["lateness"])
            connection.execute(update(table).values(configured=False))
            rows = [{**zero, **source, "configured": True} for source in sources]
            upsert(connection, table, ["name"], rows, ["type", "lateness", "schedule", "configured"])

    def cursor(self, source: str) -> tuple[int | None, Mapping[str, Any]]:
        """(end of the last finished period or None, cursor)."""
        table = schema.source
        with reading(self._engine) as connection:
            row = connection.execute(select(table.c.cursor, table.c.cursor_end).where(table.c.name == source)).one_or_none()
        if row is None:
            return None, {}
        value: dict[str, Any] = json.loads(row.cursor)
        return row.cursor_end, value

    def register(self, source: str, epoch: int, periods: Sequence[tuple[int, int]], kind: str) -> Sequence[str]:
        """Register one attempt per period, all or none, before anything of them is published. Raises Fenced for a stale epoch."""
        ids = [uuid.uuid4().hex for _ in periods]
        _surely(lambda: self._register(source, epoch, dict(zip(ids, periods, strict=True)), kind))
        return ids

    def _register(self, source: str, epoch: int, periods: Mapping[str, tuple[int, int]], kind: str) -> None:
        with writing(self._engine) as connection:
            now = moment(self._clock, self._check(connection, epoch).now)
            if any(True for _ in find_rows(connection, schema.attempt, ("id",), "id", list(periods)[:1])):
                return  # the commit of which nobody knew was done
            schedule = connection.execute(
                select(schema.source.c.schedule).where(schema.source.c.name == source)
            ).scalar_one_or_none()
            deadline = now + max(3 * (schedule or 0), HOUR)
            rows = [
                {
                    "id": attempt,
                    "source": source,
                    "kind": kind,
                    "epoch": epoch,
                    "asked_from": start,
                    "asked_to": end,
                    "registered_at": now,
                    "deadline": deadline,
                    "finished": False,
                    "again": False,
                    "state": WindowState.OPEN.value,
                    "sets": "",
                }
                for attempt, (start, end) in periods.items()
            ]
            insert(connection, schema.attempt, rows)
            if kind == "retry":  # what was to be asked again is asked again now, in this same transaction
                table = schema.attempt
                for start, end in periods.values():
                    # States are looked at once for several periods: what lies within this one is asked again with it.
                    where = (table.c.source == source, table.c.asked_from >= start, table.c.asked_to <= end)
                    connection.execute(update(table).where(*where).values(again=False))

    def finish(self, attempt: str, epoch: int, record: WindowRecord, cursor: Mapping[str, Any] | None) -> None:
        """The attempt's record is published: it may close by its counts. Moves the cursor unless None. Raises Fenced."""
        _surely(lambda: self._finish(attempt, epoch, record, cursor))

    def _finish(self, attempt: str, epoch: int, record: WindowRecord, cursor: Mapping[str, Any] | None) -> None:
        table, source = schema.attempt, schema.source
        with writing(self._engine) as connection:
            self._check(connection, epoch)
            done = connection.execute(
                update(table)
                .where(table.c.id == attempt, table.c.epoch == epoch, table.c.state == WindowState.OPEN.value)
                .values(finished=True)
            )
            if done.rowcount != 1:
                if _is_finished(connection, attempt, epoch):
                    return
                raise Fenced(f"attempt {attempt} is not open under epoch {epoch}")
            if cursor is not None:
                connection.execute(
                    update(source)
                    .where(source.c.name == record.source)
                    .values(cursor=json.dumps(cursor).encode(), cursor_end=record.asked[1])
                )

    def withdraw(self, attempts: Sequence[str], epoch: int) -> None:
        """Take back attempts that were registered and never begun: the cursor stands before them. Raises Fenced."""
        _surely(lambda: self._withdraw(attempts, epoch))

    def _withdraw(self, attempts: Sequence[str], epoch: int) -> None:
        table = schema.attempt
        with writing(self._engine) as connection:
            self._check(connection, epoch)
            untouched = (table.c.epoch == epoch, table.c.finished.is_(False), table.c.record.is_(None), table.c.kind != "retry")
            for some in chunks(list(attempts)):
                connection.execute(delete(table).where(table.c.id.in_(some), *untouched))

    def interrupted(self, source: str, epoch: int) -> Sequence[tuple[int, int]]:
        """Let this source's unfinished attempts lapse; returns periods that must be asked for again. Called before a source is
        read: what is open then was begun by an older epoch, or by a run that the store or the stream ended.

        The cursor stands before what was not finished, so only periods given up after their cursor had moved are returned.
        """
        table = schema.attempt
        with writing(self._engine) as connection:
            self._check(connection, epoch)
            connection.execute(
                update(table)
                .where(
                    table.c.source == source,
                    table.c.epoch <= epoch,
                    table.c.finished.is_(False),
                    table.c.state == WindowState.OPEN.value,
                )
                .values(deadline=0)
            )
            again = (table.c.source == source, table.c.again)
            rows = connection.execute(select(table.c.asked_from, table.c.asked_to).where(*again)).all()
        return [(row.asked_from, row.asked_to) for row in rows]

    def _check(self, connection: Connection, epoch: int) -> Head:
        """Nobody appends meanwhile (what is changed here, an append changes too, in an order of its own), and nobody takes the
        lease."""
        head = read_head(connection, lock=True)
        table = schema.lease
        row = lock_row(connection, select(table).where(table.c.name == self._lease))
        if row is None or row.epoch != epoch:
            raise Fenced(f"the lease {self._lease!r} is not held under epoch {epoch} any more")
        return head


def _surely(act: Callable[[], T]) -> T:
    """Do what may be done twice; where nobody knows whether it was committed, do it again. Raises what remains after a while."""
    for pause in _UNKNOWN:
        try:
            return act()
        except CommitUnknown:
            time.sleep(pause)
    return act()


def _is_finished(connection: Connection, attempt: str, epoch: int) -> bool:
    """Whether it was finished already, by a commit of which nobody knew."""
    table = schema.attempt
    query = select(table.c.finished).where(table.c.id == attempt, table.c.epoch == epoch)
    return bool(connection.execute(query).scalar_one_or_none())


def _same_lateness(connection: Connection, name: str, lateness: int) -> None:
    """What covered time said of a finding rests on the lateness; under another one the history would say something else."""
    source, part, coverage = schema.source, schema.part, schema.coverage
    before = connection.execute(select(source.c.lateness).where(source.c.name == name)).scalar_one_or_none()
    covered = select(coverage.c.part_id).join(part, part.c.id == coverage.c.part_id).where(part.c.source == name).limit(1)
    if before not in (None, lateness) and connection.execute(covered).first() is not None:
        raise StoreError(
            f"source {name}: its lateness was {(before or 0) // MINUTE} min when it was read so far, and cannot be changed; "
            "put that back, or set the source up under a new name"
        )


def adopt_stream(engine: Engine, identity: str) -> bool:
    """Note which stream the positions are of. Of another one than before they begin anew, and what was open is asked for again.

    Returns whether it is another one. The embedded stream's file may be lost, or the store restored from a backup.
    """
    meta, attempt = schema.meta, schema.attempt
    with writing(engine) as connection:
        read_head(connection, lock=True)
        before = connection.execute(select(meta.c.value).where(meta.c.name == "stream")).scalar_one_or_none()
        if before == identity.encode():
            return False
        upsert(connection, meta, ["name"], {"name": "stream", "value": identity.encode()}, ["value"])
        if before is None:
            return False
        connection.execute(update(schema.position).values(position=0, epoch=schema.position.c.epoch + 1))
        connection.execute(
            update(attempt).where(attempt.c.state == WindowState.OPEN.value).values(deadline=0, record=None, payload=None)
        )
    return True
