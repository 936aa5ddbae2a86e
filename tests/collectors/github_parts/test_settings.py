"""Settings and alerts of GitHub: what is off is a fact, what is refused is not, and no secret is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from attestream.demo.servers.github import OFF, GithubServer, stamp
from attestream.demo.servers.serving import Asked
from collectors.github_parts import look
from collectors.github_parts.pieces import ALERTS, REPO_LISTS
from store.records import HOUR
from tests.contract.labs.github import HOOK, LITERAL, furnish
from tests.contract.rig import complete

REPO, ORG = "snapshot.github.repo", "snapshot.github.org"
DAY = 86_400.0


def parts(rig: Any, kind: str) -> dict[str, Any]:
    """The newest parts of a kind by account."""
    return {part.part: part for record in rig.ledger.finished.values() for part in record.parts if part.type == kind}


def alert(number: int, at: float, state: str = "open", **more: Any) -> dict[str, Any]:
    return {"number": number, "state": state, "created_at": stamp(at), "updated_at": stamp(at), **more}


# -- facts and refusals


def test_what_is_switched_off_is_null_in_their_words_and_no_error(server: GithubServer, begin: Any, found: Any) -> None:
    server.repository("shop")
    rig = begin(tickets=False)
    assert complete(rig.run())
    seen = found(rig).only(REPO)
    assert seen["_protection"] is seen["_default_setup"] is seen["_dependabot_alerts"] is None
    assert seen["_off"]["_protection"] == "Branch not protected"
    assert "_unread" not in seen
    assert "_vulnerability_reporting" not in seen  # asked of public repositories alone
    for alerts in ALERTS:
        part = parts(rig, alerts.kind)["acme/shop"]
        assert part.complete
        assert not part.enumerates  # what is off says nothing of the alerts there were
        word = alerts.kind.rpartition(".")[2]
        told = found(rig).only(f"summary.github.{word}")
        assert (told["count"], told["_off"]) == (None, OFF[word][1])


def test_the_same_404_without_the_message_is_a_refusal(server: GithubServer, begin: Any, found: Any) -> None:
    """GitHub answers "Not Found" to those without the right to administer."""
    server.repository("shop")
    server.turn_on("shop", "protection")

    def hide(asked: Asked) -> None:
        server.repositories["shop"].body["default_branch"] = "main" if asked.path.endswith("/shop") else "other"

    server.before = hide
    server.refused = {"branches/main/protection"}
    rig = begin(tickets=False)
    [record] = rig.run()
    assert record.state == "partial"
    assert "_protection" in found(rig).only(REPO)["_unread"]
    assert "_protection" not in found(rig).only(REPO)
    part = parts(rig, REPO)["acme"]
    assert not part.complete
    assert not part.enumerates


def test_a_404_that_says_not_found_is_never_not_protected(server: GithubServer, begin: Any, found: Any, monkeypatch: Any) -> None:
    server.repository("shop")
    monkeypatch.setitem(OFF, "protection", (404, "Not Found"))  # type: ignore[arg-type]
    rig = begin(tickets=False)
    [record] = rig.run()
    assert record.state == "partial"
    assert found(rig).only(REPO)["_unread"] == ["_protection"]


@pytest.mark.parametrize(
    "message",
    [
        "Advanced Security must be enabled for this repository to use code scanning.",
        "Code scanning is not enabled for this repository. Please enable code scanning in the repository settings.",
        "Dependabot alerts are not available for archived repositories.",
        "Upgrade to GitHub Pro or make this repository public to enable this feature.",
    ],
)
def test_every_way_to_say_off_is_known(
    server: GithubServer, begin: Any, found: Any, monkeypatch: pytest.MonkeyPatch, message: str
) -> None:
    server.repository("shop")
    monkeypatch.setitem(OFF, "code-scanning", (403, message))  # type: ignore[arg-type]
    rig = begin(tickets=False)
    assert complete(rig.run())
    assert found(rig).only("summary.github.code-scanning")["_off"] == message


def test_each_permission_that_lacks_marks_exactly_what_was_not_read(server: GithubServer, begin: Any, found: Any) -> None:
    furnish(server)
    server.refused = {"hooks", "secret-scanning"}
    rig = begin()
    records = rig.run()
    assert records[-1].state == "partial"
    broken = {(part.part, part.type) for part in records[-1].parts if not part.complete}
    hooks = {("acme", "snapshot.github.org.hook"), ("acme/shop", f"{REPO}.hook")}
    assert broken == hooks | {("acme/shop", "finding.github.secret-scanning")}
    assert not found(rig).events("summary.github.secret-scanning")
    assert found(rig).last("finding.github.dependabot")
    assert any("secret-scanning" in error for error in records[-1].errors)


# -- what is never kept


def test_no_secret_of_theirs_is_kept(server: GithubServer, begin: Any, found: Any) -> None:
    furnish(server)  # this server sends the literal secret whether or not it is asked to hide it
    rig = begin()
    rig.run()
    everything = b"".join(event.payload for event in rig.stream.events)
    for canary in (LITERAL, HOOK, "hook-path-canary", "CLONE-TOKEN-CANARY"):
        assert canary.encode() not in everything
    seen = found(rig).only("finding.github.secret-scanning")
    assert "secret" not in seen
    assert seen["validity"] == "active"
    hook = found(rig).only(f"{REPO}.hook")
    assert hook["config"] == {"url": "https://hooks.example.org", "_secret": True}
    assert "last_response" not in hook


@pytest.mark.parametrize("broken", [{"number": None}, {"_unread": 1, "number": 3}])
def test_an_alert_that_is_not_understood_leaves_no_secret_behind(server: GithubServer, begin: Any, broken: Any) -> None:
    furnish(server)
    server.repositories["shop"].alerts["secret-scanning"].append(alert(3, server.clock(), secret=LITERAL) | broken)
    rig = begin()
    if "_unread" in broken:  # a member of our name: only where we put one would it stand twice, so it stays as it is
        rig.run()
    else:
        assert not complete(rig.run())
    assert LITERAL.encode() not in b"".join(event.payload for event in rig.stream.events)


def test_secrets_are_asked_to_be_hidden_as_well(server: GithubServer, begin: Any) -> None:
    furnish(server)
    asked: list[Asked] = []
    server.before = asked.append
    begin().run()
    calls = [item for item in asked if "/secret-scanning/alerts" in item.path]
    assert calls
    assert all(item.query["hide_secret"] == "true" for item in calls)


# -- organisation


def test_people_without_a_second_factor_are_told_apart(server: GithubServer, begin: Any, found: Any) -> None:
    furnish(server)
    rig = begin(tickets=False)
    assert complete(rig.run())
    people = found(rig).last(f"{ORG}.member").values()
    assert {value["login"]: value["_two_factor_disabled"] for value in people} == {"ann": False, "bob": True}
    assert found(rig).only(f"{ORG}.outside-collaborator")["_two_factor_disabled"] is False
    assert found(rig).only("summary.github.org.member")["names"] == ["acme/members/ann", "acme/members/bob"]


def test_who_may_not_ask_for_second_factors_does_not_say_all_have_one(server: GithubServer, begin: Any, found: Any) -> None:
    furnish(server)
    server.refused = {"2fa"}
    rig = begin(tickets=False)
    [record] = rig.run()
    assert record.state == "partial"
    for value in found(rig).last(f"{ORG}.member").values():
        assert value["_unread"] == ["_two_factor_disabled"]
        assert "_two_factor_disabled" not in value
    assert not parts(rig, f"{ORG}.member")["acme"].enumerates


def test_settings_that_only_owners_see_are_unread_and_not_false(server: GithubServer, begin: Any, found: Any) -> None:
    del server.settings["two_factor_requirement_enabled"]
    rig = begin(tickets=False)
    [record] = rig.run()
    assert record.state == "partial"
    assert found(rig).only(ORG)["_unread"] == ["two_factor_requirement_enabled"]
    assert any("owners" in error for error in record.errors)


def test_native_members_stay_and_counters_do_not_change_a_subject(server: GithubServer, begin: Any, found: Any) -> None:
    furnish(server)
    rig = begin()
    rig.run()
    before = [event.payload for event in found(rig).events(REPO)]
    server.repositories["shop"].body["stargazers_count"] += 1
    server.settings["disk_usage"] += 1
    server.repositories["shop"].alerts["code-scanning"][0]["most_recent_instance"] = {"commit_sha": "abc"}
    again = begin()
    again.run()
    assert [event.payload for event in found(again).events(REPO)] == before
    assert found(again).only(ORG) == found(rig).only(ORG)
    assert found(again).only("finding.github.code-scanning")["most_recent_instance"] == {}
    seen = found(rig).only(REPO)
    assert seen["default_branch"] == "main"
    assert seen["_protection"]["required_pull_request_reviews"] == {"required_approving_review_count": 1}
    assert seen["_rules"] == [{"type": "deletion", "ruleset_id": 4}]
    assert seen["_analysis"]["id"] == 6
    assert seen["_dependabot_alerts"] is True


# -- alerts


def test_alerts_that_are_done_come_again_for_as_long_as_follow(server: GithubServer, begin: Any, found: Any) -> None:
    server.repository("shop")
    for feature in ("code-scanning", "dependabot", "secret-scanning"):
        server.turn_on("shop", feature)
    now = server.clock()
    for kind, done in (("code-scanning", "fixed"), ("dependabot", "auto_dismissed"), ("secret-scanning", "resolved")):
        server.repositories["shop"].alerts[kind] = [
            alert(1, now - 400 * DAY),
            alert(2, now - 3 * DAY, done),
            alert(3, now - 40 * DAY, done),
        ]
    rig = begin()
    assert complete(rig.run())
    for alerts in ALERTS:
        numbers = {value["number"]: value["state"] for value in found(rig).last(alerts.kind).values()}
        assert set(numbers) == {1, 2}
        assert parts(rig, alerts.kind)["acme/shop"].enumerates


@pytest.mark.parametrize("kind", ["code-scanning", "dependabot"])
def test_an_alert_that_is_closed_while_pages_are_read_hides_no_other(
    server: GithubServer, begin: Any, found: Any, kind: str
) -> None:
    server.repository("shop")
    server.turn_on("shop", kind)
    now = server.clock()
    every = [alert(number, now - 1000 + number) for number in range(1, 251)]
    server.repositories["shop"].alerts[kind] = every
    pages: list[str] = []

    def close(asked: Asked) -> None:
        if asked.path.endswith(f"/{kind}/alerts") and asked.query.get("state") == "open":
            pages.append(asked.path)
            if len(pages) > 1:
                every[len(pages)] |= {"state": "fixed", "updated_at": stamp(now)}

    server.before = close
    rig = begin()
    assert complete(rig.run())
    assert len(pages) >= 3
    assert {value["number"] for value in found(rig).last(f"finding.github.{kind}").values()} == set(range(1, 251))


# -- when


def test_settings_are_read_once_an_hour_and_once_more_where_denied(server: GithubServer, begin: Any, found: Any) -> None:
    furnish(server)
    rig = begin()

    def look() -> bool:
        before = len(found(rig).events(ORG))
        rig.run()
        return len(found(rig).events(ORG)) > before

    server.refused = {"hooks"}
    assert [look() for _ in range(4)] == [True, True, False, False]
    rig.ledger.kept = {**rig.ledger.kept, "looked": rig.ledger.kept["looked"] - HOUR}
    server.refused = set()
    assert [look(), look()] == [True, False]


def test_a_repository_that_is_gone_takes_what_hung_on_it_along(server: GithubServer, begin: Any, found: Any) -> None:
    furnish(server)
    server.repository("old")
    rig = begin(tickets=False, settings_schedule="1m")
    assert complete(rig.run())
    del server.repositories["old"]
    rig.ledger.kept = {**rig.ledger.kept, "looked": 0}
    [record] = rig.run()
    assert record.state == "complete"
    left = {part.type for part in record.parts if part.part == "acme/old" and part.enumerates and part.read == 0}
    assert left >= {listed.kind for listed in REPO_LISTS} | {alerts.kind for alerts in ALERTS}
    rig.ledger.kept = {**rig.ledger.kept, "looked": 0}
    [record] = rig.run()
    assert not [part for part in record.parts if part.part == "acme/old"]


def test_the_bill_of_materials_is_the_same_at_every_look(server: GithubServer, begin: Any, found: Any) -> None:
    server.repository("shop")
    rig = begin(sbom=True, tickets=False)
    assert complete(rig.run())
    assert found(rig).only(f"{REPO}.sbom") == {"sbom": {"name": "acme/shop", "packages": []}}


def test_an_empty_repository_has_no_branch_to_protect(server: GithubServer, begin: Any, found: Any) -> None:
    server.repository("empty", default_branch=None)
    rig = begin(tickets=False)
    assert complete(rig.run())
    assert not {"_protection", "_rules", "_analysis"} & set(found(rig).only(REPO))


def test_native_bytes_are_kept(server: GithubServer, begin: Any) -> None:
    server.repository("shop")
    server.turn_on("shop", "dependabot")
    server.repositories["shop"].alerts["dependabot"] = [alert(1, server.clock(), big=2**70, text="\ud800 <b>")]
    rig = begin(tickets=False)
    rig.run()
    [event] = [event for event in rig.stream.events if event.type == "finding.github.dependabot"]
    assert event.payload == json.dumps(server.repositories["shop"].alerts["dependabot"][0]).encode()


def test_what_is_too_large_is_a_dead_letter(
    server: GithubServer, begin: Any, found: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.repository("shop").answers["dependency-graph/sbom"] = {"sbom": {"packages": [{"name": "x" * 5000}]}}
    monkeypatch.setattr(look, "MAX_PAYLOAD", 4000)
    rig = begin(sbom=True, tickets=False)
    [record] = rig.run()
    assert record.state == "partial"
    assert record.unreadable == 1
    assert not found(rig).events(f"{REPO}.sbom")


def test_the_organisation_is_one_account_however_it_is_written(server: GithubServer, begin: Any) -> None:
    furnish(server)
    server.org = "Acme"
    for held in server.repositories.values():
        held.body["full_name"] = f"Acme/{held.body['name']}"
    real = server.answer

    def any_case(asked: Asked) -> Any:
        return real(replace(asked, path=asked.path.replace("/acme", "/Acme")))

    server.answer = any_case  # type: ignore[method-assign]
    rig = begin(organisation="acme")
    assert complete(rig.run())
    assert {event.account for event in rig.stream.events if event.account} == {"Acme", "Acme/shop"}


def test_an_organisation_without_repositories_is_read_and_says_so(server: GithubServer, begin: Any, found: Any) -> None:
    rig = begin()
    [record] = rig.run()
    assert record.state == "complete"
    assert {("acme", "ticket.github.issue"), ("acme", REPO)} <= {(part.part, part.type) for part in record.parts}
    assert found(rig).only("summary.github.repo")["count"] == 0
