"""A store to write to and to read: four hand-made mappings, events, windows opened and closed through the ledger."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import event

from pipeline.posture import decide
from pipeline.window import window_event
from store.cursors import CollectionLedger, Lease, Positions
from store.engine import is_sqlite
from store.evidence import EvidenceStore
from store.open import open_store
from store.query import StoreQuery
from store.records import (
    DAY,
    HOUR,
    MINUTE,
    UNREADABLE,
    Activation,
    Advance,
    Appended,
    Batch,
    Cover,
    Event,
    Judged,
    Judgement,
    MappingRecord,
    PartRecord,
    Verdict,
    WindowRecord,
)
from store.reminders import due_reminders
from store.times import parse_time
from tests.store.places import Place, url_of

T0 = parse_time("2026-03-01T00:00:00Z")
PART = "111122223333/eu-west-1"
TYPE = "log.aws.cloudtrail"
ORIGIN = "example.com/log"


def mapping(id_: str, finding: Any, controls: Any, silence: bool = False, digest: str = "1") -> MappingRecord:
    return MappingRecord(
        id=id_,
        title=f"Title of {id_}",
        digest=digest,
        kind="log",
        types=(TYPE,),
        finding=finding,
        silence=silence,
        controls=controls,
        level="high",
        quiet_for=2 * DAY,
        max_age=DAY,
    )


MAPPINGS = (
    mapping("open", "not-satisfied", (("A.5.15", "strong"), ("A.8.2", "weak"))),
    mapping("two", "not-satisfied", (("A.8.15", "strong"),), silence=True),
    mapping("sat", "satisfied", (("A.8.15", "partial"), ("A.8.16", "strong"))),
    mapping("plain", "evidence", (("A.5.28", "strong"),)),
)
CONTROLS = ("A.5.2", "A.5.10", "A.5.15", "A.5.28", "A.8.2", "A.8.15", "A.8.16")


def together(*acts: Callable[[], Any]) -> list[Any]:
    """Run each in a thread of its own, as nearly at once as can be; what each returned or raised."""
    barrier, results = threading.Barrier(len(acts)), [None] * len(acts)

    def run(number: int) -> None:
        barrier.wait(120)
        try:
            results[number] = acts[number]()
        except Exception as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return results


def for_postgres(statement: str) -> str:
    """A statement of a test, written for SQLite, in PostgreSQL's words."""
    said = re.sub(r"zeroblob\((\d+)\)", r"decode(repeat('00', \1), 'hex')", statement)
    said = re.sub(r"\bIS \?", "IS NOT DISTINCT FROM ?", said)
    said = re.sub(r"\bx'([0-9a-f]*)'", r"decode('\1', 'hex')", said)
    return said.replace("%", "%%").replace("?", "%s")


