"""Making bundles: what is selected, that it is the same each time, and what is refused."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exports.bundle import create
from exports.errors import ExportError
from exports.readme import README
from exports.scope import Scope
from exports.verify import README_SHA256
from store.checkpoint import Checkpoint
from store.errors import VerificationError
from store.records import HOUR


def lines(data: bytes, name: str) -> list[dict[str, Any]]:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return [json.loads(line) for line in file.read(name).splitlines()]


def entries_of(data: bytes) -> list[dict[str, Any]]:
    return [line["entry"] for line in lines(data, "entries.jsonl")]


def selected(data: bytes) -> list[int]:
    return [line["index"] for line in lines(data, "details.jsonl")]


def status(data: bytes) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        found: dict[str, Any] = json.loads(file.read("status.json"))
    return found


def made(world: Any, scope: Scope) -> bytes:
    out = io.BytesIO()
    create(world.store.engine, world.sign(), scope, out)
    return out.getvalue()


def test_the_same_scope_at_the_same_checkpoint_is_the_same_bytes(told: Any, bundle: bytes) -> None:
    assert made(told, Scope(told.start, told.end)) == bundle
    checkpoint = told.sign()
    size = checkpoint.checkpoint.size
    assert made(told, Scope(told.start, told.end, known_at=size)) == bundle
    path = told.folder / "again.zip"
    summary = create(told.store.engine, checkpoint, Scope(told.start, told.end), path)
    assert path.read_bytes() == bundle
    assert path.stat().st_mode & 0o777 == 0o600
    assert summary.sha256 == hashlib.sha256(bundle).hexdigest()
    assert (summary.log_size, summary.selected["evidence"], summary.erased) == (size, 20, 0)


def test_an_older_checkpoint_of_a_log_that_has_grown(world: Any) -> None:
    world.activate()
    scope = Scope(world.start, world.end)
    world.window(
        "aws-main", world.start, world.start + HOUR, lambda a: [world.event("aws-main", "1", world.start, "sign-in", window=a)]
    )
    old = world.sign()
    before = world.bundle("before.zip", scope, old).read_bytes()
    later = world.start + HOUR
    world.window("aws-main", later, later + HOUR, lambda a: [world.event("aws-main", "2", later, "sign-in", window=a)])
    assert world.bundle("after.zip", scope, old).read_bytes() == before


def test_everything_is_disclosed_without_a_filter(bundle: bytes) -> None:
    entries = entries_of(bundle)
    assert selected(bundle) == list(range(len(entries)))
    with zipfile.ZipFile(io.BytesIO(bundle)) as file:
        wanted = {f"payloads/{index:012}" for index, entry in enumerate(entries) if "payload" in entry}
        assert {name for name in file.namelist() if name.startswith("payloads/")} == wanted
        assert file.namelist() == [*sorted(set(file.namelist()) - {"manifest.json"}), "manifest.json"]


def test_a_control_takes_its_evidence_its_findings_and_all_windows(told: Any) -> None:
    data = made(told, Scope(told.start, told.end, controls=frozenset({"A.8.15"})))
    entries = entries_of(data)
    chosen = set(selected(data))
    for index, entry in enumerate(entries):
        always = entry["type"] in ("window", "mapping_set")
        assert (index in chosen) == (always or "A.8.15" in entry.get("controls", ())), entry
    assert [control["control"] for control in status(data)["controls"]] == ["A.8.15"]
    assert status(data)["controls"][0]["state"] == "not-satisfied"


def test_a_source_takes_what_is_its_own(told: Any) -> None:
    data = made(told, Scope(told.start, told.end, sources=frozenset({"aws-other"})))
    entries, chosen = entries_of(data), set(selected(data))
    for index, entry in enumerate(entries):
        assert (index in chosen) == (entry["source"] == "aws-other" or entry["type"] == "mapping_set"), entry
    (source,) = status(data)["sources"]
    assert source["gaps"] == [{"from": "2026-11-01T02:00:00.000000Z", "to": "2026-11-01T04:00:00.000000Z"}]


def test_a_finding_that_still_stands_comes_with_what_it_cites(told: Any) -> None:
    """The trail was stopped in the second hour. A bundle of the last hours shows it open, and why."""
    data = made(told, Scope(told.start + 4 * HOUR, told.end))
    entries, chosen = entries_of(data), set(selected(data))
    findings = [i for i, e in enumerate(entries) if e["type"] == "finding" and e["mapping"] == "root-used"]
    assert findings
    for index in findings:
        assert entries[index]["event_time"] < "2026-11-01T04"
        assert {index, *entries[index]["cites"]} <= chosen
    early = [i for i, e in enumerate(entries) if e["type"] == "evidence" and e["controls"] == ["A.8.5"]]
    assert early[0] not in chosen


def test_known_at_shows_what_was_known_then(told: Any) -> None:
    entries = entries_of(made(told, Scope(told.start, told.end)))
    first = next(i for i, e in enumerate(entries) if e["type"] == "finding" and e["after"] == "not-satisfied")
    before = made(told, Scope(told.start, told.end, known_at=first))
    assert max(selected(before)) < first
    assert len(entries_of(before)) == len(entries)
    assert all(control["not_satisfied"] == 0 for control in status(before)["controls"])


def test_a_period_cuts_by_event_time_half_open(told: Any) -> None:
    whole = entries_of(made(told, Scope(told.start, told.end)))
    times = sorted({e["event_time"] for e in whole if e["type"] == "evidence"})
    start, end = told.start + 60 * 10**6, told.start + HOUR + 60 * 10**6  # the first and a later sign-in
    data = made(told, Scope(start, end, controls=frozenset({"A.8.5"})))
    chosen = {whole[i]["event_time"] for i in selected(data) if whole[i]["type"] == "evidence"}
    assert chosen == {t for t in times if "2026-11-01T00:01" <= t < "2026-11-01T01:01"} & chosen
    assert "2026-11-01T00:01:00.000000Z" in chosen


def test_an_empty_log_has_a_bundle(world: Any, verdict: Any) -> None:
    assert verdict(made(world, Scope(world.start, world.end))) == 0


def test_the_status_is_that_of_the_present(told: Any, bundle: bytes) -> None:
    """At the end of everything the fold of the log says what the store's present rows say."""
    with told.store.engine.connect() as connection:
        rows = connection.exec_driver_sql("select id, state, not_satisfied, satisfied, stale from control").all()
    present = {row[0]: tuple(row[1:]) for row in rows}
    shown = {c["control"]: (c["state"], c["not_satisfied"], c["satisfied"], c["stale"]) for c in status(bundle)["controls"]}
    assert shown == present


