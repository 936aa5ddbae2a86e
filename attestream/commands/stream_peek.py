"""attestream stream peek"""

from __future__ import annotations

from attestream.console import emit_lines, say
from attestream.options import Config, Limit
from attestream.settings import load
from attestream.wiring import opened
from pipeline.cloudevents import to_cloudevents
from store.cursors import Positions


def stream_peek(config: Config = None, limit: Limit = 10) -> None:
    """Show what waits in the stream, as CloudEvents JSON lines, without taking it.

    Example: attestream stream peek --limit 3
    """
    with opened(load(config)) as parts:
        positions = Positions(parts.store.engine).all()
        found = parts.stream_as_it_is.look(positions, limit)
    emit_lines(to_cloudevents(item.event) for item in found[:limit])
    if not found:
        say("nothing waits in the stream")
