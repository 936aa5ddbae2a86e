"""Source type cloudtrail-s3: CloudTrail log files in an S3 bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from pydantic import Field

from collectors.aws import AwsError, is_denial
from collectors.base import Cursor, Permission, Probe, Reads, Report, SourceUnreadable, Window
from collectors.bucket import Bucket
from collectors.cloudtrail import EVENT_TYPE, WindowReader
from collectors.cloudtrail_again import again
from collectors.cloudtrail_chain import BREAK_TYPE
from collectors.cloudtrail_digest import parse_any_name
from collectors.cloudtrail_keys import PERMISSION, AwsKeys, KeyFile, Keys, WithoutKeys
from collectors.cloudtrail_layout import DayFolders
from collectors.cloudtrail_originals import BucketOriginals
from collectors.cloudtrail_queue import Notices
from collectors.cloudtrail_settings import Auditor, TrailFilesSettings
from collectors.delivered import Refused
from collectors.file_name import parse_name
from collectors.gz import Limits
from collectors.listing import Listed, Lister
from collectors.settings import AwsSettings, Duration
from collectors.source_type import Access, SourceType
from collectors.unreadable import unreadable_event
from store.records import DAY, MINUTE, Event
from store.times import Clock

_MAX_SKEW: Final = 5 * MINUTE


TYPES: Final = (EVENT_TYPE, BREAK_TYPE)


class CloudTrailS3Settings(TrailFilesSettings, AwsSettings):
    """cloudtrail-s3: log files in `bucket` below `prefix`."""

    type: Literal["cloudtrail-s3"]
    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    prefix: str = Field(default="", max_length=1024)
    queue_url: str | None = Field(default=None, pattern=r"^https?://[^@/?#]+/[0-9]{12}/[A-Za-z0-9_-]{1,80}$")
    whole_listing: Duration = DAY
    keys_endpoint_url: str | None = Field(default=None, pattern=r"^https?://[^@]*$")


@dataclass(frozen=True, slots=True)
class CloudTrailS3:
    """A bucket, set up. See collectors/base.py for what the methods promise."""

    source: str
    bucket: Bucket
    limits: Limits
    lister: Lister
    clock: Callable[[], int]
    auditor: Auditor
    queue: Notices | None = None
    type: str = "cloudtrail-s3"
    reads: Reads = "deliveries"

    def oldest(self, cursor: Cursor, now: int) -> int | None:  # noqa: ARG002  the contract has them
        """Just before the oldest object's LastModified, not before `since`; None in an empty bucket."""
        return self.lister.oldest()

    def collect(self, window: Window, report: Report) -> Iterator[Event]:
        """Yield the records of the objects that arrived in the window."""
        who = self.bucket.identity()
        report.identity(who)
        if self.queue is not None:
            self.bucket.server_time = 0  # a queue with nothing new in it asks the bucket nothing
        selection = self.lister.select(window)
        if self.bucket.server_time and window.end - self.bucket.server_time > _MAX_SKEW:
            raise SourceUnreadable(f"{self.bucket.place}: this machine's clock is ahead of the bucket's by minutes: set it (NTP)")
        yield from self._odd(window, report)
        audit = self.auditor.audit(window, self.bucket.opened, selection.listed, self.clock())
        yield from WindowReader(window, report, self.bucket.opened, self.limits, self.clock, audit).read(selection)
        if audit is not None and audit.chains.unsigned:
            report.identity(f"{who}; signatures of digests are not checked: {audit.chains.unsigned}")

    def _odd(self, window: Window, report: Report) -> Iterator[Event]:
        """Messages that could not be understood."""
        now = self.clock()
        like = Event(window.source, "", "", window.end, b"", window.attempt, now)
        for odd in self.queue.odd if self.queue is not None else ():
            report.unreadable(odd.place, odd.reason)
            yield unreadable_event(like, odd.excerpt, odd.place, odd.reason)

    def check(self) -> Sequence[Probe]:
        """Ask who we are, list until the first log file and read it; ask for public keys, and the queue for a message."""
        return (*self._files(), *self._beside())

    def _beside(self) -> Iterator[Probe]:
        """What can be done without, or is asked of another service than S3."""
        if isinstance(self.auditor.keys, AwsKeys):
            wrong = self.auditor.keys.refused()
            yield Probe(wrong or "public keys of digests can be listed", denied=KEYS if wrong else None)
        if self.queue is not None:
            try:
                self.queue.check()
            except AwsError as error:
                if not is_denial(error):
                    raise SourceUnreadable(str(error)) from error
                yield Probe(str(error), denied=self.queue.permissions(TYPES)[0])
            else:
                yield Probe("the queue can be read")

    def _files(self) -> Sequence[Probe]:
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
    bucket = _bucket(settings)
    queue = _queue(settings, bucket, clock)
    quick = queue or DayFolders(bucket)
    lister = Lister(bucket.scan, clock, settings.overlap, settings.since, quick, settings.whole_listing)
    limits = Limits(settings.max_file_size, settings.max_ratio)
    auditor = Auditor(settings, BucketOriginals(bucket, settings.digest_bucket or settings.bucket), _keys(settings))
    return CloudTrailS3(settings.name, bucket, limits, lister, clock, auditor, queue)


KEYS: Final = Permission(PERMISSION, "check the signatures of digests", types=(BREAK_TYPE,))


def _queue(settings: CloudTrailS3Settings, bucket: Bucket, clock: Clock) -> Notices | None:
    if settings.queue_url is None:
        return None
    return Notices(settings.connection, settings.queue_url, bucket, clock)


def _bucket(settings: CloudTrailS3Settings) -> Bucket:
    namer = parse_name if settings.digests == "off" else parse_any_name
    return Bucket(settings.connection, settings.bucket, settings.prefix, settings.max_file_size, namer)


def _keys(settings: CloudTrailS3Settings) -> Keys:
    """A file, or CloudTrail itself; another S3 than AWS's does not answer for CloudTrail."""
    if settings.public_keys_file is not None:
        return KeyFile(settings.public_keys_file)
    if settings.endpoint_url is not None and settings.keys_endpoint_url is None:
        return WithoutKeys("endpoint_url is set, and neither keys_endpoint_url nor public_keys_file is")
    return AwsKeys(replace(settings.connection, endpoint_url=settings.keys_endpoint_url))


def _access(settings: CloudTrailS3Settings) -> Access:
    bucket, digests = f"arn:aws:s3:::{settings.bucket}", settings.digests != "off"
    queue = _queue(settings, _bucket(settings), lambda: 0)
    asks = digests and isinstance(_keys(settings), AwsKeys)
    return Access(
        "aws-policy",
        (
            Permission("s3:ListBucket", "list the log files", bucket, TYPES),
            Permission("s3:GetObject", "read the log files and their digests", f"{bucket}/{settings.prefix}*", TYPES),
            *([KEYS] if asks else []),
            *(queue.permissions(TYPES) if queue is not None else ()),
        ),
        ("Where the trail encrypts with a KMS key, kms:Decrypt on that key is needed too.",),
    )


TYPE: Final = SourceType(
    "cloudtrail-s3", "CloudTrail log files in an S3 bucket", CloudTrailS3Settings, _build, _access, TYPES, again
)
