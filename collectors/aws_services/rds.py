"""RDS: databases and clusters, and who can have copies of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from collectors.aws_services.base import Call, Look, Resource, Subject

INSTANCES: Final = Call("rds", "DescribeDBInstances")
CLUSTERS: Final = Call("rds", "DescribeDBClusters")
SNAPSHOTS: Final = Call("rds", "DescribeDBSnapshots")
SNAPSHOT: Final = Call("rds", "DescribeDBSnapshotAttributes")
CLUSTER_SNAPSHOTS: Final = Call("rds", "DescribeDBClusterSnapshots")
CLUSTER_SNAPSHOT: Final = Call("rds", "DescribeDBClusterSnapshotAttributes")
_MOVING: Final = ("LatestRestorableTime", "EarliestRestorableTime")


def _instances(look: Look) -> Iterator[Subject]:
    for item in look.list(INSTANCES, "DBInstances", MaxRecords=100):
        database = look.subject(str(item["DBInstanceArn"]), item, str(item["DBInstanceIdentifier"]))
        database.drop(*_MOVING)
        if item.get("PubliclyAccessible") is True:
            database.marks.add("public")
        yield database


def _clusters(look: Look) -> Iterator[Subject]:
    for item in look.list(CLUSTERS, "DBClusters", MaxRecords=100):
        cluster = look.subject(str(item["DBClusterArn"]), item, str(item["DBClusterIdentifier"]))
        cluster.drop(*_MOVING)
        yield cluster


def _snapshots(look: Look) -> Iterator[Subject]:
    """Manual snapshots: the automatic ones cannot be shared, and come and go each day."""
    for item in look.list(SNAPSHOTS, "DBSnapshots", SnapshotType="manual", MaxRecords=100):
        name = str(item["DBSnapshotIdentifier"])
        snapshot = look.subject(str(item["DBSnapshotArn"]), item, name)
        snapshot.drop("PercentProgress")
        path, gone = "DBSnapshotAttributes", ("DBSnapshotNotFound", "DBSnapshotNotFoundFault")
        answer = snapshot.ask(path, SNAPSHOT, pick="DBSnapshotAttributesResult", gone=gone, DBSnapshotIdentifier=name)
        yield _shared(snapshot, answer, path)


def _cluster_snapshots(look: Look) -> Iterator[Subject]:
    for item in look.list(CLUSTER_SNAPSHOTS, "DBClusterSnapshots", SnapshotType="manual", MaxRecords=100):
        name = str(item["DBClusterSnapshotIdentifier"])
        snapshot = look.subject(str(item["DBClusterSnapshotArn"]), item, name)
        snapshot.drop("PercentProgress")
        path, pick, gone = "DBClusterSnapshotAttributes", "DBClusterSnapshotAttributesResult", ("DBClusterSnapshotNotFoundFault",)
        answer = snapshot.ask(path, CLUSTER_SNAPSHOT, pick=pick, gone=gone, DBClusterSnapshotIdentifier=name)
        yield _shared(snapshot, answer, path)


def _shared(snapshot: Subject, answer: Any, member: str) -> Subject:
    """Put the attributes where AWS has them, and mark a snapshot that everyone may restore."""
    if answer is not None:
        snapshot.put(member, answer.get(member))
        if any("all" in (attribute.get("AttributeValues") or ()) for attribute in answer.get(member) or ()):
            snapshot.marks.add("public")
    return snapshot


RESOURCES: Final = (
    Resource(
        "rds",
        "db-instance",
        "regional",
        "databases: encryption, backup, zones, whether they can be reached from outside",
        (INSTANCES,),
        _instances,
        ("A.5.9", "A.8.11", "A.8.13", "A.8.14", "A.8.22", "A.8.24"),
        marks=("public",),
    ),
    Resource(
        "rds",
        "db-cluster",
        "regional",
        "database clusters: encryption, backup, zones",
        (CLUSTERS,),
        _clusters,
        ("A.8.13", "A.8.14", "A.8.24"),
    ),
    Resource(
        "rds",
        "db-snapshot",
        "regional",
        "manual copies of databases and who may restore them",
        (SNAPSHOTS, SNAPSHOT),
        _snapshots,
        ("A.8.3", "A.8.12", "A.8.24"),
        marks=("public",),
    ),
    Resource(
        "rds",
        "db-cluster-snapshot",
        "regional",
        "manual copies of clusters and who may restore them",
        (CLUSTER_SNAPSHOTS, CLUSTER_SNAPSHOT),
        _cluster_snapshots,
        ("A.8.3", "A.8.12", "A.8.24"),
        marks=("public",),
    ),
)
