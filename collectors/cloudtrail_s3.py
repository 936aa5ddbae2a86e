"""Source type cloudtrail-s3: CloudTrail log files in an S3 bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import Field

from collectors.base import Cursor, Permission, Probe, Reads, Report, SourceUnreadable, Window
from collectors.bucket import Bucket
from collectors.cloudtrail import EVENT_TYPE, WindowReader
from collectors.delivered import Refused
from collectors.file_name import parse_name
from collectors.gz import Limits
from collectors.listing import Listed, Lister
from collectors.runner import Clock
from collectors.settings import AwsSettings, DeliveredFilesSettings
from collectors.source_type import Access, SourceType
from store.records import MINUTE, Event

_MAX_SKEW: Final = 5 * MINUTE


class CloudTrailS3Settings(DeliveredFilesSettings, AwsSettings):
    """cloudtrail-s3: log files in `bucket` below `prefix`."""

    type: Literal["cloudtrail-s3"]
    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    prefix: str = Field(default="", max_length=1024)


@dataclass(frozen=True, slots=True)
class CloudTrailS3:
    """A bucket, set up. See collectors/base.py for what the methods promise."""

    source: str
    bucket: Bucket
    limits: Limits
    lister: Lister
    clock: Callable[[], int]
    type: str = "cloudtrail-s3"
    reads: Reads = "deliveries"

    def oldest(self, cursor: Cursor, now: int) -> int | None:  # noqa: ARG002  the contract has them
        """Just before the oldest object's LastModified, not before `since`; None in an empty bucket."""
        return self.lister.oldest()

    def collect(self, window: Window, report: Report) -> Iterator[Event]:
        """Yield the records of the objects that arrived in the window."""
        report.identity(self.bucket.identity())
        selection = self.lister.select(window)
        if self.bucket.server_time and window.end - self.bucket.server_time > _MAX_SKEW:
            raise SourceUnreadable(f"{self.bucket.place}: this machine's clock is ahead of the bucket's by minutes: set it (NTP)")
        yield from WindowReader(window, report, self.bucket.opened, self.limits, self.clock).read(selection)

    def check(self) -> Sequence[Probe]:
        """Ask who we are, list until the first log file and read it."""
        said = [Probe(f"{self.bucket.place} can be listed as {self.bucket.identity()}")]
        for item in self.bucket.scan():
            if isinstance(item, Listed) and item.name:
                try:
                    with self.bucket.opened(item) as delivered:
                        next(delivered.chunks(), b"")
                except Refused as error:
                    raise SourceUnreadable(f"{item.place}: {error}") from error
                return (*said, Probe(f"{item.place} can be read"))
        return (*said, Probe("it holds no CloudTrail log files"))


def _build(settings: CloudTrailS3Settings, clock: Clock) -> CloudTrailS3:
    bucket = Bucket(settings.connection, settings.bucket, settings.prefix, settings.max_file_size, parse_name)
    lister = Lister(bucket.scan, clock, settings.overlap, settings.since)
    limits = Limits(settings.max_file_size, settings.max_ratio)
    return CloudTrailS3(settings.name, bucket, limits, lister, clock)


def _access(settings: CloudTrailS3Settings) -> Access:
    bucket, types = f"arn:aws:s3:::{settings.bucket}", (EVENT_TYPE,)
    return Access(
        "aws-policy",
        (
            Permission("s3:ListBucket", "list the log files", bucket, types),
            Permission("s3:GetObject", "read the log files", f"{bucket}/{settings.prefix}*", types),
        ),
        ("Where the trail encrypts with a KMS key, kms:Decrypt on that key is needed too.",),
    )


TYPE: Final = SourceType(
    "cloudtrail-s3", "CloudTrail log files in an S3 bucket", CloudTrailS3Settings, _build, _access, (EVENT_TYPE,)
)
