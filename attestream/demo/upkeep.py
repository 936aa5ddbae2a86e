"""Routine, the upkeep of security itself: joiner and leaver, access review, key rotation, restore test, findings looked at."""

from __future__ import annotations

import random
from collections.abc import Iterator

from attestream.demo import operations as ops
from attestream.demo.actors import long_key, role_session, service_event, user_at_console, user_at_sign_in, user_with_mfa
from attestream.demo.cloudtrail import Call, Json, Operation
from attestream.demo.period import Period, steps
from attestream.demo.world import (
    ACCOUNT,
    BACKUP_RUNNER,
    CI_ADDRESS,
    DATABASES,
    DETECTOR,
    GLOBAL_REGION,
    HOME_REGION,
    HOUR,
    IDENTITY_SYNC,
    JOINER,
    KEY_BACKUPS,
    KEY_ORDERS,
    LEAVER,
    MINUTE,
    OFFICE,
    OKAFOR,
    SDK,
    SECOND,
    moment,
)


def joiner(period: Period, chance: random.Random) -> Iterator[Call]:
    """The identity role makes a new user; the user signs in for the first time and registers a second factor at once."""
    at = list(period.working_days())[1] + 8 * HOUR + chance.randrange(1800) * SECOND
    sync = role_session(IDENTITY_SYNC, "joiner-1042", at - MINUTE, CI_ADDRESS, SDK)
    mfa = ops.mfa_arn(JOINER)
    device = {"virtualMFADeviceName": JOINER.name, "path": "/"}
    made = (
        ops.create_user(JOINER, at),
        ops.iam("AddUserToGroup", JOINER, groupName="developers"),
        ops.create_login(JOINER, at),
        ops.change("iam", "CreateVirtualMFADevice", device, {"virtualMFADevice": {"serialNumber": mfa}}),
        ops.iam("EnableMFADevice", JOINER, serialNumber=mfa),
    )
    for when, operation in zip(steps(at, len(made), chance, 10), made, strict=True):
        yield Call(when, GLOBAL_REGION, sync, operation)
    first = at + 2 * HOUR
    yield Call(first, GLOBAL_REGION, user_at_sign_in(JOINER, OFFICE[1]), ops.console_login(mfa))
    yield Call(first + 9 * SECOND, HOME_REGION, user_at_console(JOINER, first, OFFICE[1]), ops.read("rds", "DescribeDBInstances"))


def leaver(period: Period, chance: random.Random) -> Iterator[Call]:
    """The identity role takes everything from a user who left, in the order that IAM demands, and then the user."""
    at = list(period.working_days())[6] + 15 * HOUR + chance.randrange(1800) * SECOND
    sync = role_session(IDENTITY_SYNC, "leaver-1043", at - MINUTE, CI_ADDRESS, SDK)
    key, mfa = long_key(LEAVER), ops.mfa_arn(LEAVER)
    taken = (
        ops.iam("UpdateAccessKey", LEAVER, accessKeyId=key, status="Inactive"),
        ops.iam("DeleteLoginProfile", LEAVER),
        ops.iam("DeactivateMFADevice", LEAVER, serialNumber=mfa),
        ops.change("iam", "DeleteVirtualMFADevice", {"serialNumber": mfa}),
        ops.iam("DeleteAccessKey", LEAVER, accessKeyId=key),
        ops.iam("RemoveUserFromGroup", LEAVER, groupName="developers"),
        ops.iam("DeleteUser", LEAVER),
    )
    for when, operation in zip(steps(at, len(taken), chance, 10), taken, strict=True):
        yield Call(when, GLOBAL_REGION, sync, operation)


def access_review(period: Period, chance: random.Random) -> Iterator[Call]:
    """Once a week the security officer reads who may do what, and files away the findings that were dealt with."""
    days = list(period.working_days())
    for day in (days[2], days[7]):
        at = day + 9 * HOUR + chance.randrange(1800) * SECOND
        actor = user_at_console(OKAFOR, at, OFFICE[1])
        yield Call(at, GLOBAL_REGION, user_at_sign_in(OKAFOR, OFFICE[1]), ops.console_login(ops.mfa_arn(OKAFOR)))
        report = (
            ops.read("iam", "GenerateCredentialReport"),
            ops.read("iam", "GetCredentialReport"),
            ops.read("iam", "GetAccountAuthorizationDetails", {"maxItems": 1000}),
            ops.read("iam", "GetAccountPasswordPolicy"),
            ops.read("iam", "ListUsers"),
        )
        for when, operation in zip(steps(at + 5 * SECOND, len(report), chance), report, strict=True):
            yield Call(when, GLOBAL_REGION, actor, operation)
        seen = f"{chance.getrandbits(128):032x}"
        findings = {"detectorId": DETECTOR, "findingIds": [seen]}
        yield Call(at + 9 * MINUTE, HOME_REGION, actor, ops.read("guardduty", "GetFindings", findings))
        by_hand = user_with_mfa(OKAFOR, at, OFFICE[1])
        archived = ops.change("guardduty", "ArchiveFindings", findings)
        yield Call(at + 14 * MINUTE, HOME_REGION, by_hand, archived)


def key_rotation(period: Period, chance: random.Random) -> Iterator[Call]:
    """KMS turns two keys in the fortnight, by itself, as they were set up to."""
    days = list(period.days())
    for day, key in ((days[4], KEY_BACKUPS), (days[11], KEY_ORDERS)):
        details = {"rotationType": "AUTOMATIC", "keyId": key}
        turned = Operation("kms", "RotateKey", None, None, False, (ops.key_resource(key),), None, details, "AwsServiceEvent")
        yield Call(day + 3 * HOUR + chance.randrange(3600) * SECOND, HOME_REGION, service_event(None), turned)


def restore_test(period: Period, chance: random.Random) -> Iterator[Call]:
    """Once a week a copy is restored, looked at, and the restored database deleted."""
    days = list(period.working_days())
    for day in (days[3], days[8]):
        at = day + 5 * HOUR + chance.randrange(900) * SECOND
        actor = role_session(BACKUP_RUNNER, "restore-test", at - MINUTE, CI_ADDRESS, SDK)
        name = f"restore-test-{moment(at):%Y%m%d}"
        snapshot = f"rds:{DATABASES[0]}-{moment(at - 24 * HOUR):%Y-%m-%d}-01-10"
        request = {
            "dBInstanceIdentifier": name,
            "dBSnapshotIdentifier": snapshot,
            "dBInstanceClass": "db.t4g.medium",
            "publiclyAccessible": False,
            "deletionProtection": False,
        }
        arn = f"arn:aws:rds:{HOME_REGION}:{ACCOUNT}:db:{name}"
        answer: Json = {"dBInstanceIdentifier": name, "dBInstanceArn": arn, "dBInstanceStatus": "creating", "engine": "postgres"}
        answer |= {"storageEncrypted": True, "publiclyAccessible": False}
        yield Call(at, HOME_REGION, actor, ops.change("rds", "RestoreDBInstanceFromDBSnapshot", request, answer))
        asked = ops.read("rds", "DescribeDBInstances", {"dBInstanceIdentifier": name})
        for when in (at + 10 * MINUTE, at + 20 * MINUTE):
            yield Call(when, HOME_REGION, actor, asked)
        gone = {"dBInstanceIdentifier": name, "skipFinalSnapshot": True, "deleteAutomatedBackups": True}
        deleted = {"dBInstanceIdentifier": name, "dBInstanceArn": arn, "dBInstanceStatus": "deleting"}
        yield Call(at + 40 * MINUTE, HOME_REGION, actor, ops.change("rds", "DeleteDBInstance", gone, deleted))
