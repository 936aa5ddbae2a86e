"""The command line over a store on PostgreSQL."""

from __future__ import annotations

import itertools
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog

from attestream.demo.deliver import to_directory
from attestream.demo.history import history
from attestream.errors import Exit
from attestream.lease import LocalLease
from attestream.service import Service
from attestream.settings import load
from attestream.wiring import opened
from collectors.runner import run_attempts
from pipeline.timekeeper import Timekeeper
from pipeline.worker import Worker
from store import cursors, database_clock
from store.active import active_digest
from store.checkpoint import Refused
from store.engine import reading, writing
from store.errors import StorageUnusable, VerificationError
from store.fsck import verify
from store.records import DAY, HOUR, MINUTE
from store.signing_key import load_or_create_key
from store.writer import read_head
from tests.attestream.conftest import Installation, Result, Run
from tests.postgres_server import KEEPER, PASSWORD, postgres
from tests.tcp_proxy import TcpProxy

pytestmark = pytest.mark.parts("postgres")


def test_a_store_on_postgresql_from_the_first_run_to_the_verification(made: Installation, run: Run) -> None:
    assert "there is no store at postgresql://" in run("status", config=made.config).err
    assert run("run", "--once", config=made.config).code == Exit.FAILED, "one file is cut short, as with any store"
    status = run("status", "--json", config=made.config).json
    assert status["events"]["evidence"] > 0
    assert status["log"]["checkpoint_size"] == status["log"]["size"]
    assert run("evidence", "verify", config=made.config).code == Exit.DONE
    assert run("store", "migrate", config=made.config).code == Exit.DONE
    assert "PostgreSQL 1" in run("doctor", config=made.config).out
    assert (made.folder / "attestream-data" / "signing.key").exists()
    run("run", "--once", config=made.config)
    assert run("status", "--json", config=made.config).json["events"]["evidence"] == status["events"]["evidence"]


