"""The archive is read as if it came from an enemy: names, sizes, bombs, bytes that belong to nothing."""

from __future__ import annotations

import io
import random
import zipfile
import zlib
from struct import pack
from typing import Any

import pytest

from exports import archive, verify
from exports.archive import Archive


def members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return {name: file.read(name) for name in file.namelist()}


def written(pairs: list[tuple[str, bytes]]) -> bytes:
    out = io.BytesIO()
    made = Archive(out)
    for name, content in pairs:
        made.add(name, [content])
    made.close()
    return out.getvalue()


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/etc/passwd",
        "C:\\evil",
        "payloads/../../evil",
        "payloads/",
        "payloads/1",
        "payloads/000000000001.json",
        "payloads/0000000000001",
        "payloads/00000000000a",
        "payloads/\n00000000001",
        "Checkpoint",
        "checkpoint/",
        "key.pub",
        "__MACOSX/x",
        "",
        ".",
    ],
)
def test_names_that_no_bundle_has(bundle: bytes, verdict: Any, edit: Any, name: str) -> None:
    assert verdict(edit(bundle, {name: b"x"})) == 4


def test_payloads_that_nothing_selects(bundle: bytes, verdict: Any, edit: Any) -> None:
    """One of an entry without a payload, one beyond the log."""
    have = members(bundle)
    free = next(n for n in range(99) if f"payloads/{n:012}" not in have)
    for index in (free, 99, 10**12 - 1):
        assert verdict(edit(bundle, {f"payloads/{index:012}": b"x"})) in (4, 5)


def test_duplicates_and_another_order(bundle: bytes, verdict: Any) -> None:
    pairs = list(members(bundle).items())
    assert verdict(written(pairs)) == 0
    for at in range(len(pairs)):
        assert verdict(written([*pairs[: at + 1], *pairs[at:]])) == 4
    assert verdict(written(pairs[::-1])) == 4
    assert verdict(written([pairs[1], pairs[0], *pairs[2:]])) == 4
    assert verdict(written([pairs[-1], *pairs[:-1]])) == 4


@pytest.mark.parametrize("more", [b"\0", b"PK\3\4", b"junk" * 50])
def test_bytes_before_after_or_between(bundle: bytes, verdict: Any, more: bytes) -> None:
    assert verdict(bundle + more) == 4
    assert verdict(more + bundle) == 4
    with zipfile.ZipFile(io.BytesIO(bundle)) as file:
        second, directory = file.infolist()[1].header_offset, file.start_dir
    assert verdict(bundle[:second] + more + bundle[second:]) == 4
    assert verdict(bundle[:directory] + more + bundle[directory:]) == 4


def test_an_archive_comment(bundle: bytes, verdict: Any) -> None:
    assert verdict(bundle[:-2] + pack("<H", 4) + b"note") == 4


def test_any_other_way_to_write_the_same_zip(bundle: bytes, verdict: Any) -> None:
    """As zipfile writes it: other dates, modes, methods."""
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as file:
            for name, content in members(bundle).items():
                file.writestr(name, content)
        assert verdict(out.getvalue()) == 4


def raw_zip(pairs: list[tuple[str, bytes, int, int]]) -> bytes:
    """A zip of (name, bytes, crc, size as claimed)."""
    out, directory = b"", b""
    for name, content, crc, size in pairs:
        directory += archive.directory_record(name, crc, size, len(out))
        out += archive.local_header(name, crc, size) + content
    return out + directory + archive.end_records(len(pairs), len(directory), len(out))


def honest(bundle: bytes) -> list[tuple[str, bytes, int, int]]:
    return [(name, data, zlib.crc32(data), len(data)) for name, data in members(bundle).items()]


def test_sizes_that_are_not_those_of_the_bytes(bundle: bytes, verdict: Any) -> None:
    pairs = honest(bundle)
    assert raw_zip(pairs) == bundle
    for number, (name, content, crc, size) in enumerate(pairs):
        for changed, claimed in (
            (content + b"\0", size),
            (content[:-1], size),
            (content, size + 1),
            (content, 0),
            (content, 1 << 40),
        ):
            other = (name, changed, crc, claimed)
            assert verdict(raw_zip([*pairs[:number], other, *pairs[number + 1 :]])) in (4, 5)


@pytest.mark.parametrize("name", [*verify.FILES, "manifest.json", "payloads/000000000001"])
def test_bombs(bundle: bytes, verdict: Any, edit: Any, name: str) -> None:
    """Compressed members are no part of the format; a large one is refused before it is read."""
    zeros = b"\0" * (32 << 20)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packer.compress(zeros) + packer.flush()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for other, content in members(bundle).items():
            file.writestr(other, zeros if other == name else content)
    assert verdict(out.getvalue()) == 4
    data = bytearray(edit(bundle, {name: bomb}))
    found = 0
    while (found := data.find(name.encode(), found + 1)) > 0:  # method 8 in its header and in its directory record
        for distance, signature in ((30, b"PK\3\4"), (46, b"PK\1\2")):
            start = found - distance
            if data[start : start + 4] == signature:
                data[start + (8 if distance == 30 else 10)] = 8
    assert verdict(bytes(data)) == 4
    data, read, digest = edit(bundle, {name: zeros}), 0, verify.zlib.crc32

    def counting(content: bytes, crc: int) -> int:
        nonlocal read
        read += len(content)
        return digest(content, crc)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify.zlib, "crc32", counting)
        assert verdict(data) == 4
    assert read < 2 << 20


def test_members_that_overlap(bundle: bytes, verdict: Any) -> None:
    """Two directory records of one local header."""
    name, content, crc, size = honest(bundle)[0]
    local = archive.local_header(name, crc, size) + content
    directory = archive.directory_record(name, crc, size, 0) * 2
    assert verdict(local + directory + archive.end_records(2, len(directory), len(local))) == 4


@pytest.mark.parametrize("data", [b"", b"PK", b"PK\5\6" + b"\0" * 18, b"\0" * 22, b"\xff" * 98, b"PK\5\6" + b"\xff" * 94])
def test_no_archive_at_all(verdict: Any, data: bytes) -> None:
    assert verdict(data) in (4, 5)


def test_cut_anywhere(bundle: bytes, verdict: Any) -> None:
    chance = random.Random(3)
    for at in {0, 1, 21, 22, *chance.sample(range(len(bundle)), 150), len(bundle) - 1}:
        assert verdict(bundle[:at]) in (4, 5)
