"""attestream source list"""

from __future__ import annotations

from attestream.console import emit_lines, moment, say, table
from attestream.options import AsJson, Config
from attestream.rows import source_row
from attestream.settings import load
from attestream.wiring import opened


def source_list(config: Config = None, as_json: AsJson = False) -> None:
    """List the sources that are set up, with their last windows.

    Example: attestream source list
    """
    with opened(load(config)) as parts:
        if parts.embedded:
            parts.ledger  # noqa: B018  (declares the sources)
        sources = parts.query.sources(parts.store.clock())
    if as_json:
        emit_lines(source_row(s) for s in sources)
        return
    if not sources:
        say("no source is set up; see attestream source types, and sources: in attestream.yaml")
    table(
        ("source", "type", "state", "last window", "collected", "evidence", "gaps"),
        [
            (
                s.name,
                s.type,
                s.state,
                moment(s.last_window.asked[1]) if s.last_window else "never",
                f"{s.counts.collected:,}",
                f"{s.counts.evidence:,}",
                len(s.gaps),
            )
            for s in sources
        ],
        right=("collected", "evidence", "gaps"),
    )
