"""Every source type there is: its name, what it reads, its settings, and how a collector is made of them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from collectors.aws import Connection
from collectors.base import Collector, CollectorError
from collectors.cloudtrail_files import CloudTrailFiles, scan
from collectors.cloudtrail_s3 import Bucket, CloudTrailS3
from collectors.gz import Limits
from collectors.listing import Lister
from collectors.runner import Clock, wall_clock
from collectors.settings import CloudTrailFilesSettings, CloudTrailS3Settings, SourceSettings


class SourceInvalid(CollectorError):
    """A source's settings cannot be used; the message names the source, the key and what is allowed."""


@dataclass(frozen=True, slots=True)
class SourceType:
    """One source type. `build` takes an instance of `settings`; nothing is called or opened by it."""

    name: str
    summary: str
    settings: type[SourceSettings]
    build: Callable[[Any, Clock], Collector]


def _files(settings: CloudTrailFilesSettings, clock: Clock) -> Collector:
    path = settings.path.absolute()
    lister = Lister(lambda: scan(path, settings.follow_links), clock, settings.overlap, settings.since)
    limits = Limits(settings.max_file_size, settings.max_ratio)
    return CloudTrailFiles(settings.name, path, limits, lister, clock, settings.follow_links)


def _s3(settings: CloudTrailS3Settings, clock: Clock) -> Collector:
    connection = Connection(
        settings.region,
        settings.profile,
        settings.endpoint_url,
        settings.max_attempts,
        settings.connect_timeout,
        settings.read_timeout,
    )
    bucket = Bucket(connection, settings.bucket, settings.prefix, settings.max_file_size)
    lister = Lister(bucket.scan, clock, settings.overlap, settings.since)
    limits = Limits(settings.max_file_size, settings.max_ratio)
    return CloudTrailS3(settings.name, bucket, limits, lister, clock)


SOURCE_TYPES: Final[Mapping[str, SourceType]] = {
    kind.name: kind
    for kind in (
        SourceType("cloudtrail-files", "CloudTrail log files in a directory", CloudTrailFilesSettings, _files),
        SourceType("cloudtrail-s3", "CloudTrail log files in an S3 bucket", CloudTrailS3Settings, _s3),
    )
}


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
