"""A CloudTrail digest file: its name, its content, its signature (the AWS user guide's "custom implementations of validation").

    {"digestStartTime", "digestEndTime", "digestS3Bucket", "digestS3Object", "digestPublicKeyFingerprint",
     "previousDigestS3Object", "previousDigestHashValue", "previousDigestSignature",     (null in the first of a chain)
     "logFiles": [{"s3Bucket", "s3Object", "hashValue", "hashAlgorithm"}]}

What is signed (SHA256withRSA, PKCS #1 v1.5) is the text

    digestEndTime LF digestS3Bucket/digestS3Object LF hex(SHA-256 of the digest's content) LF previousDigestSignature or "null"

Hashes are of contents as they are without compression. The key is one of a Region's and signs for every customer in it, so a
signature alone says nothing: bucket and object must be the digest's own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from collectors.base import CollectorError
from collectors.file_name import FileName, parse_name
from collectors.json_text import strict
from collectors.unreadable import Unreadable
from store.errors import InvalidTime
from store.records import SECOND
from store.times import parse_time

MAX_DIGEST: Final = 8 * 1024 * 1024
"""Bytes of a digest's content: some 20,000 log files in an hour."""

_REGION: Final = "[a-z]{2}[a-z0-9-]{3,30}"
_NAME: Final = re.compile(
    rf"(?P<account>[0-9]{{12}})_CloudTrail-Digest_(?P<region>{_REGION})_(?P<trail>[A-Za-z0-9._-]{{3,128}})_(?P<home>{_REGION})"
    r"_(?P<time>[0-9]{8}T[0-9]{6}Z)(?P<backfill>_backfill)?\.json(?P<zipped>\.gz)?"
)
_HASH: Final = re.compile("[0-9a-f]{64}")
_SIGNATURE: Final = re.compile("(?:[0-9a-f]{2}){64,1024}")


class SignatureWrong(CollectorError):
    """The signature is not the key's over this text."""


@dataclass(frozen=True, slots=True)
class DigestName(FileName):
    """What a digest's name says; `delivered` is its end time. `backfill`: made later for hours that had none."""

    trail: str
    home: str
    backfill: bool

    @property
    def chain(self) -> str:
        """The chain it belongs to, within its part."""
        return f"{self.trail}@{self.home}"


@dataclass(frozen=True, slots=True)
class Link:
    """What a digest says of the one before it. `bucket`: "" where it does not say."""

    bucket: str
    key: str
    digest: str
    signature: str


@dataclass(frozen=True, slots=True)
class LogFile:
    """A log file as a digest names it; `digest` is the SHA-256 of its content, hex."""

    bucket: str
    key: str
    digest: str


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest's content. `digest` is its own SHA-256, `signed` that of the text that is signed."""

    start: int
    end: int
    bucket: str
    key: str
    fingerprint: str
    previous: Link | None
    files: tuple[LogFile, ...]
    digest: str
    signed: bytes


def parse_any_name(key: str) -> FileName | None:
    """Read the last segment of a path or key: a log file's name or a digest's; None for anything else."""
    found = _NAME.fullmatch(key.rpartition("/")[2])
    if found is None:
        return parse_name(key)
    try:
        end = datetime.strptime(found["time"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    zipped, backfill = found["zipped"] is not None, found["backfill"] is not None
    at = int(end.timestamp()) * SECOND
    return DigestName(found["account"], found["region"], at, zipped, found["trail"], found["home"], backfill) if at >= 0 else None


def read_digest(content: bytes) -> Digest:
    """Read a digest's content. Raises Unreadable."""
    value = strict(content)
    if not isinstance(value, dict):
        raise Unreadable("is not a JSON object")
    if value.get("digestSignatureAlgorithm", "SHA256withRSA") != "SHA256withRSA":
        raise Unreadable("has a digestSignatureAlgorithm that is not known")
    own = hashlib.sha256(content).hexdigest()
    end, bucket, key = _text(value, "digestEndTime"), _text(value, "digestS3Bucket"), _text(value, "digestS3Object")
    previous = _previous(value)
    text = f"{end}\n{bucket}/{key}\n{own}\n{previous.signature if previous else 'null'}"
    start_at, end_at = _time(value, "digestStartTime"), _time(value, "digestEndTime")
    if start_at >= end_at:
        raise Unreadable("ends before it starts")
    return Digest(
        start=start_at,
        end=end_at,
        bucket=bucket,
        key=key,
        fingerprint=_text(value, "digestPublicKeyFingerprint"),
        previous=previous,
        files=_files(value),
        digest=own,
        signed=hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest(),
    )


def verify(key: RSAPublicKey, signed: bytes, signature: str) -> None:
    """Check a signature (hex) over the text whose SHA-256 is `signed`. Raises SignatureWrong."""
    if _SIGNATURE.fullmatch(signature) is None:
        raise SignatureWrong("is no signature in hex")
    try:
        key.verify(bytes.fromhex(signature), signed, PKCS1v15(), Prehashed(SHA256()))
    except InvalidSignature as error:
        raise SignatureWrong("is not signed by the key that it names") from error


def _previous(value: Mapping[str, Any]) -> Link | None:
    names = ("previousDigestS3Object", "previousDigestHashValue", "previousDigestSignature")
    if all(value.get(name) is None for name in names):
        return None
    key, digest, signature = (_text(value, name) for name in names)
    if value.get("previousDigestHashAlgorithm", "SHA-256") != "SHA-256" or _HASH.fullmatch(digest) is None:
        raise Unreadable("has a previousDigestHashValue that is no SHA-256")
    bucket = value.get("previousDigestS3Bucket")
    return Link(bucket if isinstance(bucket, str) else "", key, digest, signature)


def _files(value: Mapping[str, Any]) -> tuple[LogFile, ...]:
    listed = value.get("logFiles")
    if not isinstance(listed, list):
        raise Unreadable("has no logFiles list")
    return tuple(_file(item) for item in listed)


def _file(item: Any) -> LogFile:
    if not isinstance(item, dict):
        raise Unreadable("names a log file that is no object")
    digest = _text(item, "hashValue")
    if item.get("hashAlgorithm", "SHA-256") != "SHA-256" or _HASH.fullmatch(digest) is None:
        raise Unreadable("has a log file's hashValue that is no SHA-256")
    return LogFile(_text(item, "s3Bucket"), _text(item, "s3Object"), digest)


def _text(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name)
    if not isinstance(found, str) or not found or len(found) > 4096:
        raise Unreadable(f"has no {name}" if found is None else f"has a {name} that is no text, empty or too long")
    return found


def _time(value: Mapping[str, Any], name: str) -> int:
    try:
        return parse_time(_text(value, name))
    except InvalidTime as error:
        raise Unreadable(f"has a wrong {name}: RFC 3339 is expected") from error
