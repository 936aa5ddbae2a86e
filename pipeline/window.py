"""The window record as an event: the last one that an attempt publishes, readable JSON in canonical form (RFC 8785)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, Literal

import msgspec
import rfc8785

from pipeline.errors import CodecError
from store.errors import InvalidTime
from store.records import Cover, Event, PartRecord, WindowRecord
from store.text import clean_attribute, clean_text
from store.times import format_time, parse_time

_VERSION: Final = 1


class _Period(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}):
    start: str
    end: str


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    part: str
    type: str
    complete: bool
    enumerates: bool
    read: int
    errors: tuple[str, ...]


class _Cover(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}):
    part: str
    start: str
    end: str
    joins: bool
    bridge_us: int


class _Counts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pages: int
    files: int
    bytes: int
    records: int
    unreadable: int
    ignored: int


class _Published(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    partition: int
    events: int


class _Offset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    partition: int
    last: int


class _Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: Literal[1]
    attempt: str
    source: str
    source_type: str
    kind: Literal["scheduled", "backfill", "retry"]
    state: Literal["complete", "partial", "failed"]
    asked: _Period
    started_at: str
    ended_at: str
    identity: str
    counts: _Counts
    parts: tuple[_Part, ...]
    covers: tuple[_Cover, ...]
    published: tuple[_Published, ...]
    offsets: tuple[_Offset, ...]
    errors: tuple[str, ...]


_DECODER: Final = msgspec.json.Decoder(_Window)


def window_event(record: WindowRecord, collected_at: int) -> Event:
    """Return the event that carries this record: type `window.<source type>`, id and window = the attempt, time = its end.

    Names become clean attributes and error texts clean Unicode first, so that nothing that a source says keeps its window
    from being published. Raises CodecError for a time outside 1970..9999 or a count of 2^53 and more.
    """
    record = _cleaned(record)
    return Event(
        source=record.source,
        id=record.attempt,
        type=_type(record),
        time=record.ended_at,
        payload=_encode(record),
        window=record.attempt,
        collected_at=collected_at,
    )


def read_window(event: Event) -> WindowRecord:
    """Return the record that a window event carries.

    Raises CodecError unless the payload is exactly what `window_event` writes and the event's attributes agree with it.
    """
    try:
        content = _DECODER.decode(event.payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise CodecError(f"window {event.id!r}: not a window record: {error}") from error
    try:
        record = _record(content)
    except InvalidTime as error:
        raise CodecError(f"window {event.id!r}: {error}") from error
    if _encode(_cleaned(record)) != event.payload:
        raise CodecError(f"window {event.id!r}: the record is not in canonical form")
    if (event.source, event.id, event.type) != (record.source, record.attempt, _type(record)):
        raise CodecError(f"window {event.id!r}: the event and the record that it carries name different windows")
    return record


def _type(record: WindowRecord) -> str:
    return clean_attribute(f"window.{record.source_type}")


def _encode(record: WindowRecord) -> bytes:
    try:
        return rfc8785.dumps(_document(record))
    except (InvalidTime, rfc8785.CanonicalizationError) as error:
        raise CodecError(f"window {record.attempt!r} cannot be written: {error}") from error


def _document(record: WindowRecord) -> dict[str, Any]:
    return {
        "version": _VERSION,
        "attempt": record.attempt,
        "source": record.source,
        "source_type": record.source_type,
        "kind": record.kind,
        "state": record.state,
        "asked": {"from": format_time(record.asked[0]), "to": format_time(record.asked[1])},
        "started_at": format_time(record.started_at),
        "ended_at": format_time(record.ended_at),
        "identity": record.identity,
        "counts": {name: getattr(record, name) for name in _Counts.__struct_fields__},
        "parts": [{name: _plain(getattr(part, name)) for name in _Part.__struct_fields__} for part in record.parts],
        "covers": [
            {
                "part": cover.part,
                "from": format_time(cover.start),
                "to": format_time(cover.end),
                "joins": cover.joins,
                "bridge_us": cover.bridge,
            }
            for cover in record.covers
        ],
        "published": [{"partition": partition, "events": events} for partition, events in record.published],
        "offsets": [{"partition": partition, "last": last} for partition, last in record.offsets],
        "errors": list(record.errors),
    }


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _record(content: _Window) -> WindowRecord:
    return WindowRecord(
        attempt=content.attempt,
        source=content.source,
        source_type=content.source_type,
        kind=content.kind,
        asked=(parse_time(content.asked.start), parse_time(content.asked.end)),
        started_at=parse_time(content.started_at),
        ended_at=parse_time(content.ended_at),
        identity=content.identity,
        state=content.state,
        parts=tuple(PartRecord(**msgspec.structs.asdict(part)) for part in content.parts),
        covers=tuple(Cover(c.part, parse_time(c.start), parse_time(c.end), c.joins, c.bridge_us) for c in content.covers),
        published=tuple((entry.partition, entry.events) for entry in content.published),
        offsets=tuple((entry.partition, entry.last) for entry in content.offsets),
        errors=content.errors,
        **msgspec.structs.asdict(content.counts),
    )


def _cleaned(record: WindowRecord) -> WindowRecord:
    return replace(
        record,
        attempt=clean_attribute(record.attempt),
        source=clean_attribute(record.source),
        source_type=clean_attribute(record.source_type),
        identity=clean_attribute(record.identity),
        parts=tuple(
            replace(part, part=clean_attribute(part.part), type=clean_attribute(part.type), errors=_texts(part.errors))
            for part in record.parts
        ),
        covers=tuple(replace(cover, part=clean_attribute(cover.part)) for cover in record.covers),
        errors=_texts(record.errors),
    )


def _texts(errors: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(clean_text, errors))
