"""RDS: what protects a database, and who may restore a copy of it."""

from __future__ import annotations

from collectors.aws_services import rds
from tests.aws_world import World
from tests.collectors.aws_services.denials import check_denials


def fill(world: World) -> None:
    client = world.client("rds")
    own = {"MasterUsername": "admin", "MasterUserPassword": "canary-password-4711"}
    client.create_db_instance(
        DBInstanceIdentifier="open",
        Engine="postgres",
        DBInstanceClass="db.t3.micro",
        AllocatedStorage=20,
        PubliclyAccessible=True,
        StorageEncrypted=False,
        BackupRetentionPeriod=0,
        **own,
    )
    client.create_db_cluster(DBClusterIdentifier="many", Engine="aurora-postgresql", StorageEncrypted=True, **own)
    client.create_db_snapshot(DBSnapshotIdentifier="copy", DBInstanceIdentifier="open")
    client.create_db_snapshot(DBSnapshotIdentifier="other", DBInstanceIdentifier="open")
    client.modify_db_snapshot_attribute(DBSnapshotIdentifier="copy", AttributeName="restore", ValuesToAdd=["all"])
    client.create_db_cluster_snapshot(DBClusterSnapshotIdentifier="cluster-copy", DBClusterIdentifier="many")


def test_a_database_is_read_with_what_protects_it(world: World) -> None:
    fill(world)
    seen = world.look("rds.db-instance", "rds.db-cluster")
    value = seen.only("rds.db-instance")
    assert (value["PubliclyAccessible"], value["StorageEncrypted"], value["BackupRetentionPeriod"]) == (True, False, 0)
    assert seen.event("rds.db-instance").subject == f"arn:aws:rds:eu-west-1:{world.account}:db:open"
    assert seen.summary("rds.db-instance")["marks"] == {"public": 1}
    cluster = seen.only("rds.db-cluster")
    assert cluster["StorageEncrypted"] is True
    for moving in ("LatestRestorableTime", "EarliestRestorableTime"):
        assert moving not in value
        assert moving not in cluster
    assert not [event for event in seen.events if b"canary-password" in event.payload]


def test_a_copy_that_everyone_may_restore_is_told_from_the_others(world: World) -> None:
    fill(world)
    seen = world.look("rds.db-snapshot", "rds.db-cluster-snapshot")
    values = {value["DBSnapshotIdentifier"]: value for value in seen.subjects("rds.db-snapshot").values()}
    assert values["copy"]["DBSnapshotAttributes"] == [{"AttributeName": "restore", "AttributeValues": ["all"]}]
    assert "all" not in str(values["other"]["DBSnapshotAttributes"])
    assert seen.summary("rds.db-snapshot")["marks"] == {"public": 1}
    assert seen.summary("rds.db-cluster-snapshot")["marks"] == {"public": 0}


def test_a_copy_that_goes_while_it_is_read_is_left_out(world: World) -> None:
    fill(world)
    world.refuse("DescribeDBSnapshotAttributes", "DBSnapshotNotFound", 404)
    seen = world.look("rds.db-snapshot")
    assert seen.subjects("rds.db-snapshot") == {}
    assert seen.part("rds.db-snapshot").complete
    assert seen.report.errors == ()


def test_each_call_that_is_refused_is_missed_by_name(world: World) -> None:
    fill(world)
    check_denials(world, rds.RESOURCES)
