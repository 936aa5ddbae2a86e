"""What can be set of a stream that is a server's: how it is reached, and how its topic is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from pipeline.errors import StreamError

Format = Literal["packs", "cloudevents"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]
MAX_SECRET: Final = 64 * 1024
"""Bytes of a file that holds a secret."""
WEEK: Final = 7 * 24 * 3600


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A secret, read anew at every use and never shown. `key` is the setting's name; one of the other two is given."""

    key: str
    value: Callable[[], str] | None = None
    file: Path | None = None

    def read(self) -> str:
        """Return it. Raises StreamError where its file cannot be read, or holds no secret of one line."""
        if self.value is not None:
            return self.value()
        place = f"{self.key}_file {str(self.file)!r}"
        try:
            data = b"" if self.file is None else _head(self.file)
        except OSError as error:
            raise StreamError(f"{place} cannot be read: {error.strerror}") from error
        try:
            text = data.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            raise StreamError(f"{place} is no text") from error
        if not text or len(data) > MAX_SECRET or not text.isprintable():
            raise StreamError(f"{place} holds no secret of one line")
        return text


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_SECRET + 1)


@dataclass(frozen=True, slots=True)
class Security:
    """TLS, and who we are. Files are PEM. `token` is read at every connection, `password` when a client is opened."""

    tls: bool = False
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    mechanism: Mechanism | None = None
    username: str | None = None
    password: Secret | None = field(default=None, repr=False)
    token: Secret | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """`retention` in seconds; `replication` None is the server's default. Partitions of a topic that is there are its own."""

    format: Format = "packs"
    partitions: int = 12
    replication: int | None = None
    retention: int = WEEK
    group: str = "attestream"
    security: Security = field(default_factory=Security)
