"""As whom GitHub is read: a personal access token, or a GitHub App's installation whose tokens are fetched and renewed.

An App signs a JWT (RS256, at most 10 minutes) with its private key and trades it for an installation token that lives an hour
(docs.github.com, "Generating an installation access token for a GitHub App").
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from collectors.base import SourceUnreadable
from collectors.http import Answer, Api, ApiError, Patience
from collectors.secret import MAX_SECRET, Secret
from collectors.tickets import moment, said_at
from collectors.unreadable import shown
from store.records import MINUTE, SECOND

MEDIA: Final = "application/vnd.github+json"
VERSION: Final = "2022-11-28"
HEADERS: Final = {"Accept": MEDIA, "X-GitHub-Api-Version": VERSION}
_EARLY: Final = 5 * MINUTE
_HOUR: Final = 60 * MINUTE


class Credentials(Protocol):
    """Hands out the headers of a request."""

    def headers(self) -> Mapping[str, str]:
        """With the secret in it. Raises SourceUnreadable or ApiError."""
        ...


@dataclass(frozen=True, slots=True)
class Token:
    """A personal access token; its file is read at every request, so that it may be replaced."""

    secret: Secret

    def headers(self) -> Mapping[str, str]:
        """The headers of a request."""
        return {**HEADERS, "Authorization": f"Bearer {self.secret.read()}"}


@dataclass(slots=True)
class Installation:
    """A GitHub App's installation. Its token is kept in memory alone and renewed 5 minutes before it ends."""

    what: str
    base: str
    app_id: str
    installation_id: int
    key_file: Path
    patience: Patience
    wall: Callable[[], float] = time.time
    ticks: Callable[[], float] = time.monotonic
    _token: str = field(default="", init=False, repr=False)
    _until: float = field(default=0.0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def headers(self) -> Mapping[str, str]:
        """The headers of a request."""
        with self._lock:
            if not self._token or self.ticks() >= self._until:
                self._renew()
            return {**HEADERS, "Authorization": f"Bearer {self._token}"}

    def _renew(self) -> None:
        api = Api(self.what, self.base, self._signed, self.patience)
        try:
            answer = api.post(f"/app/installations/{self.installation_id}/access_tokens", b"{}")
            content = answer.json(self.what)
        finally:
            api.close()
        token = content.get("token") if isinstance(content, dict) else None
        if not isinstance(token, str) or not token.isprintable() or not token:
            raise ApiError(self.what, "nonsense", answer.status, "no token of an installation")
        self._token = token
        self._until = self.ticks() + max(_lives(answer, content.get("expires_at")) - _EARLY, MINUTE) / SECOND

    def _signed(self) -> Mapping[str, str]:
        now = int(self.wall())
        return {**HEADERS, "Authorization": f"Bearer {sign(self.key_file, self.app_id, now)}"}


def _lives(answer: Answer, expires: object) -> int:
    """How long a token lives, by the other side's own clock; microseconds."""
    end, sent = moment(expires), said_at(answer)
    return _HOUR if end is None or sent is None else min(max(end - sent, 0), _HOUR)


def sign(key_file: Path, app_id: str, now: int) -> str:
    """Return the App's JWT. Raises SourceUnreadable for a key that cannot be read; nothing of it is repeated."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    place = f"private_key_file {shown(str(key_file))}"
    try:
        with key_file.open("rb") as file:
            data = file.read(MAX_SECRET + 1)
    except OSError as error:
        raise SourceUnreadable(f"{place} cannot be read: {error.strerror}") from error
    try:
        key = load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SourceUnreadable(f"{place} holds no private key in PEM: download it from the App's settings") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise SourceUnreadable(f"{place} holds no RSA key")
    # Their clock may be behind ours: the token is dated a minute back, and stays below their 10 minutes.
    claims = {"iat": now - 60, "exp": now + 480, "iss": app_id}
    head = ".".join(_part(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    return f"{head}.{_part(key.sign(head.encode(), padding.PKCS1v15(), SHA256()))}"


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
