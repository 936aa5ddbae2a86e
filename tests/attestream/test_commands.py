"""Each command over a small installation that really collected: what it prints, as text and as JSON, and its exit code."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from attestream.errors import Exit
from collectors.registry import SOURCE_TYPES
from exports.verify import verify_bundle
from store.note import VerifierKey
from tests.attestream.conftest import ACCOUNT, Installation, Run, install
from tests.repository import ROOT

STOPPED = "14f7d867-24fe-4162-86bf-725b5db14a3f"
"""The built-in mapping "Trail stopped from logging"."""


@pytest.fixture
def own(tmp_path: Path) -> Installation:
    """An installation of this test's own, which has not collected yet."""
    return install(tmp_path)


def copy(installed: Installation, to: Path) -> Installation:
    """A copy of one that has collected, to be changed."""
    shutil.copytree(installed.folder, to, dirs_exist_ok=True)
    config = to / "attestream.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace(str(installed.folder), str(to)), encoding="utf-8")
    return Installation(config, to, installed.trail)


# -- running


def test_run_once_collects_judges_and_seals(own: Installation, run: Run) -> None:
    done = run("run", "--once", config=own.config)
    assert done.code == Exit.FAILED  # for the file that was cut short
    assert "trail: 7 records from 6 files, 1 kept as dead letters" in done.err
    assert re.search(r"sealed: log of \d+ entries", done.err)
    assert done.out == ""
    status = run("status", "--json", config=own.config).json
    assert status["events"] == {"collected": 8, "evidence": 3, "unmatched": 4, "duplicate": 0, "dead_letter": 1}
    assert status["log"]["size"] == status["log"]["checkpoint_size"]


def test_a_second_run_adds_nothing_but_its_own_window(own: Installation, run: Run) -> None:
    run("run", "--once", config=own.config)
    before = run("status", "--json", config=own.config).json
    run("run", "--once", config=own.config)
    after = run("status", "--json", config=own.config).json
    assert after["events"] == before["events"]
    assert {c: v["state"] for c, v in after["controls"].items()} == {c: v["state"] for c, v in before["controls"].items()}
    assert after["log"]["size"] == before["log"]["size"] + 1


def test_collect_reads_a_period_again_and_changes_nothing(own: Installation, run: Run) -> None:
    run("run", "--once", config=own.config)
    before = run("status", "--json", config=own.config).json
    yesterday = datetime.now(UTC) - timedelta(days=1)  # the axis is delivery: the files are as old as this test
    assert run("collect", "trail", "--from", f"{yesterday:%Y-%m-%d}", config=own.config).code == Exit.FAILED
    after = run("status", "--json", config=own.config).json
    assert after["events"]["evidence"] == before["events"]["evidence"]
    assert after["events"]["duplicate"] == before["events"]["collected"]
    assert [state["state"] for state in after["controls"].values()] == [state["state"] for state in before["controls"].values()]


def test_a_source_that_cannot_be_read_is_a_failure_and_never_nothing(own: Installation, run: Run) -> None:
    shutil.rmtree(own.trail.folder)
    done = run("run", "--once", config=own.config)
    assert done.code == Exit.FAILED
    assert "trail: FAILED" in done.err
    assert "does not exist" in done.err
    assert "0 records" not in done.err
    status = run("status", "--json", config=own.config).json
    assert status["sources"]["trail"]["last_window"]["state"] == "failed"
    assert {control["state"] for control in status["controls"].values()} == {"not-assessed"}


@pytest.mark.parametrize(
    "words", [("collect", "tail"), ("collect", "--to", "2026-11-20"), ("collect", "--from", "2026-11-21", "--to", "2026-11-20")]
)
def test_collect_refuses_what_makes_no_sense(words: tuple[str, ...], own: Installation, run: Run) -> None:
    done = run(*words, config=own.config)
    assert done.code in (Exit.FAILED, Exit.USAGE)
    assert "Traceback" not in done.err
    assert done.err.startswith("attestream: ")


# -- looking


