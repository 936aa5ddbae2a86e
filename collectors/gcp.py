"""Google Cloud: as whom it is read, and how its client libraries (most of them untyped) are reached.

Credentials are found by Google's own chain (Application Default Credentials), or stand in a service account's key file. They are
looked for at first use, never shown, and what a token server answers is never repeated.
"""

from __future__ import annotations

import ipaddress
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import Field, field_validator

from collectors.base import SourceUnreadable
from collectors.settings import SourceSettings
from collectors.unreadable import shown

PROJECT: Final = r"(?:[a-z0-9.-]{1,63}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]"
"""A project's id, with its domain where it is of the old kind."""
_RESOURCE: Final = re.compile(
    rf"projects/{PROJECT}|folders/[0-9]{{1,20}}|organizations/[0-9]{{1,20}}|billingAccounts/[0-9A-F-]{{1,32}}"
)
_NUMBER: Final = re.compile(r"projects/[0-9]+")
_MAX_KEY: Final = 64 * 1024


class GcpSettings(SourceSettings):
    """What every source in Google Cloud has. No secret stands here.

    `insecure`: speak in clear, which only an address of this machine may be spoken to.
    """

    credentials_file: Path | None = None
    quota_project: str | None = Field(default=None, pattern=rf"^{PROJECT}$")
    insecure: bool = False
    max_attempts: int = Field(default=5, ge=1, le=20)
    read_timeout: float = Field(default=60.0, gt=0, le=300)

    @field_validator("quota_project", mode="before")
    @classmethod
    def _text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) else value


def parent(value: str) -> str:
    """Check the name of a project, folder, organisation or billing account. Raises ValueError."""
    if _NUMBER.fullmatch(value):
        raise ValueError(f"{value!r}: write the project's id, not its number")
    if not _RESOURCE.fullmatch(value):
        raise ValueError(f"{value!r}: write projects/ID, folders/NUMBER, organizations/NUMBER or billingAccounts/ID")
    return value


def account_of(resource: str) -> str:
    """The account that a resource name stands for: a project's id, else as organizations:123 (a slash begins a Region)."""
    kind, _, rest = resource.partition("/")
    name = rest.partition("/")[0]
    return name if kind == "projects" else f"{kind}:{name}"


def loopback(host: str) -> bool:
    """Is it an address of this machine?"""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass(slots=True, repr=False)
class Credentials:
    """Whose rights are used. `file`: a service account's key; None: Application Default Credentials. For all threads."""

    scope: str
    file: Path | None = None
    quota_project: str | None = None
    timeout: float = 30.0
    _found: Any = field(default=None, init=False)
    _request: Any = field(default=None, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def found(self) -> Any:
        """Google's credentials object. Raises SourceUnreadable."""
        with self._lock:
            if self._found is None:
                self._found = self._key() if self.file is not None else self._default()
            return self._found

    def who(self) -> str:
        """A service account's or person's address, as far as the credentials say it. Raises SourceUnreadable."""
        found = self.found()
        for name in ("service_account_email", "account"):
            said = getattr(found, name, None)
            if isinstance(said, str) and "@" in said:
                return shown(said)[:300]
        return "Application Default Credentials"

    def headers(self) -> Mapping[str, str]:
        """The headers of a request, with a token that is valid. Raises SourceUnreadable."""
        from google.auth import exceptions
        from google.auth.transport.requests import Request

        found = self.found()
        with self._lock:
            try:
                if not found.valid:
                    self._request = self._request or Request()
                    found.refresh(self._bounded)
            except exceptions.TransportError as error:
                raise SourceUnreadable(
                    "Google's token server cannot be reached: check network and proxy; nothing is lost"
                ) from error
            except (exceptions.GoogleAuthError, ValueError) as error:
                raise SourceUnreadable(_refused(error)) from error
            quota = self.quota_project or getattr(found, "quota_project_id", None)
            return {"Authorization": f"Bearer {found.token}", **({"X-Goog-User-Project": quota} if quota else {})}

    def _bounded(self, *arguments: Any, **named: Any) -> Any:
        """A request for a token, with a timeout."""
        named["timeout"] = self.timeout
        return self._request(*arguments, **named)

    def _default(self) -> Any:
        import google.auth

        try:
            return google.auth.default(scopes=[self.scope], quota_project_id=self.quota_project)[0]
        except (google.auth.exceptions.GoogleAuthError, OSError, ValueError) as error:
            raise SourceUnreadable(
                "no Google Cloud credentials were found: give the machine a service account, set GOOGLE_APPLICATION_CREDENTIALS, "
                "or set credentials_file"
            ) from error

    def _key(self) -> Any:
        from google.oauth2 import service_account

        assert self.file is not None
        place = f"credentials_file {shown(str(self.file))}"
        try:
            with self.file.open("rb") as file:
                info = json.loads(file.read(_MAX_KEY))
        except OSError as error:
            raise SourceUnreadable(f"{place} cannot be read: {error.strerror}") from error
        except ValueError:
            raise SourceUnreadable(f"{place} is no JSON") from None  # the error would hold the text
        if not isinstance(info, dict) or info.get("type") != "service_account":
            raise SourceUnreadable(f"{place} is no service account's key; other kinds belong into GOOGLE_APPLICATION_CREDENTIALS")
        try:
            return service_account.Credentials.from_service_account_info(info, scopes=[self.scope])  # type: ignore[no-untyped-call]
        except (ValueError, TypeError):
            raise SourceUnreadable(f"{place} is not whole: make a new key") from None


def _refused(error: Exception) -> str:
    """What a refusal of the token server means, without its words."""
    again = getattr(error, "retryable", False)
    rest = "nothing is lost, the next run asks again" if again else "renew them, or correct credentials_file"
    return f"Google does not give a token for the credentials ({type(error).__name__}): {rest}"
