"""Routine, the machines: heartbeat, AWS services, the shop's own tasks, the supplier's monitor, nightly copies, deployments."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator

from attestream.demo import operations as ops
from attestream.demo.actors import (
    aws_service,
    other_account,
    role_session,
    service_event,
    service_session,
    short_key,
    user_by_key,
)
from attestream.demo.cloudtrail import Call, Operation
from attestream.demo.period import Period, steps, working_moment
from attestream.demo.world import (
    ACCOUNT,
    BACKUP_RUNNER,
    BACKUP_SERVICE,
    BUCKETS,
    CI_ADDRESS,
    CONFIG_SERVICE,
    DATABASES,
    DEPLOY_BOT,
    DEPLOYMENT,
    FUNCTIONS,
    GLOBAL_REGION,
    HEARTBEAT,
    HOME_REGION,
    HOUR,
    INSTANCES,
    KEY_INVOICES,
    KEY_ORDERS,
    LOG_BUCKET,
    MINUTE,
    ORDERS_TASK,
    REGIONS,
    SDK,
    SECOND,
    SUPPLIER_ACCOUNT,
    SUPPLIER_ADDRESS,
    SUPPLIER_MONITOR,
    TERRAFORM,
    TRAIL_ARN,
)

_INSIDE = "198.51.100.12"  # our own NAT address
_CONFIG_READS: tuple[Operation, ...] = (
    ops.ec2_list("DescribeInstances", "instancesSet", "filterSet"),
    ops.ec2_list("DescribeSecurityGroups", "securityGroupSet", "securityGroupIdSet", "filterSet"),
    ops.read("kms", "ListKeys"),
    ops.read("lambda", "ListFunctions20150331"),
    ops.read("rds", "DescribeDBInstances"),
)


def heartbeat(period: Period, chance: random.Random) -> Iterator[Call]:
    """Twice an hour in each Region, the whole time, and last just before the end."""
    # CloudTrail delivers nothing for an hour in which nothing happened, so a quiet hour and a lost one look alike. The
    # organisation's heartbeat role gives at least one event an hour: an hour without a file is a hole that means something.
    for region in REGIONS:
        for at in range(period.end - 20 * MINUTE, period.start, -30 * MINUTE):
            when = at + chance.randrange(90) * SECOND
            actor = role_session(HEARTBEAT, "heartbeat", when - when % HOUR - 2 * MINUTE, _INSIDE, SDK)
            yield Call(when, region, actor, ops.read("cloudtrail", "GetTrailStatus", {"name": TRAIL_ARN}))


def config_recorder(period: Period, chance: random.Random) -> Iterator[Call]:
    """AWS Config reads everything every three hours in each Region."""
    for region in REGIONS:
        for at in range(period.start + 11 * MINUTE, period.end, 3 * HOUR):
            when = at + chance.randrange(300) * SECOND
            session = "AWSConfig-Describe"
            taken = ops.assume_role(CONFIG_SERVICE, session, when, short_key(CONFIG_SERVICE.number, when))
            yield Call(when, region, aws_service("config"), taken)
            actor = service_session(CONFIG_SERVICE, session, when, "config")
            for step, operation in zip(steps(when + SECOND, 5, chance, 4), _CONFIG_READS, strict=True):
                yield Call(step, region, actor, operation)


def trail_itself(period: Period, chance: random.Random) -> Iterator[Call]:
    """CloudTrail looks at the bucket it delivers to."""
    for at in range(period.start + 20 * MINUTE, period.end, HOUR):
        when = at + chance.randrange(600) * SECOND
        yield Call(when, HOME_REGION, aws_service("cloudtrail"), ops.bucket("GetBucketAcl", LOG_BUCKET, "acl"))


def shop(period: Period, chance: random.Random) -> Iterator[Call]:
    """The shop's own tasks use keys and settings: orders come by day, and fewer of them by night and on weekends."""
    working = set(period.working_days())
    for at in range(period.start, period.end, HOUR):
        day, hour = at - at % 86_400_000_000, at // HOUR % 24
        busy = 16 if day in working and 6 <= hour < 18 else 2
        when = at + chance.randrange(40) * MINUTE
        actor = role_session(ORDERS_TASK, f"task-{chance.getrandbits(32):08x}", when - 3 * MINUTE, _INSIDE, SDK)
        for step in steps(when, chance.randint(busy // 2, busy + 2), chance, 40):
            yield Call(step, HOME_REGION, actor, _order_work(chance))


def _order_work(chance: random.Random) -> Operation:
    secret = f"arn:aws:secretsmanager:{HOME_REGION}:{ACCOUNT}:secret:orders/database"
    parameter = f"arn:aws:ssm:{HOME_REGION}:{ACCOUNT}:parameter/orders/settings"
    spec = {"keyId": KEY_INVOICES, "keySpec": "AES_256", "encryptionContext": {"aws:s3:arn": f"arn:aws:s3:::{BUCKETS[1]}"}}
    return chance.choice(
        (
            ops.decrypt(KEY_ORDERS, {"SecretARN": secret}),
            ops.decrypt(KEY_ORDERS, {"PARAMETER_ARN": parameter}),
            ops.read("kms", "GenerateDataKey", spec, ops.key_resource(KEY_INVOICES)),
            ops.read("secretsmanager", "GetSecretValue", {"secretId": secret}),
            ops.read("ssm", "GetParameter", {"name": "/orders/settings", "withDecryption": True}),
        )
    )


def supplier(period: Period, chance: random.Random) -> Iterator[Call]:
    """The supplier's uptime monitor comes every four hours, from its own account, with its external id."""
    for at in range(period.start + 25 * MINUTE, period.end, 4 * HOUR):
        when = at + chance.randrange(240) * SECOND
        role, session = SUPPLIER_MONITOR, "uptime"
        outside = other_account(SUPPLIER_ACCOUNT, "AROAEXAMPLE4445556660:uptime", SUPPLIER_ADDRESS, SDK)
        key = short_key(role.number, when)
        yield Call(when, GLOBAL_REGION, outside, ops.assume_role(role, session, when, key, shared_with="fernhill-uptime"))
        actor = role_session(role, session, when, SUPPLIER_ADDRESS, SDK)
        for instance, step in zip(INSTANCES, steps(when + SECOND, len(INSTANCES), chance, 3), strict=True):
            asked = ops.ec2_list("DescribeInstanceStatus", "filterSet", instancesSet=[{"instanceId": instance}])
            yield Call(step, HOME_REGION, actor, asked)


def nightly_copies(period: Period, chance: random.Random) -> Iterator[Call]:
    """Each night the databases are copied: StartBackupJob, and AWS Backup's own event when the copy is complete."""
    vault = "fernhill-nightly"
    for day in period.days():
        for number, database in enumerate(DATABASES):
            at = day + HOUR + number * 20 * MINUTE + chance.randrange(300) * SECOND
            job = str(uuid.UUID(int=chance.getrandbits(128), version=4))
            source = f"arn:aws:rds:{HOME_REGION}:{ACCOUNT}:db:{database}"
            request = {
                "backupVaultName": vault,
                "resourceArn": source,
                "iamRoleArn": BACKUP_SERVICE.arn,
                "lifecycle": {"deleteAfterDays": 35},
            }
            actor = role_session(BACKUP_RUNNER, "nightly", at - MINUTE, _INSIDE, SDK)
            started = ops.change("backup", "StartBackupJob", request, {"backupJobId": job})
            yield Call(at, HOME_REGION, actor, started)
            done = {
                "state": "COMPLETED",
                "percentDone": 100,
                "backupJobId": job,
                "backupVaultName": vault,
                "backupVaultArn": f"arn:aws:backup:{HOME_REGION}:{ACCOUNT}:backup-vault:{vault}",
                "recoveryPointArn": f"arn:aws:rds:{HOME_REGION}:{ACCOUNT}:snapshot:awsbackup:job-{job}",
                "resourceArn": source,
            }
            completed = Operation("backup", "BackupJobCompleted", None, None, False, (), None, done, "AwsServiceEvent")
            yield Call(at + chance.randint(9, 16) * MINUTE, HOME_REGION, service_event("backup"), completed)


def deployments(period: Period, chance: random.Random) -> Iterator[Call]:
    """deploy-bot takes the deployment role, reads what there is, changes what is new."""
    number = 4000
    for day in period.working_days():
        for _ in range(chance.randint(5, 9)):
            number += 1
            yield from _deployment(working_moment(day, chance), number, chance)


def _deployment(at: int, number: int, chance: random.Random) -> Iterator[Call]:
    session = f"pipeline-{number}"
    taken = ops.assume_role(DEPLOYMENT, session, at, short_key(DEPLOYMENT.number, at))
    yield Call(at, GLOBAL_REGION, user_by_key(DEPLOY_BOT, CI_ADDRESS, TERRAFORM), taken)
    actor = role_session(DEPLOYMENT, session, at, CI_ADDRESS, TERRAFORM)
    function = chance.choice(FUNCTIONS)
    plan = (
        ops.read("sts", "GetCallerIdentity"),
        ops.ec2_list("DescribeSecurityGroups", "securityGroupSet", "securityGroupIdSet", "filterSet"),
        ops.read("kms", "DescribeKey", {"keyId": KEY_ORDERS}, ops.key_resource(KEY_ORDERS)),
        *(ops.bucket("GetBucketPolicy", name, "policy") for name in BUCKETS),
        *(ops.bucket("GetBucketEncryption", name, "encryption") for name in BUCKETS),
        *(ops.bucket("GetBucketVersioning", name, "versioning") for name in BUCKETS),
        *(ops.bucket("GetBucketPublicAccessBlock", name, "publicAccessBlock") for name in BUCKETS),
        ops.read("rds", "DescribeDBInstances", {"dBInstanceIdentifier": DATABASES[0]}),
        *(ops.read("lambda", "GetFunction20150331v2", {"functionName": name}) for name in FUNCTIONS),
        ops.read("ecs", "DescribeServices", {"cluster": "shop", "services": ["orders"]}),
    )
    for when, operation in zip(steps(at + 2 * SECOND, len(plan), chance, 4), plan, strict=True):
        yield Call(when, HOME_REGION, actor, operation)
    for when, operation in zip(steps(at + MINUTE, 2, chance, 20), _release(function, number), strict=True):
        yield Call(when, HOME_REGION, actor, operation)


def _release(function: str, number: int) -> tuple[Operation, Operation]:
    """New code for one function, and the orders service on its new task definition."""
    arn = f"arn:aws:lambda:{HOME_REGION}:{ACCOUNT}:function:{function}"
    code = {"functionName": arn, "publish": True, "dryRun": False}
    answer = {"functionName": function, "functionArn": f"{arn}:{number}", "runtime": "python3.13", "version": str(number)}
    task = f"arn:aws:ecs:{HOME_REGION}:{ACCOUNT}:task-definition/orders:{number}"
    service = {"cluster": "shop", "service": "orders", "taskDefinition": task, "desiredCount": 3}
    running = {"service": {"serviceName": "orders", "status": "ACTIVE", "taskDefinition": task, "desiredCount": 3}}
    return (
        ops.change("lambda", "UpdateFunctionCode20150331v2", code, answer),
        ops.change("ecs", "UpdateService", service, running),
    )
