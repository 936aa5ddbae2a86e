"""AWS Backup: vaults, plans with what they select, what is protected, and jobs."""

from __future__ import annotations

import json

from collectors.aws_services import backup
from tests.aws_world import Answer, Request, World
from tests.collectors.aws_services.denials import check_denials

PLAN = "arn:aws:backup:eu-west-1:1:backup-plan:p1"
TEST = "arn:aws:backup:eu-west-1:1:restore-testing-plan:t1"
POLICY = {"Version": "2012-10-17", "Statement": []}
ROLE = "arn:aws:iam::1:role/backup"


def fill(world: World) -> None:
    """moto's Backup lacks most: vaults are moto's, the rest is answered here, the selections on two pages."""
    world.client("backup").create_backup_vault(BackupVaultName="v1")
    rules = [{"RuleName": "daily", "TargetBackupVaultName": "v1", "ScheduleExpression": "cron(0 5 * * ? *)"}]
    selection = {"SelectionName": "all", "IamRoleArn": ROLE, "Resources": ["*"]}
    protected = {"ResourceArn": "arn:aws:rds:eu-west-1:1:db:a", "ResourceType": "RDS", "LastBackupTime": 1_799_990_000.5}
    restore = {
        "RestoreJobId": "r1",
        "Status": "COMPLETED",
        "ValidationStatus": "SUCCESSFUL",
        "CreatedBy": {"RestoreTestingPlanArn": TEST},
    }
    for path, value in {
        "/backup-vaults/v1/access-policy": {"Policy": json.dumps(POLICY)},
        "/backup/plans": {"BackupPlansList": [{"BackupPlanArn": PLAN, "BackupPlanId": "p1", "BackupPlanName": "daily"}]},
        "/backup/plans/p1": {"BackupPlanArn": PLAN, "BackupPlan": {"BackupPlanName": "daily", "Rules": rules}},
        "/backup/plans/p1/selections/s1": {"BackupSelection": selection},
        "/backup/plans/p1/selections/s2": {"BackupSelection": {**selection, "SelectionName": "more"}},
        "/resources": {"Results": [protected]},
        "/restore-jobs": {"RestoreJobs": [restore]},
        "/restore-testing/plans": {"RestoreTestingPlans": [{"RestoreTestingPlanArn": TEST, "RestoreTestingPlanName": "t1"}]},
    }.items():
        world.fake(lambda asked, path=path: _is(asked, path), value)  # type: ignore[misc]
    world.answer(lambda asked: _is(asked, "/backup/plans/p1/selections"), _selections)
    world.answer(lambda asked: _is(asked, "/backup-jobs"), _jobs)


def _is(asked: Request, path: str) -> bool:
    return asked.service == "backup" and asked.operation.partition("?")[0].rstrip("/") == f"GET {path}"


def _selections(asked: Request) -> Answer:
    last = "nextToken=two" in asked.operation
    value = {"BackupSelectionsList": [{"SelectionId": "s2" if last else "s1"}], **({} if last else {"NextToken": "two"})}
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


def _jobs(asked: Request) -> Answer:
    """Takes no notice of `state`, as some do."""
    jobs = [{"BackupJobId": state, "State": state} for state in ("FAILED", "COMPLETED")]
    return 200, {"Content-Type": "application/json"}, json.dumps({"BackupJobs": jobs}).encode()


def test_vaults_and_plans_are_read(world: World) -> None:
    fill(world)
    seen = world.look("backup.vault", "backup.plan")
    vault = seen.only("backup.vault")
    assert (vault["BackupVaultName"], vault["Policy"]) == ("v1", POLICY)
    assert "NumberOfRecoveryPoints" not in vault
    assert seen.summary("backup.vault")["marks"] == {"locked": 0}
    plan = seen.only("backup.plan")
    assert plan["BackupPlan"]["Rules"][0]["RuleName"] == "daily"
    names = [selection["BackupSelection"]["SelectionName"] for selection in plan["BackupSelections"]]
    assert sorted(names) == ["all", "more"]


def test_a_vault_without_a_policy_has_null(world: World) -> None:
    world.client("backup").create_backup_vault(BackupVaultName="v1")
    world.refuse(lambda asked: asked.operation.endswith("/access-policy"), "ResourceNotFoundException", 400)
    seen = world.look("backup.vault")
    assert seen.only("backup.vault")["Policy"] is None
    assert not seen.report.partial


def test_what_is_protected_and_which_jobs_did_not_succeed(world: World) -> None:
    fill(world)
    seen = world.look("backup.protected-resource", "backup.backup-job", "backup.restore-job", "backup.restore-testing-plan")
    assert seen.only("backup.protected-resource")["LastBackupTime"] == "2027-01-15T00:00:00Z"
    assert seen.only("backup.backup-job")["State"] == "FAILED"
    restore = seen.only("backup.restore-job")
    assert (restore["ValidationStatus"], restore["CreatedBy"]) == ("SUCCESSFUL", {"RestoreTestingPlanArn": TEST})
    assert seen.only("backup.restore-testing-plan")["RestoreTestingPlanName"] == "t1"


def test_each_call_that_is_refused_is_missed_by_name(world: World) -> None:
    fill(world)
    check_denials(world, backup.RESOURCES)
