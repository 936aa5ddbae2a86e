"""Keys, certificates and secrets: their state, and never what they hold."""

from __future__ import annotations

import json

from collectors.aws_services import keys
from tests.aws_world import World
from tests.collectors.aws_services.denials import check_denials

SECRET = "canary-of-a-secret"


def fill(world: World) -> str:
    """Returns the id of a key that is rotated; another is not."""
    kms = world.client("kms")
    rotated, _ = (str(kms.create_key(Description=str(number))["KeyMetadata"]["KeyId"]) for number in range(2))
    kms.enable_key_rotation(KeyId=rotated)
    kms.create_alias(AliasName="alias/ours", TargetKeyId=rotated)
    world.client("acm").request_certificate(DomainName="example.com")
    world.client("secretsmanager").create_secret(Name="db", SecretString=SECRET)
    return rotated


def test_keys_are_read_with_rotation_policy_and_aliases(world: World) -> None:
    rotated = fill(world)
    seen = world.look("kms")
    values = {value["KeyId"]: value for value in seen.subjects("kms.key").values()}
    assert len(values) == 2
    for name, value in values.items():
        assert value["KeyMetadata"]["KeyManager"] == "CUSTOMER"
        assert value["KeyMetadata"]["KeyState"] == "Enabled"
        assert value["KeyRotationStatus"]["KeyRotationEnabled"] is (name == rotated)
        assert value["Policy"]["Statement"]
        assert [alias["AliasName"] for alias in value["Aliases"]] == (["alias/ours"] if name == rotated else [])


def test_keys_of_aws_are_not_observed(world: World) -> None:
    fill(world)
    world.fake("DescribeKey", {"KeyMetadata": {"KeyId": "k", "KeyManager": "AWS"}})
    seen = world.look("kms")
    assert seen.subjects("kms.key") == {}
    assert seen.summary("kms.key")["count"] == 0


def test_a_key_that_cannot_be_rotated_has_null(world: World) -> None:
    fill(world)
    world.refuse("GetKeyRotationStatus", "UnsupportedOperationException", 400)
    seen = world.look("kms")
    assert [value["KeyRotationStatus"] for value in seen.subjects("kms.key").values()] == [None, None]
    assert not seen.report.partial


def test_certificates_of_every_kind_of_key_are_asked_for(world: World) -> None:
    fill(world)
    seen = world.look("acm")
    assert seen.only("acm.certificate")["Certificate"]["DomainName"] == "example.com"
    [asked] = [request.body for request in world.proxy.seen if request.operation == "ListCertificates"]
    assert {"RSA_4096", "EC_prime256v1"} <= set(asked["Includes"]["keyTypes"])


def test_a_secret_is_named_and_never_read(world: World) -> None:
    fill(world)
    seen = world.look("secretsmanager")
    assert seen.only("secretsmanager.secret")["Name"] == "db"
    assert seen.summary("secretsmanager.secret")["marks"] == {"rotated": 0}
    assert not [event for event in seen.events if SECRET.encode() in event.payload]
    assert {request.operation for request in world.proxy.seen if request.service == "secretsmanager"} == {"ListSecrets"}


def test_a_policy_is_decoded(world: World) -> None:
    rotated = fill(world)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": ["kms:*"], "Resource": "*"}]}
    world.client("kms").put_key_policy(KeyId=rotated, PolicyName="default", Policy=json.dumps(policy))
    assert policy in [value["Policy"] for value in world.look("kms").subjects("kms.key").values()]


def test_each_call_that_is_refused_is_missed_by_name(world: World) -> None:
    fill(world)
    check_denials(world, keys.RESOURCES)
