"""attestream dead-letter replay"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated

import typer

from attestream.console import say
from attestream.errors import AttestreamError, Exit
from attestream.options import Config
from attestream.settings import load
from attestream.wiring import Parts, opened
from collectors.replay import NotReplayed, read_again
from collectors.settings import SourceSettings
from collectors.unreadable import Unreadable
from pipeline.worker import Worker
from store.query_common import MAX_LIMIT
from store.records import UNREADABLE, Event
from store.reports import EntryView
from store.times import parse_time


def dead_letter_replay(
    index: Annotated[list[int] | None, typer.Argument(help="Log indexes; every dead letter if none is named.")] = None,
    config: Config = None,
) -> int:
    """Read dead letters again, after an upgrade or with corrected settings: what is understood becomes events, the letters stay.

    Example: attestream dead-letter replay 77
    """
    settings = load(config)
    sources = {source.name: source for source in settings.source_settings()}
    with opened(settings) as parts:
        wanted = list(index or ()) or _all(parts)
        understood = failed = 0
        for number in wanted:
            entry = parts.query.entry(number)
            if entry is None or entry.type != "dead_letter":
                raise AttestreamError(f"entry {number} is no dead letter; see attestream dead-letter list")
            events, reason = _again(parts, entry, sources)
            understood += events
            failed += bool(reason)
            say(f"{number}: {events} events understood{f'; {reason}' if reason else ''}")
        worker = Worker(parts.stream, parts.store, parts.settings.retain == "all")
        worker.drain()
        worker.close()
    say(f"{understood} events from {len(wanted)} dead letters; what was known already changed nothing")
    return Exit.FAILED if failed else Exit.DONE


def _all(parts: Parts) -> list[int]:
    """Every dead letter, newest first."""
    found: list[int] = []
    after: str | None = None
    while page := parts.query.dead_letters(after=after, limit=MAX_LIMIT):
        found += [letter.idx for letter in page]
        after = page[-1].cursor
    return found


def _again(parts: Parts, entry: EntryView, sources: Mapping[str, SourceSettings]) -> tuple[int, str]:
    """Publish what the letter holds; how many events, and why it did not go further."""
    if entry.detail is None or entry.payload is None:
        return 0, "it was erased: there is nothing left to read"
    letter = _letter(entry, entry.detail, entry.payload, parts.store.clock())
    source = sources.get(letter.source)
    if source is None:
        return 0, f"its source {letter.source} is not in the settings any more, and only they say how to read it: put it back"
    events: list[Event] = []
    reason = ""
    try:
        events.extend(read_again(source, letter))
    except NotReplayed as error:
        reason = str(error)
    except Unreadable as error:
        reason = f"still: {error.reason}"
    parts.stream.publish(events)
    return len(events), reason


def _letter(entry: EntryView, text: bytes, payload: bytes, now: int) -> Event:
    """What was kept, as read_again takes it."""
    detail = json.loads(text)
    return Event(
        source=str(entry.fields["source"]),
        id=str(detail["id"]),
        type=UNREADABLE,
        time=parse_time(str(entry.fields["event_time"])),
        payload=payload,
        collected_at=now,
        subject=detail.get("subject"),
        account=str(detail["account"]),
        region=str(detail["region"]),
        media_type=str(entry.fields["payload"]["media_type"]),
    )
