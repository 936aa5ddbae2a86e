"""pipeline/stream/registry.py: what a stream.url means."""

from __future__ import annotations

import pytest

from pipeline.errors import StreamError
from pipeline.stream.registry import open_stream


def test_sqlite_alone_is_a_file_of_its_own_in_the_folder(tmp_path):
    open_stream("sqlite", tmp_path).close()
    assert (tmp_path / "stream.db").is_file()


def test_a_file_may_be_named_absolute_or_relative(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    open_stream(f"sqlite:///{tmp_path}/one.db", tmp_path / "unused").close()
    open_stream("sqlite:///two.db", tmp_path / "unused").close()
    assert {path.name for path in tmp_path.iterdir()} == {"one.db", "two.db"}


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("kafka://user:hunter2@broker:9092/topic", r"stream\.username"),
        ("kafka://broker:9092", "kafka://host:port"),
        ("kafka://hunter2/topic", "kafka://host:port"),
        ("redis://:hunter2@host", "there are: kafka, sqlite"),
        ("", "no such kind"),
        ("hunter2", "no such kind"),
        ("sqlite://hunter2/a.db", "sqlite:///"),
        ("sqlite:///", "sqlite:///"),
    ],
)
def test_others_are_refused_without_repeating_the_address(tmp_path, url, reason):
    with pytest.raises(StreamError, match=reason) as caught:
        open_stream(url, tmp_path)
    assert "hunter2" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
