"""Routine, the people: console sessions with a second factor, reads of all kinds, and some calls that are refused."""

from __future__ import annotations

import random
from collections.abc import Iterator

from attestream.demo import operations as ops
from attestream.demo.actors import Actor, role_session, short_key, user_at_console, user_at_sign_in, user_with_mfa
from attestream.demo.cloudtrail import Call, Operation
from attestream.demo.period import Period, steps, working_moment
from attestream.demo.world import (
    BUCKETS,
    CLI,
    DATABASES,
    DETECTOR,
    FUNCTIONS,
    GLOBAL_REGION,
    HOME_REGION,
    INSTANCES,
    KEYS,
    LOG_BUCKET,
    MINUTE,
    OFFICE,
    PEOPLE,
    PLATFORM_ADMIN,
    SECOND,
    TRAIL_ARN,
    User,
)

_EC2 = (
    ops.ec2_list("DescribeInstances", "instancesSet", "filterSet"),
    ops.ec2_list("DescribeInstances", "filterSet", instancesSet=[{"instanceId": INSTANCES[0]}]),
    ops.ec2_list("DescribeSecurityGroups", "securityGroupSet", "securityGroupIdSet", "filterSet"),
    ops.ec2_list("DescribeVolumes", "volumeSet", "filterSet"),
    ops.ec2_list("DescribeVpcs", "vpcSet", "filterSet"),
)
_S3 = (
    ops.bucket("GetBucketAcl", BUCKETS[0], "acl"),
    ops.bucket("GetBucketPolicy", BUCKETS[1], "policy"),
    ops.bucket("GetBucketEncryption", BUCKETS[1], "encryption"),
    ops.bucket("GetBucketVersioning", BUCKETS[2], "versioning"),
    ops.bucket("GetBucketLocation", BUCKETS[0], "location"),
)
_KMS = (
    ops.read("kms", "ListAliases"),
    *(ops.read("kms", "DescribeKey", {"keyId": key}, ops.key_resource(key)) for key in KEYS),
    ops.read("kms", "GetKeyRotationStatus", {"keyId": KEYS[0]}, ops.key_resource(KEYS[0])),
)
_RDS = (
    ops.read("rds", "DescribeDBInstances"),
    *(ops.read("rds", "DescribeDBInstances", {"dBInstanceIdentifier": name}) for name in DATABASES),
    ops.read("rds", "DescribeDBSnapshots", {"dBInstanceIdentifier": DATABASES[0]}),
)
_LAMBDA = tuple(ops.read("lambda", "GetFunction20150331v2", {"functionName": name}) for name in FUNCTIONS)
_WATCH = (
    ops.read("monitoring", "DescribeAlarms", {"maxRecords": 100}),
    ops.read("logs", "DescribeLogGroups", {"logGroupNamePrefix": "/ecs/orders"}),
    ops.read("health", "DescribeEventAggregates", {"aggregateField": "eventTypeCategory"}),
)
_SECURITY = (
    ops.read("guardduty", "GetDetector", {"detectorId": DETECTOR}),
    ops.read("guardduty", "ListFindings", {"detectorId": DETECTOR}),
    ops.read("cloudtrail", "GetTrailStatus", {"name": TRAIL_ARN}),
    ops.read("config", "DescribeConfigurationRecorderStatus"),
    ops.bucket("GetBucketPolicy", LOG_BUCKET, "policy"),
    ops.bucket("GetBucketObjectLockConfiguration", LOG_BUCKET, "object-lock"),
)
_COST = (ops.read("ce", "GetCostAndUsage", {"Granularity": "DAILY", "Metrics": ["UnblendedCost"]}),)