@pytest.mark.parametrize("column", ["metadata", "data"])
def test_a_store_that_is_not_what_was_signed_makes_no_bundle(world: Any, column: str) -> None:
    world.activate()
    checkpoint = world.sign()
    with world.store.engine.connect() as connection:
        if column == "metadata":
            connection.exec_driver_sql(
                "update entry set metadata = replace(cast(metadata as text), 'mapping_set', 'mapping_sex')"
            )
        else:
            connection.exec_driver_sql("update entry set payload_salt = zeroblob(16)")
        connection.commit()
    path = world.folder / "none.zip"
    with pytest.raises(VerificationError):
        create(world.store.engine, checkpoint, Scope(world.start, world.end), path)
    assert not path.exists()
    assert not list(world.folder.glob(".none*"))


def test_a_checkpoint_that_the_store_does_not_reach(world: Any) -> None:
    checkpoint = world.sign()
    beyond = replace(checkpoint, checkpoint=Checkpoint("x", 5, b"r" * 32))
    with pytest.raises(VerificationError, match="0 entries"):
        create(world.store.engine, beyond, Scope(0, 1), io.BytesIO())


def test_a_path_that_cannot_be_written(world: Any, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="cannot write"):
        create(world.store.engine, world.sign(), Scope(0, 1), tmp_path / "missing" / "bundle.zip")


def test_bytes_that_are_gone_without_an_erasure_are_an_error(world: Any) -> None:
    world.activate()
    checkpoint = world.sign()
    with world.store.engine.connect() as connection:
        connection.exec_driver_sql("update entry set payload_salt = null")
        connection.commit()
    with pytest.raises(VerificationError, match="no erasure says so"):
        create(world.store.engine, checkpoint, Scope(world.start, world.end), io.BytesIO())


def test_what_was_erased_since_the_checkpoint_asks_for_another_checkpoint(world: Any) -> None:
    world.activate()
    at = world.start
    world.window("aws-main", at, at + 1, lambda a: [world.event("aws-main", "1", at, "sign-in", window=a)])
    checkpoint = world.sign()
    world.erase(1, 1)
    with pytest.raises(ExportError, match="sign the log as it is"):
        create(world.store.engine, checkpoint, Scope(world.start, world.end), io.BytesIO())
    assert create(world.store.engine, world.sign(), Scope(world.start, world.end), io.BytesIO()).erased == 1


def test_the_verifier_knows_the_readme() -> None:
    assert hashlib.sha256(README.encode()).hexdigest() == README_SHA256
