"""Secrets of routes: in a file (read when the route is built), or given by the environment. They are never repeated."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from alerts.base import RouteInvalid

MAX_SECRET: Final = 4096


def one_of(key: str, value: SecretStr | None, file: Path | None, why: str = "") -> None:
    """Raises ValueError unless exactly one of the settings `key` and `key_file` is given."""
    if (value is None) == (file is None):
        raise ValueError(f"set one of {key} and {key}_file{why}")


def password_of(user: str, value: SecretStr | None, file: Path | None) -> None:
    """Raises ValueError unless a password is given exactly where a user is."""
    if user:
        one_of("password", value, file, ", with user")
    elif value is not None or file is not None:
        raise ValueError("password goes with user")


def basic(user: str, password: str) -> str:
    """The credentials of HTTP's basic authentication, as the header has them."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def read_secret(key: str, value: SecretStr | None, file: Path | None, least: int = 1, *, lines: bool = False) -> str:
    """The secret, of `least` to MAX_SECRET bytes, on one line unless `lines`. Raises RouteInvalid, which names the setting."""
    text, name = _read(key, value, file), key if file is None else f"{key}_file"
    if not least <= len(text.encode()) <= MAX_SECRET:
        raise RouteInvalid(f"{name}: a secret has {least} to {MAX_SECRET} bytes, e.g. of: openssl rand -hex 32")
    if not (text.isprintable() or (lines and all(line.isprintable() for line in text.splitlines()))):
        raise RouteInvalid(f"{name}: a secret stands on one line and has no control characters")
    return text


def _read(key: str, value: SecretStr | None, file: Path | None) -> str:
    if value is not None:
        return value.get_secret_value()
    assert file is not None, "the settings have one of the two"
    try:
        with file.open("rb") as opened:
            return opened.read(MAX_SECRET + 1).decode("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise RouteInvalid(f"{key}_file: cannot read {file}: {reason}") from error
