"""S3: buckets with what protects them, and the account's public access block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from collectors.aws_services.base import Call, Look, Resource, Subject

BUCKETS: Final = Call("s3", "ListBuckets", "s3:ListAllMyBuckets")
LOCATION: Final = Call("s3", "GetBucketLocation")
PUBLIC: Final = Call("s3", "GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock")
ENCRYPTION: Final = Call("s3", "GetBucketEncryption", "s3:GetEncryptionConfiguration")
VERSIONING: Final = Call("s3", "GetBucketVersioning")
LOCK: Final = Call("s3", "GetObjectLockConfiguration", "s3:GetBucketObjectLockConfiguration")
LOGGING: Final = Call("s3", "GetBucketLogging")
STATUS: Final = Call("s3", "GetBucketPolicyStatus")
POLICY: Final = Call("s3", "GetBucketPolicy")
LIFECYCLE: Final = Call("s3", "GetBucketLifecycleConfiguration", "s3:GetLifecycleConfiguration")
TAGS: Final = Call("s3", "GetBucketTagging")
OWNERSHIP: Final = Call("s3", "GetBucketOwnershipControls")
REPLICATION: Final = Call("s3", "GetBucketReplication", "s3:GetReplicationConfiguration")
ACCOUNT: Final = Call("s3control", "GetPublicAccessBlock", "s3:GetAccountPublicAccessBlock")
_DETAILS: Final = (
    ("PublicAccessBlockConfiguration", PUBLIC, "PublicAccessBlockConfiguration", "NoSuchPublicAccessBlockConfiguration"),
    (
        "ServerSideEncryptionConfiguration",
        ENCRYPTION,
        "ServerSideEncryptionConfiguration",
        "ServerSideEncryptionConfigurationNotFoundError",
    ),
    ("Versioning", VERSIONING, ("Status", "MFADelete"), ""),
    ("ObjectLockConfiguration", LOCK, "ObjectLockConfiguration", "ObjectLockConfigurationNotFoundError"),
    ("LoggingEnabled", LOGGING, "LoggingEnabled", ""),
    ("PolicyStatus", STATUS, "PolicyStatus", "NoSuchBucketPolicy"),
    ("Policy", POLICY, "Policy", "NoSuchBucketPolicy"),
    ("LifecycleConfiguration", LIFECYCLE, ("Rules",), "NoSuchLifecycleConfiguration"),
    ("TagSet", TAGS, "TagSet", "NoSuchTagSet"),
    ("OwnershipControls", OWNERSHIP, "OwnershipControls", "OwnershipControlsNotFoundError"),
    ("ReplicationConfiguration", REPLICATION, "ReplicationConfiguration", "ReplicationConfigurationNotFoundError"),
)


def _buckets(look: Look) -> Iterator[Subject]:
    for item in look.list(BUCKETS, "Buckets", MaxBuckets=1000):
        name = str(item["Name"])
        bucket = look.subject(f"arn:{look.of.partition}:s3:::{name}", item, name)
        region = item.get("BucketRegion") or _location(bucket, name)
        if region is not None:
            bucket.put("BucketRegion", region)
        for path, call, pick, absent in _DETAILS:
            codes = (absent,) if absent else ()
            bucket.ask(path, call, pick=pick, absent=codes, gone=("NoSuchBucket",), region=region, Bucket=name)
        yield bucket


def _location(bucket: Subject, name: str) -> str | None:
    """The bucket's Region, from the older call: null is us-east-1, EU is eu-west-1."""
    answer = bucket.ask("BucketRegion", LOCATION, pick=("LocationConstraint",), gone=("NoSuchBucket",), Bucket=name)
    if answer is None:
        return None
    place = answer["LocationConstraint"] or "us-east-1"
    return "eu-west-1" if place == "EU" else str(place)


def _account(look: Look) -> Iterator[Subject]:
    absent = ("NoSuchPublicAccessBlockConfiguration",)
    answer = look.ask(ACCOUNT, absent=absent, AccountId=look.account)
    value = None if answer is None else answer.get("PublicAccessBlockConfiguration")
    arn = look.arn("s3", "account")
    yield look.subject(arn, {"AccountId": look.account, "PublicAccessBlockConfiguration": value}, look.account)


RESOURCES: Final = (
    Resource(
        "s3",
        "bucket",
        "global",
        "buckets: Region, public access block, encryption, versioning, object lock, logging, policy and its status, lifecycle, "
        "tags, ownership, replication",
        (BUCKETS, LOCATION, *(call for _, call, _, _ in _DETAILS)),
        _buckets,
        ("A.5.9", "A.5.13", "A.5.14", "A.5.28", "A.5.31", "A.5.33", "A.8.3", "A.8.10", "A.8.12", "A.8.13", "A.8.15", "A.8.24"),
        documents=("Policy",),
    ),
    Resource("s3control", "account", "global", "the account's public access block", (ACCOUNT,), _account, ("A.8.3",)),
)
