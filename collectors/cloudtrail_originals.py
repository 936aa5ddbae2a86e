"""Where CloudTrail's digests and log files lie: a bucket, which keeps keys and signatures, or a directory, which keeps names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from collectors.aws import AwsError, explain, faults
from collectors.bucket import Bucket
from collectors.cloudtrail_digest import LogFile
from collectors.delivered import Refused
from collectors.file_name import parse_name
from collectors.listing import Listed, Refusal


@dataclass(frozen=True, slots=True)
class BucketOriginals:
    """A bucket. `delivered_to`: the bucket that CloudTrail delivers to, of which this one may be a copy."""

    source: Bucket
    delivered_to: str

    @property
    def bucket(self) -> str | None:
        """See Originals."""
        return self.delivered_to

    def same(self, listed: Listed, key: str) -> bool:
        """Key for key."""
        return listed.key == key

    def identity(self, key: str) -> str:
        """The key."""
        return key

    def ours(self, file: LogFile) -> bool:
        """A log file's key below the prefix, in the bucket."""
        return file.bucket == self.delivered_to and file.key.startswith(self.source.prefix) and parse_name(file.key) is not None

    def signature(self, listed: Listed) -> str | None:
        """The metadata `signature` of the version that was listed. Raises Refused."""
        answer = self._call("head_object", "s3:GetObject", Bucket=self.source.name, Key=listed.key, IfMatch=listed.version)
        if answer.get("ETag") != listed.version:
            raise Refused("was answered with something else than the object: check endpoint_url and proxies")
        return str(answer.get("Metadata", {}).get("signature", ""))

    def find(self, files: Sequence[LogFile]) -> Iterator[tuple[LogFile, Listed | None]]:
        """List each key by itself. Raises Refused."""
        for file in files:
            answer = self._call("list_objects_v2", "s3:ListBucket", Bucket=self.source.name, Prefix=file.key, MaxKeys=1)
            if "IsTruncated" not in answer:
                raise Refused("was answered with what is no listing: correct endpoint_url")
            found = [item for item in answer.get("Contents", ()) if item["Key"] == file.key]
            yield file, self.source.listed(found[0]) if found else None

    def _call(self, name: str, permission: str, **how: Any) -> Any:
        try:
            return getattr(self.source.client(), name)(**how)
        except AwsError as error:
            raise Refused(str(error)) from error
        except faults() as error:
            needs = f"{permission} on arn:aws:s3:::{self.source.name}"
            raise Refused(str(explain(error, f"S3 bucket {self.source.name}", needs))) from error


@dataclass(frozen=True, slots=True)
class FolderOriginals:
    """A directory: folders do not matter and no signature is kept. `scan` lists it; `delivered_to`: None: any bucket."""

    scan: Callable[[], Iterator[Listed | Refusal]]
    delivered_to: str | None = None

    @property
    def bucket(self) -> str | None:
        """See Originals."""
        return self.delivered_to

    def same(self, listed: Listed, key: str) -> bool:
        """The same name."""
        return _name(listed.key) == _name(key)

    def identity(self, key: str) -> str:
        """The name: its last word is random and never given twice. One that was unpacked has its zipped name."""
        return _name(key)

    def ours(self, file: LogFile) -> bool:
        """A log file's name: it is only looked for among what is listed."""
        return parse_name(file.key) is not None

    def signature(self, listed: Listed) -> str | None:  # noqa: ARG002  the contract has it
        """None: a file has no metadata."""
        return None

    def find(self, files: Sequence[LogFile]) -> Iterator[tuple[LogFile, Listed | None]]:
        """List the directory once for all of them. Raises SourceUnreadable; Refused where a part of it is closed."""
        wanted = {_name(file.key): file for file in files}
        for item in self.scan():
            if isinstance(item, Refusal):
                raise Refused(f"needs a file that may lie in {item.place}, which {item.reason}")
            file = wanted.pop(_name(item.key), None)
            if file is not None:
                yield file, item
        for file in wanted.values():
            yield file, None


def _name(key: str) -> str:
    name = key.rpartition("/")[2]
    return name if name.endswith(".gz") else f"{name}.gz"
