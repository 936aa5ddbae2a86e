"""Several processes at one store on PostgreSQL: leases, claims, appends, the outbox, migrations, partitions."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import alembic.command
import pytest

from pipeline.posture import decide
from store import open as opening
from store.cursors import CollectionLedger, Lease, Positions
from store.engine import writing
from store.errors import Fenced, StorageUnusable
from store.evidence import EvidenceStore
from store.fsck import verify
from store.open import is_made, migrate, open_store
from store.outbox import Assigned, claim, take_in
from store.partitions import PARTITIONED, keep_ahead, make_ahead
from store.records import HOUR, Advance, Batch, DriftRow
from tests.postgres_server import postgres
from tests.store.lab import T0, Lab, together
from tests.store.places import database_of

pytestmark = [
    pytest.mark.parts("postgres"),
    pytest.mark.usefixtures("backend"),
    pytest.mark.parametrize("backend", ["postgres"], indirect=True, scope="session"),
]
ROOT = Path(__file__).resolve().parents[2]
LONG = 120


@pytest.fixture
def url(lab: Lab) -> str:
    assert isinstance(lab.place, str)
    return lab.place


# Two at once.


def test_of_many_that_want_a_lease_one_gets_it(lab: Lab) -> None:
    leases = [Lease(lab.engine, "some lease", lambda: lab.now) for _ in range(4)]
    for round_ in range(1, 8):
        epochs = together(*(lease.acquire for lease in leases))
        assert sorted(map(str, epochs)) == [str(round_), "None", "None", "None"]
        leases[next(n for n, epoch in enumerate(epochs) if epoch is not None)].release()


def test_claims_of_a_partition_give_epochs_that_grow(lab: Lab) -> None:
    engines = [Positions(lab.engine) for _ in range(4)]
    first = together(*(lambda p=p: p.claim(7)[0] for p in engines))
    assert sorted(first) == [1, 2, 3, 4]
    second = together(*(lambda p=p: p.claim(7)[0] for p in engines))
    assert sorted(second) == [5, 6, 7, 8]


def test_appends_of_many_at_once_are_one_log(lab: Lab, url: str) -> None:
    epochs = {partition: lab.positions.claim(partition)[0] for partition in range(4)}
    stores = [EvidenceStore(lab.engine, opening.read_meta(lab.engine, "seen_key"), lambda: lab.now) for _ in range(4)]

    def work(partition: int) -> int:
        kept = 0
        for n in range(6):
            items = [lab.judged(lab.event(f"p{partition}e{n}-{i}", T0 + n), "plain", ("open",)) for i in range(3)]
            shared = lab.judged(lab.event(f"shared{n}", T0 + n), "plain", partition=partition)  # delivered to everybody
            batch = Batch(mapping_set=lab.digest, items=(*items, shared))
            advance = Advance(partition, epochs[partition], n, n + 1)
            kept += stores[partition].append(batch, (advance,), decide).counts.evidence
        return kept

    kept = together(*(lambda p=p: work(p) for p in range(4)))
    assert sum(kept) == 4 * 6 * 3 + 6, kept
    assert verify(lab.engine, None).entries["evidence"] == 4 * 6 * 3 + 6
    assert lab.positions.all() == {0: 6, 1: 6, 2: 6, 3: 6}


def test_a_zombie_whose_partition_was_claimed_cannot_commit(lab: Lab) -> None:
    stale = lab.stream_epoch
    lab.append_at([lab.judged(lab.event("e1", T0), "plain")], 0, 1)
    epoch, position = lab.positions.claim(0)
    assert (epoch, position) == (stale + 1, 1)
    with pytest.raises(Fenced):
        lab.append_at([lab.judged(lab.event("e2", T0), "plain")], 1, 2, stale)
    assert lab.query.evidence_by_id("e2") == []


def test_collecting_and_appending_at_once_wait_for_each_other_and_never_forever(lab: Lab) -> None:
    """What a ledger changes an append changes too: they must never hold what the other wants."""
    lease = Lease(lab.engine, clock=lambda: lab.now)
    lease._holder, lease._epoch = lab.sql("SELECT holder, epoch FROM lease")[0]
    attempts = [lab.open_window(T0 + n * HOUR, T0 + (n + 1) * HOUR) for n in range(12)]
    ledger = CollectionLedger(lab.engine, lambda: lab.now)

    def collect() -> None:
        for n, attempt in enumerate(attempts):
            record = lab.record(attempt, (T0 + n * HOUR, T0 + (n + 1) * HOUR), 1)
            ledger.finish(attempt, lab.epoch, record, {})
            ledger.register("trail", lab.epoch, [(T0, T0 + HOUR)], "scheduled")
            ledger.declare([{"name": "trail", "type": "cloudtrail-files", "lateness": HOUR, "schedule": 5}])

    def append() -> None:
        for n, attempt in enumerate(attempts):
            lab.append(lab.judged(lab.event(f"e{n}", T0, window=attempt), "open"), settle=tuple(attempts))

    def renew() -> None:
        for _ in range(30):
            assert lease.renew()

    def sweep() -> None:
        for _ in range(5):
            ledger.interrupted("another", lab.epoch)
            lab.append(settle=tuple(reversed(attempts)))

    assert together(collect, append, renew, sweep) == [None] * 4
    verify(lab.engine, None)


def test_drift_is_taken_in_and_claimed_once(lab: Lab) -> None:
    drifts = tuple(
        DriftRow("source", f"source/trail//{n}", "", "x", (), "high", lab.now, "alert", "words", source="trail")
        for n in range(20)
    )
    lab.append(drifts=drifts)
    together(*[lambda: take_in(lab.engine, lambda _: {"a": Assigned(), "b": Assigned()})] * 4)
    assert lab.sql("SELECT count(*) FROM delivery") == [(40,)]
    claims = together(*[lambda: claim(lab.engine, "a", "source/trail//3", lab.now, HOUR)] * 4)
    assert sum(c is not None for c in claims) == 1


# Migrations.


def test_two_that_migrate_at_once_make_one_store() -> None:
    url = postgres().url(postgres().create())
    assert not is_made(url)
    stores = together(*[lambda: open_store(url)] * 3)
    assert all(isinstance(store, EvidenceStore) for store in stores), stores
    assert is_made(url)
    assert len({opening.read_meta(store.engine, "store_id") for store in stores}) == 1
    for store in stores:
        store.engine.dispose()
    postgres().drop(database_of(url))


def test_a_worker_appends_while_another_process_migrates(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration that wants a table for itself gives way again and again, until it gets it between two appends."""
    done = threading.Event()
    monkeypatch.setattr(opening, "_PAUSE", 0.05)
    lab.sql("UPDATE alembic_version SET version_num = '0002'")
    calls = []

    def upgrade(config: Any, revision: str) -> None:
        connection = config.attributes["connection"]
        calls.append(connection.exec_driver_sql("SHOW lock_timeout").scalar())
        connection.exec_driver_sql("SET LOCAL lock_timeout = '100ms'")
        connection.exec_driver_sql("ALTER TABLE tally ADD COLUMN later int")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'later'")

    monkeypatch.setattr(alembic.command, "upgrade", upgrade)

    def work() -> int:
        n = 0
        while not done.is_set() or n < 5:
            lab.append(lab.judged(lab.event(f"e{n}", T0 + n), "open"))
            n += 1
        return n

    def hold() -> None:
        with lab.engine.connect() as reader:
            reader.exec_driver_sql("SELECT count(*) FROM tally")
            time.sleep(0.5)

    def change() -> None:
        time.sleep(0.1)
        try:
            migrate(lab.engine)
        finally:
            done.set()

    appended, _, migrated = together(work, hold, change)
    assert isinstance(appended, int), appended
    assert appended >= 5
    assert migrated is None
    assert len(calls) > 1, "it was in nobody's way at once"
    assert set(calls) == {"2s"}
    lab.sql("ALTER TABLE tally DROP COLUMN later")
    head = lab.sql("SELECT max(idx) FROM entry")
    lab.sql("UPDATE alembic_version SET version_num = ?", _newest())
    verify(lab.engine, None)
    assert head


