"""Mappings that the simulated history speaks to often: findings that open and close by the hour, by every cause that there is."""

from __future__ import annotations

from pathlib import Path

import yaml

LOGSOURCE = {"product": "aws", "service": "cloudtrail"}
BUILTIN = ("console-login-failed", "role-used-from-other-account", "root-account-used", "trail-logging-stopped")


def rule(number: int, event: str, control: str, finding: str, **more: object) -> dict[str, object]:
    """A mapping that matches one event name."""
    return {
        "title": f"{event} was called",
        "id": f"00000000-0000-4000-8000-{number:012d}",
        "status": "test",
        "description": f"The call {event}.",
        "date": "2026-11-24",
        "tags": [f"iso27001-2022.{control.lower()}"],
        "logsource": LOGSOURCE,
        "detection": {"selection": {"eventName": event}, "condition": "selection"},
        "level": "medium",
        "rationale": "It is often there.",
        "strength": "strong",
        "finding": finding,
        **more,
    }


RULES = {
    "closed-by-another": rule(
        1, "DescribeAlarms", "A.8.16", "not-satisfied", until={"eventName": "ListFunctions20150331"}, quiet_for="2h"
    ),
    "closed-per-bucket": rule(
        2,
        "GetBucketPolicy",
        "A.8.3",
        "not-satisfied",
        until={"eventName": "GetBucketVersioning"},
        subject="requestParameters.bucketName",
        quiet_for="3h",
        no_match="silent",
    ),
    "closed-by-quiet": rule(3, "DescribeVolumes", "A.8.9", "not-satisfied", no_until="nothing undoes a look", quiet_for="1h"),
    "said-by-people": rule(4, "ConsoleLogin", "A.5.16", "satisfied", no_match="silent", max_age="2h"),
    "said-again": rule(5, "UpdateService", "A.8.32", "satisfied", no_match="silent", max_age="3h"),
    "alive": rule(6, "AssumeRole", "A.5.15", "evidence"),
    "used": rule(7, "Decrypt", "A.8.24", "evidence", subject="userIdentity.arn"),
    "never": rule(8, "DeleteTrail", "A.8.15", "not-satisfied", no_until="gone", max_age="2h"),
}


def write(folder: Path) -> None:
    """One file a rule."""
    for name, content in RULES.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
