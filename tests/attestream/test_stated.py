"""What people state, by commands: exceptions, attestations, the Statement of Applicability, risks."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from attestream.errors import Exit
from tests.attestream.conftest import Installation, Run, Trail

OPEN = "14f7d867-24fe-4162-86bf-725b5db14a3f"
MAIN = "111122223333/main"


@pytest.fixture
def own(installed: Installation, tmp_path: Path) -> Installation:
    """A copy of the installation, to be changed."""
    shutil.copytree(installed.folder, tmp_path, dirs_exist_ok=True)
    config = tmp_path / "attestream.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace(str(installed.folder), str(tmp_path)), encoding="utf-8")
    return Installation(config, tmp_path, Trail(tmp_path / "logs"))


def state_of(run: Run, own: Installation, control: str) -> tuple[str, int]:
    """A control's state, and how many of its findings are accepted."""
    row = run("status", "--json", config=own.config).json["controls"][control]
    return row["state"], row["findings"]["accepted"]


def test_an_exception_from_its_reason_to_its_end(own: Installation, run: Run) -> None:
    assert state_of(run, own, "A.8.15") == ("not-satisfied", 0)
    given = ("--reason", "replaced in Q1", "--approver", "C. Iso", "--until", "90d")
    unknown = run("exception", "add", OPEN[:8], "--subject", "111122223333/mian", *given, config=own.config)
    assert (unknown.code, "no finding about" in unknown.err) == (Exit.FAILED, True)
    assert run("exception", "add", OPEN, *given, config=own.config).code == Exit.USAGE
    made = run("exception", "add", OPEN[:8], "--subject", MAIN, *given, "--by", "carol", "--json", config=own.config)
    [row] = made.lines
    assert (row["state"], row["subject"], row["approver"], row["by"]) == ("valid", MAIN, "C. Iso", "carol")
    assert state_of(run, own, "A.8.15")[1] == 1
    [finding] = run("finding", "list", "--state", "accepted", "--json", config=own.config).lines
    assert finding["subject"] == MAIN
    renewed = run(
        "exception", "renew", row["id"][:6], "--until", "2099-01-01", "--reason", "later", "--approver", "D", config=own.config
    )
    assert renewed.code == Exit.DONE
    [listed] = run("exception", "list", "--mapping", OPEN[:8], "--json", config=own.config).lines
    assert (listed["until"], [act["act"] for act in listed["acts"]]) == ("2099-01-01T00:00:00.000000Z", ["add", "renew"])
    assert run("exception", "revoke", row["id"], "--reason", "fixed", config=own.config).code == Exit.DONE
    assert state_of(run, own, "A.8.15") == ("not-satisfied", 0)
    assert run("exception", "list", "--state", "valid", "--json", config=own.config).lines == []
    assert "revoked" in run("exception", "list", config=own.config).out
    assert run("evidence", "verify", config=own.config).code == Exit.DONE


def test_an_attestation_by_template_reviewed_renewed_and_revoked(own: Installation, run: Run) -> None:
    paper = own.folder / "policy.pdf"
    paper.write_bytes(b"%PDF \x00\xff")
    [template] = run("attestation", "templates", "--control", "A.5.1", "--json", config=own.config).lines
    assert (template["four_eyes"], template["max_age_days"]) == (True, 365)
    named = ("--template", template["id"], "--statement", "Version 4, approved", "--file", str(paper), "--by", "carol")
    longer = run("attestation", "add", *named, "--until", "900d", config=own.config)
    assert (longer.code, "at most 365 days" in longer.err) == (Exit.USAGE, True)
    made = run("attestation", "add", *named, "--json", config=own.config).json
    assert (made["state"], made["controls"], made["speaking"]) == ("waiting", ["A.5.1"], None)
    assert state_of(run, own, "A.5.1")[0] == "not-assessed"
    id_ = made["id"][:8]
    assert run("attestation", "review", id_, "--approve", "--by", "carol", config=own.config).code == Exit.FAILED
    assert run("attestation", "review", id_, "--by", "erin", config=own.config).code == Exit.USAGE
    assert run("attestation", "review", id_, "--approve", "--by", "erin", config=own.config).code == Exit.DONE
    assert state_of(run, own, "A.5.1")[0] == "satisfied"
    shown = run("attestation", "show", id_, "--json", config=own.config).json
    [file] = shown["speaking"]["files"]
    assert run("attestation", "file", str(file["entry"]), config=own.config).raw == b"%PDF \x00\xff"
    assert run("attestation", "file", "0", config=own.config).code == Exit.FAILED
    assert "policy.pdf" in run("attestation", "show", id_, config=own.config).out
    said = run("attestation", "renew", id_, "--statement", "Version 5", "--by", "carol", config=own.config)
    assert "second person" in said.err
    [row] = run("attestation", "list", "--control", "A.5.1", "--json", config=own.config).lines
    assert (row["state"], row["waiting"]["statement"]) == ("valid", "Version 5")
    assert run("attestation", "revoke", id_, "--reason", "withdrawn", config=own.config).code == Exit.DONE
    assert state_of(run, own, "A.5.1")[0] == "not-assessed"
    assert "revoked" in run("attestation", "list", config=own.config).out
    assert run("evidence", "verify", config=own.config).code == Exit.DONE


