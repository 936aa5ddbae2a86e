"""What stands beside the store gets lost, or is put back older: nothing is forked, nothing is lost, and it is said."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from attestream.errors import AttestreamError, Exit
from attestream.service import run_once
from attestream.settings import load
from attestream.wiring import opened
from store.checkpoint import Refused
from store.errors import StoreError
from store.fsck import verify
from tests.attestream.conftest import Installation, Run, call, install


@pytest.fixture
def made(tmp_path: Path) -> Installation:
    found = install(tmp_path)
    once(found)
    return found


def once(made: Installation) -> int:
    """One run; how many pieces of evidence there are."""
    with opened(load(made.config, {}), create=True) as parts:
        run_once(parts)
        verify(parts.store.engine, parts.latest_checkpoint())
        return parts.query.totals().evidence


def test_a_lost_stream_is_replaced_and_what_it_carried_is_read_again(made: Installation) -> None:
    for file in (made.folder / "data").glob("stream.db*"):
        file.unlink()
    before = once(made)
    made.trail.deliver("20261120T1500Z", call("2026-11-20T14:50:00Z", "cloudtrail", "StopLogging", name="third"))
    assert once(made) == before + 1


def test_lost_checkpoints_stop_the_signer_until_somebody_says_so(made: Installation, run: Run) -> None:
    shutil.rmtree(made.folder / "data" / "checkpoints")
    with opened(load(made.config, {})) as parts, pytest.raises(Refused, match="put that folder back"):
        run_once(parts)
    assert run("evidence", "verify", config=made.config).code == Exit.INTEGRITY
    assert run("log", "checkpoint", "--place-lost", config=made.config).code == Exit.DONE
    once(made)
    assert "checkpoints are lost" in run("drift", "list", "--json", config=made.config).out


def test_a_lost_key_is_never_replaced_by_another(made: Installation, run: Run) -> None:
    key = made.folder / "data" / "signing.key"
    key.rename(made.folder / "kept")
    assert run("evidence", "verify", config=made.config).code == Exit.DONE
    assert run("status", config=made.config).code == Exit.DONE
    with opened(load(made.config, {})) as parts, pytest.raises(StoreError, match="missing"):
        run_once(parts)
    assert not key.exists()
    (made.folder / "kept").rename(key)
    once(made)


def test_nothing_is_added_to_an_older_store_put_back(made: Installation, run: Run, tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    assert run("store", "backup", str(backup), config=made.config).code == Exit.DONE
    made.trail.deliver("20261120T1500Z", call("2026-11-20T14:50:00Z", "cloudtrail", "StopLogging", name="third"))
    once(made)
    for file in (made.folder / "data").glob("store.db*"):
        file.unlink()
    assert run("store", "restore", str(backup), config=made.config).code == Exit.DONE
    with opened(load(made.config, {})) as parts:
        size = parts.query.log().size
        with pytest.raises(Refused, match="not the one"):
            run_once(parts)
        assert parts.query.log().size == size
    assert run("status", config=made.config).code == Exit.INTEGRITY


def test_reading_makes_no_store(tmp_path: Path, run: Run) -> None:
    config = tmp_path / "attestream.yaml"
    config.write_text(f"store: {{url: 'sqlite:///{tmp_path}/none/store.db'}}\n", encoding="utf-8")
    for words in (("status",), ("evidence", "verify"), ("finding", "list"), ("doctor",)):
        run(*words, config=config)
        assert not (tmp_path / "none").exists()
    with opened(load(config, {})) as parts, pytest.raises(AttestreamError, match="no store"):
        parts.store.clock()
