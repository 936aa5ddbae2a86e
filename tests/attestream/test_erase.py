"""`attestream store erase` as people and scripts use it, and what the other commands say of what it erased."""

from __future__ import annotations

import json
import shutil
import time
from contextlib import closing
from pathlib import Path

import pytest

from attestream.errors import Exit
from attestream.service import Sealer, run_once
from attestream.settings import load
from attestream.wiring import opened
from exports.verify import verify_bundle
from store.sqlite_driver import sqlite_module
from tests.attestream.conftest import ACCOUNT, Installation, Run, Trail, call, install

WHO = "zoe.quux"


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation that has collected, with one event of WHO."""
    made = install(tmp_path_factory.mktemp("collected"))
    stopped = call("2026-11-20T09:20:00Z", "cloudtrail", "StopLogging", name="third")
    made.trail.deliver("20261120T0930Z", {**stopped, "userIdentity": {"type": "IAMUser", "userName": WHO, "accountId": ACCOUNT}})
    with opened(load(made.config, {}), create=True) as parts:
        run_once(parts)
    return made


@pytest.fixture
def own(collected: Installation, tmp_path: Path) -> Installation:
    """A copy of it, to be changed."""
    shutil.copytree(collected.folder, tmp_path, dirs_exist_ok=True)
    config = tmp_path / "attestream.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace(str(collected.folder), str(tmp_path)), encoding="utf-8")
    return Installation(config, tmp_path, Trail(tmp_path / "logs"))


def test_i15_erased_by_value_and_everything_still_verifies(own: Installation, run: Run) -> None:
    status = run("status", "--json", config=own.config).json
    period = ("--from", "2026-11-01", "--to", "2026-12-01")
    old, new = own.folder / "old.zip", own.folder / "new.zip"
    made = run("export", "create", *period, "-o", str(old), "--json", config=own.config).json
    found = run("store", "erase", "--value", WHO, "--reason", "request 7", "--dry-run", "--json", config=own.config).json
    assert (found["erased"], found["entries"], found["sources"]) == (False, 1, {"trail": 1})
    refused = run("store", "erase", "--value", WHO, "--reason", "request 7", config=own.config)
    assert refused.code == Exit.FAILED
    assert "give --yes" in refused.err
    done = run("store", "erase", "--value", WHO, "--reason", "request 7", "--yes", config=own.config)
    assert done.code == Exit.DONE
    assert "erased: the bytes of 1 entry" in done.err
    assert "may still hold a copy: the stream's file" in done.err
    assert done.out == ""
    assert run("evidence", "verify", config=own.config).code == Exit.DONE
    after = run("status", "--json", config=own.config).json
    assert after["controls"] == status["controls"]
    assert after["events"] == status["events"]
    run("export", "create", *period, "-o", str(new), config=own.config)
    assert verify_bundle(old, [made["key"]]).exit_code == 0
    assert verify_bundle(new, [made["key"]]).exit_code == 7
    assert WHO.encode() not in new.read_bytes()
    files = [path for path in (own.folder / "data").rglob("*") if path.is_file()]
    assert {"store.db", "stream.db"} <= {path.name for path in files}
    assert [path.name for path in files if WHO.encode() in path.read_bytes()] == []
    with closing(sqlite_module().connect(own.folder / "data" / "stream.db")) as stream:  # its packs are compressed
        assert stream.execute("SELECT count(*) FROM records").fetchone() == (0,)


def test_what_stays_is_said(own: Installation, run: Run) -> None:
    """The mapping set carries test events of its own, about an alice."""
    found = run("store", "erase", "--value", "alice", "--reason", "request 7", "--dry-run", config=own.config)
    assert found.code == Exit.DONE
    assert "stays: it stands in 1 windows, mapping sets or the like: 0" in found.err
    assert "nothing was erased" in found.err


def test_what_was_erased_is_collected_again_and_stored_nowhere(own: Installation, run: Run) -> None:
    run("store", "erase", "--value", WHO, "--reason", "request 7", "--yes", config=own.config)
    before = run("status", "--json", config=own.config).json
    for path in own.trail.folder.iterdir():  # delivered again, as far as modification times tell
        path.touch()
    run("run", "--once", config=own.config)
    after = run("status", "--json", config=own.config).json
    assert after["events"]["evidence"] == before["events"]["evidence"]
    assert after["events"]["duplicate"] > before["events"]["duplicate"]
    assert run("evidence", "verify", config=own.config).code == Exit.DONE


def test_evidence_show_says_since_when_and_why(own: Installation, run: Run) -> None:
    [first, *_] = run("evidence", "list", "--json", config=own.config).lines
    index = str(first["index"])
    run("store", "erase", "--index", index, "--payload-only", "--reason", "by mistake", "--yes", config=own.config)
    shown = run("evidence", "show", index, config=own.config)
    assert shown.code == Exit.DONE
    assert "the payload was erased 20" in shown.err
    assert "by mistake" in shown.err
    raw = run("evidence", "show", index, "--raw", config=own.config)
    assert (raw.code, raw.out) == (Exit.FAILED, "")
    assert "by mistake" in raw.err
    document = run("evidence", "show", index, "--json", config=own.config).json
    assert document["erased"]["parts"] == ["payload"]
    assert document["payload"] is None
    assert document["id"] == first["id"]
    run("store", "erase", "--index", index, "--reason", "all of it", "--yes", config=own.config)
    document = run("evidence", "show", index, "--json", config=own.config).json
    assert (document["erased"]["parts"], document["id"], document["tags"]) == (["detail", "payload"], "", [])
    assert run("evidence", "verify", config=own.config).code == Exit.DONE


def test_a_payload_that_is_gone_without_an_erasure_is_an_integrity_failure(own: Installation, run: Run) -> None:
    [first, *_] = run("evidence", "list", "--json", config=own.config).lines
    with closing(sqlite_module().connect(own.folder / "data" / "store.db")) as store, store:
        store.execute("UPDATE entry SET payload_salt = NULL WHERE idx = ?", (first["index"],))
    shown = run("evidence", "show", str(first["index"]), "--raw", config=own.config)
    assert (shown.code, shown.out) == (Exit.INTEGRITY, "")
    verified = run("evidence", "verify", config=own.config)
    assert verified.code == Exit.INTEGRITY
    assert "no erasure says so: tampering" in verified.err
    assert f"first index that differs: {first['index']}" in verified.err


def test_the_seal_role_erases_what_is_older_than_the_retention(own: Installation, run: Run) -> None:
    before = run("status", "--json", config=own.config).json
    with opened(load(own.config, {"ATTESTREAM_STORE__RETENTION": "1s"})) as parts:
        time.sleep(1.1)
        Sealer(parts).tick()
        [erasure] = [entry for n in range(before["log"]["size"], parts.query.log().size) if (entry := parts.query.entry(n))]
        assert (erasure.type, erasure.fields["part"]) == ("erasure", "payload")
        assert json.loads(erasure.detail or b"")["reason"] == "retention"
        assert parts.latest_checkpoint().checkpoint.size == parts.query.log().size
    kept = run("evidence", "list", "--json", config=own.config).lines
    shown = {row["index"]: run("evidence", "show", str(row["index"]), "--json", config=own.config).json for row in kept}
    assert any(document["erased"] for document in shown.values())
    cited = run("finding", "list", "--state", "not-satisfied", "--json", config=own.config).lines
    assert [index for finding in cited for index in finding["cites"] if shown[index]["erased"]] == []
    assert run("evidence", "verify", config=own.config).code == Exit.DONE


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--value", "alice", "--index", "1"), Exit.USAGE, "one of --value and --index"),
        ((), Exit.USAGE, "one of --value and --index"),
        (("--value", "request"), Exit.USAGE, "repeats the value"),
        (("--value", "al"), Exit.FAILED, "3 to 512 characters"),
        (("--index", "1-x"), Exit.USAGE, "no index"),
        (("--index", "99999"), Exit.FAILED, "the log holds entries"),
        (("--index", "0"), Exit.FAILED, "never erased"),
    ],
)
def test_what_makes_no_sense_is_refused(own: Installation, run: Run, words: tuple[str, ...], code: Exit, says: str) -> None:
    size = run("status", "--json", config=own.config).json["log"]["size"]
    refused = run("store", "erase", "--reason", "request 7", *words, "--yes", config=own.config)
    assert refused.code == code
    assert says in refused.err
    assert run("status", "--json", config=own.config).json["log"]["size"] == size


def test_nothing_found_is_said(own: Installation, run: Run) -> None:
    done = run("store", "erase", "--value", "nobody-here", "--reason", "request 7", "--yes", "--json", config=own.config)
    assert (done.code, done.json["erased"], done.json["entries"]) == (Exit.DONE, False, 0)
