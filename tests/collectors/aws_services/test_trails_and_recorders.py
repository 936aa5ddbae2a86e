"""CloudTrail and Config: what is named in which Region, and what the summaries count."""

from __future__ import annotations

from typing import Any

import pytest

from tests.aws_world import REGION, Request, World

BOTH = ["eu-west-1", "us-east-1"]


def trail(world: World, name: str, region: str = REGION, **more: Any) -> str:
    bucket = f"trail-{world.account}"
    s3 = world.client("s3")
    if bucket not in [item["Name"] for item in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return str(world.client("cloudtrail", region).create_trail(Name=name, S3BucketName=bucket, **more)["TrailARN"])


def test_a_trail_with_status_and_selectors(world: World) -> None:
    arn = trail(world, "main", IsMultiRegionTrail=True)
    world.client("cloudtrail").start_logging(Name="main")
    seen = world.look("cloudtrail")
    value = seen.only("cloudtrail.trail")
    assert seen.event("cloudtrail.trail").subject == arn
    assert value["IsMultiRegionTrail"] is True
    assert value["LogFileValidationEnabled"] is False
    assert value["KmsKeyId"] is None
    assert value["TrailStatus"]["IsLogging"] is True
    assert value["TrailStatus"]["LatestDeliveryError"] is None
    assert value["EventSelectors"] is None
    assert seen.summary("cloudtrail.trail")["marks"] == {"logging": 1, "multi-region-all-management-events": 1}
    assert not seen.report.partial


def test_no_trail_is_said_by_the_summary(world: World) -> None:
    summary = world.look("cloudtrail").summary("cloudtrail.trail")
    assert (summary["count"], summary["names"]) == (0, [])
    assert summary["marks"] == {"logging": 0, "multi-region-all-management-events": 0}


@pytest.mark.parametrize("regions", [["eu-west-1", "us-east-1"], ["us-east-1", "eu-west-1"], ["eu-central-1", "us-east-1"]])
def test_a_multi_region_trail_is_observed_once_and_named_in_each_region(world: World, regions: list[str]) -> None:
    trail(world, "wide", IsMultiRegionTrail=True)
    world.client("cloudtrail").start_logging(Name="wide")
    seen = world.look("cloudtrail", regions=regions)
    event = seen.event("cloudtrail.trail")
    assert event.region == ("eu-west-1" if "eu-west-1" in regions else "eu-central-1")
    for summary in seen.summaries("cloudtrail.trail"):
        assert summary["names"] == ["wide"]
        assert summary["marks"]["multi-region-all-management-events"] == 1
    assert len(seen.parts("cloudtrail.trail")) == 2
    assert [request.region for request in world.proxy.seen if request.operation == "GetTrailStatus"] == ["eu-west-1"]


def test_a_single_region_trail_is_not_named_elsewhere(world: World) -> None:
    trail(world, "narrow")
    seen = world.look("cloudtrail", regions=BOTH)
    assert {summary["region"]: summary["names"] for summary in seen.summaries("cloudtrail.trail")} == {
        "eu-west-1": ["narrow"],
        "us-east-1": [],
    }


@pytest.mark.parametrize(
    ("selectors", "whole"),
    [
        ({"EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": True}]}, True),
        ({"EventSelectors": [{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True}]}, False),
        ({"EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": False}]}, False),
        (
            {
                "EventSelectors": [
                    {
                        "ReadWriteType": "All",
                        "IncludeManagementEvents": True,
                        "ExcludeManagementEventSources": ["kms.amazonaws.com"],
                    }
                ]
            },
            False,
        ),
        ({"AdvancedEventSelectors": [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]}]}, True),
        (
            {
                "AdvancedEventSelectors": [
                    {
                        "FieldSelectors": [
                            {"Field": "eventCategory", "Equals": ["Management"]},
                            {"Field": "readOnly", "Equals": ["false"]},
                        ]
                    }
                ]
            },
            False,
        ),
        ({"AdvancedEventSelectors": [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}]}]}, False),
    ],
)
def test_what_is_recorded_is_counted_from_the_selectors(world: World, selectors: dict[str, Any], whole: bool) -> None:
    trail(world, "main", IsMultiRegionTrail=True)
    cloudtrail = world.client("cloudtrail")
    cloudtrail.start_logging(Name="main")
    cloudtrail.put_event_selectors(TrailName="main", **selectors)
    seen = world.look("cloudtrail")
    assert seen.summary("cloudtrail.trail")["marks"]["multi-region-all-management-events"] == int(whole)
    [name] = selectors
    assert len(seen.only("cloudtrail.trail")[name]) == 1


def test_refused_selectors_leave_the_summary_unsure(world: World) -> None:
    trail(world, "main", IsMultiRegionTrail=True)
    world.refuse("GetEventSelectors", "AccessDeniedException", 400)
    seen = world.look("cloudtrail")
    assert seen.only("cloudtrail.trail")["_unread"] == ["AdvancedEventSelectors", "EventSelectors"]
    summary = seen.summary("cloudtrail.trail")
    assert summary["_unread"] == ["marks"]
    assert "marks" not in summary
    assert summary["names"] == ["main"]
    assert "allow cloudtrail:GetEventSelectors" in seen.said
    assert seen.part("cloudtrail.trail").complete


