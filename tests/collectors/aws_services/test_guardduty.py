"""GuardDuty: a Region that is watched, and one that is not."""

from __future__ import annotations

from collectors.aws_services import guardduty
from tests.aws_world import World
from tests.collectors.aws_services.denials import check_denials

SET = {"name": "ours", "format": "TXT", "location": "s3://bucket/list", "status": "ACTIVE", "tags": {}}


def fill(world: World) -> str:
    client = world.client("guardduty")
    detector = str(client.create_detector(Enable=True)["DetectorId"])
    client.create_filter(DetectorId=detector, Name="noise", Action="ARCHIVE", FindingCriteria={"Criterion": {}})
    path = f"GET /detector/{detector}/filter"
    world.fake(lambda asked: asked.operation.partition("?")[0] == path, {"filterNames": ["noise"]})  # moto lacks the list
    world.fake(f"GET /detector/{detector}/threatintelset", {"threatIntelSetIds": ["set-1"]})
    world.fake(f"GET /detector/{detector}/threatintelset/set-1", SET)
    return detector


def test_a_detector_is_read_with_its_features(world: World) -> None:
    detector = fill(world)
    seen = world.look("guardduty")
    value = seen.only("guardduty.detector")
    assert value["Status"] == "ENABLED"
    assert "Features" in value
    assert seen.event("guardduty.detector").subject == f"arn:aws:guardduty:eu-west-1:{world.account}:detector/{detector}"
    assert seen.summary("guardduty.detector")["marks"] == {"enabled": 1}
    assert seen.only("guardduty.filter")["Action"] == "ARCHIVE"
    assert seen.only("guardduty.threat-intel-set")["Status"] == "ACTIVE"


def test_a_region_that_nobody_watches_says_so(world: World) -> None:
    seen = world.look("guardduty.detector")
    assert seen.subjects("guardduty.detector") == {}
    assert (seen.summary("guardduty.detector")["count"], seen.summary("guardduty.detector")["marks"]) == (0, {"enabled": 0})


def test_a_detector_that_does_not_tell_its_state_is_not_off(world: World) -> None:
    detector = fill(world)
    world.refuse(lambda asked: asked.operation == f"GET /detector/{detector}")
    seen = world.look("guardduty.detector")
    value = seen.only("guardduty.detector")
    assert {"Status", "Features"} <= set(value["_unread"])
    assert "Status" not in value
    assert seen.summary("guardduty.detector")["_unread"] == ["marks"]


def test_each_call_that_is_refused_is_missed_by_name(world: World) -> None:
    fill(world)
    check_denials(world, guardduty.RESOURCES)
