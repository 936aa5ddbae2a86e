"""Entries of audit logs as JSON: whatever an Any holds, nothing is lost and nothing breaks."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from google.cloud.audit.audit_log_pb2 import AuditLog
from google.cloud.logging_v2.types import LogEntry
from google.protobuf.any_pb2 import Any as AnyMessage
from hypothesis import given
from hypothesis import strategies as st

from collectors.gcp_entries import WIRE, Decoder
from collectors.unreadable import Unreadable
from tests.contract.labs.gcp_audit import log, packed

SHOP = "projects/shop-prod"


def test_types_that_are_not_known_lose_nothing() -> None:
    strange = AnyMessage(type_url="type.googleapis.com/google.made.Up", value=b"\x08\x01\xff")
    decoder = Decoder.load()
    raw = entry_of(packed(AuditLog(method_name="m", service_data=strange)))
    inner = json.loads(decoder.entry(raw).payload)["protoPayload"]
    assert inner["methodName"] == "m"
    assert inner["serviceData"] == {"@type": strange.type_url, "value": base64.b64encode(strange.value).decode()}
    whole = json.loads(decoder.entry(entry_of(strange)).payload)["protoPayload"]
    assert base64.b64decode(whole["value"]) == strange.value
    broken = AnyMessage(type_url="type.googleapis.com/google.cloud.audit.AuditLog", value=b"\xff\xff")
    assert json.loads(decoder.entry(entry_of(broken)).payload)["protoPayload"]["value"] == "//8="


def test_members_that_this_version_does_not_know_are_kept() -> None:
    body = AuditLog.FromString(AuditLog(method_name="m").SerializeToString() + b"\xfa\x3f\x03new")  # field 1023
    payload = json.loads(Decoder.load().entry(entry_of(packed(body))).payload)["protoPayload"]
    assert payload["methodName"] == "m"
    assert base64.b64decode(payload[WIRE]).endswith(b"new")


def entry_of(payload: AnyMessage) -> Any:
    raw = LogEntry.pb(LogEntry(log_name=log(SHOP), insert_id="i", proto_payload=payload))
    raw.timestamp.FromSeconds(1_700_000_000)
    return raw


@given(st.binary(max_size=200), st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
def test_whatever_an_any_holds_an_entry_comes_of_it_or_a_reason(value: bytes, name: str) -> None:
    decoder = Decoder.load()
    for url in ("type.googleapis.com/google.cloud.audit.AuditLog", "type.googleapis.com/google.protobuf.Struct", name):
        raw = entry_of(AnyMessage(type_url=url, value=value))
        try:
            entry = decoder.entry(raw)
        except Unreadable:
            continue  # a dead letter keeps the bytes
        assert entry == decoder.entry(raw)
        assert json.loads(entry.payload)["insertId"] == "i"


@pytest.mark.parametrize("lacks", ["timestamp", "log_name"])
def test_without_a_time_or_a_log_it_is_no_entry(lacks: str) -> None:
    raw = entry_of(packed(AuditLog()))
    raw.ClearField(lacks)
    with pytest.raises(Unreadable, match="no audit log entry"):
        Decoder.load().entry(raw)


def test_an_id_is_of_log_time_and_insert_id_alone() -> None:
    decoder = Decoder.load()
    first, again, other = (entry_of(packed(AuditLog(method_name=name))) for name in ("a", "b", "a"))
    other.insert_id = "another"
    ids = [decoder.entry(raw).id for raw in (first, again, other)]
    assert ids[0] == ids[1] != ids[2]
    first.timestamp.nanos = 1
    assert decoder.entry(first).id != ids[0]


def test_accounts_are_projects_and_what_is_above_them() -> None:
    decoder = Decoder.load()
    for name, account in (("projects/a.org:shop-x", "a.org:shop-x"), ("organizations/12", "organizations:12")):
        raw = entry_of(packed(AuditLog()))
        raw.log_name = log(name)
        assert decoder.entry(raw).account == account
