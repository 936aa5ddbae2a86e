"""Public keys that CloudTrail signs digests with: asked of AWS, or read from a file that was fetched before.

The file is what `aws cloudtrail list-public-keys --start-time … --region …` prints, of one Region or of several joined:
{"PublicKeyList": [{"Value": "base64 of PKCS #1 DER", "Fingerprint": "hex", …}]}.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import time_ns
from typing import Any, Final, Protocol

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from collectors.aws import AwsError, Connection, explain, faults, is_denial
from collectors.base import SourceUnreadable
from collectors.cloudtrail_digest import Digest, DigestName
from collectors.delivered import Refused
from collectors.json_text import strict
from collectors.unreadable import Unreadable, shown
from store.records import DAY, SECOND

PERMISSION: Final = "cloudtrail:ListPublicKeys"
_MAX_FILE: Final = 4 * 1024 * 1024
_NO_SUCH_CALL: Final = frozenset({"501", "404", "NotImplemented", "UnknownOperationException", "InvalidAction"})
_ASKED_AROUND: Final = DAY


class Keys(Protocol):
    """Where public keys come from."""

    def key(self, digest: Digest, name: DigestName) -> RSAPublicKey | None:
        """The key that the digest names; None when there is no such key. Raises NoKeys; Refused when it could not be asked."""
        ...


class NoKeys(Refused):
    """Keys are not to be had here: signatures cannot be checked, hashes and links can."""


@dataclass(frozen=True, slots=True)
class WithoutKeys:
    """None at all, by settings."""

    reason: str

    def key(self, digest: Digest, name: DigestName) -> RSAPublicKey | None:  # noqa: ARG002  the contract has them
        """Raises NoKeys."""
        raise NoKeys(self.reason)


@dataclass(slots=True)
class KeyFile:
    """Keys of a file, read again when it changes."""

    path: Path
    _read: tuple[int, Mapping[str, RSAPublicKey]] | None = field(default=None, init=False)

    def key(self, digest: Digest, name: DigestName) -> RSAPublicKey | None:  # noqa: ARG002  one file for every Region
        """The key of the digest's fingerprint. Raises SourceUnreadable for a file that is none."""
        place = f"public_keys_file {shown(str(self.path))}"
        try:
            stamp = self.path.stat().st_mtime_ns
            if self._read is None or self._read[0] != stamp:
                with self.path.open("rb") as file:
                    self._read = stamp, _keys(file.read(_MAX_FILE))
        except OSError as error:
            raise SourceUnreadable(f"{place} cannot be read: {error.strerror}") from error
        except Unreadable as error:
            raise SourceUnreadable(f"{place} {error.reason}: write there what aws cloudtrail list-public-keys prints") from error
        return self._read[1].get(digest.fingerprint)


@dataclass(slots=True)
class AwsKeys:
    """Keys as CloudTrail lists them, asked once per Region and day. A key is a Region's: the digest's, or the trail's home."""

    connection: Connection
    _known: dict[str, RSAPublicKey] = field(default_factory=dict, init=False)
    _asked: dict[tuple[str, int], bool] = field(default_factory=dict, init=False)
    _clients: dict[str, Any] = field(default_factory=dict, init=False)

    def key(self, digest: Digest, name: DigestName) -> RSAPublicKey | None:
        """The key of the digest's fingerprint, asked for the time of the digest. Raises NoKeys where listing is not allowed."""
        for region in dict.fromkeys((name.region, name.home)):
            if digest.fingerprint in self._known:
                break
            around = (region, digest.end // DAY)
            if around not in self._asked:
                self._known |= self._list(region, digest.end)
                self._asked[around] = True
        return self._known.get(digest.fingerprint)

    def refused(self) -> str:
        """Ask once, for a check: "" when keys are listed, else why they are not. Raises SourceUnreadable when nothing answers."""
        try:
            self._list(self.connection.region or "us-east-1", time_ns() // 1000)
        except NoKeys as error:
            return str(error)
        except Refused as error:
            raise SourceUnreadable(str(error)) from error
        return ""

    def _list(self, region: str, at: int) -> dict[str, RSAPublicKey]:
        try:
            if region not in self._clients:
                session = self.connection.session(None, None, "attestream")
                self._clients[region] = self.connection.of(session, "cloudtrail", region)
            days = {"StartTime": _moment(at - _ASKED_AROUND), "EndTime": _moment(at + _ASKED_AROUND)}
            pages = self._clients[region].get_paginator("list_public_keys").paginate(**days)
            return dict(_key(item) for page in pages for item in page["PublicKeyList"])
        except AwsError as error:
            raise Refused(str(error)) from error
        except faults(KeyError) as error:
            why = explain(error, f"CloudTrail in {region}", PERMISSION) if not isinstance(error, KeyError) else None
            if why is not None and (is_denial(why) or why.code in _NO_SUCH_CALL):
                raise NoKeys(str(why)) from error
            raise Refused(str(why or f"CloudTrail in {region} answered with no list of public keys")) from error
        except Unreadable as error:
            raise Refused(f"CloudTrail in {region} answered with a public key that {error.reason}") from error


def _keys(data: bytes) -> dict[str, RSAPublicKey]:
    value = strict(data)
    listed = value.get("PublicKeyList") if isinstance(value, dict) else None
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        raise Unreadable("has no PublicKeyList")
    return dict(_key(item) for item in listed)


def _key(item: Mapping[str, Any]) -> tuple[str, RSAPublicKey]:
    """(fingerprint, key) of an entry; its value is bytes, or base64 in a file. Raises Unreadable."""
    value, fingerprint = item.get("Value"), item.get("Fingerprint")
    try:
        data = value if isinstance(value, bytes) else base64.b64decode(str(value), validate=True)
        key = load_der_public_key(data)
    except (binascii.Error, ValueError) as error:
        raise Unreadable("holds a Value that is no public key") from error
    if not isinstance(key, RSAPublicKey) or not isinstance(fingerprint, str):
        raise Unreadable("holds a key that is not RSA, or has no Fingerprint")
    return fingerprint, key


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(max(0, at) // SECOND, UTC)
