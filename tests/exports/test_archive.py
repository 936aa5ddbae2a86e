"""The zip writer: what it writes is read by others, is the same each time, and is what the verifier accepts."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exports import archive, verify
from exports.archive import Archive


def written(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    made = Archive(out)
    for name, data in members.items():
        made.add(name, [data[at : at + 7] for at in range(0, len(data), 7)])
    made.close()
    assert made.size == len(out.getvalue())
    return out.getvalue()


@given(st.dictionaries(st.from_regex("[a-z]{1,9}", fullmatch=True), st.binary(max_size=300), max_size=5))
def test_what_is_written_is_read_by_zipfile(members: dict[str, bytes]) -> None:
    data = written(members)
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert file.testzip() is None
        assert {name: file.read(name) for name in file.namelist()} == members
        assert {info.date_time for info in file.infolist()} <= {(1980, 1, 1, 0, 0, 0)}
    assert written(members) == data


def bundle_members(count: int) -> dict[str, bytes]:
    fixed = {name: name.encode() * 9 for name in verify.FILES}
    payloads = {f"payloads/{n:012}": b"%d" % n for n in range(count)}
    return dict(sorted((fixed | payloads).items())) | {"manifest.json": b"{}"}


def read_back(data: bytes, count: int) -> None:
    found = verify.Archive(io.BytesIO(data))
    for name in verify.FILES:
        assert found.small(name)[0] == name.encode() * 9
    for n in range(count):
        stream = found.payload(n)
        assert b"".join(iter(stream.fill, b"")) == b"%d" % n


def test_more_members_than_a_plain_zip_can_count() -> None:
    data = written(bundle_members(66_000))
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert len(file.namelist()) == 66_012
        assert file.read("payloads/000000065999") == b"65999"
    read_back(data, 66_000)


def test_sizes_and_offsets_that_need_zip64(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is lowered, so that ordinary members take the form of very large ones."""

    def lower(module: Any, limit: int) -> None:
        monkeypatch.setattr(module, "BIG", 0xFFFFFFFF)
        for name in ("local_header", "directory_record", "end_records"):
            monkeypatch.setattr(module, name, lowered(getattr(module, name), limit))

    def lowered(function: Any, limit: int) -> Any:
        class Low(int):
            """Compares like `limit`, writes like 0xFFFFFFFF."""

            def __le__(self, other: int) -> bool:
                return limit <= other

        def call(*args: Any) -> Any:
            function.__globals__["BIG"] = Low(0xFFFFFFFF)
            return function(*args)

        return call

    lower(archive, 60)
    lower(verify, 60)
    data = written(bundle_members(20))
    assert data.count(b"\x01\x00\x10\x00") >= 7  # local headers with the zip64 field
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert file.testzip() is None
        assert file.read("checkpoint") == b"checkpoint" * 9
        assert file.read("payloads/000000000019") == b"19"
    read_back(data, 20)
