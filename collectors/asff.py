"""A finding in the AWS Security Finding Format, as it is kept.

Names and nesting stay AWS's. Left out are the times that each new check moves though nothing changed (UpdatedAt,
LastObservedAt, ProcessedAt): that a finding was seen again is said by the window. Of ours are `_pass_without_data`, which says of
every finding that has passed whether it passed for lack of anything to check, and `_resource_tags`: the tags of its resources as
`{"Key", "Value"}`, so that a key and its value can be judged together (AWS hands them out as a map here, elsewhere as pairs).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from collectors.base import CollectorError
from collectors.json_text import render
from store.errors import InvalidTime
from store.text import clean_attribute
from store.times import parse_time

KIND: Final = "finding.aws.securityhub"
MOVING: Final = frozenset({"UpdatedAt", "LastObservedAt", "ProcessedAt"})
NO_DATA: Final = frozenset(
    {"CONFIG_EVALUATIONS_EMPTY", "CONFIG_RETURNS_NOT_APPLICABLE", "CONFIG_ACCESS_DENIED", "CONFIG_RECORDER_DISABLED"}
    | {"CONFIG_RULE_EVALUATION_ERROR", "CONFIG_RULE_NOT_FOUND", "INTERNAL_SERVICE_ERROR", "THROTTLING_ERROR"}
    | {"LAMBDA_CUSTOM_RUNTIME_DETAILS_NOT_AVAILABLE", "CLOUDTRAIL_REGION_INVAILD", "S3_BUCKET_CROSS_ACCOUNT_CROSS_REGION"}
    | {"SNS_TOPIC_CROSS_ACCOUNT", "SNS_TOPIC_CROSS_ACCOUNT_CROSS_REGION"}
)
"""Codes of Compliance.StatusReasons by which Security Hub says that nothing was, or could be, checked (spelt as AWS does)."""


class NotAFinding(CollectorError):
    """What came cannot be kept as a finding; `content` is what it was."""

    def __init__(self, reason: str, content: bytes) -> None:
        super().__init__(reason)
        self.content = content


@dataclass(frozen=True, slots=True)
class Known:
    """A finding: whose it is, and what is kept of it."""

    subject: str
    account: str
    region: str
    payload: bytes


def describe(finding: Mapping[str, Any], account: str, region: str) -> Known:
    """Return what is kept. `account`, `region`: where it was asked for, if the finding does not say. Raises NotAFinding."""
    name, product = finding.get("Id"), finding.get("ProductArn")
    if not _word(name) or not _word(product):
        raise NotAFinding("has no Id or no ProductArn", render(finding))
    own = {key: value for key, value in finding.items() if key not in MOVING}
    passed = _passed(finding)
    if passed is not None:
        own["_pass_without_data"] = passed
    tags = _tags(finding)
    if tags:
        own["_resource_tags"] = tags
    return Known(
        clean_attribute(str(name) if str(name).startswith("arn:") else f"{product}/{name}"),
        _or(finding.get("AwsAccountId"), account),
        _or(finding.get("Region"), region),
        render(own),
    )


def updated(finding: Mapping[str, Any]) -> int | None:
    """When its provider last updated it (microseconds); None where it does not say so readably."""
    try:
        return parse_time(str(finding.get("UpdatedAt", "")))
    except InvalidTime:
        return None


def _passed(finding: Mapping[str, Any]) -> bool | None:
    """Of a finding that has passed: without data? None of any other."""
    compliance = finding.get("Compliance")
    if not isinstance(compliance, Mapping) or compliance.get("Status") != "PASSED":
        return None
    codes = {str(reason.get("ReasonCode", "")) for reason in compliance.get("StatusReasons") or () if isinstance(reason, Mapping)}
    return bool(codes & NO_DATA) or not finding.get("Resources")


def _tags(finding: Mapping[str, Any]) -> list[dict[str, str]]:
    """The tags of its resources, each pair once."""
    resources = finding.get("Resources")
    maps = [item.get("Tags") for item in resources if isinstance(item, Mapping)] if isinstance(resources, list) else []
    pairs = {(str(key), str(value)) for tags in maps if isinstance(tags, Mapping) for key, value in tags.items()}
    return [{"Key": key, "Value": value} for key, value in sorted(pairs)]


def _word(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _or(value: Any, fallback: str) -> str:
    return clean_attribute(str(value)) if _word(value) else fallback