def test_the_trail_of_an_organisation_is_not_asked_for_its_selectors(world: World) -> None:
    item = {
        "Name": "org",
        "TrailARN": "arn:aws:cloudtrail:eu-west-1:999999999999:trail/org",
        "HomeRegion": "eu-west-1",
        "IsMultiRegionTrail": True,
        "IsOrganizationTrail": True,
        "HasCustomEventSelectors": False,
    }
    world.fake("DescribeTrails", {"trailList": [item]})
    world.fake("GetTrailStatus", {"IsLogging": True, "LatestDeliveryTime": 1764000000.5, "LatestDeliveryAttemptTime": "now"})
    seen = world.look("cloudtrail")
    value = seen.only("cloudtrail.trail")
    assert value["_unread"] == ["AdvancedEventSelectors", "EventSelectors"]
    assert value["TrailStatus"]["LatestDeliveryTime"] == "2025-11-24T00:00:00Z"
    assert "LatestDeliveryAttemptTime" not in value["TrailStatus"]
    assert not seen.report.partial, "nothing was refused"
    assert [request for request in world.proxy.seen if request.operation == "GetEventSelectors"] == []


def test_a_trail_deleted_meanwhile_is_left_out(world: World) -> None:
    trail(world, "main")
    world.refuse("GetTrailStatus", "TrailNotFoundException", 400)
    seen = world.look("cloudtrail")
    assert seen.subjects("cloudtrail.trail") == {}
    assert seen.summary("cloudtrail.trail")["count"] == 0
    assert not seen.report.partial


def test_a_json_answer_that_is_a_page_of_html_is_no_empty_list(world: World) -> None:
    world.answer("DescribeTrails", (200, {"Content-Type": "text/html"}, b"<html>Sign in to the guest network</html>"))
    seen = world.look("cloudtrail")
    assert seen.events == []
    assert not seen.part("cloudtrail.trail").complete


@pytest.mark.parametrize("body", [b"{}", b'{"message": "hello"}', b"", b"[]", b"null"])
def test_a_json_answer_without_the_list_is_no_empty_list(world: World, body: bytes) -> None:
    world.answer("DescribeConfigurationRecorders", (200, {"Content-Type": "application/x-amz-json-1.1"}, body))
    seen = world.look("config.configuration-recorder")
    assert seen.events == []
    assert not seen.part("config.configuration-recorder").complete
    assert seen.report.partial


def test_a_recorder_and_its_channel(world: World) -> None:
    config = world.client("config")
    assert world.look("config").summary("config.configuration-recorder")["marks"] == {"recording": 0}
    config.put_configuration_recorder(ConfigurationRecorder={"name": "default", "roleARN": world.role})
    seen = world.look("config")
    value = seen.only("config.configuration-recorder")
    assert value["ConfigurationRecorderStatus"]["recording"] is False
    assert value["recordingGroup"]["allSupported"] is True
    config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": "there"})
    config.start_configuration_recorder(ConfigurationRecorderName="default")
    info = {"lastStatus": "SUCCESS", "lastAttemptTime": 1764000000, "nextDeliveryTime": 1764003600}
    world.fake(
        "DescribeDeliveryChannelStatus", {"DeliveryChannelsStatus": [{"name": "default", "configHistoryDeliveryInfo": info}]}
    )
    seen = world.look("config")
    assert seen.only("config.configuration-recorder")["ConfigurationRecorderStatus"]["recording"] is True
    assert seen.summary("config.configuration-recorder")["marks"] == {"recording": 1}
    channel = seen.only("config.delivery-channel")
    assert channel["s3BucketName"] == "there"
    assert channel["DeliveryChannelStatus"]["configHistoryDeliveryInfo"] == {
        "lastStatus": "SUCCESS",
        "lastAttemptTime": "2025-11-24T00:00:00Z",
    }
    assert not seen.report.partial


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException"])
def test_a_recorder_whose_status_is_refused_is_there_all_the_same(world: World, code: str) -> None:
    world.client("config").put_configuration_recorder(ConfigurationRecorder={"name": "default", "roleARN": world.role})
    world.refuse("DescribeConfigurationRecorderStatus", code, 400)
    seen = world.look("config.configuration-recorder")
    assert seen.only("config.configuration-recorder")["_unread"] == ["ConfigurationRecorderStatus"]
    assert seen.summary("config.configuration-recorder")["_unread"] == ["marks"]
    assert seen.report.partial


def test_one_region_refused_leaves_the_other_whole(world: World) -> None:
    world.client("config", "us-east-1").put_configuration_recorder(
        ConfigurationRecorder={"name": "default", "roleARN": world.role}
    )

    def there(asked: Request) -> bool:
        return asked.operation == "DescribeConfigurationRecorders" and asked.region == "eu-west-1"

    world.refuse(there, "AccessDeniedException", 400)
    seen = world.look("config.configuration-recorder", regions=BOTH)
    assert {part.part: (part.complete, part.enumerates) for part in seen.parts("config.configuration-recorder")} == {
        f"{world.account}/eu-west-1": (False, False),
        f"{world.account}/us-east-1": (True, True),
    }
    assert [event.region for event in seen.events] == ["us-east-1", "us-east-1"]
