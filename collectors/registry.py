"""Every source type there is, one line each; reading a source's settings; making its collector."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from collectors import (
    aws_account,
    aws_config,
    aws_securityhub,
    cloudtrail_files,
    cloudtrail_lookup,
    cloudtrail_s3,
    gcp_audit,
    gcp_iam,
    github,
    jira,
    json_files,
    kafka_topic,
    pagerduty,
    prowler,
    servicenow,
)
from collectors.base import Collector, CollectorError
from collectors.settings import SourceSettings
from collectors.source_type import Access, SourceType
from store.times import Clock, wall_clock


class SourceInvalid(CollectorError):
    """A source's settings cannot be used; the message names the source, the key and what is allowed."""


_TYPES: Final[tuple[SourceType, ...]] = (
    aws_account.TYPE,
    aws_config.TYPE,
    aws_securityhub.TYPE,
    cloudtrail_files.TYPE,
    cloudtrail_lookup.TYPE,
    cloudtrail_s3.TYPE,
    gcp_audit.TYPE,
    gcp_iam.TYPE,
    github.TYPE,
    jira.TYPE,
    json_files.TYPE,
    kafka_topic.TYPE,
    pagerduty.TYPE,
    prowler.TYPE,
    servicenow.TYPE,
)
SOURCE_TYPES: Final[Mapping[str, SourceType]] = {kind.name: kind for kind in _TYPES}


def read_settings(values: Mapping[str, Any]) -> SourceSettings:
    """Check one entry of `sources:`. Raises SourceInvalid."""
    name = str(values.get("name") or "(without a name)")
    kind = values.get("type")
    source_type = SOURCE_TYPES.get(kind) if isinstance(kind, str) else None
    if source_type is None:
        raise SourceInvalid(f"source {name}: type {kind!r} is not known{_near(str(kind), SOURCE_TYPES)}")
    try:
        return source_type.settings.model_validate(dict(values))
    except ValidationError as error:
        faults = "; ".join(_fault(source_type, fault) for fault in error.errors(include_url=False, include_input=False))
        raise SourceInvalid(f"source {name}: {faults}") from error


def build(settings: SourceSettings, clock: Clock = wall_clock) -> Collector:
    """Return the collector of a source."""
    return SOURCE_TYPES[settings.type].build(settings, clock)


def access(settings: SourceSettings) -> Access:
    """What a source's identity must be allowed."""
    return SOURCE_TYPES[settings.type].access(settings)


def _fault(source_type: SourceType, fault: Mapping[str, Any]) -> str:
    key = ".".join(map(str, fault["loc"])) or "settings"
    if fault["type"] == "extra_forbidden":
        return f"{key} is no setting of {source_type.name}{_near(key, source_type.settings.model_fields)}"
    if fault["type"] == "missing":
        return f"{key} is missing"
    return f"{key}: {fault['msg'].removeprefix('Value error, ')}"


def _near(word: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]}?" if near else f" (known: {', '.join(sorted(known))})"
