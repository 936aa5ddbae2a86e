"""Links in a log folder: whoever can write there must not choose what the service reads."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from collectors.delivered import Refused
from collectors.file_name import parse_name
from collectors.folder import opened, scan
from collectors.listing import Listed, Refusal

NAME = "111122223333_CloudTrail_eu-west-1_20261120T1000Z_abcdefgh.json"


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    (tmp_path / "secret.pem").write_text("not a log")
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    "plant",
    [
        lambda logs: (logs / NAME).symlink_to(logs.parent / "secret.pem"),
        lambda logs: (logs / NAME).symlink_to(os.path.relpath(logs.parent / "secret.pem", logs)),
        lambda logs: (logs / "sub").symlink_to(logs.parent),
    ],
    ids=["absolute", "relative", "folder"],
)
def test_a_link_that_leads_out_is_refused_and_said(logs: Path, plant: Callable[[Path], None]) -> None:
    plant(logs)
    [found] = list(scan(logs, parse_name))
    assert isinstance(found, Refusal)
    assert "leads out" in found.reason


def test_a_link_that_stays_inside_and_one_that_is_meant_are_read(logs: Path) -> None:
    (logs / "real").mkdir()
    (logs / "real" / NAME).write_text("{}")
    (logs / NAME.replace("abcdefgh", "ijklmnop")).symlink_to(logs / "real" / NAME)
    assert all(isinstance(found, Listed) for found in scan(logs, parse_name))
    (logs / "out").symlink_to(logs.parent)
    assert not [found for found in scan(logs, parse_name, follow_links=True) if isinstance(found, Refusal)]


def test_a_file_changed_for_a_link_after_it_was_listed_is_not_read(logs: Path) -> None:
    (logs / NAME).write_text("{}")
    [listed] = list(scan(logs, parse_name))
    assert isinstance(listed, Listed)
    (logs / NAME).unlink()
    (logs / NAME).symlink_to(logs.parent / "secret.pem")
    with pytest.raises(Refused, match="leads out"), opened(listed, logs):
        pass


def test_a_file_with_another_name_elsewhere_is_refused_unless_it_is_meant(logs: Path) -> None:
    """A hard link shows what its maker could not read."""
    os.link(logs.parent / "secret.pem", logs / NAME)
    [listed] = list(scan(logs, parse_name))
    assert isinstance(listed, Listed)
    with pytest.raises(Refused, match="a hard link"), opened(listed, logs):
        pass
    with opened(listed) as delivered:
        assert b"".join(delivered.chunks()) == b"not a log"
