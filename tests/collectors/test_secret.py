"""Secrets in settings: exactly one way, one line, never shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from collectors.base import SourceUnreadable
from collectors.secret import secret


def test_a_file_is_read_at_every_use(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    found = secret("token", None, file)
    assert found.read() == "first"
    file.write_text("second")
    assert found.read() == "second"


def test_a_value_is_not_shown() -> None:
    found = secret("token", SecretStr("canary"), None)
    assert found.read() == "canary"
    assert "canary" not in repr(found) + str(found)


@pytest.mark.parametrize(
    ("value", "file"), [(None, None), (SecretStr("a"), Path("b")), (SecretStr(" "), None), (SecretStr("a\nb"), None)]
)
def test_exactly_one_of_one_line(value: SecretStr | None, file: Path | None) -> None:
    with pytest.raises(ValueError, match="token"):
        secret("token", value, file)


@pytest.mark.parametrize("content", [b"", b" \n", b"a\nb", b"\xff", b"x" * 70_000, b"a\0b"])
def test_a_file_that_holds_none_is_said_without_its_content(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(SourceUnreadable, match="token_file") as error:
        secret("token", None, file).read()
    assert "xxx" not in str(error.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable, match="No such file"):
        secret("token", None, tmp_path / "none").read()
