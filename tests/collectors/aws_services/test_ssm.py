"""Systems Manager: patches of managed instances, and recorded sessions."""

from __future__ import annotations

import json
from typing import Any

from collectors.aws_services import ssm
from tests.aws_world import Answer, Request, World
from tests.collectors.aws_services.denials import check_denials

CONTENT = {
    "schemaVersion": "1.0",
    "sessionType": "Standard_Stream",
    "inputs": {"s3BucketName": "sessions", "cloudWatchLogGroupName": ""},
}
NOW = 1_800_000_000.0


def fill(world: World, count: int = 2) -> None:
    """moto has no managed instances: here they are, a state of patches for all but the first, at most 50 asked at once."""
    items = [{"InstanceId": f"i-{n:03d}", "PingStatus": "Online", "LastPingDateTime": NOW} for n in range(count)]
    world.fake("DescribeInstanceInformation", {"InstanceInformationList": items})
    world.answer("DescribeInstancePatchStates", _states)
    checks = [
        {"ComplianceType": kind, "ResourceType": "ManagedInstance", "ResourceId": "i-000", "Id": "1", "Status": "NON_COMPLIANT"}
        | {"ExecutionSummary": {"ExecutionTime": NOW}, "Details": {"said": "canary-of-a-check"}}
        for kind in ("Custom:ClockCheck", "Patch")
    ]
    world.fake("ListComplianceItems", {"ComplianceItems": checks})
    document: dict[str, Any] = {
        "Name": ssm.SESSIONS,
        "Content": json.dumps(CONTENT),
        "DocumentFormat": "JSON",
        "DocumentVersion": "1",
    }
    world.fake("GetDocument", document)


def _states(asked: Request) -> Answer:
    assert len(asked.body["InstanceIds"]) <= 50
    states = [
        {"InstanceId": name, "CriticalNonCompliantCount": 1, "OperationEndTime": NOW, "SnapshotId": "x"}
        for name in asked.body["InstanceIds"]
        if name != "i-000"
    ]
    return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps({"InstancePatchStates": states}).encode()


def test_instances_have_their_patch_state_or_null(world: World) -> None:
    fill(world, 120)
    values = {
        value["InstanceId"]: value for value in world.look("ssm.managed-instance").subjects("ssm.managed-instance").values()
    }
    assert len(values) == 120
    assert values["i-000"]["PatchState"] is None
    state = values["i-119"]["PatchState"]
    assert (state["CriticalNonCompliantCount"], state["OperationEndTime"]) == (1, "2027-01-15T00:00:00Z")
    assert "SnapshotId" not in state


def test_checks_of_ones_own_are_read_and_no_others(world: World) -> None:
    fill(world)
    seen = world.look("ssm.compliance-item")
    value = seen.only("ssm.compliance-item")
    assert (value["ComplianceType"], value["Status"]) == ("Custom:ClockCheck", "NON_COMPLIANT")
    assert value["ExecutionSummary"] == {"ExecutionTime": "2027-01-15T00:00:00Z"}
    assert b"canary" not in seen.event("ssm.compliance-item").payload
    assert [asked.body["Filters"] for asked in world.proxy.seen if asked.operation == "ListComplianceItems"] == [
        [{"Key": "ComplianceType", "Values": ["Custom:"], "Type": "BEGIN_WITH"}]
    ]


def test_session_preferences_are_decoded(world: World) -> None:
    fill(world)
    value = world.look("ssm.session-preferences").only("ssm.session-preferences")
    assert value["Content"]["inputs"]["s3BucketName"] == "sessions"


def test_without_the_document_the_summary_says_that_there_is_none(world: World) -> None:
    seen = world.look("ssm.session-preferences")
    assert seen.summary("ssm.session-preferences")["count"] == 0
    assert seen.part("ssm.session-preferences").complete


def test_each_call_that_is_refused_is_missed_by_name(world: World) -> None:
    fill(world)
    check_denials(world, ssm.RESOURCES)