def test_one_without_a_template_needs_its_controls_and_may_say_no(own: Installation, run: Run) -> None:
    plain = ("--statement", "nobody was trained", "--title", "Training", "--owner", "HR")
    assert run("attestation", "add", *plain, config=own.config).code == Exit.USAGE
    assert run("attestation", "add", *plain, "--control", "A.6.33", config=own.config).code == Exit.USAGE
    assert run("attestation", "add", *plain, "--control", "A.6.3", "--against", config=own.config).code == Exit.DONE
    assert state_of(run, own, "A.6.3")[0] == "not-satisfied"


def test_the_statement_of_applicability_by_command_and_by_file(own: Installation, run: Run) -> None:
    excluded = run("soa", "set", "A.7.4", "--not-applicable", config=own.config)
    assert (excluded.code, "say why" in excluded.err) == (Exit.USAGE, True)
    why = ("--justification", "=no premises", "--owner", "facilities", "--risk", "R-1")
    assert run("soa", "set", "A.7.4", "--not-applicable", *why, config=own.config).code == Exit.DONE
    [row] = run("soa", "show", "--excluded", "--json", config=own.config).lines
    assert (row["control"], row["state"], row["justification"], row["risks"]) == (
        "A.7.4",
        "not-applicable",
        "=no premises",
        ["R-1"],
    )
    assert len(run("soa", "show", "--unstated", "--json", config=own.config).lines) == 92
    assert "excludes it" in run("control", "show", "A.7.4", config=own.config).out
    assert run("control", "show", "A.7.4", "--json", config=own.config).json["soa"]["owner"] == "facilities"
    file = own.folder / "soa.csv"
    file.write_bytes(run("soa", "show", "--csv", config=own.config).raw)
    assert "'=no premises" in file.read_text(encoding="utf-8")
    assert "0 controls would change" in run("soa", "import", str(file), "--dry-run", config=own.config).err
    file.write_text(
        "control,applicable,justification,owner\nA.7.4,yes,premises since May,\nA.8.15,yes,logs are kept,secops\n",
        encoding="utf-8",
    )
    assert "2 controls stated, 0 of them" in run("soa", "import", str(file), config=own.config).err
    assert state_of(run, own, "A.7.4")[0] == "not-assessed"
    assert "A.8.15" in run("soa", "show", config=own.config).out
    assert run("evidence", "verify", config=own.config).code == Exit.DONE


def test_risks_stand_with_the_status_of_their_controls(own: Installation, run: Run) -> None:
    named = ("--title", "Nobody notices", "--control", "A.8.15", "--control", "A.8.16")
    assert run("risk", "set", "R-1", *named, config=own.config).code == Exit.DONE
    [row] = run("risk", "list", "--json", config=own.config).lines
    assert row["controls"] == {"A.8.15": "not-satisfied", "A.8.16": "not-assessed"}
    file = own.folder / "register.yaml"
    file.write_text("risks:\n  - {risk: R-2, title: Loss, controls: [A.8.13]}\n", encoding="utf-8")
    assert "1 risks stated" in run("risk", "import", str(file), config=own.config).err
    assert run("risk", "remove", "R-1", "--reason", "sold", config=own.config).code == Exit.DONE
    assert "R-2" in run("risk", "list", "--control", "A.8.13", config=own.config).out
    assert [r["id"] for r in run("risk", "list", "--json", config=own.config).lines] == ["R-2"]
