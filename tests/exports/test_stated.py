"""What people state in a bundle: its tables, the status that follows; a forger changes neither. Bundles of format 1 verify."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from exports import verify
from exports.scope import Scope
from exports.stated import COLUMNS
from pipeline.posture import decide
from store.records import DAY, HOUR, MINUTE, Batch
from store.statements import Attached, AttestationAct, ExceptionAct, RiskAct, SoaAct, Statement
from tests.exports.conftest import World, tell_story

ROOT_USER = "111122223333 user/root"
OLD = Path(__file__).parent / "data" / "format-1.zip.gz"


def say(world: World, *acts: Statement) -> None:
    world.now += MINUTE
    world.store.append(Batch(statements=acts), (), decide)


@pytest.fixture(scope="module")
def stating(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The story, and what people stated in it."""
    world = World(tmp_path_factory.mktemp("stating"))
    tell_story(world)
    world.now = max(world.now, world.start + 7 * HOUR)
    soon = world.now + HOUR
    say(world, ExceptionAct("add", "e1", "=cmd|calc", "carol", "", "dave", world.end + DAY, "root-used", ROOT_USER))
    say(world, ExceptionAct("add", "e2", "why", "carol", "", "dave", world.end + DAY, "root-used", None))
    say(world, ExceptionAct("revoke", "e2", "not so", "carol"))
    roles = {"title": "Roles", "statement": "named", "owner": "dave", "made": world.now, "files": (Attached("a.pdf", b"\x00x"),)}
    say(world, AttestationAct("add", "a1", "carol", controls=("A.8.5",), until=soon, **roles))  # type: ignore[arg-type]
    say(world, AttestationAct("add", "a2", "carol", controls=("A.8.2",), until=soon, four_eyes=True, **roles))  # type: ignore[arg-type]
    say(world, AttestationAct("review", "a2", "erin", approve=True))
    say(world, SoaAct("A.8.16", False, "nothing to watch", "carol", "", "", "secops", ("R-1",)))
    say(world, RiskAct("set", "R-1", "carol", "", "Loss", "insured", "dave", ("A.8.16", "A.8.5")))
    world.sign()
    return world


def bundled(world: World, **scope: Any) -> bytes:
    return world.bundle("b.zip", Scope(world.start, world.end, **scope)).read_bytes()


def table(data: bytes, name: str) -> list[dict[str, str]]:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return list(csv.DictReader(io.StringIO(file.read(name).decode("utf-8-sig"))))


def states(data: bytes) -> dict[str, dict[str, Any]]:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return {row["control"]: row for row in json.loads(file.read("status.json"))["controls"]}


def test_the_tables_say_what_stands_at_the_end_of_the_period(stating: World, verdict: Any) -> None:
    data = bundled(stating)
    assert verdict(data) == 0
    one, two = table(data, "exceptions.csv")
    assert (one["state"], one["subject"], one["reason"], one["approver"]) == ("valid", ROOT_USER, "'=cmd|calc", "dave")
    assert (two["state"], two["subject"], two["reason"]) == ("revoked", "", "why")
    first, second = table(data, "attestations.csv")
    assert (first["state"], first["review"], first["files"].split()[0]) == ("expired", "", "a.pdf")
    assert (second["review"], second["reviewed_by"], second["says"]) == ("approved", "erin", "satisfied")
    [soa] = table(data, "soa.csv")
    assert (soa["control"], soa["applicable"], soa["owner"], soa["risks"]) == ("A.8.16", "no", "secops", "R-1")
    [risk] = table(data, "risks.csv")
    assert (risk["risk"], risk["controls"], risk["treatment"]) == ("R-1", "A.8.16 A.8.5", "insured")


def test_the_status_knows_what_is_accepted_and_what_is_not_applicable(stating: World) -> None:
    found = states(bundled(stating))
    assert (found["A.5.15"]["state"], found["A.5.15"]["accepted"]) == ("not-assessed", 1)
    assert (found["A.8.16"]["state"], found["A.8.16"]["not_satisfied"]) == ("not-applicable", 1)
    assert found["A.8.2"]["state"] == "satisfied"


def test_every_scope_holds_what_is_stated_and_an_early_one_what_was_stated_by_then(stating: World, verdict: Any) -> None:
    data = bundled(stating, sources=frozenset({"no such source"}))
    assert verdict(data) == 0
    assert table(data, "soa.csv")
    early = stating.bundle("early.zip", Scope(stating.start, stating.start + HOUR)).read_bytes()
    assert verdict(early) == 0
    assert [table(early, name) for name in COLUMNS] == [[], [], [], []]
    known = bundled(stating, known_at=5)
    assert verdict(known) == 0
    assert table(known, "soa.csv") == []


def test_what_is_erased_stands_empty(tmp_path: Path, verdict: Any) -> None:
    world = World(tmp_path)
    world.activate()
    say(world, SoaAct("A.8.15", False, "because of Zoe", "carol"))
    world.erase(1, 1)
    data = world.bundle().read_bytes()
    assert verdict(data) == verify.ERASED
    assert [(row["applicable"], row["justification"]) for row in table(data, "soa.csv")] == [("no", "")]


@pytest.mark.parametrize("name", sorted(COLUMNS))
def test_a_forged_table_is_refused(stating: World, verdict: Any, edit: Any, name: str) -> None:
    data = bundled(stating)
    assert verdict(edit(data, {name: lambda old: old.replace(b"carol", b"mallory")})) == verify.TAMPERED
    assert verdict(edit(data, {name: lambda old: old[: old.rindex(b'\r\n"') + 2]})) == verify.TAMPERED
    assert verdict(edit(data, {name: lambda old: old + b'"x"\r\n'})) == verify.TAMPERED
    assert verdict(edit(data, {name: None})) in (verify.TAMPERED, verify.INCOMPLETE)


def test_a_forged_state_is_refused(stating: World, verdict: Any, edit: Any) -> None:
    data = bundled(stating)
    for old, new in ((b'"not-applicable"', b'"satisfied"'), (b'"accepted":1', b'"accepted":0')):
        assert verdict(edit(data, {"status.json": lambda raw, old=old, new=new: raw.replace(old, new, 1)})) == verify.TAMPERED


def test_a_bundle_of_format_1_verifies_for_ever(verdict: Any, edit: Any) -> None:
    data = gzip.decompress(OLD.read_bytes())
    assert verdict(data) == verify.ERASED
    assert verdict(edit(data, {"status.json": lambda raw: raw.replace(b'"stale":0', b'"stale":1', 1)})) == verify.TAMPERED
    assert verdict(edit(data, {"soa.csv": b""})) == verify.TAMPERED
    assert verdict(edit(data, {"manifest.json": lambda raw: raw.replace(b'"format":1', b'"format":2')})) == verify.INCOMPLETE


def test_the_columns_of_both_sides_are_those_of_the_page() -> None:
    assert verify.STATED_COLUMNS == COLUMNS
    page = (Path(__file__).resolve().parents[2] / "docs" / "bundle.md").read_text()
    for name, columns in COLUMNS.items():
        section = page.split(f"### `{name}`")[1].split("### ")[0]
        assert [column for column in columns if f"`{column}`" not in section] == []
