"""attestream dead-letter list"""

from __future__ import annotations

from attestream.console import emit_lines, moment, table
from attestream.options import AsJson, Config, Limit
from attestream.rows import dead_letter_row
from attestream.settings import load
from attestream.wiring import opened


def dead_letter_list(config: Config = None, as_json: AsJson = False, limit: Limit = 100) -> None:
    """List bytes that could not be understood: where they came from and why.

    Example: attestream dead-letter list
    """
    with opened(load(config)) as parts:
        letters = parts.query.dead_letters(limit=limit)
    if as_json:
        emit_lines(dead_letter_row(letter) for letter in letters)
        return
    table(
        ("index", "recorded", "source", "bytes", "place and reason"),
        [(d.idx, moment(d.recorded_at), d.source, d.size, d.place) for d in letters],
        right=("index", "bytes"),
    )
