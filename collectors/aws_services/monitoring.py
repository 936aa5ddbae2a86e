"""What watches and tells: log groups, alarms, rules of events, topics with their subscribers, Inspector."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from collectors.aws import AwsError
from collectors.aws_services.base import Call, Look, Resource, Subject
from collectors.aws_services.paged import paged
from collectors.aws_services.tags import TAGS, tags

GROUPS: Final = Call("logs", "DescribeLogGroups")
METRICS: Final = Call("logs", "DescribeMetricFilters")
ALARMS: Final = Call("cloudwatch", "DescribeAlarms")
BUSES: Final = Call("events", "ListEventBuses")
RULES: Final = Call("events", "ListRules")
TARGETS: Final = Call("events", "ListTargetsByRule")
SUBSCRIPTIONS: Final = Call("sns", "ListSubscriptions")
INSPECTOR: Final = Call("inspector2", "BatchGetAccountStatus")
_MOVING: Final = ("StateReason", "StateReasonData", "StateUpdatedTimestamp", "StateTransitionedTimestamp", "EvaluationState")


def _groups(look: Look) -> Iterator[Subject]:
    """Log groups; AWS leaves retentionInDays out where nothing ever expires, which is null."""
    known = tags(look, "logs:log-group")
    for item in look.list(GROUPS, "logGroups"):
        own = {"retentionInDays": item.get("retentionInDays"), "kmsKeyId": item.get("kmsKeyId")}
        group = look.subject(str(item["arn"]).removesuffix(":*"), {**item, **own}, str(item["logGroupName"]))
        group.drop("storedBytes")
        known.put(group, group.arn)
        if own["retentionInDays"] is None:
            group.marks.add("kept for ever")
        yield group


def _metrics(look: Look) -> Iterator[Subject]:
    for item in look.list(METRICS, "metricFilters"):
        name = f"{item['logGroupName']}:{item['filterName']}"
        yield look.subject(
            look.arn("logs", f"log-group:{item['logGroupName']}:metric-filter:{item['filterName']}", region=look.region),
            item,
            name,
        )


def _alarms(look: Look) -> Iterator[Subject]:
    for item in look.list(ALARMS, "MetricAlarms", AlarmTypes=["MetricAlarm"], MaxRecords=100):
        alarm = look.subject(str(item["AlarmArn"]), item, str(item["AlarmName"]))
        alarm.drop(*_MOVING)
        if item.get("ActionsEnabled") is True and item.get("AlarmActions"):
            alarm.marks.add("rings")
        yield alarm


def _rules(look: Look) -> Iterator[Subject]:
    """Rules of every bus, with their targets. What a target is given as input may hold secrets and is left out."""
    for bus in paged(look, BUSES, "EventBuses", Limit=100):
        for item in look.list(RULES, "Rules", EventBusName=str(bus["Name"])):
            rule = look.subject(str(item["Arn"]), item, f"{bus['Name']}/{item['Name']}")
            own = {"Rule": str(item["Name"]), "EventBusName": str(bus["Name"])}
            found = rule.list("Targets", TARGETS, "Targets", gone=("ResourceNotFoundException",), **own)
            for target in found or ():
                for secret in ("Input", "InputTransformer", "HttpParameters"):
                    target.pop(secret, None)
            yield rule


def _subscriptions(look: Look) -> Iterator[Subject]:
    """Subscribers of topics. One that never confirmed has no ARN of its own."""
    for item in look.list(SUBSCRIPTIONS, "Subscriptions"):
        arn = str(item.get("SubscriptionArn"))
        waiting = not arn.startswith("arn:")
        item = {**item, "Endpoint": _host(str(item.get("Endpoint")))}
        name = f"{item.get('TopicArn')}/{item.get('Protocol')}/{item['Endpoint']}"
        subscription = look.subject(name if waiting else arn, item, name)
        if waiting:
            subscription.marks.add("not confirmed")
        yield subscription


def _host(endpoint: str) -> str:
    """An address; of a URL its host alone, for the rest may be a secret by which one may call it."""
    scheme, found, rest = endpoint.partition("://")
    return f"{scheme}://{rest.partition('/')[0].rpartition('@')[2].partition('?')[0]}" if found else endpoint


def _inspector(look: Look) -> Iterator[Subject]:
    answer = look.ask(INSPECTOR, accountIds=[look.account]) or {}
    found = [item for item in answer.get("accounts") or () if item.get("accountId") == look.account]
    if not found:
        raise AwsError(f"AWS inspector2 BatchGetAccountStatus in {look.region} said nothing of the account", "absent")
    for item in found:
        yield look.subject(look.arn("inspector2", "account", region=look.region), item, look.account)


RESOURCES: Final = (
    Resource(
        "logs",
        "log-group",
        "regional",
        "log groups: retention, key, data protection, tags",
        (GROUPS, TAGS),
        _groups,
        ("A.5.34", "A.8.10", "A.8.11", "A.8.15"),
        marks=("kept for ever",),
    ),
    Resource("logs", "metric-filter", "regional", "metric filters of log groups", (METRICS,), _metrics, ("A.8.16",)),
    Resource(
        "cloudwatch",
        "alarm",
        "regional",
        "alarms and what they ring",
        (ALARMS,),
        _alarms,
        ("A.8.16",),
        marks=("rings",),
    ),
    Resource(
        "events",
        "rule",
        "regional",
        "rules of events: pattern, state, targets",
        (BUSES, RULES, TARGETS),
        _rules,
        ("A.5.24", "A.8.16"),
        documents=("EventPattern",),
    ),
    Resource(
        "sns",
        "subscription",
        "regional",
        "subscribers of topics and whether they confirmed",
        (SUBSCRIPTIONS,),
        _subscriptions,
        ("A.5.24",),
        marks=("not confirmed",),
    ),
    Resource("inspector2", "account", "regional", "what Inspector examines", (INSPECTOR,), _inspector, ("A.8.8",)),
)
