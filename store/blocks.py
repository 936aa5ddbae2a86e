"""Blocks: the bytes of about 100 items, compressed together (zstd), each found by (block, offset, length)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import zstandard
from sqlalchemy import Connection

from store.errors import VerificationError
from store.sql import fetch

ITEMS: Final = 100
BYTES: Final = 1 << 20
LEVEL: Final = 3
_DESCRIPTOR: Final = 0b00100
"""Low bits of a zstd frame's descriptor: a checksum, no dictionary, reserved bits zero."""


class Ref(NamedTuple):
    """Where bytes stand: `block` counts from 0 within one append until the blocks have ids."""

    block: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Packed:
    """Compressed blocks and a Ref for each piece, in the order in which the pieces came."""

    blocks: tuple[tuple[int, bytes], ...]
    refs: tuple[Ref, ...]


def pack_blocks(items: Sequence[Sequence[bytes]]) -> Packed:
    """Compress the pieces of items (detail, payload), an item never split, about 100 items or 1 MiB a block."""
    blocks: list[tuple[int, bytes]] = []
    refs: list[Ref] = []
    pieces: list[bytes] = []
    compressor = _compressor()
    size = count = 0

    def close() -> None:
        nonlocal size, count
        if pieces:
            blocks.append((size, close_block(b"".join(pieces), compressor)))
            pieces.clear()
            size = count = 0

    for item in items:
        length = sum(len(piece) for piece in item)
        if count >= ITEMS or (count and size + length > BYTES):
            close()
        for piece in item:
            refs.append(Ref(len(blocks), size, len(piece)))
            pieces.append(piece)
            size += len(piece)
        count += 1
    close()
    return Packed(tuple(blocks), tuple(refs))


def _compressor() -> zstandard.ZstdCompressor:
    return zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)


def close_block(raw: bytes, compressor: zstandard.ZstdCompressor | None = None) -> bytes:
    """Compress the bytes of one block."""
    return (compressor or _compressor()).compress(raw)


def open_block(data: bytes, length: int, block: int) -> bytes:
    """Decompress one block. Raises VerificationError when it is not exactly one checksummed zstd frame of `length` bytes."""
    try:
        # The frame's own header says how much to allocate: it must say what the row says, before it is believed.
        frame = zstandard.get_frame_parameters(data)
        if frame.content_size != length or not frame.has_checksum or data[4] & 0b11111 != _DESCRIPTOR:
            raise VerificationError(f"block {block} is no frame of {length} bytes: its bytes have changed")
        raw = zstandard.ZstdDecompressor().decompress(data, max_output_size=length, allow_extra_data=False)
    except (zstandard.ZstdError, IndexError) as error:
        raise VerificationError(f"block {block} cannot be decompressed: its bytes have changed") from error
    if len(raw) != length:
        raise VerificationError(f"block {block} holds {len(raw)} bytes where {length} were written")
    return raw


class BlockReader:
    """Reads pieces through one connection, keeping the last few blocks open."""

    def __init__(self, connection: Connection, keep: int = 8) -> None:
        self._connection = connection
        self._keep = keep
        self._open: OrderedDict[int, bytes] = OrderedDict()
        self._last = (-1, b"")

    def piece(self, block: int, offset: int, length: int) -> bytes:
        """The bytes at (block, offset, length). Raises VerificationError when they are not there."""
        if block == self._last[0]:
            raw = self._last[1]
        else:
            raw = self._open.get(block) or self._load(block)
            self._open.move_to_end(block)
            self._last = (block, raw)
        piece = raw[offset : offset + length]
        if len(piece) != length:
            raise VerificationError(f"block {block} ends before offset {offset} + {length}")
        return piece

    def _load(self, block: int) -> bytes:
        rows = fetch(self._connection, "SELECT length, data FROM block WHERE id = ?", block)
        if not rows:
            raise VerificationError(f"block {block} is missing")
        length, data = rows[0]
        if not isinstance(data, bytes):
            raise VerificationError(f"block {block} holds no bytes")
        raw = self._open[block] = open_block(data, length, block)
        while len(self._open) > self._keep:
            self._open.popitem(last=False)
        return raw
