"""GuardDuty: detectors with their features, the filters that archive findings, and threat intelligence sets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from collectors.aws_services.base import Call, Look, Resource, Subject
from collectors.aws_services.joined import merged

DETECTORS: Final = Call("guardduty", "ListDetectors")
DETECTOR: Final = Call("guardduty", "GetDetector")
FILTERS: Final = Call("guardduty", "ListFilters")
FILTER: Final = Call("guardduty", "GetFilter")
SETS: Final = Call("guardduty", "ListThreatIntelSets")
SET: Final = Call("guardduty", "GetThreatIntelSet")
_DETECTOR: Final = ("Status", "Features", "DataSources", "FindingPublishingFrequency", "CreatedAt", "UpdatedAt", "Tags")
_FILTER: Final = ("Action", "Description", "FindingCriteria", "Rank", "Tags")
_SET: Final = ("Name", "Status", "Format", "Location", "Tags")


def _detectors(look: Look) -> Iterator[Subject]:
    for name in look.list(DETECTORS, "DetectorIds"):
        detector = look.subject(look.arn("guardduty", f"detector/{name}", region=look.region), {"DetectorId": name}, name)
        merged(detector, DETECTOR, _DETECTOR, DetectorId=name)
        if detector.get("Status") == "ENABLED":
            detector.marks.add("enabled")
        yield detector


def _filters(look: Look) -> Iterator[Subject]:
    for detector in look.list(DETECTORS, "DetectorIds"):
        for name in look.list(FILTERS, "FilterNames", DetectorId=detector):
            arn = look.arn("guardduty", f"detector/{detector}/filter/{name}", region=look.region)
            found = look.subject(arn, {"DetectorId": detector, "Name": name}, name)
            merged(found, FILTER, _FILTER, DetectorId=detector, FilterName=name)
            yield found


def _sets(look: Look) -> Iterator[Subject]:
    for detector in look.list(DETECTORS, "DetectorIds"):
        for name in look.list(SETS, "ThreatIntelSetIds", DetectorId=detector):
            arn = look.arn("guardduty", f"detector/{detector}/threatintelset/{name}", region=look.region)
            found = look.subject(arn, {"DetectorId": detector, "ThreatIntelSetId": name}, name)
            merged(found, SET, _SET, DetectorId=detector, ThreatIntelSetId=name)
            yield found


RESOURCES: Final = (
    Resource(
        "guardduty",
        "detector",
        "regional",
        "detectors and what they watch",
        (DETECTORS, DETECTOR),
        _detectors,
        ("A.5.7", "A.8.7", "A.8.16"),
        marks=("enabled",),
    ),
    Resource("guardduty", "filter", "regional", "filters of findings", (DETECTORS, FILTERS, FILTER), _filters, ("A.5.25",)),
    Resource("guardduty", "threat-intel-set", "regional", "threat intelligence sets", (DETECTORS, SETS, SET), _sets, ("A.5.7",)),
)
