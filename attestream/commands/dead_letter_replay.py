"""attestream dead-letter replay"""

from __future__ import annotations

import json
from typing import Annotated

import typer

from attestream.console import say
from attestream.errors import AttestreamError, Exit
from attestream.options import Config
from attestream.settings import load
from attestream.wiring import Parts, opened
from collectors.replay import read_again
from collectors.unreadable import Unreadable
from pipeline.worker import Worker
from store.records import UNREADABLE, Event
from store.reports import EntryView


def dead_letter_replay(
    index: Annotated[list[int] | None, typer.Argument(help="Log indexes; every dead letter if none is named.")] = None,
    config: Config = None,
) -> int:
    """Read dead letters again, after an upgrade say: what is understood now becomes events. The letters stay in the log.

    Example: attestream dead-letter replay 77
    """
    with opened(load(config)) as parts:
        wanted = list(index or ()) or [letter.idx for letter in parts.query.dead_letters(limit=10_000)]
        understood = failed = 0
        for number in wanted:
            entry = parts.query.entry(number)
            if entry is None or entry.type != "dead_letter":
                raise AttestreamError(f"entry {number} is no dead letter; see attestream dead-letter list")
            events, reason = _again(parts, entry)
            understood += events
            failed += bool(reason)
            say(f"{number}: {events} events understood{f'; still: {reason}' if reason else ''}")
        worker = Worker(parts.stream, parts.store, parts.settings.retain == "all")
        worker.drain()
        worker.close()
    say(f"{understood} events from {len(wanted)} dead letters; what was known already changed nothing")
    return Exit.FAILED if failed else Exit.DONE


def _again(parts: Parts, entry: EntryView) -> tuple[int, str]:
    """Publish what the letter holds; how many events, and why it did not go further."""
    detail = json.loads(entry.detail or b"{}")
    letter = Event(
        source=str(entry.fields["source"]),
        id=str(detail.get("id", "")),
        type=UNREADABLE,
        time=0,
        payload=entry.payload or b"",
        collected_at=parts.store.clock(),
        account=str(detail.get("account", "")),
        region=str(detail.get("region", "")),
        media_type=str(entry.fields.get("payload", {}).get("media_type", "")),
    )
    events: list[Event] = []
    reason = ""
    try:
        events.extend(read_again(letter))
    except Unreadable as error:
        reason = error.reason
    parts.stream.publish(events)
    return len(events), reason
