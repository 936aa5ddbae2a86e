"""Which event types a logsource reaches."""

from __future__ import annotations

import pytest

from pipeline.rules.logsource import LogSource, reaches
from pipeline.rules.problems import RulesError


@pytest.mark.parametrize(
    ("raw", "types", "reached", "not_reached"),
    [
        (
            {"product": "aws", "service": "cloudtrail"},
            "log.aws.cloudtrail",
            ["log.aws.cloudtrail"],
            ["log.aws.config", "snapshot.aws.cloudtrail", "log.aws.cloudtrail.trail", "log.aws"],
        ),
        ({"product": "AWS", "service": "CloudTrail"}, "log.aws.cloudtrail", ["log.aws.cloudtrail"], []),
        ({"product": "aws"}, "log.aws.*", ["log.aws.cloudtrail", "log.aws.config"], ["log.gcp.audit", "snapshot.aws.iam.user"]),
        ({"service": "auditd"}, "log.*.auditd", ["log.linux.auditd"], ["log.linux.syslog"]),
        (
            {"category": "process_creation", "product": "windows"},
            "log.windows.process_creation",
            ["log.windows.process_creation"],
            ["log.windows.security"],
        ),
        (
            {"category": "process_creation", "product": "windows", "service": "sysmon"},
            "log.windows.sysmon",
            ["log.windows.sysmon"],
            [],
        ),
        (
            {"category": "snapshot", "product": "aws", "service": "iam", "resource": "user"},
            "snapshot.aws.iam.user",
            ["snapshot.aws.iam.user"],
            ["log.aws.iam.user"],
        ),
        ({"category": "log", "product": "aws"}, "log.aws.*", ["log.aws.cloudtrail"], ["ticket.aws.x"]),
    ],
)
def test_types(raw: dict[str, str], types: str, reached: list[str], not_reached: list[str]) -> None:
    source = LogSource.of(raw)
    assert source.types() == (types,)
    assert all(reaches(source.types(), each) for each in reached)
    assert not any(reaches(source.types(), each) for each in not_reached)


def test_no_types_reach_nothing() -> None:
    assert not reaches((), "log.aws.cloudtrail")


@pytest.mark.parametrize("raw", [None, "aws", {}, {"definition": "x"}, {"product": 5}, {"product": ""}, {"product": "*"}])
def test_refused(raw: object) -> None:
    with pytest.raises(RulesError, match="logsource"):
        LogSource.of(raw)
