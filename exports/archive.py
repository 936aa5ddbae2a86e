"""Writing a zip so that the same members are the same bytes (docs/bundle.md, "The archive").

The format of a bundle leaves a zip writer no choice: one date, one mode, nothing compressed, no comments, no extra fields but
zip64's where a number needs them. zipfile leaves several, and keeps an object per member; bundles have a hundred thousand.
Compressed bytes would depend on the library that made them, and some of their bits on nothing.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from struct import pack
from tempfile import SpooledTemporaryFile
from typing import Final, Protocol

BIG: Final = 0xFFFFFFFF
MANY: Final = 0xFFFF
MODE: Final = 0o100644 << 16
DATE: Final = 0x0021
"""1980-01-01, the first day that a zip can say."""

_SPOOL: Final = 1 << 20
_CHUNK: Final = 1 << 16


class Sink(Protocol):
    """Where the archive goes; it is written once, front to back."""

    def write(self, data: bytes, /) -> object: ...


@dataclass(frozen=True, slots=True)
class Member:
    """What was written under a name: its size and SHA-256 (hex)."""

    name: str
    size: int
    sha256: str


class Archive:
    """Writes members in the order of `add`; `close` ends the file. Not closing leaves something that is no zip."""

    def __init__(self, out: Sink) -> None:
        self._out = out
        self._offset = self._count = 0
        self._directory = bytearray()
        self._digest = hashlib.sha256()

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._offset

    def sha256(self) -> str:
        """SHA-256 (hex) of the bytes written so far."""
        return self._digest.hexdigest()

    def add(self, name: str, chunks: Iterable[bytes]) -> Member:
        """Write one member. Its size comes first, so its bytes wait in memory, or in a temporary file when they are many."""
        digest, crc, size = hashlib.sha256(), 0, 0
        with SpooledTemporaryFile(max_size=_SPOOL) as spool:
            for chunk in chunks:
                digest.update(chunk)
                crc = zlib.crc32(chunk, crc)
                size += len(chunk)
                spool.write(chunk)
            spool.seek(0)
            self._directory += directory_record(name, crc, size, self._offset)
            self._write(local_header(name, crc, size))
            while chunk := spool.read(_CHUNK):
                self._write(chunk)
        self._count += 1
        return Member(name, size, digest.hexdigest())

    def close(self) -> None:
        """Write the directory of members and the end of the archive."""
        start = self._offset
        self._write(bytes(self._directory))
        self._write(end_records(self._count, len(self._directory), start))

    def _write(self, data: bytes) -> None:
        self._out.write(data)
        self._digest.update(data)
        self._offset += len(data)


def local_header(name: str, crc: int, size: int) -> bytes:
    """What stands before a member's bytes."""
    version, extra = 20, b""
    if size >= BIG:
        version, size, extra = 45, BIG, pack("<HHQQ", 1, 16, size, size)
    fields = (version, 0, 0, 0, DATE, crc, size, size, len(name), len(extra))
    return pack("<4s5H3I2H", b"PK\3\4", *fields) + name.encode("ascii") + extra


def directory_record(name: str, crc: int, size: int, offset: int) -> bytes:
    """What the directory says of a member."""
    version, extra = 20, b""
    if max(size, offset) >= BIG:
        version, extra = 45, pack("<HHQQQ", 1, 24, size, size, offset)
        size = offset = BIG
    fields = (version, 0, 0, 0, DATE, crc, size, size, len(name), len(extra), 0, 0, 0, MODE, offset)
    return pack("<4s6H3I5H2I", b"PK\1\2", 3 << 8 | version, *fields) + name.encode("ascii") + extra


def end_records(count: int, length: int, start: int) -> bytes:
    """The end of an archive whose directory of `count` members has `length` bytes and begins at `start`."""
    before = b""
    if count >= MANY or max(length, start) >= BIG:
        before = pack("<4sQ2H2I4Q", b"PK\6\6", 44, 3 << 8 | 45, 45, 0, 0, count, count, length, start)
        before += pack("<4sIQI", b"PK\6\7", 0, start + length, 1)
        count, length, start = MANY, BIG, BIG
    return before + pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, length, start, 0)