def test_status_as_text_and_as_one_document(installed: Installation, run: Run) -> None:
    document = run("status", "--json", config=installed.config).json
    assert len(document["controls"]) == 93
    assert set(document) == {"as_of", "known_at", "mapping_set", "events", "controls", "sources", "log"}
    control = document["controls"]["A.8.15"]
    assert control["state"] == "not-satisfied"
    assert control["since"] == "2026-11-20T09:50:00.000000Z"
    shown = run("status", config=installed.config)
    assert "A.8.15" in shown.out
    assert "not-satisfied" in shown.out
    assert "\x1b" not in shown.out + shown.err


def test_status_with_exit_code_says_that_something_is_open(installed: Installation, run: Run) -> None:
    assert run("status", "--exit-code", config=installed.config).code == Exit.NOT_SATISFIED
    early = ("--as-of", "2026-11-20T09:00:00Z")
    assert run("status", "--exit-code", *early, config=installed.config).code == Exit.DONE


def test_control_list_filters(installed: Installation, run: Run) -> None:
    rows = run("control", "list", "--json", config=installed.config).lines
    assert len(rows) == 93
    open_ = run("control", "list", "--state", "not-satisfied", "--json", config=installed.config).lines
    assert "A.8.15" in {row["id"] for row in open_}
    assert {row["state"] for row in open_} == {"not-satisfied"}
    people = run("control", "list", "--theme", "people", "--json", config=installed.config).lines
    assert len(people) == 8
    assert "A.8.15" in run("control", "list", config=installed.config).out


def test_control_show_says_why(installed: Installation, run: Run) -> None:
    shown = run("control", "show", "A.8.15", "--json", config=installed.config).json
    assert (shown["id"], shown["state"]) == ("A.8.15", "not-satisfied")
    assert STOPPED in {mapping["id"] for mapping in shown["mappings"]}
    assert any(found["state"] == "not-satisfied" for found in shown["findings_list"])
    assert "Trail stopped" in run("control", "show", "A.8.15", config=installed.config).out
    silent = run("control", "show", "A.7.1", config=installed.config)
    assert "no source for it" in silent.out
    wrong = run("control", "show", "A.8.51", config=installed.config)
    assert wrong.code == Exit.USAGE
    assert "did you mean A.8." in wrong.err.replace("'", "")


def test_finding_list_and_finding_show_tell_the_story(installed: Installation, run: Run) -> None:
    rows = run("finding", "list", "--mapping", STOPPED, "--json", config=installed.config).lines
    assert {(row["subject"], row["state"]) for row in rows} == {
        (f"{ACCOUNT}/main", "not-satisfied"),
        (f"{ACCOUNT}/second", "closed"),
    }
    history = run("finding", "show", STOPPED, f"{ACCOUNT}/second", "--json", config=installed.config).json
    assert {(row["event_time"], row["after"]) for row in history} == {
        ("2026-11-20T10:20:00.000000Z", "not-satisfied"),
        ("2026-11-20T10:25:00.000000Z", "closed"),
    }
    assert "undone" in run("finding", "show", STOPPED, f"{ACCOUNT}/second", config=installed.config).out
    assert run("finding", "show", STOPPED, "nobody", config=installed.config).code == Exit.FAILED


def test_finding_list_as_of_an_earlier_time(installed: Installation, run: Run) -> None:
    then = ("--as-of", "2026-11-20T10:22:00Z")
    rows = run("finding", "list", "--mapping", STOPPED, *then, "--json", config=installed.config).lines
    assert {row["state"] for row in rows} == {"not-satisfied"}


def test_finding_close_needs_a_reason_and_is_an_entry(installed: Installation, run: Run, tmp_path: Path) -> None:
    own = copy(installed, tmp_path / "copy")
    subject = f"{ACCOUNT}/main"
    assert run("finding", "close", STOPPED, subject, "--reason", " ", config=own.config).code == Exit.USAGE
    assert run("finding", "close", STOPPED, "nobody", "--reason", "x", config=own.config).code == Exit.FAILED
    done = run("finding", "close", STOPPED, subject, "--reason", "planned, CHG-7", config=own.config)
    assert (done.code, done.out) == (Exit.DONE, "")
    [state] = {r["state"] for r in run("finding", "list", "--mapping", STOPPED, "--json", config=own.config).lines}
    assert state == "closed"
    assert run("evidence", "verify", config=own.config).code == Exit.DONE


