"""What watches and tells: whether it is kept, rings, and reaches somebody; and no secret by which it does."""

from __future__ import annotations

import json

import pytest

from collectors.aws_services import monitoring
from tests.aws_world import Answer, Request, World
from tests.collectors.aws_services.denials import check_denials

TOKEN = "canary-of-a-webhook"


def fill(world: World) -> None:
    logs = world.client("logs")
    for name in ("kept", "short"):
        logs.create_log_group(logGroupName=name)
    logs.put_retention_policy(logGroupName="short", retentionInDays=30)
    change = [{"metricName": "root", "metricNamespace": "cis", "metricValue": "1"}]
    logs.put_metric_filter(logGroupName="kept", filterName="root", filterPattern="{}", metricTransformations=change)
    sns = world.client("sns")
    topic = sns.create_topic(Name="alerts")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="https", Endpoint=f"https://hooks.example.com/{TOKEN}")
    cloudwatch = world.client("cloudwatch")
    how = {"Namespace": "cis", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0}
    for name, actions in (("rings", [topic]), ("silent", [])):
        cloudwatch.put_metric_alarm(
            AlarmName=name, MetricName="root", ComparisonOperator="GreaterThanThreshold", AlarmActions=actions, **how
        )
    events = world.client("events")
    events.put_rule(Name="guard", EventPattern='{"source": ["aws.guardduty"]}', State="ENABLED")
    events.put_targets(Rule="guard", Targets=[{"Id": "1", "Arn": topic, "Input": f'"{TOKEN}"'}])
    status = {"ec2": {"status": "ENABLED"}, "ecr": {"status": "DISABLED"}}
    account = {"accountId": world.account, "state": {"status": "ENABLED"}, "resourceState": status}
    world.fake("POST /status/batch/get", {"accounts": [account], "failedAccounts": []})


def test_log_groups_that_are_kept_for_ever_have_null(world: World) -> None:
    fill(world)
    arn = f"arn:aws:logs:eu-west-1:{world.account}:log-group:short"
    tagged = {"ResourceARN": arn, "Tags": [{"Key": "data", "Value": "personal"}]}
    world.fake("GetResources", {"ResourceTagMappingList": [tagged]})  # moto's Tagging API has no log groups
    seen = world.look("logs")
    values = {value["logGroupName"]: value for value in seen.subjects("logs.log-group").values()}
    assert {name: value["retentionInDays"] for name, value in values.items()} == {"kept": None, "short": 30}
    assert {name: value["Tags"] for name, value in values.items()} == {
        "kept": [],
        "short": [{"Key": "data", "Value": "personal"}],
    }
    assert all(value["kmsKeyId"] is None and "storedBytes" not in value for value in values.values())
    assert seen.summary("logs.log-group")["marks"] == {"kept for ever": 1}
    assert seen.only("logs.metric-filter")["filterName"] == "root"


def test_an_alarm_that_nobody_hears_can_be_told(world: World) -> None:
    fill(world)
    seen = world.look("cloudwatch")
    values = {value["AlarmName"]: value for value in seen.subjects("cloudwatch.alarm").values()}
    assert values["silent"]["AlarmActions"] == []
    assert values["rings"]["ActionsEnabled"] is True
    assert "StateReasonData" not in values["rings"]
    assert seen.summary("cloudwatch.alarm")["marks"] == {"rings": 1}


def test_a_rule_stands_with_its_pattern_and_targets_without_their_input(world: World) -> None:
    fill(world)
    seen = world.look("events")
    value = seen.only("events.rule")
    assert (value["State"], value["EventPattern"]) == ("ENABLED", {"source": ["aws.guardduty"]})
    assert [sorted(target) for target in value["Targets"]] == [["Arn", "Id"]]
    assert not [event for event in seen.events if TOKEN.encode() in event.payload]


def buses(asked: Request) -> Answer:
    """Two pages, which the SDK does not turn by itself."""
    last = asked.body.get("NextToken") == "two"
    value = {"EventBuses": [{"Name": "other" if last else "default"}], **({} if last else {"NextToken": "two"})}
    return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(value).encode()


def test_the_buses_of_every_page_are_read(world: World) -> None:
    fill(world)
    world.client("events").create_event_bus(Name="other")
    world.client("events").put_rule(Name="second", EventBusName="other", EventPattern='{"source": ["aws.securityhub"]}')
    world.answer("ListEventBuses", buses)
    seen = world.look("events")
    assert seen.summary("events.rule")["names"] == ["default/guard", "other/second"]
    world.fake("ListEventBuses", {"EventBuses": [], "NextToken": "again"})
    seen = world.look("events")
    assert not seen.part("events.rule").complete
    assert "the same page twice" in seen.said


def test_subscribers_are_read_without_the_secrets_in_their_addresses(world: World) -> None:
    fill(world)
    pending = "<member><SubscriptionArn>PendingConfirmation</SubscriptionArn><TopicArn>arn:t</TopicArn><Protocol>email</Protocol>"
    body = (
        "<ListSubscriptionsResponse><ListSubscriptionsResult><Subscriptions>"
        f"{pending}<Endpoint>a@example.com</Endpoint></member></Subscriptions></ListSubscriptionsResult></ListSubscriptionsResponse>"
    )
    assert world.look("sns").only("sns.subscription")["Endpoint"] == "https://hooks.example.com"
    world.answer("ListSubscriptions", (200, {"Content-Type": "text/xml"}, body.encode()))
    seen = world.look("sns")
    assert seen.only("sns.subscription")["Endpoint"] == "a@example.com"
    assert seen.summary("sns.subscription")["marks"] == {"not confirmed": 1}


@pytest.mark.parametrize("endpoint", [f"https://user:{TOKEN}@host/{TOKEN}", f"https://host?{TOKEN}", f"http://host/a?{TOKEN}"])
def test_of_a_url_only_the_host_stays(endpoint: str) -> None:
    assert monitoring._host(endpoint).rpartition("://")[2] == "host"


def test_an_account_of_which_inspector_says_nothing_is_not_read(world: World) -> None:
    fill(world)
    assert world.look("inspector2").only("inspector2.account")["resourceState"]["ecr"] == {"status": "DISABLED"}
    world.fake("POST /status/batch/get", {"accounts": [], "failedAccounts": [{"accountId": world.account}]})
    seen = world.look("inspector2")
    assert not seen.part("inspector2.account").complete
    assert "said nothing of the account" in seen.said


def test_each_call_that_is_refused_is_missed_by_name(world: World) -> None:
    fill(world)
    check_denials(world, monitoring.RESOURCES)
