"""The command line over a store on PostgreSQL."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from attestream.errors import Exit
from attestream.lease import LocalLease
from attestream.settings import load
from attestream.wiring import opened
from tests.attestream.conftest import Installation, Run, install
from tests.postgres_server import KEEPER, PASSWORD, postgres

pytestmark = pytest.mark.parts("postgres")


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """An installation whose store is a database; the password is in a file."""
    monkeypatch.chdir(tmp_path)
    found, name = install(tmp_path), postgres().create()
    words = found.config.read_text()
    place = postgres().url(name, KEEPER)
    found.config.write_text(words.replace(f"sqlite:///{tmp_path}/data/store.db", place))
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD + "\n")
    monkeypatch.setenv("ATTESTREAM_STORE__PASSWORD_FILE", str(secret))
    yield found
    postgres().drop(name)


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