def test_drift_list_says_what_changed(installed: Installation, run: Run) -> None:
    rows = run("drift", "list", "--json", config=installed.config).lines
    assert {"finding", "source"} <= {row["kind"] for row in rows}
    assert {row["kind"] for row in run("drift", "list", "--kind", "finding", "--json", config=installed.config).lines} == {
        "finding"
    }
    assert run("drift", "list", "--since", "2099-01-01", "--json", config=installed.config).lines == []
    assert "Trail stopped" in run("drift", "list", config=installed.config).out


def test_evidence_list_and_evidence_show_give_the_bytes_that_were_delivered(installed: Installation, run: Run) -> None:
    rows = run("evidence", "list", "--json", config=installed.config).lines
    assert len(rows) == 3
    delivered = set(installed.trail.records)
    for row in rows:
        assert run("evidence", "show", str(row["index"]), "--raw", config=installed.config).raw in delivered
    first = run(
        "evidence", "list", "--control", "A.8.15", "--to", "2026-11-20T10:00:00Z", "--json", config=installed.config
    ).lines
    assert [row["event_time"] for row in first] == ["2026-11-20T09:50:00.000000Z"]
    shown = run("evidence", "show", first[0]["id"], "--json", config=installed.config).json
    assert shown["index"] == first[0]["index"]
    assert json.loads(shown["payload"])["eventName"] == "StopLogging"
    assert "StopLogging" in run("evidence", "show", str(first[0]["index"]), config=installed.config).out
    assert run("evidence", "show", "no-such-id", config=installed.config).code == Exit.FAILED
    assert run("evidence", "show", "0", config=installed.config).code == Exit.FAILED


# -- proving


def test_evidence_verify_is_silent_about_a_whole_store_and_names_a_changed_byte(
    installed: Installation, run: Run, tmp_path: Path
) -> None:
    whole = run("evidence", "verify", "--json", config=installed.config).json
    assert whole["verified"] is True
    assert whole["size"] == whole["checkpoint_size"]
    own = copy(installed, tmp_path / "copy")
    change_leaf(own.folder / "data" / "store.db", 3)
    broken = run("evidence", "verify", config=own.config)
    assert broken.code == Exit.INTEGRITY
    assert "first index that differs: 3" in broken.err


def change_leaf(database: Path, index: int) -> None:
    from store.sqlite_driver import sqlite_module

    connection = sqlite_module().connect(database)
    [data] = connection.execute("SELECT metadata FROM entry WHERE idx = ?", (index,)).fetchone()
    connection.execute("UPDATE entry SET metadata = ? WHERE idx = ?", (data.replace(b"2026", b"2025", 1), index))
    connection.commit()
    connection.close()


