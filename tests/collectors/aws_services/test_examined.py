"""What Inspector examines and finds, and virtual desktops."""

from __future__ import annotations

from collectors.aws_services import examined
from tests.aws_world import World
from tests.collectors.aws_services.denials import check_denials

COVERED = {
    "resourceId": "i-1",
    "resourceType": "AWS_EC2_INSTANCE",
    "accountId": "1",
    "scanType": "PACKAGE",
    "scanStatus": {"statusCode": "INACTIVE", "reason": "UNMANAGED_EC2_INSTANCE"},
    "lastScannedAt": 1_800_000_000,
}
SCAN = {
    "scanArn": "arn:aws:inspector2:eu-west-1:1:owner/1/cis-scan/s",
    "scanName": "cis",
    "status": "COMPLETED",
    "failedChecks": 7,
}
FINDING = {
    "findingArn": "arn:aws:inspector2:eu-west-1:1:finding/f",
    "type": "PACKAGE_VULNERABILITY",
    "severity": "CRITICAL",
    "status": "ACTIVE",
    "firstObservedAt": 1_790_000_000,
    "lastObservedAt": 1_800_000_000,
    "fixAvailable": "YES",
    "resources": [{"id": "i-1", "type": "AWS_EC2_INSTANCE", "tags": {"a": "b"}}],
    "packageVulnerabilityDetails": {"vulnerabilityId": "CVE-2026-0001"},
}


def fill(world: World) -> None:
    world.fake("POST /coverage/list", {"coveredResources": [COVERED, {**COVERED, "scanType": "NETWORK"}]})
    world.fake("POST /cis/scan/list", {"scans": [SCAN]})
    world.fake("POST /findings/list", {"findings": [FINDING]})
    desktops = [{"WorkspaceId": "ws-1", "State": "AVAILABLE"}, {"WorkspaceId": "ws-2", "UserVolumeEncryptionEnabled": True}]
    world.fake("DescribeWorkspaces", {"Workspaces": desktops})


def test_what_is_not_examined_says_why_for_each_way(world: World) -> None:
    fill(world)
    values = world.look("inspector2.coverage").subjects("inspector2.coverage")
    assert {value["scanType"] for value in values.values()} == {"PACKAGE", "NETWORK"}
    assert all(value["scanStatus"]["reason"] == "UNMANAGED_EC2_INSTANCE" for value in values.values())


def test_open_critical_holes_with_a_fix_are_asked_for_and_no_others(world: World) -> None:
    fill(world)
    value = world.look("inspector2.finding").only("inspector2.finding")
    assert value["vulnerabilityId"] == "CVE-2026-0001"
    assert "lastObservedAt" not in value
    [asked] = [asked for asked in world.proxy.seen if asked.operation == "POST /findings/list"]
    assert asked.body["filterCriteria"]["severity"] == [{"comparison": "EQUALS", "value": "CRITICAL"}]


def test_a_scan_against_a_benchmark_counts_what_failed(world: World) -> None:
    fill(world)
    assert world.look("inspector2.cis-scan").only("inspector2.cis-scan")["failedChecks"] == 7


def test_a_desktop_whose_volumes_nobody_encrypts_has_null(world: World) -> None:
    fill(world)
    values = {value["WorkspaceId"]: value for value in world.look("workspaces").subjects("workspaces.workspace").values()}
    assert values["ws-1"]["UserVolumeEncryptionEnabled"] is None
    assert values["ws-2"]["UserVolumeEncryptionEnabled"] is True


def test_each_call_that_is_refused_is_missed_by_name(world: World) -> None:
    fill(world)
    check_denials(world, examined.RESOURCES)
