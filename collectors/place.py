"""Where delivered files of any form lie: a directory (or one file), or an S3 bucket below a prefix. Settings, and the reading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, Protocol, Self

from pydantic import Field, field_validator, model_validator

from collectors.base import Permission, SourceUnreadable, Window
from collectors.bucket import Bucket
from collectors.delivered import Delivered
from collectors.file_name import FileName, Namer
from collectors.folder import opened, owner, scan, scan_file
from collectors.listing import Listed, Refusal
from collectors.settings import AwsSettings, DeliveredFilesSettings
from collectors.source_type import Access
from collectors.unreadable import shown
from store.records import MINUTE

_MAX_SKEW: Final = 5 * MINUTE
_NAME: Final = FileName("", "", 0, zipped=False)  # what the name of such a file says: that it is one


class PlaceSettings(DeliveredFilesSettings, AwsSettings):
    """`path`, or `bucket` and `prefix` with what reaches AWS; `names` are patterns of the files' names (*, ?, [a-z])."""

    path: Path | None = None
    follow_links: bool = Field(default=False, description="follow symbolic links that lead out of the directory")
    bucket: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    prefix: str = Field(default="", max_length=1024)
    names: tuple[str, ...] = Field(default=("*.json*", "*.ndjson*"), min_length=1, max_length=100)

    @field_validator("names")
    @classmethod
    def _of_files(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not name or "/" in name or len(name) > 255 for name in value):
            raise ValueError("patterns are of names without folders, e.g. *.jsonl or audit-*.json.gz")
        return value

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.path is None) == (self.bucket is None):
            raise ValueError("set path to a directory or bucket to an S3 bucket, and only one of the two")
        if self.path is not None and self.prefix:
            raise ValueError("prefix belongs to a bucket: put the folder into path")
        return self


class Place(Protocol):
    """Where a source's files lie."""

    @property
    def spooled(self) -> bool:
        """Are files fetched whole before they are read?"""
        ...

    @property
    def text(self) -> str:
        """The place, for people."""
        ...

    def identity(self) -> str:
        """As whom it is read. Raises SourceUnreadable."""
        ...

    def scan(self) -> Iterator[Listed | Refusal]:
        """List it. Raises SourceUnreadable."""
        ...

    def opened(self, listed: Listed) -> AbstractContextManager[Delivered]:
        """Open a listed file. Raises Refused."""
        ...

    def settled(self, window: Window) -> None:
        """Can what was listed be held against the window's times? Raises SourceUnreadable."""
        ...


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory and everything below it, or where `single` allows it one file."""

    path: Path
    follow_links: bool
    namer: Namer
    single: bool
    spooled: bool = False

    @property
    def text(self) -> str:
        """The path."""
        return shown(str(self.path))

    def identity(self) -> str:
        """The user, and whose the directory is."""
        return owner(self.path)

    def scan(self) -> Iterator[Listed | Refusal]:
        """See Place."""
        if self.single and self.path.is_file():
            return scan_file(self.path, lambda _name: _NAME, self.follow_links)
        return scan(self.path, self.namer, self.follow_links)

    def opened(self, listed: Listed) -> AbstractContextManager[Delivered]:
        """See Place."""
        inside = self.path.parent if self.single and self.path.is_file() else self.path
        return opened(listed, None if self.follow_links else inside)

    def settled(self, window: Window) -> None:
        """A directory's clock is this machine's."""


@dataclass(frozen=True, slots=True)
class BucketPlace:
    """A bucket below a prefix."""

    bucket: Bucket
    spooled: bool = True

    @property
    def text(self) -> str:
        """Its URL."""
        return self.bucket.place

    def identity(self) -> str:
        """The caller's ARN."""
        return self.bucket.identity()

    def scan(self) -> Iterator[Listed | Refusal]:
        """See Place."""
        return self.bucket.scan()

    def opened(self, listed: Listed) -> AbstractContextManager[Delivered]:
        """See Place."""
        return self.bucket.opened(listed)

    def settled(self, window: Window) -> None:
        """Objects could be passed over where this machine's clock is ahead of the bucket's."""
        if self.bucket.server_time and window.end - self.bucket.server_time > _MAX_SKEW:
            raise SourceUnreadable(f"{self.text}: this machine's clock is ahead of the bucket's by minutes: set it (NTP)")


def place_of(settings: PlaceSettings, *, single: bool = False) -> Place:
    """The place that settings name."""
    namer = matching(settings.names)
    if settings.path is not None:
        return Directory(settings.path.absolute(), settings.follow_links, namer, single)
    assert settings.bucket is not None, "settings ask for one of the two"
    return BucketPlace(Bucket(settings.connection, settings.bucket, settings.prefix, settings.max_file_size, namer))


def matching(names: Sequence[str]) -> Namer:
    """Tells files by their names; hidden ones (as copying tools call what is not complete) only where a pattern says so."""

    def namer(key: str) -> FileName | None:
        name = key.rpartition("/")[2]
        hits = (fnmatchcase(name, pattern) and (pattern.startswith(".") or not name.startswith(".")) for pattern in names)
        return _NAME if any(hits) else None

    return namer


def access_of(settings: PlaceSettings, types: tuple[str, ...]) -> Access:
    """What reading a place needs."""
    if settings.path is not None:
        why = "list the directory and read its files"
        return Access("scopes", (Permission("read and search (r-x) for the service's user", why, str(settings.path), types),))
    bucket = f"arn:aws:s3:::{settings.bucket}"
    return Access(
        "aws-policy",
        (
            Permission("s3:ListBucket", "list the files", bucket, types),
            Permission("s3:GetObject", "read the files", f"{bucket}/{settings.prefix}*", types),
        ),
        ("Where objects are encrypted with a KMS key, kms:Decrypt on that key is needed too.",),
    )
