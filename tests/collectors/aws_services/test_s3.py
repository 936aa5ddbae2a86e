"""S3: what protects a bucket, what AWS says is absent, and what was not answered."""

from __future__ import annotations

import json

import pytest

from collectors.aws import Connection
from tests.aws_world import World

POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::open-bucket/*"}],
}


def bucket(world: World, name: str, region: str = "eu-west-1", **more: object) -> None:
    world.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region}, **more)


def test_a_bare_bucket_has_nulls_for_what_there_is_not(world: World) -> None:
    bucket(world, f"bare-{world.account}")
    seen = world.look("s3.bucket")
    value = seen.only("s3.bucket")
    for path in (
        "PublicAccessBlockConfiguration",
        "ObjectLockConfiguration",
        "LoggingEnabled",
        "PolicyStatus",
        "Policy",
        "TagSet",
    ):
        assert value[path] is None
    assert value["Versioning"] == {"Status": None, "MFADelete": None}
    assert value["LifecycleConfiguration"] is None
    assert value["BucketRegion"] == "eu-west-1"
    assert "_unread" not in value
    event = seen.event("s3.bucket")
    assert (event.subject, event.account, event.region) == (f"arn:aws:s3:::bare-{world.account}", world.account, "")
    assert seen.summary("s3.bucket")["names"] == [f"bare-{world.account}"]
    assert seen.part("s3.bucket").complete
    assert seen.part("s3.bucket").enumerates
    assert not seen.report.partial


def test_what_protects_a_bucket_is_read(world: World) -> None:
    s3, name = world.client("s3"), f"set-{world.account}"
    bucket(world, name, ObjectLockEnabledForBucket=True)
    block = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": False, "RestrictPublicBuckets": True}
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=block)
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "1"}]})
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(POLICY))
    rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 30}}
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [rule]})
    value = world.look("s3.bucket").only("s3.bucket")
    assert value["PublicAccessBlockConfiguration"] == block
    assert value["TagSet"] == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    assert value["Policy"] == POLICY
    assert value["PolicyStatus"] == {"IsPublic": True}
    assert value["Versioning"]["Status"] == "Enabled"
    assert value["ObjectLockConfiguration"]["ObjectLockEnabled"] == "Enabled"
    assert value["LifecycleConfiguration"]["Rules"][0]["Expiration"] == {"Days": 30}


def test_a_location_that_breaks_off_does_not_stop_the_rest(world: World) -> None:
    """The SDK parses this answer by itself, and lets the error of its XML library out."""
    name = f"cut-{world.account}"
    bucket(world, name)
    cut = b'<?xml version="1.0" encoding="UTF-8"?>\n<LocationConstraint xmlns="http://s3.amaz'
    world.answer(lambda asked: "?location" in asked.operation, (200, {"Content-Type": "application/xml"}, cut))
    seen = world.look("s3.bucket", "iam.password-policy")
    assert "GetBucketLocation" in seen.said
    assert "ParseError" in seen.said
    assert seen.part("iam.password-policy").complete


def test_unchanged_buckets_have_equal_bytes(world: World) -> None:
    for number in range(12):  # two pages of moto's
        bucket(world, f"same-{world.account}-{number}")
    first, second = world.look("s3.bucket"), world.look("s3.bucket")
    assert len(first.subjects("s3.bucket")) == 12
    assert [event.payload for event in first.events] == [event.payload for event in second.events]


@pytest.mark.parametrize(("code", "status"), [("AccessDenied", 403), ("SlowDown", 503), ("InternalError", 500)])
def test_one_refused_answer_leaves_exactly_that_path_unread(world: World, code: str, status: int) -> None:
    for name in ("a", "b"):
        bucket(world, f"{name}-{world.account}")
    world.refuse(lambda asked: asked.operation == f"GET /a-{world.account}?encryption", code, status)
    seen = world.look("s3.bucket")
    refused, other = (seen.subjects("s3.bucket")[f"arn:aws:s3:::{name}-{world.account}"] for name in ("a", "b"))
    assert refused["_unread"] == ["ServerSideEncryptionConfiguration"]
    assert "ServerSideEncryptionConfiguration" not in refused
    assert "_unread" not in other
    part = seen.part("s3.bucket")
    assert part.complete
    assert part.enumerates
    assert "ServerSideEncryptionConfiguration of 1 not read" in part.errors[0]
    assert ("allow s3:GetEncryptionConfiguration" in part.errors[0]) == (code == "AccessDenied")
    assert seen.report.partial
    assert "hidden words" not in seen.said
    assert seen.summary("s3.bucket")["count"] == 2


def test_a_refused_list_is_no_empty_account(world: World) -> None:
    bucket(world, f"there-{world.account}")
    world.refuse(lambda asked: asked.operation.startswith("GET /?"))
    seen = world.look("s3.bucket")
    assert seen.events == []
    assert not seen.part("s3.bucket").complete
    assert not seen.part("s3.bucket").enumerates
    assert "allow s3:ListAllMyBuckets" in seen.said


def test_a_bucket_deleted_meanwhile_is_left_out(world: World) -> None:
    bucket(world, f"gone-{world.account}")
    world.refuse(lambda asked: "?versioning" in asked.operation, "NoSuchBucket", 404)
    seen = world.look("s3.bucket")
    assert seen.subjects("s3.bucket") == {}
    assert seen.summary("s3.bucket")["count"] == 0
    assert seen.part("s3.bucket").complete
    assert not seen.report.partial


def test_a_policy_that_is_no_json_is_not_read_as_none(world: World) -> None:
    bucket(world, f"odd-{world.account}")
    world.answer(lambda asked: asked.operation.endswith("?policy"), (200, {}, b"{'not': json"))
    seen = world.look("s3.bucket")
    value = seen.only("s3.bucket")
    assert value["_unread"] == ["Policy"]
    assert "Policy" not in value
    assert seen.report.partial


def test_the_block_of_the_account(world: World) -> None:
    assert world.look("s3control").only("s3control.account")["PublicAccessBlockConfiguration"] is None
    block = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    maker = world.client("s3control")
    maker.meta.events.register("before-call.s3-control", Connection(endpoint_url=world.proxy.target)._without_account)
    maker.put_public_access_block(AccountId=world.account, PublicAccessBlockConfiguration=block)
    seen = world.look("s3control")
    assert seen.only("s3control.account") == {"AccountId": world.account, "PublicAccessBlockConfiguration": block}
