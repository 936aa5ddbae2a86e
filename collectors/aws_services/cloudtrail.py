"""CloudTrail: trails, whether they deliver, and what they record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from collectors.aws import AwsError
from collectors.aws_services.base import Call, Look, Resource, Subject

TRAILS: Final = Call("cloudtrail", "DescribeTrails")
STATUS: Final = Call("cloudtrail", "GetTrailStatus")
SELECTORS: Final = Call("cloudtrail", "GetEventSelectors")
_GONE: Final = ("TrailNotFoundException",)
_OPTIONAL: Final = ("KmsKeyId", "CloudWatchLogsLogGroupArn", "CloudWatchLogsRoleArn", "SnsTopicARN", "S3KeyPrefix")
_MOVING: Final = (
    "LatestDeliveryTime",
    "LatestNotificationTime",
    "LatestCloudWatchLogsDeliveryTime",
    "LatestDigestDeliveryTime",
)
_NOISE: Final = (
    "LatestDeliveryAttemptTime",
    "LatestNotificationAttemptTime",
    "LatestNotificationAttemptSucceeded",
    "LatestDeliveryAttemptSucceeded",
)
_ERRORS: Final = ("LatestDeliveryError", "LatestNotificationError", "LatestDigestDeliveryError")
LOGGING: Final = "logging"
EVERYTHING: Final = "multi-region-all-management-events"


def _trails(look: Look) -> Iterator[Subject]:
    """Trails whose home the Region is; those that record it from elsewhere are named in its summary.

    A trail whose home is not read at all is observed in the first Region that is.
    """
    for item in look.list(TRAILS, "trailList", includeShadowTrails=True):
        arn, home = str(item["TrailARN"]), str(item["HomeRegion"])
        known: dict[str, Subject] = look.memo.setdefault("cloudtrail.trails", {})
        if arn not in known:
            known[arn] = _trail(look, arn, home, item)
        there = home if home in look.of.regions else look.of.regions[0]
        first = known[arn]
        if look.region == there:
            first.look = look
            yield first
        else:
            other = look.subject(arn, name=str(item["Name"]))
            other.marks, other.named, other.gone = first.marks, True, first.gone
            other.unread = list(first.unread)
            yield other


def _trail(look: Look, arn: str, home: str, item: Mapping[str, Any]) -> Subject:
    trail = look.subject(arn, {**dict.fromkeys(_OPTIONAL), **item}, str(item["Name"]))
    foreign = arn.split(":")[4] != look.account  # an organisation's: its account alone tells what it records
    gone = () if foreign else _GONE
    status = trail.ask("TrailStatus", STATUS, region=home, gone=gone, Name=arn)
    if status is not None:
        trail.put("TrailStatus", dict.fromkeys(_ERRORS) | status)
        trail.days(*(f"TrailStatus.{name}" for name in _MOVING))
        trail.drop(*(f"TrailStatus.{name}" for name in _NOISE))
    names = ("EventSelectors", "AdvancedEventSelectors")
    chosen: Mapping[str, Any] | None
    if foreign:
        trail.unread += names
        chosen = None if item.get("HasCustomEventSelectors") else {}
    else:
        chosen = _selectors(trail, arn, home)
    if status is not None and status.get("IsLogging") is True:
        trail.marks.add(LOGGING)
        if item.get("IsMultiRegionTrail") is True and chosen is not None and _manages(chosen):
            trail.marks.add(EVERYTHING)
    return trail


def _selectors(trail: Subject, arn: str, home: str) -> Mapping[str, Any] | None:
    try:
        answer = trail.look.ask(SELECTORS, region=home, TrailName=arn) or {}
    except AwsError as error:
        if error.code in _GONE:
            trail.gone = True
            return None
        trail.miss("EventSelectors", str(error))
        trail.miss("AdvancedEventSelectors", str(error))
        return None
    for name in ("EventSelectors", "AdvancedEventSelectors"):
        trail.put(name, answer.get(name) or None)
    return answer


def _manages(chosen: Mapping[str, Any]) -> bool:
    """Do the selectors record every management event, reading and writing? Without any they do, that is the default."""
    simple, advanced = chosen.get("EventSelectors") or (), chosen.get("AdvancedEventSelectors") or ()
    if not simple and not advanced:
        return True
    whole = [each for each in simple if each.get("IncludeManagementEvents") is True and each.get("ReadWriteType") == "All"]
    if any(not each.get("ExcludeManagementEventSources") for each in whole):
        return True
    return any(_management(each.get("FieldSelectors") or ()) for each in advanced)


def _management(fields: Any) -> bool:
    """An advanced selector for management events that nothing narrows."""
    return [(each.get("Field"), list(each.get("Equals") or ())) for each in fields] == [("eventCategory", ["Management"])]


RESOURCES: Final = (
    Resource(
        "cloudtrail",
        "trail",
        "regional",
        "trails, whether they deliver, and their event selectors",
        (TRAILS, STATUS, SELECTORS),
        _trails,
        ("A.5.28", "A.8.15", "A.8.16"),
        marks=(LOGGING, EVERYTHING),
    ),
)
