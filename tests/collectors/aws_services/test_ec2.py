"""EC2: instances, copies of disks, images, and a Region's defaults."""

from __future__ import annotations

from typing import Any

from collectors.aws_services import ec2
from tests.aws_world import Request, World
from tests.collectors.aws_services.denials import check_denials

XML = {"Content-Type": "text/xml"}
LACKING = {
    "GetEbsDefaultKmsKeyId": "<kmsKeyId>alias/aws/ebs</kmsKeyId>",
    "GetSnapshotBlockPublicAccessState": "<state>block-all-sharing</state>",
    "GetImageBlockPublicAccessState": "<imageBlockPublicAccessState>unblocked</imageBlockPublicAccessState>",
    "GetAllowedImagesSettings": "<state>disabled</state>",
    "GetInstanceMetadataDefaults": "<accountLevel><httpTokens>required</httpTokens></accountLevel>",
}


def fill(world: World) -> str:
    """What moto has, and answers for what it lacks. Returns the id of a snapshot that everyone may have."""
    for operation, body in LACKING.items():
        world.answer(operation, (200, XML, f"<{operation}Response>{body}</{operation}Response>".encode()))
    client = world.client("ec2")
    image = "ami-12c6146b"  # one that moto has; to list them all takes long
    reservation = client.run_instances(ImageId=image, MinCount=2, MaxCount=2, InstanceType="t3.micro")
    instance = reservation["Instances"][0]["InstanceId"]
    client.create_image(InstanceId=instance, Name=f"own-{world.account}")
    volume = client.create_volume(Size=1, AvailabilityZone="eu-west-1a")["VolumeId"]
    open_, _ = (client.create_snapshot(VolumeId=volume)["SnapshotId"] for _ in range(2))
    share: dict[str, Any] = {"Attribute": "createVolumePermission", "OperationType": "add", "GroupNames": ["all"]}
    client.modify_snapshot_attribute(SnapshotId=open_, **share)
    public_only(world, str(open_))
    return str(open_)


def public_only(world: World, name: str) -> None:
    """moto takes no notice of RestorableByUserIds: answer that question in its place."""
    item = f"<item><snapshotId>{name}</snapshotId></item>"
    body = f"<DescribeSnapshotsResponse><snapshotSet>{item}</snapshotSet></DescribeSnapshotsResponse>".encode()

    def asks(asked: Request) -> bool:
        return asked.operation == "DescribeSnapshots" and "RestorableBy.1" in asked.body

    world.answer(asks, (200, XML, body))


def test_the_defaults_of_a_region(world: World) -> None:
    fill(world)
    world.client("ec2").enable_ebs_encryption_by_default()
    value = world.look("ec2.settings").only("ec2.settings")
    assert value["EbsEncryptionByDefault"] is True
    assert value["SnapshotBlockPublicAccessState"] == "block-all-sharing"
    assert value["AllowedImagesSettings"]["State"] == "disabled"
    assert value["InstanceMetadataDefaults"] == {"HttpTokens": "required"}


def test_instances_are_read_with_their_metadata_options(world: World) -> None:
    fill(world)
    seen = world.look("ec2.instance")
    values = seen.subjects("ec2.instance")
    assert len(values) == 2
    for arn, value in values.items():
        assert arn == f"arn:aws:ec2:eu-west-1:{world.account}:instance/{value['InstanceId']}"
        assert value["MetadataOptions"]["HttpTokens"] in ("optional", "required")
    public = sum("PublicIpAddress" in value for value in values.values())
    assert seen.summary("ec2.instance")["marks"] == {"public address": public}


def test_a_copy_that_everyone_may_have_is_told_from_the_others(world: World) -> None:
    name = fill(world)
    seen = world.look("ec2.snapshot")
    values = {value["SnapshotId"]: value for value in seen.subjects("ec2.snapshot").values()}
    assert len(values) >= 2
    assert [key for key, value in values.items() if value["_public"]] == [name]
    assert values[name]["CreateVolumePermissions"] == [{"Group": "all"}]
    assert all("CreateVolumePermissions" not in value for key, value in values.items() if key != name)
    assert seen.summary("ec2.snapshot")["marks"] == {"public": 1}


def test_an_image_of_our_own_that_is_public(world: World) -> None:
    fill(world)
    client = world.client("ec2")
    [image] = client.describe_images(Owners=["self"])["Images"]
    assert world.look("ec2.image").summary("ec2.image")["marks"] == {"public": 0}
    client.modify_image_attribute(
        ImageId=image["ImageId"], LaunchPermission={"Add": [{"Group": "all"}]}, Attribute="launchPermission", OperationType="add"
    )
    seen = world.look("ec2.image")
    assert seen.only("ec2.image")["Public"] is True
    assert seen.summary("ec2.image")["marks"] == {"public": 1}


def test_a_second_look_sees_the_same_bytes(world: World) -> None:
    fill(world)
    first, second = world.look("ec2.instance", "ec2.volume", "ec2.image"), world.look("ec2.instance", "ec2.volume", "ec2.image")
    assert [event.payload for event in first.events] == [event.payload for event in second.events]


def test_each_call_that_is_refused_is_missed_by_name(world: World) -> None:
    fill(world)
    check_denials(world, ec2.RESOURCES)
