"""Google Cloud's settings over real HTTP: the tree, each kind, pages, what is denied, what is off, and whose rights are used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from attestream.demo.servers.gcp_rest import GcpRestServer, refusal
from attestream.demo.servers.serving import Reply
from collectors.base import CollectorError
from collectors.gcp_resources.registry import RESOURCES, chosen
from collectors.gcp_rest import disabled, reasons
from collectors.http import ApiError
from collectors.registry import SOURCE_TYPES, SourceInvalid, read_settings
from store.records import HOUR, UNREADABLE, Event, WindowRecord
from tests.contract.labs.gcp_iam import ORG, PROJECTS, READER, TOKEN, furnish, key_file, policy, private_key
from tests.contract.rig import Rig, complete

PROD = "projects/shop-prod"
ACCOUNT = f"{PROD}/serviceAccounts/web@shop-prod.iam.gserviceaccount.com"


@pytest.fixture
def server() -> Iterator[GcpRestServer]:
    with GcpRestServer(TOKEN) as made:
        made.page = 2
        furnish(made)
        yield made


def rig_of(server: GcpRestServer, folder: Path, *resources: str, **more: Any) -> Rig:
    own = {"name": "google", "type": "gcp-iam", "organization": ORG, "endpoint": server.url, "insecure": True}
    own |= {"credentials_file": str(key_file(folder, f"{server.url}/token")), "resources": list(resources)}
    own |= {"max_attempts": 1, "requests_per_second": 1000, "read_timeout": 20, **more}
    settings = {name: value for name, value in own.items() if value is not None}
    return Rig(SimpleNamespace(settings=settings, secrets=(TOKEN, private_key()[40:80])))  # type: ignore[arg-type]


def events(rig: Rig, kind: str) -> list[Event]:
    return [event for event in rig.stream.events if event.type == kind]


def subjects(rig: Rig, kind: str) -> set[str]:
    return {str(event.subject) for event in events(rig, kind)}


def parts(record: WindowRecord, kind: str) -> dict[str, tuple[bool, bool]]:
    return {part.part: (part.complete, part.enumerates) for part in record.parts if part.type == kind}


# -- the tree


def test_the_whole_tree_is_found_and_each_node_is_a_subject(server: GcpRestServer, tmp_path: Path) -> None:
    rig = rig_of(server, tmp_path, "cloudresourcemanager.iam-policy")
    (record,) = rig.run()
    assert record.state == "complete"
    assert record.identity == READER
    base = "//cloudresourcemanager.googleapis.com/"
    assert subjects(rig, "snapshot.gcp.cloudresourcemanager.project") == {f"{base}projects/{name}" for name in PROJECTS}
    assert subjects(rig, "snapshot.gcp.cloudresourcemanager.folder") == {f"{base}folders/77"}
    nodes = {ORG, "folders/77", *(f"projects/{name}" for name in PROJECTS)}
    assert subjects(rig, "snapshot.gcp.cloudresourcemanager.iam-policy") == {base + node for node in nodes}
    found = {json.loads(event.payload)["_resource"] for event in events(rig, "snapshot.gcp.cloudresourcemanager.iam-policy")}
    assert found == nodes
    assert parts(record, "snapshot.gcp.cloudresourcemanager.project") == {"organizations:123456789": (True, True)}
    assert parts(record, "snapshot.gcp.cloudresourcemanager.iam-policy")["shop-prod"] == (True, True)


def test_projects_by_name_and_by_search(server: GcpRestServer, tmp_path: Path) -> None:
    kind = "snapshot.gcp.cloudresourcemanager.project"
    named = rig_of(server, tmp_path, "iam.role", organization=None, projects=["shop-test"])
    assert complete(named.run())
    assert {event.account for event in events(named, kind)} == {"shop-test"}
    found = rig_of(server, tmp_path, "iam.role", organization=None)
    (record,) = found.run()
    assert record.state == "complete"
    assert parts(record, kind) == dict.fromkeys(PROJECTS, (True, False))


def test_a_folder_that_is_denied_leaves_the_projects_incomplete(server: GcpRestServer, tmp_path: Path) -> None:
    server.denied.add(("cloudresourcemanager", "/v3/folders?parent=folders/77"))
    rig = rig_of(server, tmp_path, "cloudresourcemanager.iam-policy")
    (record,) = rig.run()
    assert record.state == "partial"
    assert parts(record, "snapshot.gcp.cloudresourcemanager.project") == {"organizations:123456789": (False, False)}
    assert not events(rig, "summary.gcp.cloudresourcemanager.project")
    assert len(subjects(rig, "snapshot.gcp.cloudresourcemanager.project")) == 2


def test_nothing_of_the_tree_is_a_window_that_failed(server: GcpRestServer, tmp_path: Path) -> None:
    server.denied.add("cloudresourcemanager")
    (record,) = rig_of(server, tmp_path).run()
    assert record.state == "failed"
    assert "denies access" in record.errors[-1]


# -- kinds


def test_service_accounts_and_their_keys(server: GcpRestServer, tmp_path: Path) -> None:
    rig = rig_of(server, tmp_path, "iam.service-account-key")
    assert complete(rig.run())
    keys = events(rig, "snapshot.gcp.iam.service-account-key")
    assert len(keys) == 4
    assert json.loads(keys[0].payload)["keyType"] == "USER_MANAGED"
    assert f"//iam.googleapis.com/{ACCOUNT}/keys/a1" in {str(key.subject) for key in keys}
    accounts = events(rig, "snapshot.gcp.iam.service-account")
    assert {json.loads(account.payload)["_iamPolicy"]["etag"] for account in accounts} == {"ACAB"}
    (summary,) = [one for one in events(rig, "summary.gcp.iam.service-account") if one.account == "shop-prod"]
    assert json.loads(summary.payload)["count"] == 3


def test_the_bytes_are_the_api_s_own(server: GcpRestServer, tmp_path: Path) -> None:
    raw = b'{ "name" :"organizations/123456789/roles/odd", "title": "\\u0041 \\ud800",\n "stage":1.0e0}'
    server.put("iam", f"/v1/{ORG}/roles?view=FULL", "roles", raw)
    rig = rig_of(server, tmp_path, "iam.role")
    assert complete(rig.run())
    assert raw in {event.payload for event in events(rig, "snapshot.gcp.iam.role")}


def test_buckets_carry_their_policy_and_one_that_is_denied_says_so(server: GcpRestServer, tmp_path: Path) -> None:
    server.denied.add(("storage", "/storage/v1/b/shop-test-data/iam?optionsRequestedPolicyVersion=3"))
    rig = rig_of(server, tmp_path, "storage")
    (record,) = rig.run()
    kind = "snapshot.gcp.storage.bucket"
    assert parts(record, kind) == {"shop-prod": (True, True), "shop-test": (False, False)}
    found = {json.loads(event.payload)["name"]: json.loads(event.payload) for event in events(rig, kind)}
    assert found["shop-prod-data"]["_iamPolicy"] == policy("allUsers")
    assert "_unread" not in found["shop-prod-data"]
    assert found["shop-test-data"]["_unread"] == ["_iamPolicy"]
    assert "_iamPolicy" not in found["shop-test-data"]
    assert {event.account for event in events(rig, "summary.gcp.storage.bucket")} == {"shop-prod"}


def test_keys_of_accounts_that_could_not_be_listed_are_not_complete(server: GcpRestServer, tmp_path: Path) -> None:
    server.denied.add(("iam", f"/v1/{PROD}/serviceAccounts"))
    (record,) = rig_of(server, tmp_path, "iam.service-account-key").run()
    kind = "snapshot.gcp.iam.service-account-key"
    assert parts(record, kind) == {"shop-prod": (False, False), "shop-test": (True, True)}


def test_one_account_s_denied_keys_hide_no_other(server: GcpRestServer, tmp_path: Path) -> None:
    server.denied.add(("iam", f"/v1/{ACCOUNT}/keys"))
    rig = rig_of(server, tmp_path, "iam.service-account-key")
    (record,) = rig.run()
    assert parts(record, "snapshot.gcp.iam.service-account-key")["shop-prod"] == (False, False)
    assert len(events(rig, "snapshot.gcp.iam.service-account-key")) == 3


def test_what_moves_by_itself_and_what_is_secret_is_left_out(server: GcpRestServer, tmp_path: Path) -> None:
    instance = {"name": "orders", "currentDiskSize": "1", "rootPassword": "hunter2", "settings": {"ipConfiguration": {}}}
    server.put("sqladmin", "/v1/projects/shop-prod/instances", "items", instance)
    rig = rig_of(server, tmp_path, "sqladmin.instance", organization=None, projects=["shop-prod"])
    assert complete(rig.run())
    (event,) = events(rig, "snapshot.gcp.sqladmin.instance")
    assert json.loads(event.payload) == {"name": "orders", "settings": {"ipConfiguration": {}}}
    assert event.subject == "//sqladmin.googleapis.com/projects/shop-prod/instances/orders"


def test_an_element_without_a_name_is_a_dead_letter(server: GcpRestServer, tmp_path: Path) -> None:
    for odd in (b'{"title":"no name"}', b"[1]", b'{"name":"a/../b"}', b'{"name":7}'):
        server.put("iam", f"/v1/{ORG}/roles?view=FULL", "roles", odd)
    rig = rig_of(server, tmp_path, "iam.role")
    (record,) = rig.run()
    assert (record.state, record.unreadable) == ("partial", 4)
    assert len(events(rig, UNREADABLE)) == 4
    assert parts(record, "snapshot.gcp.iam.role")["organizations:123456789"] == (False, False)


# -- pages


def test_a_page_token_that_comes_again_is_not_complete(server: GcpRestServer, tmp_path: Path) -> None:
    page = {"roles": [{"name": f"{ORG}/roles/a"}], "nextPageToken": "again"}
    server.set("iam", f"/v1/{ORG}/roles?view=FULL", page)
    (record,) = rig_of(server, tmp_path, "iam.role").run()
    assert parts(record, "snapshot.gcp.iam.role")["organizations:123456789"] == (False, False)
    assert any("lead back to themselves" in error for error in record.errors)


@pytest.mark.parametrize("lacks", [{"unreachable": ["locations/eu"]}, {"warning": {"code": "UNREACHABLE"}}])
def test_a_list_that_says_it_lacks_a_part_is_not_complete(server: GcpRestServer, tmp_path: Path, lacks: dict[str, Any]) -> None:
    server.partly[("logging", f"/v2/{PROD}/sinks")] = lacks
    (record,) = rig_of(server, tmp_path, "logging.sink").run()
    assert parts(record, "snapshot.gcp.logging.sink")["shop-prod"] == (False, False)
    assert parts(record, "snapshot.gcp.logging.sink")["shop-test"] == (True, True)


# -- off, denied, failing


def test_an_api_that_is_off_is_not_asked_for_and_said(server: GcpRestServer, tmp_path: Path) -> None:
    server.disabled = {resource.api for resource in RESOURCES.values()} - {"cloudresourcemanager", "iam"}
    rig = rig_of(server, tmp_path)
    (record,) = rig.run()
    assert record.state == "complete"
    (part,) = [part for part in record.parts if part.type == "snapshot.gcp.cloudasset.resource"]
    assert (part.complete, part.enumerates) == (True, False)
    assert part.errors == ("not asked for: cloudasset.googleapis.com is not enabled",)
    assert not events(rig, "summary.gcp.cloudasset.resource")


def test_an_api_that_the_settings_name_must_be_there(server: GcpRestServer, tmp_path: Path) -> None:
    server.disabled = {"cloudasset"}
    (record,) = rig_of(server, tmp_path, "cloudasset").run()
    assert record.state == "partial"
    assert any("cloudasset.googleapis.com is not enabled; enable it" in error for error in record.errors)


def test_an_api_that_fails_again_and_again_is_left_alone_and_the_others_are_read(
    server: GcpRestServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    answer = server.answer

    def failing(request: Any) -> Reply:
        if request.path.startswith("/iam/"):
            asked.append(request.path)
            return refusal(503, "UNAVAILABLE", "try later")
        return answer(request)

    for name in ("shop-a1", "shop-b2", "shop-c3"):
        server.put("cloudresourcemanager", f"/v3/projects?parent={ORG}", "projects", {"projectId": name})
        server.put("storage", f"/storage/v1/b?project={name}&projection=noAcl", "items")
    monkeypatch.setattr(server, "answer", failing)
    rig = rig_of(server, tmp_path, "iam", "storage")
    (record,) = rig.run()
    assert record.state == "partial"
    assert len(asked) == 5
    assert len(parts(record, "snapshot.gcp.iam.service-account")) == 5
    assert not any(complete for complete, _ in parts(record, "snapshot.gcp.iam.service-account").values())
    assert all(complete for complete, _ in parts(record, "snapshot.gcp.storage.bucket").values())
    assert len(events(rig, "snapshot.gcp.storage.bucket")) == 2


def test_a_project_that_is_named_and_found_is_read_once(server: GcpRestServer, tmp_path: Path) -> None:
    rig = rig_of(server, tmp_path, "iam.role", projects=["shop-prod"])
    (record,) = rig.run()
    assert record.state == "complete"
    assert [part.part for part in record.parts if part.type == "snapshot.gcp.iam.role"].count("shop-prod") == 1


def test_a_role_for_projects_alone_holds_nothing_that_only_an_organisation_may_grant() -> None:
    kind = SOURCE_TYPES["gcp-iam"]
    alone = kind.access(kind.settings.model_validate({"name": "g", "type": "gcp-iam"})).permissions
    assert not [one.action for one in alone if ".organizations." in one.action or ".folders." in one.action]
    whole = kind.access(kind.settings.model_validate({"name": "g", "type": "gcp-iam", "organization": ORG})).permissions
    assert {"resourcemanager.folders.getIamPolicy", "resourcemanager.projects.list"} <= {one.action for one in whole}


def test_a_quota_is_throttling_though_it_is_a_403() -> None:
    body = json.dumps({"error": {"errors": [{"reason": "rateLimitExceeded"}], "details": [{"reason": "OTHER"}, 7]}}).encode()
    error = ApiError("x", "denied", 403, body=body)
    assert reasons(error) == {"rateLimitExceeded", "OTHER"}
    assert not disabled(error)
    for odd in (b"", b"[]", b'{"error": 1}', b'{"error": {"details": 3}}', b'{"error": {"details": [{"reason": {}}]}}'):
        assert reasons(ApiError("x", "denied", 403, body=odd)) == frozenset()


# -- credentials, settings, checks


def test_a_token_is_asked_for_once_and_kept(server: GcpRestServer, tmp_path: Path) -> None:
    rig = rig_of(server, tmp_path, "iam")
    rig.run()
    rig.run()
    assert server.grants == 1


def test_a_token_that_is_not_accepted_or_not_given_ends_the_window(
    server: GcpRestServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = rig_of(server, tmp_path, "iam")
    rig.run()
    server.token = "another"
    (record,) = rig.run()
    assert record.state == "failed"
    assert "does not accept the credentials" in record.errors[-1]
    secret = {"error": "invalid_grant", "error_description": "canary-in-a-refusal"}
    monkeypatch.setattr(server, "_granted", lambda _asked: Reply(400, secret))
    (record,) = rig_of(server, tmp_path, "iam").run()
    assert record.state == "failed"
    assert "does not give a token" in record.errors[-1]
    assert "canary-in" not in repr(record)


def test_application_default_credentials_are_found(
    server: GcpRestServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key_file(tmp_path, f"{server.url}/token")))
    (record,) = rig_of(server, tmp_path, "iam.role", credentials_file=None).run()
    assert (record.state, record.identity) == ("complete", READER)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"type":"authorized_user","refresh_token":"canary"}', '{"type":"service_account","private_key":"canary"}'],
)
def test_a_key_file_that_is_none_says_what_it_should_be(server: GcpRestServer, tmp_path: Path, text: str) -> None:
    rig = rig_of(server, tmp_path)
    (tmp_path / "key.json").write_text(text)
    with pytest.raises(CollectorError, match="credentials_file") as caught:
        rig.collector.check()
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"organization": "123"}, "organization"),
        ({"projects": ["projects/x"]}, "no project's id"),
        ({"resources": ["iam.unicorn"]}, "no resource kind"),
        ({"endpoint": "http://example.org", "insecure": True}, "only to this machine"),
        ({"endpoint": "http://127.0.0.1:1"}, "insecure"),
        ({"endpoint": "https://user:pass@example.org"}, "without credentials"),
    ],
)
def test_settings_that_cannot_be_are_refused(more: dict[str, Any], words: str) -> None:
    with pytest.raises(SourceInvalid, match=words):
        read_settings({"name": "google", "type": "gcp-iam", **more})


def test_defaults_are_those_of_settings() -> None:
    settings = read_settings({"name": "google", "type": "gcp-iam"})
    assert (settings.lateness, settings.schedule) == (0, HOUR)


def test_a_check_names_the_permission_that_is_missing(server: GcpRestServer, tmp_path: Path) -> None:
    server.denied |= {("iam", f"/v1/{PROD}/serviceAccounts"), ("cloudresourcemanager", f"/v3/{ORG}:getIamPolicy")}
    server.denied.add(("storage", "/storage/v1/b/shop-prod-data/iam?optionsRequestedPolicyVersion=3"))
    server.disabled = {"cloudasset"}
    probes = rig_of(server, tmp_path, "iam", "cloudresourcemanager", "cloudasset", "storage").collector.check()
    denied = {probe.denied.action for probe in probes if probe.denied}
    assert denied == {"iam.serviceAccounts.list", "resourcemanager.organizations.getIamPolicy", "storage.buckets.getIamPolicy"}
    assert any("cloudasset.googleapis.com is not enabled" in probe.text for probe in probes)


def test_a_check_asks_for_keys_of_the_first_account(server: GcpRestServer, tmp_path: Path) -> None:
    name = f"{PROD}/serviceAccounts/build@shop-prod.iam.gserviceaccount.com"
    server.denied.add(("iam", f"/v1/{name}/keys"))
    probes = rig_of(server, tmp_path, "iam").collector.check()
    assert {probe.denied.action for probe in probes if probe.denied} == {"iam.serviceAccountKeys.list"}


def test_access_levels_stand_under_access_policies(server: GcpRestServer, tmp_path: Path) -> None:
    server.put("accesscontextmanager", f"/v1/accessPolicies?parent={ORG}", "accessPolicies", {"name": "accessPolicies/5"})
    level = {
        "name": "accessPolicies/5/accessLevels/lock",
        "basic": {"conditions": [{"devicePolicy": {"requireScreenlock": True}}]},
    }
    server.put("accesscontextmanager", "/v1/accessPolicies/5/accessLevels", "accessLevels", level)
    rig = rig_of(server, tmp_path, "accesscontextmanager")
    assert complete(rig.run())
    (event,) = events(rig, "snapshot.gcp.accesscontextmanager.access-level")
    assert json.loads(event.payload) == level


def test_assets_of_all_projects_come_in_one_list(server: GcpRestServer, tmp_path: Path) -> None:
    name = "//osconfig.googleapis.com/projects/1/locations/europe-west6-a/instances/7/vulnerabilityReport"
    data = {"name": name.removeprefix("//osconfig.googleapis.com/"), "vulnerabilities": [{"details": {"severity": "HIGH"}}]}
    asset = {"name": name, "assetType": "osconfig.googleapis.com/VulnerabilityReport", "updateTime": "2026-11-25T00:00:00Z"}
    asset["resource"] = {"version": "v1", "data": {**data, "updateTime": "2026-11-25T00:00:00Z"}}  # type: ignore[assignment]
    path = f"/v1/{ORG}/assets?contentType=RESOURCE&assetTypes=osconfig.googleapis.com/VulnerabilityReport"
    server.put("cloudasset", path, "assets", asset)
    rig = rig_of(server, tmp_path, "osconfig.vulnerability-report")
    assert complete(rig.run())
    (event,) = events(rig, "snapshot.gcp.osconfig.vulnerability-report")
    assert event.subject == name
    assert event.account == "organizations:123456789"
    assert json.loads(event.payload) == {
        "name": name,
        "assetType": "osconfig.googleapis.com/VulnerabilityReport",
        "resource": {"data": data},
    }


def test_findings_of_security_command_center_are_findings_by_their_own_name(server: GcpRestServer, tmp_path: Path) -> None:
    path = f'/v1/{ORG}/sources/-/findings?filter=state="ACTIVE" AND NOT mute="MUTED"'
    name = f"{ORG}/sources/5/findings/f1"
    server.put("securitycenter", path, "listFindingsResults", {"finding": {"name": name, "state": "ACTIVE", "severity": "HIGH"}})
    server.put("securitycenter", path, "listFindingsResults", {"finding": {"state": "ACTIVE"}})
    rig = rig_of(server, tmp_path, "securitycenter")
    (record,) = rig.run()
    (event,) = events(rig, "finding.gcp.securitycenter.finding")
    assert event.subject == f"//securitycenter.googleapis.com/{name}"
    assert len(events(rig, UNREADABLE)) == 1
    assert parts(record, "finding.gcp.securitycenter.finding") == {"organizations:123456789": (False, False)}


def test_a_complete_list_of_findings_enumerates_them(server: GcpRestServer, tmp_path: Path) -> None:
    path = f'/v1/{ORG}/sources/-/findings?filter=state="ACTIVE" AND NOT mute="MUTED"'
    server.put("securitycenter", path, "listFindingsResults")
    rig = rig_of(server, tmp_path, "securitycenter")
    (record,) = rig.run()
    assert parts(record, "finding.gcp.securitycenter.finding") == {"organizations:123456789": (True, True)}
    (summary,) = events(rig, "summary.gcp.securitycenter.finding")
    assert json.loads(summary.payload)["count"] == 0


def test_every_kind_says_what_it_needs_and_stands_under_one_that_comes_before_it() -> None:
    before: set[str] = set()
    for resource in chosen(()):
        assert resource.permissions
        assert resource.controls
        assert not resource.under or resource.under in before
        before.add(resource.key)
    assert [resource.key for resource in chosen(("iam.service-account-key",))] == [
        "iam.service-account",
        "iam.service-account-key",
    ]
    assert {resource.type for resource in RESOURCES.values()} <= set(SOURCE_TYPES["gcp-iam"].types)
