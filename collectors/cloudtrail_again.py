"""Dead letters of the CloudTrail sources, read again: a delivered log file, or one record of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from collectors.cloudtrail import AHEAD, EVENT_TYPE
from collectors.gz import MAGIC, Limits, plain, unzip
from collectors.json_text import strict
from collectors.record_check import check
from collectors.records import Broken, records
from collectors.settings import DeliveredFilesSettings, SourceSettings
from collectors.unreadable import Unreadable
from store.records import Event

_FILE: Final = re.compile(rb'\s*\{\s*"Records"')


def again(settings: SourceSettings, letter: Event) -> Iterator[Event]:
    """Yield the records that the letter's bytes hold. See SourceType."""
    if not letter.account or not letter.region:  # a notification: whoever may write to the queue does not write the log
        raise Unreadable("lay in no account's log")
    data = letter.payload
    zipped = data[:2] == MAGIC
    if not zipped and _FILE.match(data) is None:
        yield _record(letter, data)
        return
    limits = Limits(settings.max_file_size, settings.max_ratio) if isinstance(settings, DeliveredFilesSettings) else Limits()
    broken = ""
    for item in records((unzip if zipped else plain)(iter([data]), limits)):
        try:
            if isinstance(item, Broken):
                raise Unreadable(item.reason)
            event = _event(letter, item.id, item.time, item.data)
        except Unreadable as error:
            broken = broken or f"record {item.number} {error.reason}"
        else:
            yield event
    if broken:
        raise Unreadable(broken)


def _record(letter: Event, data: bytes) -> Event:
    strict(data)
    id_, time = check(data)
    return _event(letter, id_, time, data)


def _event(letter: Event, id_: str, time: int, data: bytes) -> Event:
    if time > letter.collected_at + AHEAD:
        raise Unreadable("has an eventTime that lies in the future")
    return Event(
        letter.source, id_, EVENT_TYPE, time, data, collected_at=letter.collected_at, account=letter.account, region=letter.region
    )