def _newest() -> str:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(ROOT / "store" / "migrations"))
    return str(ScriptDirectory.from_config(config).get_current_head())


def test_a_store_of_a_later_version_is_refused(lab: Lab, url: str) -> None:
    lab.sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StorageUnusable, match="later version"):
        open_store(url)
    lab.sql("UPDATE alembic_version SET version_num = ?", _newest())


# Partitions.


def test_partitions_are_made_ahead_and_what_finds_none_is_kept_all_the_same(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def bounds() -> dict[str, str]:
        query = "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid"
        rows = lab.sql(query + " WHERE i.inhparent = 'entry'::regclass")
        return {str(row[0]): str(row[1]) for row in rows}

    assert keep_ahead(lab.engine) == 0, "the migration made them"
    width = PARTITIONED["entry"][1]
    assert sorted(bounds()) == ["entry_000000", "entry_000001", "entry_default"]
    lab.sql(f"INSERT INTO entry SELECT {width}, type, recorded_at, metadata, leaf FROM entry WHERE idx = 0")
    assert keep_ahead(lab.engine) == 1
    assert bounds()["entry_000002"] == f"FOR VALUES FROM ('{2 * width}') TO ('{3 * width}')"
    lab.sql(f"INSERT INTO entry SELECT {3 * width + 5}, type, recorded_at, metadata, leaf FROM entry WHERE idx = 0")
    assert lab.sql("SELECT idx FROM entry_default") == [(3 * width + 5,)]
    assert keep_ahead(lab.engine) == 1
    assert "entry_000003" not in bounds()
    assert "entry_000004" in bounds()
    lab.sql("DELETE FROM entry WHERE idx > 1000")
    for name in ("entry_000002", "entry_000004"):
        lab.sql(f"DROP TABLE {name}")


def test_partitions_wait_while_the_tables_are_busy(lab: Lab) -> None:
    lab.sql("DROP TABLE entry_000001")
    with lab.engine.connect() as reader:
        reader.exec_driver_sql("SELECT count(*) FROM entry")
        assert keep_ahead(lab.engine) == 0
    assert keep_ahead(lab.engine) == 1
    with writing(lab.engine) as connection:
        assert make_ahead(connection) == 0