# What each kind of work looks at.
_JOBS: dict[str, tuple[Operation, ...]] = {
    "platform": _EC2 + _S3 + _KMS + _RDS + _LAMBDA + _WATCH,
    "security": _SECURITY + _KMS + _S3,
    "developer": _LAMBDA + _WATCH + _RDS + _EC2[:2],
    "analyst": _RDS + _S3[:2] + _WATCH[:1],
    "support": _WATCH + _LAMBDA[:1],
    "finance": _COST,
}
# What someone may not do and tries all the same, now and then.
_REFUSED: dict[str, tuple[Operation, str, str]] = {
    "analyst": (ops.read("kms", "GetKeyPolicy", {"keyId": KEYS[1], "policyName": "default"}), "kms:GetKeyPolicy", "AccessDenied"),
    "support": (ops.read("rds", "DescribeDBInstances"), "rds:DescribeDBInstances", "AccessDenied"),
    "developer": (
        ops.ec2_list("DescribeSnapshots", "snapshotSet", "filterSet"),
        "ec2:DescribeSnapshots",
        "Client.UnauthorizedOperation",
    ),
}


def people(period: Period, chance: random.Random) -> Iterator[Call]:
    """Each person signs in on most working days, once or twice, and looks around."""
    for day in period.working_days():
        for person in PEOPLE:
            for _ in range(chance.choices((0, 1, 2), weights=(2, 6, 3))[0]):
                yield from session(person, working_moment(day, chance), chance)


def on_call(period: Period, chance: random.Random) -> Iterator[Call]:
    """At night and at weekends one of the platform's people looks once or not at all."""
    for day in period.days():
        if chance.random() < 0.4:
            at = day + chance.choice((4, 18, 20)) * 60 * MINUTE + chance.randrange(3600) * SECOND
            yield from session(chance.choice(PEOPLE[:3]), at, chance, looks=4)


def session(person: User, at: int, chance: random.Random, looks: int | None = None) -> Iterator[Call]:
    """One sign-in at the console with a second factor and the reads that follow it."""
    address = chance.choice(OFFICE)
    if chance.random() < 0.05:  # a mistyped code, then the right one
        failed = ops.console_login(ops.mfa_arn(person), success=False)
        yield Call(at - 30 * SECOND, GLOBAL_REGION, user_at_sign_in(person, address), failed, (None, "Failed authentication"))
    yield Call(at, GLOBAL_REGION, user_at_sign_in(person, address), ops.console_login(ops.mfa_arn(person)))
    actor = user_at_console(person, at, address)
    yield from _look_around(person, actor, at + 4 * SECOND, looks or chance.randint(10, 30), chance)
    if person.job == "platform" and chance.random() < 0.3:
        yield from _as_admin(person, at + 9 * MINUTE, address, chance)


def _look_around(person: User, actor: Actor, at: int, count: int, chance: random.Random) -> Iterator[Call]:
    refused = _REFUSED.get(person.job)
    for when in steps(at, count, chance):
        if refused and chance.random() < 0.02:
            operation, action, code = refused
            message = f"User: {person.arn} is not authorized to perform: {action} because no identity-based policy allows it"
            yield Call(when, HOME_REGION, actor, operation, (code, message))
        operation = chance.choice(_JOBS[person.job])
        # Health and Cost Explorer have one endpoint for the world.
        region = GLOBAL_REGION if operation.service in {"health", "ce"} else HOME_REGION
        yield Call(when, region, actor, operation)


def _as_admin(person: User, at: int, address: str, chance: random.Random) -> Iterator[Call]:
    """The privileged role, taken with a second factor, to look at what the own account may not see."""
    caller = user_with_mfa(person, at - 2 * MINUTE, address)
    role = PLATFORM_ADMIN
    taken = ops.assume_role(role, person.name, at, short_key(role.number, at))
    yield Call(at, HOME_REGION, caller, taken)
    actor = role_session(role, person.name, at, address, CLI, mfa=True)
    for when in steps(at + 5 * SECOND, chance.randint(3, 8), chance):
        yield Call(when, HOME_REGION, actor, chance.choice(_EC2 + _KMS + _SECURITY))
