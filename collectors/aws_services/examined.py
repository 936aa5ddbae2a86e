"""What Inspector examines and finds, and virtual desktops."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from collectors.aws_services.base import Call, Look, Resource, Subject

COVERAGE: Final = Call("inspector2", "ListCoverage")
SCANS: Final = Call("inspector2", "ListCisScans")
FINDINGS: Final = Call("inspector2", "ListFindings")
DESKTOPS: Final = Call("workspaces", "DescribeWorkspaces")
_COVERED: Final = ("resourceId", "resourceType", "accountId", "scanType", "scanMode", "scanStatus")
_FINDING: Final = ("findingArn", "type", "severity", "status", "title", "firstObservedAt", "fixAvailable", "exploitAvailable")
_DESKTOP: Final = (
    "WorkspaceId",
    "DirectoryId",
    "UserName",
    "State",
    "UserVolumeEncryptionEnabled",
    "RootVolumeEncryptionEnabled",
)


def _is(*values: str) -> list[dict[str, str]]:
    return [{"comparison": "EQUALS", "value": value} for value in values]


_OPEN: Final[dict[str, Any]] = {
    "findingStatus": _is("ACTIVE"),
    "findingType": _is("PACKAGE_VULNERABILITY"),
    "severity": _is("CRITICAL"),
    "fixAvailable": _is("YES"),
}
"""Of all that is found, critical holes of packages that have a fix: the rest is Security Hub's."""


def _coverage(look: Look) -> Iterator[Subject]:
    """What is examined, or is not and why; a resource is examined in several ways."""
    for item in look.list(COVERAGE, "coveredResources", optional=True, maxResults=200):
        name = f"{item['resourceId']}/{item.get('scanType')}"
        arn = look.arn("inspector2", f"coverage/{name}", region=look.region)
        yield look.subject(arn, {key: item.get(key) for key in _COVERED}, name)


def _scans(look: Look) -> Iterator[Subject]:
    for item in look.list(SCANS, "scans", optional=True, maxResults=100):
        yield look.subject(str(item["scanArn"]), item, str(item.get("scanName") or item["scanArn"]))


def _findings(look: Look) -> Iterator[Subject]:
    for item in look.list(FINDINGS, "findings", optional=True, filterCriteria=_OPEN, maxResults=100):
        value = {key: item.get(key) for key in _FINDING}
        value["resources"] = [{key: each.get(key) for key in ("id", "type", "region")} for each in item.get("resources") or ()]
        value["vulnerabilityId"] = (item.get("packageVulnerabilityDetails") or {}).get("vulnerabilityId")
        yield look.subject(str(item["findingArn"]), value)


def _desktops(look: Look) -> Iterator[Subject]:
    """Virtual desktops. AWS leaves out whether a volume is encrypted where it is not, which is null."""
    for item in look.list(DESKTOPS, "Workspaces", Limit=25):
        name = str(item["WorkspaceId"])
        value = {key: item.get(key) for key in _DESKTOP}
        yield look.subject(look.arn("workspaces", f"workspace/{name}", region=look.region), value, name)


RESOURCES: Final = (
    Resource(
        "inspector2",
        "coverage",
        "regional",
        "systems that Inspector examines, or not and why",
        (COVERAGE,),
        _coverage,
        ("A.8.8",),
    ),
    Resource("inspector2", "cis-scan", "regional", "scans against CIS benchmarks", (SCANS,), _scans, ("A.8.9",)),
    Resource("inspector2", "finding", "regional", "open critical holes that have a fix", (FINDINGS,), _findings, ("A.8.8",)),
    Resource(
        "workspaces",
        "workspace",
        "regional",
        "virtual desktops and their encryption",
        (DESKTOPS,),
        _desktops,
        ("A.8.1", "A.8.24"),
    ),
)
