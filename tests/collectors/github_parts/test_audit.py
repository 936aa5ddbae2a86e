"""The audit log: every entry once, by its own id; what is refused is owed, and holds up nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from attestream.demo.servers.github import GithubServer
from collectors.github_parts.audit import question
from collectors.registry import SourceInvalid, read_settings
from store.records import UNREADABLE
from tests.collectors.github_parts.conftest import Begin, Found
from tests.contract.rig import complete

AUDIT = "log.github.audit"


def entry(server: GithubServer, name: str, ago: float, **more: Any) -> dict[str, Any]:
    at = int((server.clock() - ago) * 1000)
    return {"@timestamp": at, "_document_id": name, "action": "repo.access", "actor": "ann", "org": "acme", **more}


def test_entries_are_log_events_with_their_own_id_and_time(server: GithubServer, begin: Begin, found: type[Found]) -> None:
    own = entry(server, "doc-1", 3600, visibility="public", repo="acme/shop")
    server.audit = [own]
    rig = begin(audit_log=True, settings=False)
    assert complete(rig.run())
    (event,) = found(rig).events(AUDIT)
    assert (event.id, event.account, event.subject) == ("doc-1", "acme", None)
    assert event.time == own["@timestamp"] * 1000
    assert json.loads(event.payload) == own


def test_pages_are_followed_and_no_entry_is_passed_over(server: GithubServer, begin: Begin, found: type[Found]) -> None:
    server.audit = [entry(server, f"doc-{number:03}", 3600 + number // 2) for number in range(250)]
    rig = begin(audit_log=True, settings=False, tickets=False)
    assert complete(rig.run())
    assert {event.id for event in found(rig).events(AUDIT)} == {f"doc-{number:03}" for number in range(250)}
    server.audit.append(entry(server, "late", 60))  # within the overlap of the next window
    assert complete(rig.run())
    assert "late" in {event.id for event in found(rig).events(AUDIT)}


def test_a_period_that_was_refused_is_read_later(server: GithubServer, begin: Begin, found: type[Found]) -> None:
    server.audit = [entry(server, "doc-1", 7200)]
    server.repository("shop")
    server.issue("shop", 1)
    server.refused = {"audit-log"}
    rig = begin(audit_log=True, settings=False)
    record = rig.run()[-1]
    assert record.state == "partial"
    assert "audit log of acme" in record.errors[0]
    assert not found(rig).events(AUDIT)
    assert found(rig).events("ticket.github.issue")
    server.refused = set()
    assert complete(rig.run())
    assert [event.id for event in found(rig).events(AUDIT)] == ["doc-1"]


def test_a_plan_without_an_audit_log_is_no_empty_one(server: GithubServer, begin: Begin) -> None:
    record = begin(audit_log=True, settings=False).run()[-1]
    assert record.state == "partial"
    (part,) = [part for part in record.parts if part.type == AUDIT]
    assert (part.complete, part.read) == (False, 0)


@pytest.mark.parametrize("odd", [{"_document_id": None}, {"_document_id": "a\nb"}, {"@timestamp": "now"}, {"@timestamp": True}])
def test_an_entry_without_id_or_time_is_a_dead_letter(
    server: GithubServer, begin: Begin, found: type[Found], odd: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = entry(server, "doc-1", 3600), {**entry(server, "doc-2", 3600), **odd}
    server.audit = [good]
    monkeypatch.setattr(server, "_audited", lambda asked: server._cursor(asked, [good, bad], "_document_id"))
    rig = begin(audit_log=True, settings=False, tickets=False)
    record = rig.run()[-1]
    assert record.state == "partial"
    assert {event.id for event in found(rig).events(AUDIT)} == {"doc-1"}
    assert found(rig).events(UNREADABLE)


def test_the_period_is_asked_for_to_the_second_and_outwards() -> None:
    asked = question("acme", 1_000_000_500_000, 1_000_001_500_000)
    assert "phrase=created%3A1970-01-12T13%3A46%3A40Z..1970-01-12T13%3A46%3A42Z&" in asked
    assert "order=asc" in asked


def test_an_audit_log_needs_an_organisation(tmp_path: Any) -> None:
    (tmp_path / "token").write_text("t")
    own = {"name": "github", "type": "github", "token_file": str(tmp_path / "token"), "repositories": ["acme/shop"]}
    with pytest.raises(SourceInvalid, match="audit_log is an organisation's"):
        read_settings({**own, "audit_log": True})
    assert read_settings({**own, "organisation": "acme", "audit_log": True}).audit_log  # type: ignore[attr-defined]