def test_export_create_makes_a_bundle_that_export_verify_accepts(installed: Installation, run: Run, tmp_path: Path) -> None:
    bundle = tmp_path / "november.zip"
    period = ("--from", "2026-11-01", "--to", "2026-12-01")
    made = run("export", "create", *period, "--out", str(bundle), "--json", config=installed.config)
    assert made.code == Exit.DONE
    key = made.json["key"]
    checked = run("export", "verify", str(bundle), "--key", key)
    assert checked.code == Exit.DONE
    assert "VERIFIED" in checked.out
    assert verify_bundle(str(bundle), [key]).exit_code == 0
    data = bytearray(bundle.read_bytes())
    data[len(data) // 2] ^= 1
    bundle.write_bytes(data)
    assert run("export", "verify", str(bundle), config=installed.config).code == Exit.INTEGRITY


def test_export_create_of_some_controls(installed: Installation, run: Run, tmp_path: Path) -> None:
    words = ("--from", "2026-11-01", "--to", "2026-12-01", "--control", "A.8.15", "-o", str(tmp_path / "a.zip"))
    done = run("export", "create", *words, config=installed.config)
    assert done.code == Exit.DONE, done.err
    assert "--key" in done.err
    backwards = ("--from", "2026-12-01", "--to", "2026-11-01", "-o", str(tmp_path / "b.zip"))
    assert run("export", "create", *backwards, config=installed.config).code in (Exit.FAILED, Exit.USAGE)
    assert not (tmp_path / "b.zip").exists()


def test_log_checkpoint_prints_the_signed_head_and_the_key(installed: Installation, run: Run) -> None:
    note = run("log", "checkpoint", config=installed.config).out
    size = run("status", "--json", config=installed.config).json["log"]["size"]
    assert note.splitlines()[1] == str(size)
    key = run("log", "checkpoint", "--key", config=installed.config).out.strip()
    assert VerifierKey.parse(key).name == note.splitlines()[0]
    document = run("log", "checkpoint", "--json", config=installed.config).json
    assert (document["note"], document["key"]) == (note, key)


def test_log_prove_gives_a_proof_that_folds_to_the_root(installed: Installation, run: Run) -> None:
    proof = run("log", "prove", "2", config=installed.config).json
    assert hashlib.sha256(b"\0" + proof["entry"].encode()).hexdigest() == proof["leaf"]
    assert folded(proof["leaf"], 2, proof["size"], proof["proof"]) == proof["root"]
    since = run("log", "prove", "--since", "2", config=installed.config).json
    assert (since["kind"], since["old_size"], since["root"]) == ("consistency", 2, proof["root"])
    assert run("log", "prove", "100000", config=installed.config).code == Exit.FAILED
    assert run("log", "prove", config=installed.config).code == Exit.USAGE


def folded(leaf: str, index: int, size: int, path: list[str]) -> str:
    """RFC 9162, 2.1.3.2."""
    node, at, last = bytes.fromhex(leaf), index, size - 1
    for step in map(bytes.fromhex, path):
        if at % 2 or at == last:
            node = hashlib.sha256(b"\1" + step + node).digest()
            while at % 2 == 0 and at:
                at, last = at >> 1, last >> 1
        else:
            node = hashlib.sha256(b"\1" + node + step).digest()
        at, last = at >> 1, last >> 1
    return node.hex()


# -- mappings


def test_mappings_lint_names_file_and_line(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rule.yaml").write_text(
        "title: x\nid: 8c0a3a5e-6d5b-4f0a-9b1d-0c6a3c1f2a11\ntags: [iso27001-2022.a.8.51]\n"
        "logsource: {product: aws, service: cloudtrail}\ndetection: {s: {eventName: X}, condition: s}\nlevel: high\n",
        encoding="utf-8",
    )
    done = run("mappings", "lint", str(tmp_path / "rule.yaml"))
    assert done.code == Exit.FAILED
    assert re.search(r"rule\.yaml:3\b", done.out)
    problems = run("mappings", "lint", str(tmp_path / "rule.yaml"), "--json").lines
    assert {"path", "line", "severity", "message", "hint"} == set(problems[0])


def test_mappings_test_runs_the_test_events(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("mappings", "test", "--json")
    assert done.code == Exit.DONE
    assert len(done.lines) > 75
    assert all(line["passed"] for line in done.lines)


def test_mappings_coverage_is_one_document(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    document = run("mappings", "coverage", "--json").json
    assert document["mappings"] >= 25
    assert len(document["controls"]) == 93
    assert document["controls"]["A.8.15"]["log"] > 0
    assert "A.8.15" in run("mappings", "coverage").out


def test_mappings_replay_judges_by_todays_set_what_an_older_one_kept(own: Installation, run: Run) -> None:
    evidence = (
        "{title: Seen, id: 0c3b1f2e-5f0b-4b0e-9b53-6b3f0a4f6f09, tags: [iso27001-2022.a.8.15], rationale: r,\n"
        "logsource: {product: aws, service: cloudtrail}, detection: {s: {eventName: '*'}, condition: s}}"
    )
    (own.folder / "rules").mkdir()
    (own.folder / "rules" / "seen.yaml").write_text(evidence)
    settings = own.config.read_text()
    own.config.write_text(f"{settings}mappings: {{paths: ['{own.folder}/rules'], builtin: false}}\n")
    run("run", "--once", config=own.config)
    assert run("finding", "list", "--json", config=own.config).lines == []
    own.config.write_text(settings)
    run("mappings", "activate", config=own.config)
    replayed = run("mappings", "replay", "--since", "2026-11-20T10:00:00Z", "--json", config=own.config)
    assert (replayed.json["read"], replayed.json["unread"]) == (5, 0)
    assert run("mappings", "replay", "--since", "2026-11-20", config=own.config).code == Exit.DONE
    times = {finding["since"] for finding in run("finding", "list", "--json", config=own.config).lines}
    assert {"2026-11-20T09:50:00.000000Z", "2026-11-20T10:25:00.000000Z"} <= times
    assert run("evidence", "verify", config=own.config).code == Exit.DONE


def test_mappings_activate_makes_an_entry_once(own: Installation, run: Run) -> None:
    assert "is active now" in run("mappings", "activate", config=own.config).err
    assert "was active already" in run("mappings", "activate", config=own.config).err
    assert run("status", "--json", config=own.config).json["log"]["size"] == 1


def test_match_judges_without_a_store(installed: Installation, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rules = str(ROOT / "control_mappings" / "aws" / "cloudtrail" / "trail-logging-stopped.yaml")
    file = str(sorted(installed.trail.folder.iterdir())[0])
    words = ("match", "--mappings", rules, "--product", "aws", "--service", "cloudtrail")
    lines = run(*words, file).lines
    assert [line["mappings"] for line in lines] == [[STOPPED], []]
    assert lines[0]["controls"] == ["A.8.15"]
    assert list(tmp_path.iterdir()) == []
    missing = run(*words, str(tmp_path / "none.json"))
    assert (missing.code, missing.out) == (Exit.FAILED, "")


# -- operating


def test_source_types_and_source_list(installed: Installation, run: Run) -> None:
    assert {row["type"] for row in run("source", "types", "--json").lines} == set(SOURCE_TYPES)
    assert "cloudtrail-files" in run("source", "types").out
    [row] = run("source", "list", "--json", config=installed.config).lines
    assert (row["name"], row["last_window"]["state"]) == ("trail", "partial")
    assert row["counts"]["collected"] == 8
    assert "trail" in run("source", "list", config=installed.config).out


def test_stream_peek_shows_nothing_when_all_is_processed(installed: Installation, run: Run) -> None:
    done = run("stream", "peek", config=installed.config)
    assert (done.code, done.out) == (Exit.DONE, "")
    assert "nothing waits" in done.err


def test_dead_letter_list_show_and_replay(installed: Installation, run: Run, tmp_path: Path) -> None:
    [letter] = run("dead-letter", "list", "--json", config=installed.config).lines
    assert "1400Z" in letter["place"]
    assert run("dead-letter", "show", str(letter["index"]), config=installed.config).raw == b"\x1f\x8b\x08 cut short"
    assert run("dead-letter", "show", "0", config=installed.config).code == Exit.FAILED
    own = copy(installed, tmp_path / "copy")
    again = run("dead-letter", "replay", str(letter["index"]), config=own.config)
    assert again.code == Exit.FAILED
    assert "0 events understood; still: is not a sound gzip file" in again.err


def test_dead_letter_replay_goes_by_the_source_and_its_settings(run: Run, tmp_path: Path) -> None:
    config, logs = tmp_path / "attestream.yaml", tmp_path / "logs"
    logs.mkdir()
    line = b'{"eventID": "e-1", "eventTime": "2026-11-20T10:00:00Z", "n": 1}'
    (logs / "app.jsonl").write_bytes(line + b"\n" + line.replace(b"e-1", b"e-2") + b"\n")

    def settings(time: str, name: str = "app") -> None:
        form = f"product: app, service: audit, fields: {{time: {time}, id: eventID}}"
        source = f"{{name: {name}, type: json-files, path: '{logs}', {form}}}"
        store = f"{{url: 'sqlite:///{tmp_path}/data/store.db'}}"
        config.write_text(f"store: {store}\nretain: all\nsources:\n  - {source}\n", encoding="utf-8")

    settings("when")
    run("run", "--once", config=config)
    letters = [str(letter["index"]) for letter in run("dead-letter", "list", "--json", config=config).lines]
    assert len(letters) == 2
    settings("eventTime", name="other")
    gone = run("dead-letter", "replay", config=config)
    assert (gone.code, gone.err.count("its source app is not in the settings any more")) == (Exit.FAILED, 2)
    settings("eventTime")
    one = run("dead-letter", "replay", letters[0], config=config)
    assert (one.code, "1 events from 1 dead letters" in one.err) == (Exit.DONE, True)
    for _ in range(2):
        assert run("dead-letter", "replay", config=config).code == Exit.DONE
    kept = run("evidence", "list", "--json", config=config).lines
    assert {(row["source"], row["type"]) for row in kept} == {("app", "log.app.audit")}
    assert len(kept) == 2
    assert len(run("dead-letter", "list", "--json", config=config).lines) == 2
    assert run("evidence", "verify", config=config).code == Exit.DONE


def test_store_migrate_creates_and_store_backup_and_restore_keep_it(installed: Installation, run: Run, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh.yaml"
    fresh.write_text(f"store: {{url: 'sqlite:///{tmp_path}/new/store.db'}}", encoding="utf-8")
    assert run("store", "migrate", config=fresh).code == Exit.DONE
    assert (tmp_path / "new" / "store.db").exists()
    kept = tmp_path / "kept.db"
    assert run("store", "backup", str(kept), config=installed.config).code == Exit.DONE
    assert run("store", "backup", str(kept), config=installed.config).code == Exit.FAILED
    refused = run("store", "restore", str(kept), config=installed.config)
    assert refused.code == Exit.FAILED
    assert "move it away first" in refused.err
    own = copy(installed, tmp_path / "copy")
    for path in (own.folder / "data").glob("store.db*"):
        path.unlink()
    assert run("store", "restore", str(kept), config=own.config).code == Exit.DONE
    assert run("evidence", "verify", config=own.config).code == Exit.DONE
    here, there = (run("status", "--json", config=config).json for config in (own.config, installed.config))
    assert here["log"]["root"] == there["log"]["root"]


def test_doctor_says_what_is_well_and_what_to_do(installed: Installation, run: Run, tmp_path: Path) -> None:
    checks = run("doctor", "--json", config=installed.config).json
    assert {check["state"] for check in checks} <= {"ok", "warning"}, checks
    assert any(check["check"] == "source trail" for check in checks)
    own = copy(installed, tmp_path / "copy")
    shutil.rmtree(own.folder / "logs")
    (own.folder / "data" / "signing.key").chmod(0o644)
    done = run("doctor", config=own.config)
    assert done.code == Exit.FAILED
    assert "chmod 600" in done.out
    assert "does not exist" in done.out


def test_doctor_prints_what_a_source_must_be_allowed_and_calls_nothing(installed: Installation, run: Run) -> None:
    done = run("doctor", "--policy", "trail", config=installed.config)
    assert (done.code, done.out.startswith("read and search")) == (Exit.DONE, True)
    said = run("doctor", "--policy", "trail", "--json", config=installed.config).json
    assert said["form"] == "scopes"
    assert [set(permission) for permission in said["permissions"]] == [{"action", "why", "resource", "types", "controls"}]
    wrong = run("doctor", "--policy", "trial", config=installed.config)
    assert (wrong.code, "set up: trail" in wrong.err) == (Exit.USAGE, True)


@pytest.mark.parts("moto")
def test_demo_tells_its_story_and_leaves_a_store_that_verifies(tmp_path: Path, run: Run) -> None:
    start = "import sys; sys.argv[0] = 'attestream'; from attestream.cli import main; main()"
    command = [sys.executable, "-c", start, "demo", "--once", "--folder", str(tmp_path / "demo"), "--port", "18737"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "verify" in done.stderr
    config = tmp_path / "demo" / "attestream.yaml"
    assert run("evidence", "verify", config=config).code == Exit.DONE
    status = run("status", "--json", config=config).json
    events = status["events"]
    assert events["collected"] == sum(events[name] for name in ("evidence", "unmatched", "duplicate", "dead_letter"))
    assert {"satisfied", "not-satisfied", "not-assessed"} <= {control["state"] for control in status["controls"].values()}
