"""EC2: instances, disks' encryption, copies of disks and machine images, and who can have them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from collectors.aws_services.base import Call, Look, Resource, Subject
from collectors.aws_services.joined import joined

INSTANCES: Final = Call("ec2", "DescribeInstances")
ENCRYPTION: Final = Call("ec2", "GetEbsEncryptionByDefault")
DEFAULT_KEY: Final = Call("ec2", "GetEbsDefaultKmsKeyId")
SNAPSHOT_BLOCK: Final = Call("ec2", "GetSnapshotBlockPublicAccessState")
IMAGE_BLOCK: Final = Call("ec2", "GetImageBlockPublicAccessState")
ALLOWED_IMAGES: Final = Call("ec2", "GetAllowedImagesSettings")
METADATA: Final = Call("ec2", "GetInstanceMetadataDefaults")
VOLUMES: Final = Call("ec2", "DescribeVolumes")
SNAPSHOTS: Final = Call("ec2", "DescribeSnapshots")
SNAPSHOT: Final = Call("ec2", "DescribeSnapshotAttribute")
IMAGES: Final = Call("ec2", "DescribeImages")
_DEFAULTS: Final = (
    ("EbsEncryptionByDefault", ENCRYPTION, "EbsEncryptionByDefault"),
    ("KmsKeyId", DEFAULT_KEY, "KmsKeyId"),
    ("SnapshotBlockPublicAccessState", SNAPSHOT_BLOCK, "State"),
    ("ImageBlockPublicAccessState", IMAGE_BLOCK, "ImageBlockPublicAccessState"),
    ("AllowedImagesSettings", ALLOWED_IMAGES, ("State", "ImageCriteria")),
    ("InstanceMetadataDefaults", METADATA, "AccountLevel"),
)


def _defaults(look: Look) -> Iterator[Subject]:
    settings = look.subject(look.arn("ec2", "settings", region=look.region), {}, look.region)
    for path, call, pick in _DEFAULTS:
        settings.ask(path, call, pick=pick)
    yield settings


def _instances(look: Look) -> Iterator[Subject]:
    for reservation in look.list(INSTANCES, "Reservations", MaxResults=1000):
        for item in reservation.get("Instances") or ():
            name = str(item["InstanceId"])
            own = {"OwnerId": reservation.get("OwnerId")}
            instance = look.subject(look.arn("ec2", f"instance/{name}", region=look.region), {**item, **own}, name)
            if instance.get("PublicIpAddress"):
                instance.marks.add("public address")
            yield instance


def _volumes(look: Look) -> Iterator[Subject]:
    for item in look.list(VOLUMES, "Volumes", MaxResults=500):
        name = str(item["VolumeId"])
        yield look.subject(look.arn("ec2", f"volume/{name}", region=look.region), item, name)


def _snapshots(look: Look) -> Iterator[Subject]:
    """The own snapshots. Who may have one is asked of those that AWS lists as public: of thousands it costs too much."""
    public = joined(look, SNAPSHOTS, "Snapshots", "SnapshotId", OwnerIds=["self"], RestorableByUserIds=["all"])
    for item in look.list(SNAPSHOTS, "Snapshots", OwnerIds=["self"], MaxResults=1000):
        name = str(item["SnapshotId"])
        snapshot = look.subject(look.arn("ec2", f"snapshot/{name}", region=look.region, account=""), item, name)
        snapshot.drop("Progress")
        if public.fault:
            snapshot.miss("_public", public.fault)
        else:
            snapshot.put("_public", name in public.rows)
        if name in public.rows:
            snapshot.marks.add("public")
            path, gone = "CreateVolumePermissions", ("InvalidSnapshot.NotFound",)
            snapshot.ask(path, SNAPSHOT, pick=path, gone=gone, Attribute="createVolumePermission", SnapshotId=name)
        yield snapshot


def _images(look: Look) -> Iterator[Subject]:
    for item in look.list(IMAGES, "Images", Owners=["self"]):
        name = str(item["ImageId"])
        image = look.subject(look.arn("ec2", f"image/{name}", region=look.region, account=""), item, name)
        image.days("LastLaunchedTime")
        if item.get("Public") is True:
            image.marks.add("public")
        yield image


RESOURCES: Final = (
    Resource(
        "ec2",
        "settings",
        "regional",
        "a Region's defaults: encryption of new disks, public copies and images, allowed images, metadata service",
        tuple(call for _, call, _ in _DEFAULTS),
        _defaults,
        ("A.8.9", "A.8.12", "A.8.19", "A.8.24"),
    ),
    Resource(
        "ec2",
        "instance",
        "regional",
        "instances: metadata service, addresses, security groups, role, image",
        (INSTANCES,),
        _instances,
        ("A.5.9", "A.8.9", "A.8.13"),
        marks=("public address",),
    ),
    Resource("ec2", "volume", "regional", "disks and their encryption", (VOLUMES,), _volumes, ("A.8.24",)),
    Resource(
        "ec2",
        "snapshot",
        "regional",
        "copies of disks: encryption, whether everyone may have them",
        (SNAPSHOTS, SNAPSHOT),
        _snapshots,
        ("A.8.3", "A.8.12", "A.8.24"),
        marks=("public",),
    ),
    Resource(
        "ec2",
        "image",
        "regional",
        "machine images and whether they are public",
        (IMAGES,),
        _images,
        ("A.8.3", "A.8.12"),
        marks=("public",),
    ),
)
