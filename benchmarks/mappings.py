"""Mapping sets of a given size: the built-in mappings, and Sigma rules made after the manner of public rule sets.

Nine in ten name the service and the call, as nearly all public CloudTrail rules do; one in ten has nothing exact to go by.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.reader import builtin_mappings, read_set
from pipeline.rules.ruleset import RuleSet

ACTED: Final = 40
"""The calls of so many rules occur in the events: they are in every set, so that the same events are judged."""
FINDINGS: Final = {0: "not-satisfied", 1: "satisfied"}
_CONTROLS: Final = ("a.5.15", "a.5.18", "a.8.2", "a.8.5", "a.8.9", "a.8.15", "a.8.16", "a.8.20", "a.8.24", "a.8.32")


def action(number: int) -> str:
    """The call that rule `number` is about."""
    return f"Change{number}Setting"


def service(number: int) -> str:
    """The service of that call."""
    return f"service-{number % 40}.amazonaws.com"


def rule(number: int) -> dict[str, Any]:
    """Rule `number`: of those that the events speak to, one in ten opens findings, one says satisfied, the rest is evidence."""
    exact = number < ACTED or number % 10
    finding = FINDINGS.get(number % 10, "evidence")
    made: dict[str, Any] = {
        "title": f"Setting {number} changed",
        "id": f"00000000-0000-4000-8000-{number:012d}",
        "status": "test",
        "description": "Made for measuring.",
        "date": "2026-11-24",
        "tags": [f"iso27001-2022.{_CONTROLS[number % len(_CONTROLS)]}"],
        "logsource": {"product": "aws", "service": "cloudtrail"},
        "detection": _exact(number) if exact else _loose(number),
        "level": "medium",
        "rationale": "Made for measuring.",
        "finding": finding,
        "no_match": "silent",
    }
    if finding == "not-satisfied":
        made |= {"subject": "userIdentity.arn|tail", "until": {"eventName": f"Undo{number}Setting"}, "quiet_for": "7d"}
    return made


def _exact(number: int) -> dict[str, Any]:
    return {
        "selection": {"eventSource": service(number), "eventName": [action(number), f"Put{number}Setting"]},
        "filter": {"userIdentity.type": "AWSService"},
        "errors": {"errorCode|exists": True},
        "condition": "selection and not filter and not errors",
    }


def _loose(number: int) -> dict[str, Any]:
    kinds: tuple[dict[str, Any], ...] = (
        {"userAgent|contains": f"tool-{number}"},
        {"requestParameters.name|startswith": f"secret-{number}-"},
        {"eventName|endswith": f"Trail{number}"},
        {"userAgent|re": f"scanner[0-9]+-{number}"},
        {"sourceIPAddress|cidr": f"203.0.{number % 250}.0/24"},
    )
    return {"selection": kinds[number // 10 % len(kinds)], "condition": "selection"}


def write_rules(folder: Path, count: int) -> None:
    """Write the first `count` rules, one file each."""
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"rule-{number:05d}.yaml").write_text(yaml.dump(rule(number), Dumper=_DUMPER), encoding="utf-8")


_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def mapping_set(folder: Path, count: int) -> MappingSet:
    """A set of `count` mappings: the built-in ones too, where they fit in beside those that the events speak to."""
    builtin = len(RuleSet.compile(read_set([builtin_mappings()])).rules)
    own = count - builtin if count - builtin >= ACTED else count
    write_rules(folder, own)
    paths = [builtin_mappings(), folder] if own != count else [builtin_mappings() / "annex_a.yaml", folder]
    return read_set(paths)
