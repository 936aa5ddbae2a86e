"""Systems Manager: managed instances, their patches, checks of one's own, and whether sessions are recorded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from collectors.aws import AwsError
from collectors.aws_services.base import Call, Look, Resource, Subject

MANAGED: Final = Call("ssm", "DescribeInstanceInformation")
PATCHES: Final = Call("ssm", "DescribeInstancePatchStates")
DOCUMENT: Final = Call("ssm", "GetDocument")
COMPLIANCE: Final = Call("ssm", "ListComplianceItems")
SESSIONS: Final = "SSM-SessionManagerRunShell"
_AT_ONCE: Final = 50
_MOVING: Final = ("LastPingDateTime", "LastAssociationExecutionDate", "LastSuccessfulAssociationExecutionDate")


def _instances(look: Look) -> Iterator[Subject]:
    """Managed instances; PatchState is null for those that no patching has looked at."""
    some: list[dict[str, Any]] = []
    for item in look.list(MANAGED, "InstanceInformationList", MaxResults=50):
        some.append(item)
        if len(some) == _AT_ONCE:
            yield from _patched(look, some)
            some = []
    if some:
        yield from _patched(look, some)


def _patched(look: Look, items: list[dict[str, Any]]) -> Iterator[Subject]:
    states, fault = {}, ""
    try:
        ids = [str(item["InstanceId"]) for item in items]
        states = {str(state["InstanceId"]): state for state in look.list(PATCHES, "InstancePatchStates", InstanceIds=ids)}
    except AwsError as error:
        if error.code == "broken":
            raise
        fault = str(error)
    for item in items:
        name = str(item["InstanceId"])
        instance = look.subject(look.arn("ssm", f"managed-instance/{name}", region=look.region), item, name)
        if fault:
            instance.miss("PatchState", fault)
        else:
            instance.put("PatchState", states.get(name))
        instance.days(*_MOVING, "PatchState.OperationStartTime", "PatchState.OperationEndTime")
        instance.drop("PatchState.SnapshotId", "PatchState.LastNoRebootInstallOperationTime")
        yield instance


def _sessions(look: Look) -> Iterator[Subject]:
    """The document with the Region's session preferences: there may be none, and then no session is recorded."""
    answer = look.ask(DOCUMENT, absent=("InvalidDocument",), Name=SESSIONS, DocumentFormat="JSON")
    if answer is None:
        return
    preferences = look.subject(look.arn("ssm", f"document/{SESSIONS}", region=look.region), answer, SESSIONS)
    yield preferences


def _checks(look: Look) -> Iterator[Subject]:
    """What checks of the organisation's own say of instances. What a check adds in words of its own is left out."""
    own = [{"Key": "ComplianceType", "Values": ["Custom:"], "Type": "BEGIN_WITH"}]
    for item in look.list(COMPLIANCE, "ComplianceItems", Filters=own, ResourceTypes=["ManagedInstance"], MaxResults=50):
        kind, resource = str(item["ComplianceType"]), str(item["ResourceId"])
        if not kind.startswith("Custom:"):
            continue
        name = f"{resource}/{kind}/{item.get('Id') or ''}"
        check = look.subject(look.arn("ssm", f"compliance-item/{name}", region=look.region), item, name)
        check.drop("Details", "ExecutionSummary.ExecutionId")
        check.days("ExecutionSummary.ExecutionTime")
        yield check


RESOURCES: Final = (
    Resource(
        "ssm",
        "managed-instance",
        "regional",
        "managed instances and the state of their patches",
        (MANAGED, PATCHES),
        _instances,
        ("A.8.8", "A.8.9"),
    ),
    Resource(
        "ssm",
        "session-preferences",
        "regional",
        "session preferences: where sessions are recorded",
        (DOCUMENT,),
        _sessions,
        ("A.8.15", "A.8.18"),
        documents=("Content",),
    ),
    Resource(
        "ssm",
        "compliance-item",
        "regional",
        "what checks of one's own say of managed instances",
        (COMPLIANCE,),
        _checks,
        ("A.8.17",),
    ),
)
