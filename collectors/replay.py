"""Reading a dead letter again: what a later release understands of kept bytes becomes events after all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from collectors.cloudtrail import EVENT_TYPE
from collectors.gz import Limits, plain, unzip
from collectors.record_check import check
from collectors.records import Broken, records
from collectors.unreadable import MEDIA_TYPE, Unreadable
from store.records import Event

GZIP: Final = b"\x1f\x8b"


def read_again(letter: Event, limits: Limits | None = None) -> Iterator[Event]:
    """Yield the events that the letter's bytes hold: a delivered CloudTrail file, or one record of it.

    `letter` carries source, account, region and the bytes. Raises Unreadable where they are still not understood, or not all
    there; events that came before are whole and may be kept.
    """
    data = letter.payload
    if letter.media_type != MEDIA_TYPE:
        raise Unreadable(f"are not all there ({letter.media_type}): fetch the file from its source again")
    if data[:2] != GZIP and not data.lstrip()[:1024].startswith(b'{"Records"'):
        id_, time = check(data)
        yield _event(letter, id_, time, data)
        return
    chunks = (unzip if data[:2] == GZIP else plain)(iter([data]), limits or Limits())
    broken = ""
    for item in records(chunks):
        if isinstance(item, Broken):
            broken = broken or f"record {item.number} {item.reason}"
        else:
            yield _event(letter, item.id, item.time, item.data)
    if broken:
        raise Unreadable(broken)


def _event(letter: Event, id_: str, time: int, data: bytes) -> Event:
    return Event(
        source=letter.source,
        id=id_,
        type=EVENT_TYPE,
        time=time,
        payload=data,
        collected_at=letter.collected_at,
        account=letter.account,
        region=letter.region,
    )
