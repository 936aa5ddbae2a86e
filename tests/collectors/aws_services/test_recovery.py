"""Drills, copies of servers, and applications that miss their objectives."""

from __future__ import annotations

from collectors.aws_services import recovery
from tests.aws_world import World
from tests.collectors.aws_services.denials import check_denials

JOB = {
    "jobID": "drsjob-1",
    "arn": "arn:aws:drs:eu-west-1:1:job/drsjob-1",
    "type": "LAUNCH",
    "initiatedBy": "START_DRILL",
    "status": "COMPLETED",
    "endDateTime": "2026-11-01T10:00:00Z",
    "participatingServers": [{"sourceServerID": "s-1", "launchStatus": "LAUNCHED"}],
}
SERVER = {
    "sourceServerID": "s-1",
    "arn": "arn:aws:drs:eu-west-1:1:source-server/s-1",
    "dataReplicationInfo": {"dataReplicationState": "STALLED", "lagDuration": "PT3S"},
    "sourceProperties": {"os": {"fullString": "Linux"}},
}
APP = {
    "appArn": "arn:aws:resiliencehub:eu-west-1:1:app/a",
    "name": "shop",
    "complianceStatus": "PolicyBreached",
    "creationTime": 1_700_000_000,
    "lastAppComplianceEvaluationTime": 1_800_000_000,
}


def fill(world: World) -> None:
    world.fake("POST /DescribeJobs", {"items": [JOB]})
    world.fake("POST /DescribeSourceServers", {"items": [SERVER]})
    world.fake("GET /list-apps", {"appSummaries": [APP]})


def test_drills_servers_and_applications_are_read(world: World) -> None:
    fill(world)
    seen = world.look("drs", "resiliencehub")
    assert seen.only("drs.job")["participatingServers"][0]["launchStatus"] == "LAUNCHED"
    assert seen.only("drs.source-server")["dataReplicationInfo"] == {
        "dataReplicationState": "STALLED",
        "dataReplicationError": None,
    }
    app = seen.only("resiliencehub.app")
    assert (app["complianceStatus"], app["lastAppComplianceEvaluationTime"]) == ("PolicyBreached", "2027-01-15T00:00:00Z")


def test_where_recovery_was_never_set_up_there_is_no_part(world: World) -> None:
    world.refuse("POST /Describe", "UninitializedAccountException", 400)
    seen = world.look("drs")
    assert list(seen.report.parts) == []
    assert list(seen.report.errors) == []


def test_applications_are_read_page_by_page_and_a_page_twice_is_a_fault(world: World) -> None:
    world.fake("GET /list-apps", {"appSummaries": [APP], "nextToken": "again"})
    seen = world.look("resiliencehub")
    assert not seen.part("resiliencehub.app").complete
    assert "the same page twice" in seen.said


def test_each_call_that_is_refused_is_missed_by_name(world: World) -> None:
    fill(world)
    check_denials(world, recovery.RESOURCES)
