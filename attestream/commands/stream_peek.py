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
        consumer = parts.stream.subscribe(lambda partition: (0, positions.get(partition, 0)), lambda _: None)
        polled = consumer.poll(limit, 0.0)
        consumer.close()
    emit_lines(to_cloudevents(item.event) for item in polled.items[:limit])
    if not polled.items:
        say("nothing waits in the stream")
