"""Reading a dead letter again: what this release, or a setting that was corrected, understands of kept bytes becomes events.

How the bytes are read is for the type of the source that they came from to say (`SourceType.again`): what is no CloudTrail file
never becomes a CloudTrail record, whatever it holds.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.base import CollectorError
from collectors.registry import SOURCE_TYPES, build
from collectors.settings import SourceSettings
from collectors.unreadable import MEDIA_TYPE, Unreadable
from store.records import Event


class NotReplayed(CollectorError):
    """Letters of this source type are not read again; the message says how their content is had instead."""


def read_again(settings: SourceSettings, letter: Event) -> Iterator[Event]:
    """Yield the events that the letter's bytes hold. `settings`: of the source that the letter names.

    `letter` carries source, id, subject, time, account, region and the bytes; `collected_at` is now. Raises NotReplayed, and
    Unreadable where they are still not understood, or not all there; events that came before are whole and may be kept.
    """
    again = SOURCE_TYPES[settings.type].again
    if again is None:
        if build(settings).reads == "states":
            raise NotReplayed(f"{settings.type} says how things are now: its next run reads this again by itself")
        ask = f"attestream collect {settings.name} --from DAY"
        raise NotReplayed(f"letters of {settings.type} cannot be replayed: {ask} reads what came since that day again")
    if letter.media_type != MEDIA_TYPE:
        raise Unreadable(f"are not all there ({letter.media_type}): fetch the file from its source again")
    yield from again(settings, letter)
