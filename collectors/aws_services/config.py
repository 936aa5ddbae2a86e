"""AWS Config: recorders and delivery channels, and whether they work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from collectors.aws import AwsError
from collectors.aws_services.base import Call, Look, Resource, Subject

RECORDERS: Final = Call("config", "DescribeConfigurationRecorders")
RECORDING: Final = Call("config", "DescribeConfigurationRecorderStatus")
CHANNELS: Final = Call("config", "DescribeDeliveryChannels")
DELIVERING: Final = Call("config", "DescribeDeliveryChannelStatus")
_INFOS: Final = ("configSnapshotDeliveryInfo", "configHistoryDeliveryInfo", "configStreamDeliveryInfo")
_MOVING: Final = ("lastAttemptTime", "lastSuccessfulTime", "lastStatusChangeTime")


def _recorders(look: Look) -> Iterator[Subject]:
    for item in look.list(RECORDERS, "ConfigurationRecorders"):
        name = str(item["name"])
        arn = str(item.get("arn") or look.arn("config", f"configuration-recorder/{name}", region=look.region))
        recorder = look.subject(arn, item, name)
        path = "ConfigurationRecorderStatus"
        if _status(recorder, path, RECORDING, "ConfigurationRecordersStatus", ConfigurationRecorderNames=[name]):
            recorder.days(f"{path}.lastStatusChangeTime")
            if recorder.get(f"{path}.recording") is True:
                recorder.marks.add("recording")
        yield recorder


def _channels(look: Look) -> Iterator[Subject]:
    for item in look.list(CHANNELS, "DeliveryChannels"):
        name = str(item["name"])
        channel = look.subject(look.arn("config", f"delivery-channel/{name}", region=look.region), item, name)
        path = "DeliveryChannelStatus"
        if _status(channel, path, DELIVERING, "DeliveryChannelsStatus", DeliveryChannelNames=[name]):
            for info in _INFOS:
                channel.days(*(f"{path}.{info}.{moving}" for moving in _MOVING))
                channel.drop(f"{path}.{info}.nextDeliveryTime")
        yield channel


def _status(subject: Subject, path: str, call: Call, member: str, **arguments: Any) -> bool:
    """Put the one status at `path`; False where it was not answered or the subject is gone."""
    gone = ("NoSuchConfigurationRecorderException", "NoSuchDeliveryChannelException")
    try:
        found = list(subject.look.list(call, member, **arguments))
    except AwsError as error:
        if error.code in gone:
            subject.gone = True
        elif error.code == "broken":
            raise
        else:
            subject.miss(path, str(error))
        return False
    subject.put(path, found[0] if found else None)
    return bool(found)


RESOURCES: Final = (
    Resource(
        "config",
        "configuration-recorder",
        "regional",
        "configuration recorders and whether they record",
        (RECORDERS, RECORDING),
        _recorders,
        ("A.5.9", "A.8.9"),
        marks=("recording",),
    ),
    Resource(
        "config",
        "delivery-channel",
        "regional",
        "delivery channels and whether they deliver",
        (CHANNELS, DELIVERING),
        _channels,
        ("A.5.9",),
    ),
)
