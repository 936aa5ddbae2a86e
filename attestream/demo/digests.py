"""Digest files as CloudTrail delivers them: each hour the hashes of that hour's log files, signed and chained.

The key is made here and known as AWS lists it (`public_keys`), so that whoever reads the trail can check the signatures.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attestream.demo.world import moment

_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class DigestFile:
    """A digest: `signature` (hex) stands in the object's metadata; `content` is what `body` unpacks to."""

    key: str
    body: bytes
    content: bytes
    signature: str

    @property
    def metadata(self) -> Mapping[str, str]:
        """The object's metadata, as S3 keeps it."""
        return {"signature": self.signature, "signature-algorithm": "SHA256withRSA"}


def _new_key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


@dataclass(slots=True)
class Chain:
    """The digests of one trail in one account and Region. `prefix`: before AWSLogs; `owner`: an organisation's id."""

    bucket: str
    account: str
    region: str
    trail: str = "org-trail"
    home: str = ""
    prefix: str = ""
    owner: str = ""
    private: RSAPrivateKey = field(default_factory=_new_key)
    last: DigestFile | None = None

    def hour(self, start: int, end: int, files: Mapping[str, bytes]) -> DigestFile:
        """The next digest of the chain, for [start, end] (microseconds): `files` are the log files' keys and delivered bytes."""
        listed = [self._file(key, body) for key, body in sorted(files.items())]
        value: dict[str, Any] = {
            "awsAccountId": self.account,
            "digestStartTime": moment(start).strftime(_TIME),
            "digestEndTime": moment(end).strftime(_TIME),
            "digestS3Bucket": self.bucket,
            "digestS3Object": self.key(end),
            "digestPublicKeyFingerprint": self.fingerprint,
            "digestSignatureAlgorithm": "SHA256withRSA",
            "newestEventTime": None,
            "oldestEventTime": None,
            **self._previous(),
            "logFiles": listed,
        }
        content = msgspec.json.encode(value)
        self.last = DigestFile(value["digestS3Object"], gzip.compress(content, mtime=0), content, self.sign(value, content))
        return self.last

    def sign(self, value: Mapping[str, Any], content: bytes) -> str:
        """The signature (hex) over the text that the AWS user guide describes."""
        place = f"{value['digestS3Bucket']}/{value['digestS3Object']}"
        before = value["previousDigestSignature"] or "null"
        text = f"{value['digestEndTime']}\n{place}\n{hashlib.sha256(content).hexdigest()}\n{before}"
        return self.private.sign(text.encode(), PKCS1v15(), SHA256()).hex()

    def key(self, end: int) -> str:
        """Where the digest that ends then is delivered to."""
        home, when = self.home or self.region, moment(end)
        name = f"{self.account}_CloudTrail-Digest_{self.region}_{self.trail}_{home}_{when:%Y%m%dT%H%M%SZ}.json.gz"
        owner = f"{self.owner}/" if self.owner else ""
        return f"{self.prefix}AWSLogs/{owner}{self.account}/CloudTrail-Digest/{self.region}/{when:%Y/%m/%d}/{name}"

    @property
    def fingerprint(self) -> str:
        """How the key is named: 32 characters of hex."""
        return hashlib.md5(self._public(), usedforsecurity=False).hexdigest()

    def public_keys(self) -> dict[str, Sequence[Mapping[str, Any]]]:
        """As `aws cloudtrail list-public-keys` prints it."""
        return {"PublicKeyList": [{"Value": base64.b64encode(self._public()).decode(), "Fingerprint": self.fingerprint}]}

    def _public(self) -> bytes:
        return self.private.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)

    def _previous(self) -> dict[str, str | None]:
        last = self.last
        return {
            "previousDigestS3Bucket": self.bucket if last else None,
            "previousDigestS3Object": last.key if last else None,
            "previousDigestHashValue": hashlib.sha256(last.content).hexdigest() if last else None,
            "previousDigestHashAlgorithm": "SHA-256" if last else None,
            "previousDigestSignature": last.signature if last else None,
        }

    def _file(self, key: str, body: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(gzip.decompress(body)).hexdigest()
        return {"s3Bucket": self.bucket, "s3Object": key, "hashValue": digest, "hashAlgorithm": "SHA-256"}
