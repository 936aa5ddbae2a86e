"""Delivered files in an S3 bucket: listing below a prefix, and opening an object in the version that was listed.

An object is fetched whole into a spool before it is parsed, so that a connection that breaks is retried without reading a record
twice, and so that the delivered bytes are there when they cannot be understood.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import IO, Any, Final

from collectors.aws import AwsError, Connection, explain, faults
from collectors.base import SourceUnreadable
from collectors.delivered import Delivered, Refused
from collectors.file_name import Namer
from collectors.listing import Listed, Refusal
from collectors.unreadable import shown
from store.records import SECOND

_STEP: Final = 256 * 1024
_IN_MEMORY: Final = 8 * 1024 * 1024
_ASK_AGAIN: Final = 600.0
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Bucket:
    """A bucket below a prefix, read through one client that is made when first used. `namer` tells whose files are ours."""

    connection: Connection
    name: str
    prefix: str
    spool_up_to: int
    namer: Namer
    server_time: int = field(default=0, init=False)
    _identity: tuple[float, str] | None = field(default=None, init=False)
    _client: Any = field(default=None, init=False)

    @property
    def place(self) -> str:
        """The bucket and prefix as a URL, for people."""
        return shown(f"s3://{self.name}/{self.prefix}")

    def client(self) -> Any:
        """The S3 client. Raises AwsError."""
        if self._client is None:
            self._client = self.connection.client("s3")
        return self._client

    def identity(self) -> str:
        """As whom the bucket is read; asked once in ten minutes. Raises SourceUnreadable."""
        if self._identity is None or time.monotonic() - self._identity[0] > _ASK_AGAIN:
            try:
                self._identity = (time.monotonic(), self.connection.identity())
            except AwsError as error:
                raise SourceUnreadable(f"{self.place}: {error}") from error
        return self._identity[1]

    def scan(self) -> Iterator[Listed | Refusal]:
        """List every object below the prefix. Raises SourceUnreadable."""
        for page in self.pages(Prefix=self.prefix):
            for item in page.get("Contents", ()):
                yield self.listed(item)

    def pages(self, **how: str) -> Iterator[dict[str, Any]]:
        """The pages of a listing; `how`: Prefix, Delimiter, StartAfter. Raises SourceUnreadable."""
        try:
            for page in self.client().get_paginator("list_objects_v2").paginate(Bucket=self.name, **how):
                if "IsTruncated" not in page:  # an empty answer is not yet an empty bucket
                    raise SourceUnreadable(f"S3 bucket {self.name}: the answer is no listing: correct endpoint_url")
                self.server_time = _server_time(page) or self.server_time
                yield page
        except AwsError as error:
            raise SourceUnreadable(f"{self.place}: {error}") from error
        except faults() as error:
            what = f"S3 bucket {self.name}"
            raise SourceUnreadable(str(explain(error, what, f"s3:ListBucket on arn:aws:s3:::{self.name}"))) from error

    def listed(self, item: dict[str, Any]) -> Listed:
        """An entry of a listing."""
        key = str(item["Key"])
        modified = (item["LastModified"] - _EPOCH) // _EPOCH.resolution
        place = shown(f"s3://{self.name}/{key}")
        return Listed(key, place, modified, modified, int(item["Size"]), str(item.get("ETag", "")), self.namer(key))

    @contextmanager
    def opened(self, listed: Listed) -> Iterator[Delivered]:
        """Open an object in the version that was listed. Raises Refused."""
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
            yield _Object(self, listed, spool)

    def body(self, listed: Listed) -> Iterator[bytes]:
        """Ask for the object and yield its body as it comes. Raises Refused."""
        try:
            answer = self.client().get_object(Bucket=self.name, Key=listed.key, IfMatch=listed.version)
            with closing(answer["Body"]) as stream:
                if listed.version and answer.get("ETag") != listed.version:  # a proxy's page, say
                    raise _Broken("was answered with something else than the object: check endpoint_url and proxies", retry=True)
                yield from stream.iter_chunks(_STEP)
        except AwsError as error:
            raise Refused(str(error)) from error
        except Refused:
            raise
        except faults() as error:
            permission = f"s3:GetObject on arn:aws:s3:::{self.name}/{self.prefix}* (kms:Decrypt too where a KMS key is used)"
            raise _Broken(str(explain(error, "S3 object", permission)), retry=_broke_off(error)) from error


class _Broken(Refused):
    """`retry`: the connection broke while the body came, which the SDK does not retry by itself."""

    def __init__(self, message: str, *, retry: bool) -> None:
        super().__init__(message)
        self.retry = retry


@dataclass(slots=True)
class _Object(Delivered):
    bucket: Bucket
    listed: Listed
    spool: IO[bytes]
    _whole: bool = False

    def chunks(self, start: int = 0) -> Iterator[bytes]:
        """Yield the body from there; one too large to be read is not spooled, for only its digest is wanted."""
        if self.listed.size > self.bucket.spool_up_to:
            assert start == 0, "of what is not spooled only the whole is wanted"
            yield from self.bucket.body(self.listed)
            return
        self._fetch()
        self.spool.seek(start)
        while chunk := self.spool.read(_STEP):
            yield chunk

    def changed(self) -> bool:
        """Never: the version is asked for."""
        return False

    def _fetch(self) -> None:
        attempts = self.bucket.connection.max_attempts
        for attempt in range(0 if self._whole else attempts):
            self.spool.seek(0)
            self.spool.truncate()
            try:
                for chunk in self.bucket.body(self.listed):
                    self.spool.write(chunk)
                self._whole = True
                return
            except _Broken as error:
                if not error.retry or attempt + 1 == attempts:
                    raise
                time.sleep(min(0.1 * 2**attempt, 5.0))
            except OSError as error:
                raise Refused("could not be put down: no room in the folder for temporary files") from error


def _server_time(page: dict[str, Any]) -> int:
    with suppress(KeyError, TypeError, ValueError, AttributeError):
        when = parsedate_to_datetime(page["ResponseMetadata"]["HTTPHeaders"]["date"])
        return int(when.timestamp()) * SECOND
    return 0


def _broke_off(error: Exception) -> bool:
    """Neither an answer of AWS's nor a mistake of ours: the way between."""
    return getattr(error, "response", None) is None