@dataclass
class Lab:
    """One store with everything around it: a SQLite file, or the URL of a database. `now` is its clock: an append does not move
    it, `wait` does."""

    place: Place
    now: int = T0 + 30 * DAY
    sets: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    offset: int = 0

    def __post_init__(self) -> None:
        self.store: EvidenceStore = open_store(url_of(self.place), lambda: self.now)
        self.engine = self.store.engine
        if is_sqlite(self.engine):
            event.listen(self.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
            self.engine.dispose()  # no test here is about power cuts
        self.query = StoreQuery(self.engine, ORIGIN)
        self.ledger = CollectionLedger(self.engine, lambda: self.now)
        self.positions = Positions(self.engine)
        self.digest = ""
        self.mappings: dict[str, MappingRecord] = {}
        epoch = Lease(self.engine, clock=lambda: self.now).acquire(steal=True)
        assert epoch is not None
        self.epoch = epoch
        self.stream_epoch, _ = self.positions.claim(0)
        self.declare("trail")

    def declare(self, *names: str) -> None:
        kind = {"type": "cloudtrail-files", "lateness": HOUR, "schedule": 5 * MINUTE}
        self.ledger.declare([{"name": name, **kind} for name in names])

    def wait(self, time: int) -> None:
        self.now += time

    def activate(self, records: Sequence[MappingRecord] = MAPPINGS, controls: Sequence[str] = CONTROLS) -> Appended:
        self.digest = f"{next(self.sets):064x}"
        self.mappings = {record.id: record for record in records}
        activation = Activation(self.digest, f"set {self.digest}".encode(), tuple(records), tuple(controls))
        return self.store.append(Batch(activate=activation), (), decide)

    def event(self, id_: str, time: int, **more: Any) -> Event:
        plain: dict[str, Any] = {
            "source": "trail",
            "type": TYPE,
            "payload": f'{{"eventID":"{id_}"}}'.encode(),
            "collected_at": self.now,
            "account": PART.split("/")[0],
            "region": PART.split("/")[1],
        }
        return Event(id=id_, time=time, **{**plain, **more})

    def says(self, mapping_id: str, verdict: Verdict = Verdict.MATCHED, subject: str = "111122223333/alice") -> Judgement:
        record = self.mappings[mapping_id]
        controls = tuple(control for control, _ in record.controls)
        return Judgement(mapping_id, verdict, record.finding, subject, controls, f"{mapping_id} says {verdict.value}")

    def judged(self, event: Event, *said: Any, partition: int = 0) -> Judged:
        """Judgements are given as mapping ids, or as (mapping, verdict[, subject])."""
        judgements = tuple(self.says(*((word,) if isinstance(word, str) else word)) for word in said)
        return Judged(event, judgements, partition)

    def unreadable(self, id_: str, payload: bytes = b"\xff", **more: Any) -> Judged:
        return Judged(self.event(id_, T0, type=UNREADABLE, payload=payload, subject="a.json.gz: is no gzip", **more), (), 0)

    def append(self, *items: Judged, **more: Any) -> Appended:
        return self.store.append(Batch(mapping_set=self.digest, items=items, **more), (), decide)

    def append_at(self, items: Sequence[Judged], start: int, end: int, epoch: int | None = None) -> Appended:
        advance = Advance(0, self.stream_epoch if epoch is None else epoch, start, end)
        return self.store.append(Batch(mapping_set=self.digest, items=tuple(items)), (advance,), decide)

    def open_window(self, start: int, end: int, kind: str = "scheduled", source: str = "trail") -> str:
        return self.ledger.register(source, self.epoch, [(start, end)], kind)[0]

    def record(self, attempt: str, asked: tuple[int, int], published: int, **more: Any) -> WindowRecord:
        plain: dict[str, Any] = {
            "source": "trail",
            "source_type": "cloudtrail-files",
            "kind": "scheduled",
            "started_at": self.now,
            "ended_at": self.now,
            "identity": "reader",
            "state": "complete",
            "pages": 1,
            "files": 1,
            "bytes": 10,
            "records": published,
            "unreadable": 0,
            "parts": (PartRecord(PART, TYPE, complete=True),),
            "covers": (Cover(PART, *asked),),
            "offsets": (),
        }
        return WindowRecord(attempt=attempt, asked=asked, published=((0, published),), **{**plain, **more})

    def close_window(self, record: WindowRecord, *items: Judged, cursor: Mapping[str, Any] | None = None) -> Appended:
        """Finish the attempt and append its last events together with its record."""
        self.ledger.finish(record.attempt, self.epoch, record, cursor)
        event = window_event(record, self.now)
        return self.append(*items, Judged(event, (), 0, record))

    def window(self, start: int, end: int, *items: Judged, **more: Any) -> Appended:
        """A whole window: opened, its events appended, closed. Covers what was asked for, unless told otherwise."""
        kind = more.get("kind", "scheduled")
        attempt = self.open_window(start, end, kind, more.get("source", "trail"))
        inside = [item._replace(event=replace(item.event, window=attempt)) for item in items]
        return self.close_window(self.record(attempt, (start, end), len(items), **more), *inside, cursor={})

    def due(self) -> Appended:
        """What the timekeeper does: apply what is due now."""
        rows = self.sql("SELECT mapping, subject FROM finding WHERE due_at <= ?", self.now)
        return self.append(due=tuple((row[0], bytes(row[1])) for row in rows))

    def remind(self) -> Appended:
        """What the timekeeper does: tell of what ends soon."""
        return self.append(reminders=tuple(due_reminders(self.engine, self.now)))

    def sql(self, statement: str, *values: Any) -> list[Any]:
        """Reach into the database, past everything. Statements are written as for SQLite."""
        if not is_sqlite(self.engine):
            statement = for_postgres(statement)
        with self.engine.begin() as connection:
            result = connection.exec_driver_sql(statement, values)
            return list(result.all()) if result.returns_rows else []

    def states(self) -> dict[tuple[str, str], str]:
        """Present states by (mapping, subject)."""
        rows = self.sql("SELECT f.mapping, h.name, f.state FROM finding f JOIN handle h ON h.handle = f.subject")
        return {(row[0], row[1]): row[2] for row in rows}

    def rows(self, mapping_id: str, subject: str = "111122223333/alice") -> list[tuple[int, str]]:
        """The standing history of a finding: (event_time, state), one for each change."""
        rows = self.sql(
            "SELECT r.event_time, r.state FROM finding_row r JOIN handle h ON h.handle = r.subject"
            " WHERE r.mapping = ? AND h.name = ? ORDER BY r.event_time, r.idx",
            mapping_id,
            subject,
        )
        standing: list[tuple[int, str]] = []
        for time, state in dict(tuple(row) for row in rows).items():
            if not standing or standing[-1][1] != state:
                standing.append((time, state))
        return standing

    def settled(self) -> Place:
        """Its place, with nobody connected and nothing outside its file, to be copied."""
        if is_sqlite(self.engine):
            self.sql("PRAGMA wal_checkpoint(TRUNCATE)")
        self.close()
        return self.place

    def close(self) -> None:
        self.engine.dispose()