def test_every_command_works_on_a_store_that_the_demos_trail_filled(made: Installation, run: Run, tmp_path: Path) -> None:
    def done(*words: str) -> Result:
        found = run(*words, config=made.config)
        assert (found.code, "Traceback" in found.err) == (Exit.DONE, False), (words, found.err)
        return found

    shutil.rmtree(made.trail.folder)
    to_directory(itertools.islice(history(7, time.time_ns() // 1000), 500), made.trail.folder)
    done("run", "--once")
    status = done("status", "--json").json
    kept = status["events"]["evidence"]
    assert kept > 0
    day = status["as_of"][:10]
    assert done("status", "--as-of", day, "--known-at", status["as_of"], "--json").json["known_at"] == status["log"]["size"]
    rows = done("evidence", "list", "--limit", "1000", "--json").lines
    assert len(rows) == kept
    assert done("evidence", "show", str(rows[0]["index"]), "--json").json["id"] == rows[0]["id"]
    findings = done("finding", "list", "--json").lines
    one = (findings[0]["mapping"], findings[0]["subject"])
    assert done("finding", "show", *one, "--json").json
    done("finding", "close", *one, "--reason", "looked at")
    assert done("drift", "list", "--json").lines
    assert done("dead-letter", "list", "--json").out == ""
    assert done("source", "list", "--json").lines[0]["name"] == "trail"
    assert done("control", "list", "--json").lines
    assert "A.8.15" in done("control", "show", "A.8.15").out
    assert done("log", "checkpoint", "--json").json["size"] > status["log"]["size"]
    assert done("log", "prove", str(rows[0]["index"])).json["kind"] == "inclusion"
    assert done("log", "prove", "--since", "3").json["kind"] == "consistency"
    bundle = str(tmp_path / "evidence.zip")
    done("export", "create", "--from", "2020-01-01", "--to", "2100-01-01", "-o", bundle)
    done("export", "verify", bundle)
    done("collect")
    done("mappings", "activate")
    done("doctor")
    done("evidence", "verify")


def test_backup_and_restore_say_what_to_do_instead(made: Installation, run: Run, tmp_path: Path) -> None:
    run("store", "migrate", config=made.config)
    done = run("store", "backup", str(tmp_path / "copy.db"), config=made.config)
    assert (done.code, "pg_dump" in done.err) == (Exit.FAILED, True)
    done = run("store", "restore", str(tmp_path / "copy.db"), config=made.config)
    assert (done.code, "pg_restore" in done.err) == (Exit.FAILED, True)
    assert not list(tmp_path.glob("*copy*"))


def test_a_password_in_the_url_is_never_shown(made: Installation, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ATTESTREAM_STORE__PASSWORD_FILE")
    words = made.config.read_text()
    for password in (PASSWORD, "wrong-" + PASSWORD):
        made.config.write_text(words.replace(f"{KEEPER}@", f"{KEEPER}:{password}@"))
        for command in (("store", "migrate"), ("doctor",), ("status",), ("run", "--once")):
            done = run(*command, config=made.config)
            assert PASSWORD not in done.out + done.err, command
    assert PASSWORD not in repr(load(made.config, {}))


def test_the_lease_is_never_stolen(made: Installation) -> None:
    with opened(load(made.config), create=True) as one, opened(load(made.config)) as other:
        assert not isinstance(one.lease, LocalLease)
        assert one.lease.acquire() is not None
        assert other.lease.acquire() is None
        one.lease.release()
        assert other.lease.acquire() is not None


def test_two_that_start_at_once_make_one_store(made: Installation) -> None:
    settings, origins = load(made.config), set()

    def start() -> None:
        with opened(settings, create=True) as parts:
            parts.activate()
            origins.add(parts.origin)

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(origins) == 1
    shutil.rmtree(made.folder / "attestream-data", ignore_errors=True)


# Several machines on one store.


def machine(made: Installation, name: str, monkeypatch: pytest.MonkeyPatch, more: str = "") -> Path:
    """Another machine: a folder of its own with settings over the same store and no source; returns its settings file."""
    folder = made.folder / name
    folder.mkdir()
    (line,) = [line for line in made.config.read_text().splitlines() if line.startswith("store:")]
    (folder / "attestream.yaml").write_text(f"{line}\n{more}")
    monkeypatch.chdir(folder)
    return folder / "attestream.yaml"


def test_a_machine_that_does_not_sign_shows_what_was_signed(
    made: Installation, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("run", "--once", config=made.config)
    size = run("status", "--json", config=made.config).json["log"]["size"]
    other = machine(made, "dashboards", monkeypatch)
    with opened(load(other)) as parts:
        info = parts.checkpoint_info()
        assert info is not None
        assert (info.size, info.signed_at is not None) == (size, True)
        with pytest.raises(Refused, match="holds no checkpoint"):
            parts.publish()
        for roles in (("serve",), ("alert",), ("map",)):
            service = Service(parts, roles)
            service.start()
            service.stop()
        with pytest.raises(Refused, match="holds no checkpoint"):
            Service(parts, ("seal",)).start()
    assert run("status", "--json", config=other).json["log"]["checkpoint_size"] == size
    assert "by another machine, as the store says" in run("doctor", config=other).out
    verified = run("evidence", "verify", config=other)
    assert (verified.code, "the store itself said" in verified.err) == (Exit.DONE, True)
    bundle = str(other.parent / "evidence.zip")
    assert run("export", "create", "--from", "2026-11-01", "--to", "2026-12-01", "-o", bundle, config=other).code == Exit.DONE
    assert run("export", "verify", bundle, config=other).code == Exit.DONE
    assert not list(other.parent.rglob("signing.key*")), "nothing was made here that only the signer has"
    assert run("source", "list", "--json", config=other).lines[0]["name"] == "trail"


def test_the_checkpoint_that_the_store_remembers_is_checked_with_the_key_at_hand(
    made: Installation, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("run", "--once", config=made.config)
    other = machine(made, "dashboards", monkeypatch)
    with opened(load(other)) as parts:
        stranger = load_or_create_key(other.parent / "x.key", parts.origin).verifier
        (other.parent / "attestream-data").mkdir()
        (other.parent / "attestream-data" / "signing.key.pub").write_text(f"{stranger}\n")
        with pytest.raises(VerificationError):
            parts.latest_checkpoint()


def test_roles_of_many_machines_leave_the_active_mappings_alone(
    made: Installation, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = machine(made, "first", monkeypatch, "mappings: {builtin: false}\n")
    with opened(load(other), create=True) as parts:
        parts.activate_at_start()
        first = active_digest(parts.store.engine)
        assert first, "the first set needs nobody"
    monkeypatch.chdir(made.folder)
    with opened(load(made.config)) as parts, structlog.testing.capture_logs() as logs:
        parts.activate_at_start()
        assert active_digest(parts.store.engine) == first
    assert any("mappings activate" in str(entry.get("advice")) for entry in logs)
    assert "run attestream mappings activate" in run("doctor", config=made.config).out
    assert run("mappings", "activate", config=made.config).code == Exit.DONE
    with opened(load(made.config)) as parts:
        assert active_digest(parts.store.engine) != first


def test_doctor_names_what_a_power_cut_would_cost(made: Installation, run: Run) -> None:
    run("store", "migrate", config=made.config)
    checks = {check["check"]: check for check in run("doctor", "--json", config=made.config).json}
    database = checks["database"]
    assert database["state"] == "warning", "the tests' server runs with fsync=off"
    assert "PostgreSQL 1" in database["found"]
    assert "a power cut of the server may lose or damage the log" in database["found"]
    assert "set fsync = on" in database["remedy"]
    assert PASSWORD not in str(checks)
    with opened(load(made.config)) as parts, writing(parts.store.engine) as connection:
        connection.exec_driver_sql("REVOKE INSERT ON tally FROM CURRENT_USER")
    assert "may not write every table" in run("doctor", config=made.config).out


@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_commit_of_which_nobody_knows_is_taken_up_by_the_ledger_and_the_worker(
    made: Installation, monkeypatch: pytest.MonkeyPatch, when: Any, nth: int
) -> None:
    """1 to 3 are the ledger's (what was interrupted, register, finish), the others the worker's (claims, the append)."""
    monkeypatch.setattr(cursors, "_UNKNOWN", (0.0, 0.0))
    with TcpProxy(postgres().port) as proxy:
        made.config.write_text(made.config.read_text().replace(f":{postgres().port}/", f":{proxy.port}/"))
        with opened(load(made.config), create=True) as parts:
            parts.activate()
            ledger, epoch, worker = parts.ledger, parts.lease.acquire(), Worker(parts.stream, parts.store)
            assert epoch is not None
            cut, lost = proxy.cut(when, b"COMMIT\0", nth), 0

            def surely(act: Callable[[], object]) -> int:
                try:
                    act()
                except StorageUnusable:
                    act()
                    return 1
                return 0

            lost += surely(lambda: run_attempts(parts.collectors[0], parts.stream, ledger, epoch, parts.store.clock()))
            lost += surely(worker.drain)
            worker.close()
            assert (cut.is_set(), lost) == (True, int(nth not in (2, 3))), "the ledger tries what it wrote again by itself"
            Timekeeper(parts.store).tick()
            totals = parts.query.totals()
            assert (totals.collected, totals.duplicate, totals.dead_letter) == (8, 0, 1)
            assert [w.state for w in parts.query.windows()] == ["partial"]
            verify(parts.store.engine, None)


def test_what_a_run_left_open_under_the_same_lease_is_given_up_by_the_next(made: Installation) -> None:
    with opened(load(made.config), create=True) as parts:
        parts.activate()
        ledger, epoch = parts.ledger, parts.lease.acquire()
        assert epoch is not None
        ledger.register("trail", epoch, [(0, 1)], "scheduled")  # and then the stream or the store was lost
        run_attempts(parts.collectors[0], parts.stream, ledger, epoch, parts.store.clock())
        assert parts.lease.renew(), "which prolongs what is open, but for what has lapsed"
        worker = Worker(parts.stream, parts.store)
        worker.drain()
        worker.close()
        Timekeeper(parts.store).tick()
        assert sorted(w.state for w in parts.query.windows()) == ["abandoned", "partial"]


# The clock is the database's, whatever a machine's own says.


@pytest.mark.parametrize("wrong", [DAY, -DAY])
def test_a_machine_whose_clock_is_wrong_writes_the_databases_time(
    made: Installation, monkeypatch: pytest.MonkeyPatch, wrong: int
) -> None:
    right = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: right() + wrong * 1000)
    with opened(load(made.config), create=True) as parts:
        parts.activate()
        log = parts.query.log()
        assert abs(log.recorded_at - right() // 1000) < HOUR
        assert abs(parts.store.clock() - right() // 1000) < HOUR
        assert parts.lease.acquire() is not None
        with reading(parts.store.engine) as connection:
            expires = connection.exec_driver_sql("SELECT expires FROM lease").scalar_one()
        assert 0 < expires - right() // 1000 <= MINUTE
        (attempt,) = parts.ledger.register("trail", 1, [(0, 1)], "scheduled")
        (window,) = parts.query.windows()
        assert (window.attempt, abs(window.registered_at - right() // 1000) < HOUR) == (attempt, True)
    with opened(load(made.config)) as other:
        assert other.lease.acquire() is None, "to a clock that is a day ahead it would seem to have ended long ago"


def test_a_time_is_that_after_the_wait_for_the_row(made: Installation) -> None:
    with opened(load(made.config), create=True) as parts, opened(load(made.config)) as other:
        held = threading.Event()
        assert parts.store.engine is not other.store.engine

        def hold() -> None:
            with writing(other.store.engine) as connection:
                read_head(connection, lock=True)
                held.set()
                connection.exec_driver_sql("SELECT pg_sleep(0.7)")
                released.append(time.time_ns() // 1000)

        released: list[int] = []
        thread = threading.Thread(target=hold)
        thread.start()
        assert held.wait(60)
        with writing(parts.store.engine) as connection:
            head = read_head(connection, lock=True)
        thread.join(60)
        assert head.now is not None
        assert head.now >= released[0]


def test_the_databases_clock_goes_on_while_it_cannot_be_asked(made: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    with TcpProxy(postgres().port) as proxy:
        made.config.write_text(made.config.read_text().replace(f":{postgres().port}/", f":{proxy.port}/"))
        with opened(load(made.config), create=True) as parts:
            before = parts.store.clock()
            monkeypatch.setattr(database_clock, "EVERY", 0)
            parts.store.clock()
            proxy.refuse(True)
            proxy.cut_all()
            assert before <= parts.store.clock() < before + HOUR
            with pytest.raises(StorageUnusable):
                database_clock.DatabaseClock(parts.store.engine)()
