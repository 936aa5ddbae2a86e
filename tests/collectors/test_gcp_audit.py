"""Cloud Audit Logs over real gRPC: windows by receive time, pages, what an entry holds, statuses, and what is never shown."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from google.cloud.audit.audit_log_pb2 import AuditLog
from google.cloud.logging_v2.types import LogEntry
from google.iam.v1.logging.audit_data_pb2 import AuditData
from google.protobuf.struct_pb2 import Struct
from google.rpc.error_details_pb2 import ErrorInfo
from hypothesis import given
from hypothesis import strategies as st

from attestream.demo.servers.gcp_logging import Call, GcpLoggingServer, Refused
from collectors.base import SourceUnreadable
from collectors.gcp_audit import GcpAudit, query
from collectors.gcp_logging import PageTooLarge
from collectors.registry import SourceInvalid, build, read_settings
from store.records import DAY, HOUR, MINUTE, UNREADABLE, Cover
from store.times import format_time, parse_time
from tests.contract.labs.gcp_audit import SAID, Logs, audit, log, packed, refusal, wait
from tests.contract.labs.gcp_iam import READER, key_file, private_key
from tests.contract.rig import Rig, complete

SHOP, ORG = "projects/shop-prod", "organizations/123456789"


@pytest.fixture
def server() -> Iterator[GcpLoggingServer]:
    with GcpLoggingServer() as made:
        yield made


def rig_of(server: GcpLoggingServer, **more: Any) -> Rig:
    own = {"name": "google", "type": "gcp-audit", "endpoint": server.address, "insecure": True, "resources": [SHOP]}
    own |= {"max_attempts": 1, "requests_per_second": 1000, "read_timeout": 20}
    return Rig(SimpleNamespace(settings={**own, **more}, secrets=(SAID,)))  # type: ignore[arg-type]


def collector_of(rig: Rig) -> GcpAudit:
    assert isinstance(rig.collector, GcpAudit)
    return rig.collector


def logs(rig: Rig) -> list[Any]:
    return [event for event in rig.stream.events if event.kind == "log"]


def payloads(rig: Rig) -> list[dict[str, Any]]:
    return [json.loads(event.payload) for event in logs(rig)]


# -- windows


def test_entries_are_found_by_when_they_were_received_not_when_they_were_stamped(server: GcpLoggingServer) -> None:
    now = time.time()
    stamps = {"late": -20 * 3600.0, "ahead": 20 * 3600.0, "exact": 0.0}
    for name, shift in stamps.items():
        server.put(log(SHOP), stamped=now + shift, received=now - 30, insert_id=name, proto_payload=audit())
    server.put(log(SHOP), stamped=now - 30 * 86400, received=now - 29 * 86400, insert_id="old", proto_payload=audit())
    rig = rig_of(server, since=format_time(int((now - 3600) * 1e6)))
    assert complete(rig.run())
    assert {entry["insertId"] for entry in payloads(rig)} == set(stamps)
    assert {round(event.time / 1e6 - now) for event in logs(rig)} == {round(shift) for shift in stamps.values()}


def test_history_is_read_though_the_service_asks_for_a_day_where_nothing_else_is_said(server: GcpLoggingServer) -> None:
    now = time.time()
    for day in range(6):
        server.put(log(SHOP), stamped=now - day * 86400 - 60, received=now - day * 86400 - 50, proto_payload=audit())
    rig = rig_of(server)
    records = rig.run()
    assert complete(records)
    assert len(records) == 7  # a week, a day each
    assert len({event.id for event in logs(rig)}) == 6
    assert all("timestamp >=" in call.filter and "timestamp <=" in call.filter for call in server.calls)


def test_an_entry_that_is_found_late_is_read_by_the_next_window(server: GcpLoggingServer) -> None:
    rig = rig_of(server)
    rig.run()
    late = time.time() - 240
    server.put(log(SHOP), stamped=late, received=late, proto_payload=audit())
    assert complete(rig.run())
    assert len(logs(rig)) == 1


def test_windows_read_again_give_the_same_events(server: GcpLoggingServer) -> None:
    now = time.time()
    for number in range(5):
        server.put(log(SHOP), stamped=now - 60, received=now - 60, insert_id=f"same-{number % 3}", proto_payload=audit())
    rig = rig_of(server)
    rig.run()
    first = {(event.id, event.payload) for event in logs(rig)}
    rig.run()
    assert {(event.id, event.payload) for event in logs(rig)} == first
    assert len(first) == 3


def test_equal_times_across_a_page_border_are_all_read(server: GcpLoggingServer) -> None:
    server.page, now = 2, time.time()
    for number in range(7):
        server.put(log(SHOP), stamped=now - 60, received=now - 60, insert_id=f"e{number}", proto_payload=audit())
    rig = rig_of(server, since=format_time(int((now - 3600) * 1e6)))
    assert complete(rig.run())
    assert len({event.id for event in logs(rig)}) == 7
    assert [bool(call.token) for call in server.calls] == [False, True, True, True]


def test_only_the_logs_that_are_asked_for_are_read(server: GcpLoggingServer) -> None:
    now = time.time()
    for name in ("activity", "data_access", "system_event", "policy", "access_transparency"):
        server.put(log(SHOP, name), stamped=now - 9, received=now - 9, proto_payload=audit())
    server.put(f"{SHOP}/logs/syslog", stamped=now - 9, received=now - 9, text_payload="not an audit log")
    rig = rig_of(server)
    rig.run()
    assert len(logs(rig)) == 5
    few = rig_of(server, logs=["policy", "system_event"])
    few.run()
    assert {entry["logName"] for entry in payloads(few)} == {log(SHOP, "policy"), log(SHOP, "system_event")}


def test_what_is_covered_is_what_was_asked_for_and_answered(server: GcpLoggingServer) -> None:
    server.denied.add(ORG)
    rig = rig_of(server, resources=[SHOP, ORG], since=format_time(int((time.time() - 3600) * 1e6)))
    record = rig.run()[-1]
    assert record.state == "partial"
    assert record.covers == (Cover("shop-prod", *record.asked),)
    assert {(part.part, part.complete) for part in record.parts} == {("shop-prod", True), ("organizations:123456789", False)}


def test_what_one_resource_denies_is_owed_while_the_others_go_on(server: GcpLoggingServer) -> None:
    server.denied.add(ORG)
    now = time.time()
    server.put(log(ORG), stamped=now - 2 * 86400, received=now - 2 * 86400, proto_payload=audit())
    server.put(log(SHOP), stamped=now - 60, received=now - 60, proto_payload=audit())
    rig = rig_of(server, resources=[SHOP, ORG], since=format_time(int((now - 3 * 86400) * 1e6)))
    first = rig.run()
    assert {record.state for record in first} == {"partial"}
    assert rig.ledger.end == first[-1].asked[1]
    assert {event.account for event in logs(rig)} == {"shop-prod"}
    server.denied.clear()
    rig.restart()
    again = rig.run()
    assert complete(again)
    assert {event.account for event in logs(rig)} == {"shop-prod", "organizations:123456789"}
    owed = [cover for record in again for cover in record.covers if cover.part.startswith("organizations")]
    assert owed[0].start == first[0].asked[0]
    assert rig.ledger.kept == {}


def test_page_tokens_are_never_kept(server: GcpLoggingServer) -> None:
    lab = Logs(server)
    rig = Rig(lab)
    rig.run()
    lab.break_from(1, "failing")
    rig.run()
    assert "token" not in repr(rig.ledger.kept)
    assert not any(f"'t{number}'" in repr(rig.ledger.kept) for number in range(50))


def test_a_token_that_comes_again_ends_the_reading(server: GcpLoggingServer) -> None:
    server.page, now = 1, time.time()
    for _ in range(3):
        server.put(log(SHOP), stamped=now - 60, received=now - 60, proto_payload=audit())
    kept: list[bytes] = []

    def same(_call: Call, data: bytes) -> bytes:
        kept.append(data)
        return kept[0]

    server.after = same
    records = rig_of(server, since=format_time(int((now - 3600) * 1e6))).run()
    assert records[0].state == "failed"
    assert "lead back to themselves" in records[0].errors[-1]


# -- what an entry holds


def test_an_entry_is_written_as_the_rest_api_writes_it(server: GcpLoggingServer) -> None:
    delta = AuditData()
    delta.policy_delta.binding_deltas.add(action=1, role="roles/owner", member="user:eve@example.org")
    request = Struct()
    request.update({"@type": "type.googleapis.com/google.iam.v1.SetIamPolicyRequest", "resource": "shop-prod"})
    body = AuditLog(method_name="SetIamPolicy", service_data=packed(delta), request=request)
    body.authentication_info.principal_email = "ann@example.org"
    body.authorization_info.add(permission="resourcemanager.projects.setIamPolicy", granted=True)
    at = parse_time("2026-11-20T10:00:00.5Z") / 1e6
    now = time.time()
    entry = server.put(log(SHOP), stamped=at, received=now - 5, insert_id="x1", proto_payload=packed(body), severity="NOTICE")
    entry.resource.type = "project"
    entry.resource.labels["project_id"] = "shop-prod"
    entry.timestamp.FromSeconds(int(now) - 9)
    rig = rig_of(server)
    rig.run()
    (found,) = payloads(rig)
    assert found["protoPayload"] == {
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
        "methodName": "SetIamPolicy",
        "authenticationInfo": {"principalEmail": "ann@example.org"},
        "authorizationInfo": [{"permission": "resourcemanager.projects.setIamPolicy", "granted": True}],
        "request": {"@type": "type.googleapis.com/google.iam.v1.SetIamPolicyRequest", "resource": "shop-prod"},
        "serviceData": {
            "@type": "type.googleapis.com/google.iam.v1.logging.AuditData",
            "policyDelta": {"bindingDeltas": [{"action": "ADD", "role": "roles/owner", "member": "user:eve@example.org"}]},
        },
    }
    assert found["resource"] == {"type": "project", "labels": {"project_id": "shop-prod"}}
    assert (found["severity"], found["insertId"], found["logName"]) == ("NOTICE", "x1", log(SHOP))
    assert found["timestamp"] == format_time(int(now - 9) * 1_000_000).replace(".000000", "")


def test_what_json_cannot_say_is_a_dead_letter_and_the_rest_is_read(server: GcpLoggingServer) -> None:
    now, nan = time.time(), Struct()
    nan.fields["ratio"].number_value = float("nan")
    server.put(log(SHOP), stamped=now - 60, received=now - 60, insert_id="bad").json_payload.CopyFrom(nan)
    server.put(log(SHOP), stamped=now - 50, received=now - 50, proto_payload=audit())
    rig = rig_of(server, since=format_time(int((now - 3600) * 1e6)))
    record = rig.run()[0]
    assert (record.state, record.records, record.unreadable) == ("partial", 1, 1)
    assert record.covers == ()
    (letter,) = [event for event in rig.stream.events if event.type == UNREADABLE]
    assert LogEntry.deserialize(letter.payload).insert_id == "bad"
    assert letter.account == "shop-prod"


# -- statuses


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("PERMISSION_DENIED", "denies access"),
        ("UNAUTHENTICATED", "does not accept the credentials"),
        ("RESOURCE_EXHAUSTED", "throttled"),
        ("UNAVAILABLE", "cannot be reached"),
        ("DEADLINE_EXCEEDED", "cannot be reached"),
        ("INVALID_ARGUMENT", "refused the request"),
        ("INTERNAL", "an error of its own"),
    ],
)
def test_each_status_has_a_sentence_that_repeats_nothing(server: GcpLoggingServer, code: str, words: str) -> None:
    def fails(_call: Call) -> None:
        raise refusal(code)

    server.before = fails
    record = rig_of(server, since=format_time(int((time.time() - 3600) * 1e6))).run()[0]
    assert record.state == "failed"
    assert words in record.errors[-1]
    assert code in record.errors[-1]
    assert SAID not in repr(record)


def test_an_api_that_is_not_enabled_is_said(server: GcpLoggingServer) -> None:
    def fails(_call: Call) -> None:
        raise refusal("PERMISSION_DENIED", ErrorInfo(reason="SERVICE_DISABLED", domain="googleapis.com"))

    server.before = fails
    assert "is not enabled" in rig_of(server).run()[0].errors[-1]


def test_a_wait_that_is_asked_for_is_waited_and_the_call_made_again(server: GcpLoggingServer) -> None:
    slept: list[float] = []
    answers = iter([refusal("RESOURCE_EXHAUSTED", wait(7.5)), refusal("UNAVAILABLE"), None])

    def fails(_call: Call) -> None:
        if (refused := next(answers, None)) is not None:
            raise refused

    server.before = fails
    rig = rig_of(server, max_attempts=3, since=format_time(int((time.time() - 3600) * 1e6)))
    collector_of(rig).logging.sleep = slept.append
    assert complete(rig.run())
    assert slept[0] == 7.5
    assert 0 < slept[1] <= 2
    assert len(server.calls) == 3


def test_what_will_be_refused_again_is_not_asked_again(server: GcpLoggingServer) -> None:
    def fails(_call: Call) -> None:
        raise Refused("INVALID_ARGUMENT")

    server.before = fails
    rig_of(server, max_attempts=5, since=format_time(int((time.time() - 3600) * 1e6))).run()
    assert len(server.calls) == 1


def test_a_call_that_never_ends_is_given_up(server: GcpLoggingServer) -> None:
    server.before = lambda _call: time.sleep(3)
    record = rig_of(server, read_timeout=0.3, since=format_time(int((time.time() - 3600) * 1e6))).run()[0]
    assert record.state == "failed"
    assert "DEADLINE_EXCEEDED" in record.errors[-1]


def test_a_page_that_is_too_large_is_asked_for_in_smaller_ones(server: GcpLoggingServer) -> None:
    now = time.time()
    for number in range(5):
        server.put(log(SHOP), stamped=now - 60, received=now - 60, insert_id=f"e{number}", proto_payload=audit())
    sizes: list[int] = []
    rig = rig_of(server, since=format_time(int((now - 3600) * 1e6)))
    own = collector_of(rig).logging
    ask = type(own).ask

    def small(self: Any, resource: str, text: str, size: int, token: str = "") -> Any:
        sizes.append(size)
        if size > 100:
            raise PageTooLarge
        return ask(self, resource, text, size, token)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(own), "ask", small)
        assert complete(rig.run())
    assert sizes == [1000, 250, 62]
    assert len(logs(rig)) == 5


def test_more_than_grpc_takes_by_itself_is_read(server: GcpLoggingServer) -> None:
    now = time.time()
    for number in range(6):
        server.put(log(SHOP), stamped=now - 60, received=now - 60, insert_id=f"e{number}", text_payload="x" * 1_000_000)
    rig = rig_of(server, since=format_time(int((now - 3600) * 1e6)))
    assert complete(rig.run())
    assert len(logs(rig)) == 6


# -- settings, credentials


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"resources": []}, "resources"),
        ({"resources": ['projects/x" OR true']}, "write projects/ID"),
        ({"resources": ["projects/123456"]}, "not its number"),
        ({"logs": ["everything"]}, "logs"),
        ({"endpoint": "logging.example.org:443", "insecure": True}, "only for an endpoint on this machine"),
        ({"endpoint": None, "insecure": True}, "only for an endpoint on this machine"),
        ({"endpoint": "https://x"}, "host:port"),
        ({"quota_project": "a b"}, "quota_project"),
    ],
)
def test_settings_that_cannot_be_are_refused(more: dict[str, Any], words: str) -> None:
    own = {"name": "google", "type": "gcp-audit", "resources": [SHOP], "endpoint": "127.0.0.1:1", **more}
    with pytest.raises(SourceInvalid, match=words):
        read_settings(own)


def test_defaults_are_those_of_audit_logs() -> None:
    settings = read_settings({"name": "google", "type": "gcp-audit", "resources": [SHOP]})
    assert (settings.lateness, settings.schedule) == (2 * HOUR, 5 * MINUTE)


def test_without_credentials_the_window_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    canary = "-----BEGIN PRIVATE KEY----- canary"
    path = tmp_path / "key.json"
    path.write_text(json.dumps({"type": "service_account", "private_key": canary}))
    settings = {"name": "google", "type": "gcp-audit", "resources": [SHOP]}
    for more in ({"credentials_file": str(path)}, {}):
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
        collector = build(read_settings({**settings, **more}))
        with pytest.raises(SourceUnreadable) as caught:
            collector.check()
        assert "canary" not in repr(caught.value)
        assert "credentials" in str(caught.value)
        assert "canary" not in repr(collector)


def test_over_tls_with_a_key_an_address_that_does_not_answer_is_said(tmp_path: Path) -> None:
    path = key_file(tmp_path, "http://127.0.0.1:1/token")
    own = {"name": "google", "type": "gcp-audit", "endpoint": "127.0.0.1:1", "resources": [SHOP], "max_attempts": 1}
    settings = {**own, "credentials_file": str(path), "quota_project": "shop-prod", "read_timeout": 5}
    rig = Rig(SimpleNamespace(settings=settings, secrets=(private_key()[40:80],)))  # type: ignore[arg-type]
    record = rig.run()[0]
    assert (record.state, record.identity) == ("failed", READER)
    assert "cannot be reached" in record.errors[-1]


def test_when_nothing_answers_the_rest_is_not_asked_for(server: GcpLoggingServer) -> None:
    names = [f"projects/shop-number-{number}" for number in range(9)]
    rig = rig_of(server, resources=[SHOP, *names], since=format_time(int((time.time() - 3600) * 1e6)))

    def fails(call: Call) -> None:
        if call.resources != (SHOP,):
            raise Refused("UNAVAILABLE")

    server.before = fails
    (record,) = rig.run()
    assert record.state == "partial"
    assert len(server.calls) == 6
    assert set(rig.ledger.kept["owed"]) == set(names)
    assert [part.complete for part in record.parts] == [True, *[False] * 9]


def test_a_check_names_the_permission_of_each_log(server: GcpLoggingServer) -> None:
    def fails(call: Call) -> None:
        if "data_access" in call.filter:
            raise Refused("PERMISSION_DENIED")

    server.before = fails
    denied = [probe.denied.action for probe in rig_of(server).collector.check() if probe.denied]
    assert denied == ["logging.privateLogEntries.list"]


@given(st.integers(0, 4_000_000_000 * 1_000_000), st.integers(0, 30 * DAY))
def test_a_filter_bounds_both_times(start: int, length: int) -> None:
    text = query(SHOP, ("activity",), start, start + length)
    assert f'receiveTimestamp > "{format_time(start)}" AND receiveTimestamp <= "{format_time(start + length)}"' in text
    assert f'timestamp >= "{format_time(max(0, start - DAY))}" AND timestamp <= "{format_time(start + length + DAY)}"' in text
