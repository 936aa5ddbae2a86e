"""Secrets in sources' settings: in a file (read again at every use, so that it may be replaced), or given by the environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from collectors.base import SourceUnreadable
from collectors.unreadable import shown

MAX_SECRET: Final = 64 * 1024


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A secret, not shown by `repr`. `key` is the setting's name; exactly one of the two is given."""

    key: str
    value: SecretStr | None = None
    file: Path | None = None

    def read(self) -> str:
        """Return it. Raises SourceUnreadable when its file cannot be read, is empty, or is no secret of one line."""
        if self.value is not None:
            return self.value.get_secret_value()
        assert self.file is not None, "settings ask for one of the two"
        place = f"{self.key}_file {shown(str(self.file))}"
        try:
            with self.file.open("rb") as file:
                data = file.read(MAX_SECRET + 1)
        except OSError as error:
            raise SourceUnreadable(f"{place} cannot be read: {error.strerror}") from error
        try:
            text = data.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            raise SourceUnreadable(f"{place} is no text") from error
        if not text or len(data) > MAX_SECRET or not text.isprintable():
            raise SourceUnreadable(f"{place} holds no secret of one line")
        return text


def secret(key: str, value: SecretStr | None, file: Path | None) -> Secret:
    """The secret of two settings `KEY` and `KEY_file`. Raises ValueError unless exactly one is given."""
    if (value is None) == (file is None):
        raise ValueError(f"set {key}_file to a file that holds it (or {key}, by the environment), and only one of the two")
    if value is not None and (not value.get_secret_value().strip() or not value.get_secret_value().isprintable()):
        raise ValueError(f"{key} holds no secret of one line")
    return Secret(key, value, file)
