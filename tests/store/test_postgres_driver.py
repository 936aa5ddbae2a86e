"""store/postgres_*.py: transactions, timeouts, lost connections, stopped holders, secrets. On a real PostgreSQL."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, exc, inspect, select, text

from store import postgres_locks, schema
from store.cursors import Lease
from store.engine import lock_row, open_engine, reading, without_password, writing
from store.errors import CommitUnknown, Fenced, StorageBusy, StorageUnusable, StoreError
from store.fsck import verify
from store.records import DAY
from store.sql import find_rows, insert_rows, upsert_rows
from tests.postgres_server import KEEPER, PASSWORD, Postgres, own_server, postgres
from tests.store.lab import T0, Lab, together
from tests.store.places import connected
from tests.tcp_proxy import TcpProxy

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


def short(engine: Engine, **timeouts: int) -> Engine:
    """Have the sessions of an engine wait for milliseconds instead of seconds."""

    def settle(connection: Any, _: object) -> None:
        for name, value in timeouts.items():
            connection.execute(f"SET {name} = {value}")
        connection.commit()

    event.listen(engine, "connect", settle)
    engine.dispose()
    return engine


def write(engine: Engine, statement: str, meanwhile: Callable[[], object]) -> None:
    """One transaction of two statements, with something between them."""
    with writing(engine) as connection:
        connection.exec_driver_sql(statement)
        meanwhile()
        connection.exec_driver_sql("SELECT 1")


# Sessions and transactions.


def test_every_wait_of_a_session_has_an_end(lab: Lab) -> None:
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "application_name")
    with writing(lab.engine) as connection:
        said = {name: connection.exec_driver_sql(f"SHOW {name}").scalar() for name in names}
        assert connection.exec_driver_sql("SHOW transaction_isolation").scalar() == "read committed"
    assert said == dict(zip(names, ("1min", "10s", "10s", "attestream"), strict=True))
    with reading(lab.engine, patient=True) as connection:
        assert connection.exec_driver_sql("SHOW transaction_isolation").scalar() == "repeatable read"
        assert connection.exec_driver_sql("SHOW statement_timeout").scalar() == "0"
    with reading(lab.engine) as connection:
        assert connection.exec_driver_sql("SHOW statement_timeout").scalar() == "1min"


def test_parameters_of_the_url_reach_the_server(url: str) -> None:
    engine = open_engine(f"{url}?application_name=mapper&options=-c%20work_mem%3D7MB&connect_timeout=5")
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SHOW application_name").scalar() == "mapper"
        assert connection.exec_driver_sql("SHOW work_mem").scalar() == "7MB"
        assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == "10s"
    engine.dispose()


def test_a_reader_sees_one_snapshot_and_holds_no_writer_up(lab: Lab) -> None:
    count = text("SELECT count(*) FROM entry")
    with reading(lab.engine) as connection:
        before = connection.execute(count).scalar()
        lab.append(lab.judged(lab.event("e1", T0), "plain"))
        assert connection.execute(count).scalar() == before
    with reading(lab.engine) as connection:
        assert connection.execute(count).scalar() == (before or 0) + 1


def test_reading_refuses_to_write_and_the_connection_can_write_again_later(lab: Lab) -> None:
    with pytest.raises(exc.InternalError, match="read-only"), reading(lab.engine) as connection:
        connection.exec_driver_sql("DELETE FROM tally")
    with writing(lab.engine) as connection:
        connection.exec_driver_sql("DELETE FROM tally")


def test_text_sorts_by_its_bytes_in_every_column(lab: Lab) -> None:
    with reading(lab.engine) as connection:
        rows = connection.execute(
            text(
                "SELECT c.table_name, c.column_name FROM information_schema.columns c WHERE c.table_schema = 'public'"
                " AND c.data_type = 'text' AND c.collation_name IS DISTINCT FROM 'C'"
            )
        ).all()
    assert rows == [], "use TEXT of store/migrations/columns.py"


# Many rows.


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("type", "a\0b"),
        ("type", "\ud800"),
        ("recorded_at", 2**63),
        ("recorded_at", -(2**63) - 1),
        ("detail_length", 2**31),
        ("detail_length", -(2**31) - 1),
        ("detail_length", 2**63),
    ],
)
def test_what_a_column_cannot_hold_is_refused_and_never_cut(lab: Lab, column: str, value: Any) -> None:
    row = {"idx": 10**6, "type": "evidence", "recorded_at": 1, "metadata": b"", "leaf": b"", "detail_length": 1, column: value}
    for write in (
        lambda connection: insert_rows(connection, schema.entry, tuple(row), [tuple(row.values())]),
        lambda connection: upsert_rows(connection, schema.entry, ["idx"], tuple(row), [tuple(row.values())]),
    ):
        with pytest.raises(exc.DBAPIError), writing(lab.engine) as connection:
            write(connection)
    assert lab.sql("SELECT 1 FROM entry WHERE idx = 1000000") == []


def test_a_key_that_is_there_is_an_integrity_error(lab: Lab) -> None:
    with pytest.raises(exc.IntegrityError), writing(lab.engine) as connection:
        insert_rows(connection, schema.tally, ("mapping", "state", "n"), [("a", "b", 1), ("a", "b", 2)])


def test_rows_are_found_by_many_keys_and_upserted_by_every_rule(lab: Lab) -> None:
    table, columns = schema.tally, ("mapping", "state", "n")
    rows = [(f"m{n}", "open", n) for n in range(2000)]
    with writing(lab.engine) as connection:
        insert_rows(connection, table, columns, rows[:1000])
        upsert_rows(connection, table, ["mapping", "state"], columns, rows, add=["n"])
        found = {row[0]: row[1] for row in find_rows(connection, table, ("mapping", "n"), "mapping", [r[0] for r in rows])}
        assert found == {f"m{n}": 2 * n if n < 1000 else n for n in range(2000)}
        upsert_rows(connection, table, ["mapping", "state"], columns, [("m1", "open", -5), ("m2", "open", 1)], greatest=["n"])
        upsert_rows(
            connection, table, ["mapping", "state"], columns, [("m3", "open", -1), ("m4", "open", 9)], unless_negative=["n"]
        )
        upsert_rows(connection, table, ["mapping", "state"], columns, [("m5", "open", 77)])
        some = {
            row[0]: row[1] for row in find_rows(connection, table, ("mapping", "n"), "mapping", [f"m{n}" for n in range(1, 6)])
        }
        assert some == {"m1": 2, "m2": 4, "m3": 6, "m4": 9, "m5": 10}


# Waiting.


def test_a_statement_that_takes_too_long_is_said(lab: Lab) -> None:
    short(lab.engine, statement_timeout=200)
    with pytest.raises(StorageBusy, match="too long"), writing(lab.engine) as connection:
        connection.exec_driver_sql("SELECT pg_sleep(60)")


def test_a_lock_that_is_not_given_is_said(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_locks, "_ROUNDS", 2)
    short(lab.engine, lock_timeout=200)
    with writing(lab.engine) as holder:
        holder.exec_driver_sql("SELECT 1 FROM head FOR UPDATE")
        with pytest.raises(StorageBusy, match="nothing was written"):
            lab.append(lab.judged(lab.event("e1", T0), "plain"))
    assert lab.append(lab.judged(lab.event("e1", T0), "plain")).counts.evidence == 1


def test_a_client_that_is_silent_in_a_transaction_is_ended_by_the_server(lab: Lab) -> None:
    short(lab.engine, idle_in_transaction_session_timeout=200)
    with pytest.raises(StorageUnusable, match="connection is lost"):
        write(lab.engine, "UPDATE head SET recorded_at = 7", lambda: time.sleep(1))
    assert lab.sql("SELECT 1 FROM head WHERE recorded_at = 7") == []


STOPPED = """
import sys, time
from store.engine import open_engine, writing
from store.postgres_locks import driver_of
engine = open_engine(sys.argv[1])
with writing(engine) as connection:
    connection.exec_driver_sql(sys.argv[2])
    with driver_of(connection).cursor().copy("COPY tally FROM STDIN") as copy:
        copy.write_row(("stopped", "x", 1))
        print("held", flush=True)
        time.sleep(600)
