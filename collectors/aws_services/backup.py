"""AWS Backup: vaults, plans with what they select, what is protected, and jobs of backup and restore."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from collectors.aws_services.base import Call, Look, Resource, Subject

VAULTS: Final = Call("backup", "ListBackupVaults")
VAULT_POLICY: Final = Call("backup", "GetBackupVaultAccessPolicy")
PLANS: Final = Call("backup", "ListBackupPlans")
PLAN: Final = Call("backup", "GetBackupPlan")
SELECTIONS: Final = Call("backup", "ListBackupSelections")
SELECTION: Final = Call("backup", "GetBackupSelection")
PROTECTED: Final = Call("backup", "ListProtectedResources")
JOBS: Final = Call("backup", "ListBackupJobs")
RESTORES: Final = Call("backup", "ListRestoreJobs")
TESTS: Final = Call("backup", "ListRestoreTestingPlans")
FAILED: Final = ("FAILED", "ABORTED", "EXPIRED", "PARTIAL")
_BACK: Final = timedelta(days=7)
_RESTORES_BACK: Final = timedelta(days=366)


def _vaults(look: Look) -> Iterator[Subject]:
    for item in look.list(VAULTS, "BackupVaultList", MaxResults=1000):
        name = str(item["BackupVaultName"])
        vault = look.subject(str(item["BackupVaultArn"]), item, name)
        vault.drop("NumberOfRecoveryPoints")
        vault.ask("Policy", VAULT_POLICY, pick="Policy", absent=("ResourceNotFoundException",), BackupVaultName=name)
        if item.get("Locked") is True:
            vault.marks.add("locked")
        yield vault


def _plans(look: Look) -> Iterator[Subject]:
    for item in look.list(PLANS, "BackupPlansList", MaxResults=1000):
        name = str(item["BackupPlanId"])
        plan = look.subject(str(item["BackupPlanArn"]), item, str(item.get("BackupPlanName") or name))
        plan.days("LastExecutionDate")
        gone = ("ResourceNotFoundException",)
        plan.ask("BackupPlan", PLAN, pick="BackupPlan", gone=gone, BackupPlanId=name)
        found = plan.list("BackupSelections", SELECTIONS, "BackupSelectionsList", gone=gone, BackupPlanId=name)
        for number, selection in enumerate(found or ()):
            one = {"BackupPlanId": name, "SelectionId": selection["SelectionId"]}
            answer = plan.ask("_selection", SELECTION, pick="BackupSelection", absent=gone, **one)
            plan.drop("_selection")
            plan.value["BackupSelections"][number] = {**selection, "BackupSelection": answer}
        yield plan


def _protected(look: Look) -> Iterator[Subject]:
    for item in look.list(PROTECTED, "Results", MaxResults=1000):
        found = look.subject(str(item["ResourceArn"]), item)
        found.days("LastBackupTime")
        found.drop("LastRecoveryPointArn")
        yield found


def _jobs(look: Look) -> Iterator[Subject]:
    """Backup jobs of the last days that did not succeed."""
    for state in FAILED:
        for item in look.list(JOBS, "BackupJobs", ByState=state, ByCreatedAfter=_since(_BACK), MaxResults=1000):
            if item.get("State") == state:
                name = str(item["BackupJobId"])
                yield look.subject(look.arn("backup", f"backup-job:{name}", region=look.region), item, name)


def _restores(look: Look) -> Iterator[Subject]:
    for item in look.list(RESTORES, "RestoreJobs", ByCreatedAfter=_since(_RESTORES_BACK), MaxResults=1000):
        name = str(item["RestoreJobId"])
        restore = look.subject(look.arn("backup", f"restore-job:{name}", region=look.region), item, name)
        restore.drop("PercentDone", "ExpectedCompletionTimeMinutes")
        yield restore


def _tests(look: Look) -> Iterator[Subject]:
    for item in look.list(TESTS, "RestoreTestingPlans", MaxResults=1000):
        plan = look.subject(str(item["RestoreTestingPlanArn"]), item, str(item["RestoreTestingPlanName"]))
        plan.days("LastExecutionTime")
        yield plan


def _since(back: timedelta) -> datetime:
    """The beginning of a UTC day, so that what is asked for changes but once a day."""
    return (datetime.now(UTC) - back).replace(hour=0, minute=0, second=0, microsecond=0)


RESOURCES: Final = (
    Resource(
        "backup",
        "vault",
        "regional",
        "backup vaults: lock, key, access policy",
        (VAULTS, VAULT_POLICY),
        _vaults,
        ("A.8.13",),
        marks=("locked",),
        documents=("Policy",),
    ),
    Resource(
        "backup",
        "plan",
        "regional",
        "backup plans: rules and what they select",
        (PLANS, PLAN, SELECTIONS, SELECTION),
        _plans,
        ("A.8.13",),
    ),
    Resource("backup", "protected-resource", "regional", "resources with a backup", (PROTECTED,), _protected, ("A.8.13",)),
    Resource("backup", "backup-job", "regional", "backup jobs of 7 days that did not succeed", (JOBS,), _jobs, ("A.8.13",)),
    Resource("backup", "restore-job", "regional", "restore jobs of a year", (RESTORES,), _restores, ("A.5.30", "A.8.13")),
    Resource("backup", "restore-testing-plan", "regional", "plans of restore tests", (TESTS,), _tests, ("A.5.30", "A.8.13")),
)
