"""The event codec: packs, which the stream carries (and, from cloudevents.py, the JSON that people and other programs read).

A pack is one version byte and one zstd frame of msgpack: a list of heads (attributes that repeat) and a list of items, each
naming its head by number. Everything that goes into a pack has clean attributes (`clean`), and nothing else comes out of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Final

import msgspec
import zstandard

from pipeline.cloudevents import from_cloudevents, to_cloudevents
from pipeline.errors import CodecError
from store.records import Event
from store.text import clean_attribute, is_clean_attribute
from store.times import MAX_TIME

__all__ = [
    "MAX_PACK_EVENTS",
    "MAX_PAYLOAD",
    "MAX_RECORD",
    "Event",
    "checked",
    "clean",
    "from_cloudevents",
    "pack",
    "to_cloudevents",
    "unpack",
]

PACK_VERSION: Final = 1
MAX_PACK_EVENTS: Final = 100
MAX_RECORD: Final = 16 * 1024 * 1024
"""Bytes of a pack, as the stream stores it."""
MAX_PAYLOAD: Final = 16 * 1024 * 1024
"""Bytes of one event's payload."""
MAX_UNPACKED: Final = 64 * 1024 * 1024
"""Bytes that a pack may unfold to."""

_FRAME_FLAGS: Final = 0b0001_1111
_FRAME_CHECKSUM: Final = 0b0000_0100
"""Of the frame's descriptor (RFC 8878, 3.1.1.1.1): a checksum, no dictionary, nothing in the bits that mean nothing."""

_LEVEL: Final = 1  # on access logs no larger than level 3, and half again as fast
_Time = Annotated[int, msgspec.Meta(ge=0, le=MAX_TIME)]
_Index = Annotated[int, msgspec.Meta(ge=0, lt=MAX_PACK_EVENTS)]
_Name = Annotated[str, msgspec.Meta(min_length=1)]
_Payload = Annotated[bytes, msgspec.Meta(max_length=MAX_PAYLOAD)]