"""


@pytest.fixture
def stopped(url: str) -> Iterator[Callable[[str], None]]:
    """Starts a process that is stopped in the middle of a COPY while it holds what it was told to lock."""
    processes = []

    def start(statement: str) -> None:
        command = [sys.executable, "-c", STOPPED, url, statement]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        os.kill(process.pid, signal.SIGSTOP)

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_who_waits_for_the_head_ends_a_holder_that_is_stopped_in_a_copy(
    lab: Lab, stopped: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_locks, "SILENT", 0.5)
    stopped("SELECT 1 FROM head FOR UPDATE")
    short(lab.engine, lock_timeout=700)
    assert lab.append(lab.judged(lab.event("e1", T0), "plain")).counts.evidence == 1
    assert lab.sql("SELECT 1 FROM tally WHERE mapping = 'stopped'") == []
    verify(lab.engine, None)


def test_so_do_those_who_wait_for_a_lease_or_a_partition(
    lab: Lab, stopped: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_locks, "SILENT", 0.5)
    short(lab.engine, lock_timeout=700)
    stopped("SELECT 1 FROM lease FOR UPDATE")
    assert Lease(lab.engine, clock=lambda: lab.now + DAY).acquire() == lab.epoch + 1
    stopped("SELECT 1 FROM head, position FOR UPDATE")
    assert lab.positions.claim(0)[0] == lab.stream_epoch + 1


def test_a_holder_that_works_is_waited_for(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_locks, "SILENT", 0.5)
    short(lab.engine, lock_timeout=300)
    held = threading.Event()

    def work() -> int:
        with writing(lab.engine) as connection:
            connection.exec_driver_sql("SELECT 1 FROM head FOR UPDATE")
            held.set()
            for _ in range(20):
                connection.exec_driver_sql("SELECT pg_sleep(0.05)")
            return 1

    def wait() -> int:
        held.wait(LONG)
        with writing(lab.engine) as connection:
            row = lock_row(connection, select(schema.head))
            assert row is not None
            return 2

    assert together(work, wait) == [1, 2]


# Lost connections.


def test_a_server_that_was_restarted_costs_no_error() -> None:
    with own_server() as server:
        place = Postgres(server.port)
        lab = Lab(place.url(place.create()))
        lab.activate()
        lab.append(lab.judged(lab.event("e1", T0), "plain"))
        server.stop()
        with pytest.raises(StorageUnusable, match="nothing was written"):
            lab.append(lab.judged(lab.event("e2", T0), "plain"))
        server.start()
        assert lab.append(lab.judged(lab.event("e2", T0), "plain")).counts.evidence == 1
        server.stop(signal.SIGQUIT)
        server.start()
        assert lab.append(lab.judged(lab.event("e3", T0), "plain")).counts.evidence == 1
        verify(lab.engine, None)
        lab.close()


def test_a_session_that_an_operator_ends_is_lost_and_the_next_is_not(lab: Lab, url: str) -> None:
    def end() -> None:
        with connected(url) as other:
            theirs = "datname = current_database() AND pid <> pg_backend_pid()"
            other.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {theirs}".encode())

    with pytest.raises(StorageUnusable, match="connection is lost; nothing was written"):
        write(lab.engine, "UPDATE head SET recorded_at = 7", end)
    lab.append(lab.judged(lab.event("e1", T0), "plain"))


@pytest.fixture
def proxied(lab: Lab, url: str) -> Iterator[tuple[TcpProxy, Lab]]:
    """The same store through a proxy."""
    with TcpProxy(postgres().port) as proxy:
        other = Lab(url.replace(f":{postgres().port}/", f":{proxy.port}/"))
        other.now, other.digest, other.mappings = lab.now, lab.digest, lab.mappings
        yield proxy, other
        other.close()


@pytest.mark.parametrize(("when", "done"), [("before", False), ("after", True)])
def test_i14_a_connection_cut_around_commit_may_be_tried_again(
    proxied: tuple[TcpProxy, Lab], lab: Lab, when: Any, done: bool
) -> None:
    proxy, other = proxied
    items = [other.judged(other.event(f"e{n}", T0), "plain") for n in range(3)]
    other.append_at([other.judged(other.event("e9", T0), "plain")], 0, 5)
    cut = proxy.cut(when, nth=2)  # the first transaction of an append only reads
    with pytest.raises(CommitUnknown, match="may or may not be done"):
        other.append_at(items, 5, 8)
    assert cut.wait(LONG)
    assert (lab.positions.all()[0] == 8) is done
    if done:
        with pytest.raises(Fenced):
            other.append_at(items, 5, 8)
        assert other.append_at(items, 8, 9).counts.duplicate == 3
    else:
        assert other.append_at(items, 5, 8).counts.evidence == 3
    assert len(lab.sql("SELECT idx FROM evidence")) == 4
    verify(lab.engine, None)


def test_a_network_that_goes_away_in_the_middle_is_an_error_and_nothing_is_written(proxied: tuple[TcpProxy, Lab]) -> None:
    proxy, other = proxied
    with pytest.raises(StorageUnusable):
        write(other.engine, "UPDATE head SET recorded_at = 7", proxy.cut_all)
    proxy.cut("before", b"COPY")
    with pytest.raises(StorageUnusable), writing(other.engine) as connection:
        insert_rows(connection, schema.tally, ("mapping", "state", "n"), [("a", "b", 1)])
    proxy.refuse(True)
    proxy.cut_all()
    with pytest.raises(StorageUnusable):
        other.append()
    proxy.refuse(False)
    other.append()
    assert other.sql("SELECT 1 FROM tally WHERE mapping = 'a'") == []


# Secrets.


def test_no_password_in_errors_logs_or_reprs(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    bare = url.replace("attestream@", f"{KEEPER}@")
    said: list[str] = []
    for place, password in (
        (bare, "wrong-" + PASSWORD),
        (bare.replace("@", f":wrong-{PASSWORD}@"), None),
        (bare.replace("127.0.0.1", "127.0.0.1,not-there.invalid"), PASSWORD + "x"),
        (bare + f"?password={PASSWORD}", None),
        (bare.replace("@", f":{PASSWORD}%@") + "?sslmode=nonsense", None),
        (f"postgresql://u:{PASSWORD}@[/x", None),
        (f"postgresql://u:{PASSWORD}@127.0.0.1:1/x", None),
        (f"mysql://u:{PASSWORD}@host/x", None),
    ):
        with pytest.raises(StoreError) as caught:
            open_engine(place, password)
        error: BaseException | None = caught.value
        while error is not None:
            said += [str(error), repr(error)]
            error = error.__cause__ or error.__context__
    engine = open_engine(bare, PASSWORD)
    with pytest.raises(exc.DBAPIError) as refused, writing(engine) as connection:
        connection.execute(text("SELECT CAST(:value AS integer)"), {"value": "not a number"})
    said += [str(refused.value), repr(engine), str(engine.url), repr(engine.url), caplog.text]
    engine.dispose()
    assert not [words for words in said if PASSWORD in words]


def test_a_password_is_taken_out_of_a_url() -> None:
    assert without_password("postgresql://u:p%2Fq@h:5/d?sslmode=require") == ("postgresql://u@h:5/d?sslmode=require", "p/q")
    assert without_password("postgresql://u@h/d") == ("postgresql://u@h/d", None)
    assert without_password("sqlite:///a:b@c.db") == ("sqlite:///a:b@c.db", None)


def test_pgpassfile_is_read(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "pgpass"
    file.write_text(f"*:*:*:{KEEPER}:{PASSWORD}\n")
    file.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(file))
    engine = open_engine(url.replace("attestream@", f"{KEEPER}@"))
    with reading(engine) as connection:
        assert inspect(connection).has_table("head")
    engine.dispose()


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("postgresql://attestream@127.0.0.1:1/x", "gives no connection"),
        ("postgresql://attestream@127.0.0.1", "names no database"),
        ("postgresql://attestream@127.0.0.1:{port}/not_there", "does not exist"),
        ("postgresql://nobody_here@127.0.0.1:{port}/postgres", "does not exist"),
        ("oracle://x/y", "is not served"),
    ],
)
def test_a_place_that_cannot_be_used_is_named_with_the_reason(place: str, words: str) -> None:
    with pytest.raises(StoreError, match=words):
        open_engine(place.format(port=postgres().port))
