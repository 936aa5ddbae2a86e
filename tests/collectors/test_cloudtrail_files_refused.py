"""collectors/cloudtrail_files.py: directories and files that cannot be had never read as nothing there."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collectors.base import Collector, SourceUnreadable
from collectors.registry import build, read_settings
from collectors.runner import run_attempts
from store.records import HOUR, WindowRecord
from store.times import wall_clock

Run = Callable[[], list[WindowRecord]]


def source(path: Path) -> Collector:
    return build(read_settings({"name": "logs", "type": "cloudtrail-files", "path": str(path)}))


@pytest.fixture
def run(tmp_path: Path, stream: Any, ledger: Any) -> Run:
    collector = source(tmp_path)
    return lambda: run_attempts(collector, stream, ledger, 1, wall_clock())


@pytest.mark.parametrize("what", ["missing", "a file", "a link to itself"])
def test_a_directory_that_cannot_be_listed_is_a_failed_window(what: str, tmp_path: Path, stream: Any, ledger: Any) -> None:
    path = tmp_path / "logs"
    if what == "a file":
        path.write_bytes(b"")
    elif what == "a link to itself":
        path.symlink_to(path)
    [record] = run_attempts(source(path), stream, ledger, 1, wall_clock())
    assert (record.state, record.records, record.covers) == ("failed", 0, ())
    [error] = record.errors
    assert str(path) in error
    assert {"missing": "does not exist", "a file": "not a directory", "a link to itself": "leads back"}[what] in error
    assert ledger.end is None
    assert stream.events[-1].type == "window.cloudtrail-files"
    with pytest.raises(SourceUnreadable):
        source(path).check()


def test_a_directory_that_fails_later_leaves_the_cursor(tmp_path: Path, files: Any, stream: Any, ledger: Any) -> None:
    path = tmp_path / "logs"
    path.mkdir()
    files.put(path, "20261120T1005Z", files.record(1))
    run_attempts(source(path), stream, ledger, 1, wall_clock())
    end = ledger.end
    path.rename(tmp_path / "away")
    [record] = run_attempts(source(path), stream, ledger, 1, end + 40 * HOUR)
    assert record.state == "failed"
    assert ledger.end == end
    assert record.asked[0] == end
    (tmp_path / "away").rename(path)
    files.put(path, "20261120T1010Z", files.record(2))
    [record] = run_attempts(source(path), stream, ledger, 1, wall_clock())
    assert (record.state, record.records, record.asked[0]) == ("complete", 1, end)


def refuse(monkeypatch: pytest.MonkeyPatch, name: str, place: Path, code: int) -> None:
    """Make the system refuse one path, as it would an ordinary user."""
    real = getattr(os, name)

    def wrapped(path: Any, *args: Any, **kwargs: Any) -> Any:
        if os.fspath(path) == os.fspath(place):
            raise OSError(code, os.strerror(code), os.fspath(path))
        return real(path, *args, **kwargs)

    monkeypatch.setattr(os, name, wrapped)


def test_permission_denied_on_the_directory(tmp_path: Path, files: Any, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    files.put(tmp_path, "20261120T1005Z", files.record(1))
    refuse(monkeypatch, "scandir", tmp_path, errno.EACCES)
    [record] = run()
    assert record.state == "failed"
    assert record.errors == (
        f"directory {tmp_path}: permission denied: the service's user needs to read it (chmod, chown or an ACL)",
    )


def test_a_closed_folder_makes_the_window_partial_and_the_cursor_stays(
    tmp_path: Path, files: Any, ledger: Any, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir()
    files.put(tmp_path, "20261120T1005Z", files.record(1))
    files.put(tmp_path / "closed", "20261120T1010Z", files.record(2))
    with monkeypatch.context() as patch:
        refuse(patch, "scandir", tmp_path / "closed", errno.EACCES)
        [record] = run()
        assert (record.state, record.records) == ("partial", 1)
        assert record.errors[0].startswith(f"{tmp_path}/closed: permission denied")
        assert ledger.end is None
        with pytest.raises(SourceUnreadable, match="closed: permission denied"):
            source(tmp_path).check()
    [record] = run()
    assert (record.state, record.records) == ("complete", 2)


def test_a_file_that_cannot_be_opened_is_denied_and_cuts_the_coverage(
    tmp_path: Path, files: Any, ledger: Any, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for minute in ("05", "10", "15"):
        files.put(tmp_path, f"20261120T10{minute}Z", files.record(int(minute)))
    closed = sorted(tmp_path.iterdir())[1]
    with monkeypatch.context() as patch:
        refuse(patch, "open", closed, errno.EACCES)
        [record] = run()
    assert (record.state, record.records, ledger.end) == ("partial", 2, None)
    assert not record.parts[0].complete
    assert str(closed) in record.parts[0].errors[0]
    assert [cover.joins for cover in record.covers] == [True, False]


def test_when_no_file_can_be_opened_the_window_has_failed(
    tmp_path: Path, files: Any, stream: Any, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [files.put(tmp_path, "20261120T1005Z", files.record(number)) for number in range(30)]
    real = os.open
    asked = []

    def closed(path: Any, *args: Any, **kwargs: Any) -> int:
        if path in map(str, paths):
            asked.append(path)
            raise PermissionError(errno.EACCES, "denied", path)
        return real(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", closed)
    [record] = run()
    assert record.state == "failed"
    assert "permission denied" in record.errors[-1]
    assert len(asked) == 10, "no use in asking for the rest"


def test_files_vanishing_and_things_that_are_no_files_are_denied(tmp_path: Path, files: Any, stream: Any, run: Run) -> None:
    files.put(tmp_path, "20261120T1005Z", files.record(1))
    (tmp_path / files.name("20261120T1010Z")).symlink_to(tmp_path / "gone")
    (tmp_path / files.name("20261120T1015Z")).symlink_to(tmp_path / files.name("x"))
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    [record] = run()
    assert (record.state, record.records) == ("partial", 1)
    assert len(record.errors) == 3
    assert any("loop" in error and "leads back" in error for error in record.errors)


def test_a_pipe_in_a_files_place_holds_nobody(tmp_path: Path, files: Any, run: Run) -> None:
    path = tmp_path / files.name("20261120T1005Z")
    os.mkfifo(path)
    assert stat.S_ISFIFO(path.stat().st_mode)
    [record] = run()
    assert record.state == "failed"
    assert "not a regular file" in record.errors[-1]