class _Head(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """Attributes that many events of a pack share."""

    source: _Name
    type: _Name
    window: str
    account: str
    region: str
    media_type: str


class _Item(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """What is an event's own."""

    head: _Index
    id: _Name
    time: _Time
    collected_at: _Time
    subject: str | None
    payload: _Payload


class _Pack(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    heads: Annotated[tuple[_Head, ...], msgspec.Meta(max_length=MAX_PACK_EVENTS)]
    items: Annotated[tuple[_Item, ...], msgspec.Meta(max_length=MAX_PACK_EVENTS)]


_DECODER: Final = msgspec.msgpack.Decoder(_Pack)
_ENCODER: Final = msgspec.msgpack.Encoder()
_UNCLEAN: Final = "pack holds an attribute that is over 512 bytes or has a NUL"


def clean(event: Event) -> Event:
    """Return the event with every attribute clean: one that is not becomes `sha256:<hex>` (store/text.py)."""
    own = (event.source, event.id, event.type, event.subject or "", event.window, event.account, event.region, event.media_type)
    if all(map(is_clean_attribute, own)):
        return event
    return replace(
        event,
        source=clean_attribute(event.source),
        id=clean_attribute(event.id),
        type=clean_attribute(event.type),
        subject=None if event.subject is None else clean_attribute(event.subject),
        window=clean_attribute(event.window),
        account=clean_attribute(event.account),
        region=clean_attribute(event.region),
        media_type=clean_attribute(event.media_type),
    )


def checked(event: Event) -> Event:
    """Return the event cleaned. Raises CodecError for an empty source, id or type, too long a payload, a time that is none."""
    event = clean(event)
    _check(event)
    return event


def pack(events: Sequence[Event]) -> bytes:
    """Return up to 100 events as one pack, cleaned.

    Raises CodecError for too many events, too long ones, an empty source, id or type, and a time outside 1970..9999.
    """
    if len(events) > MAX_PACK_EVENTS:
        raise CodecError(f"{len(events)} events are too many for one pack: at most {MAX_PACK_EVENTS}")
    heads: dict[_Head, int] = {}
    numbers: dict[tuple[str, ...], int] = {}
    items: list[_Item] = []
    for event in events:
        _check(event)
        shared = (event.source, event.type, event.window, event.account, event.region, event.media_type)
        number = numbers.get(shared)
        if number is None:
            head = _Head(*map(clean_attribute, shared))
            number = numbers[shared] = heads.setdefault(head, len(heads))
        subject = None if event.subject is None else clean_attribute(event.subject)
        own = (clean_attribute(event.id), event.time, event.collected_at, subject, bytes(event.payload))
        items.append(_Item(number, *own))
    plain = _ENCODER.encode(_Pack(tuple(heads), tuple(items)))
    if len(plain) > MAX_UNPACKED:
        raise CodecError(f"pack too large: {len(plain)} bytes before compression, at most {MAX_UNPACKED}")
    record = bytes([PACK_VERSION]) + zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(plain)
    if len(record) > MAX_RECORD:
        raise CodecError(f"pack too large: {len(record)} bytes, at most {MAX_RECORD}")
    return record


def unpack(data: bytes) -> tuple[Event, ...]:
    """Return the events of a pack, in order. Raises CodecError, and no other error, for any bytes that `pack` does not write."""
    if not data or data[0] != PACK_VERSION:
        raise CodecError("not a pack: its first byte is no version that is known here")
    try:
        content = _DECODER.decode(_unfold(data))
    except (msgspec.MsgspecError, UnicodeDecodeError, OverflowError, RecursionError) as error:
        raise CodecError(f"pack does not hold events: {error}") from error
    heads = content.heads
    if not all(all(map(is_clean_attribute, _texts(head))) for head in heads):
        raise CodecError(_UNCLEAN)
    known: list[dict[str, object]] = [{name: getattr(head, name) for name in _Head.__struct_fields__} for head in heads]
    rows: list[dict[str, object]] = []
    for item in content.items:
        if item.head >= len(heads):
            raise CodecError("pack does not hold events: an event names attributes that the pack does not have")
        if not (is_clean_attribute(item.id) and (item.subject is None or is_clean_attribute(item.subject))):
            raise CodecError(_UNCLEAN)
        row = known[item.head].copy()
        row["id"], row["time"], row["collected_at"] = item.id, item.time, item.collected_at
        row["subject"], row["payload"] = item.subject, item.payload
        rows.append(row)
    return msgspec.convert(rows, tuple[Event, ...])  # twice as fast as making each frozen dataclass


def _texts(head: _Head) -> tuple[str, ...]:
    return head.source, head.type, head.window, head.account, head.region, head.media_type


def _unfold(data: bytes) -> bytes:
    """Decompress the one frame of a pack. The frame must say its size beforehand, so that no output outgrows the limit."""
    if len(data) > MAX_RECORD:
        raise CodecError(f"pack too large: {len(data)} bytes, at most {MAX_RECORD}")
    frame = memoryview(data)[1:]
    if data[1:5] != zstandard.FRAME_HEADER or len(data) < 6 or data[5] & _FRAME_FLAGS != _FRAME_CHECKSUM:
        raise CodecError("pack is damaged: it is no zstd frame with a checksum")
    try:
        size = zstandard.frame_content_size(frame)
        if not 0 <= size <= MAX_UNPACKED:
            raise CodecError(f"pack would unfold to more than {MAX_UNPACKED} bytes, or does not say its size")
        return zstandard.ZstdDecompressor().decompress(frame, allow_extra_data=False)
    except (zstandard.ZstdError, MemoryError) as error:
        raise CodecError(f"pack is damaged: {error}") from error


def _check(event: Event) -> None:
    if not (event.source and event.id and event.type):
        raise CodecError("an event needs a source, an id and a type")
    if not (0 <= event.time <= MAX_TIME and 0 <= event.collected_at <= MAX_TIME):
        raise CodecError(f"event {event.id!r} of {event.source!r}: its time is outside the years 1970 to 9999")
    if len(event.payload) > MAX_PAYLOAD:
        raise CodecError(f"event {event.id!r} of {event.source!r}: {len(event.payload)} bytes, at most {MAX_PAYLOAD}")
