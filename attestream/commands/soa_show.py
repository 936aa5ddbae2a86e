"""attestream soa show"""

from __future__ import annotations

from typing import Annotated

import typer

from attestream.console import emit_lines, mark, table, write
from attestream.options import AsJson, Config
from attestream.rows_stated import soa_row
from attestream.settings import load
from attestream.stated_files import soa_csv
from attestream.stating import AsOf, KnownAt, at
from attestream.wiring import opened


def soa_show(
    excluded: Annotated[bool, typer.Option("--excluded", help="Only controls that are not applicable.")] = False,
    unstated: Annotated[bool, typer.Option("--unstated", help="Only controls of which nothing is stated yet.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV as soa import takes it.")] = False,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show the Statement of Applicability: for each control whether it applies, why, how, whose it is, and its status beside it.

    Example: attestream soa show --excluded
    """
    with opened(load(config)) as parts:
        asked = at(parts, as_of, known_at)
        states, titles = parts.query.controls(asked), {c.id: c.title for c in parts.catalogue}
        rows = [
            row for row in parts.query.soa(asked) if not (excluded and row.applicable) and not (unstated and row.idx is not None)
        ]
    if csv:
        write(soa_csv(rows))
        return
    if as_json:
        emit_lines(soa_row(row, titles.get(row.control, ""), states.get(row.control)) for row in rows)
        return
    shown = []
    for row in rows:
        status = states.get(row.control)
        applies = "yes" if row.applicable else "NO"
        applies = applies if row.idx is not None else "not stated"
        state = mark(str(status.state) if status is not None else "not-assessed")
        shown.append(
            (row.control, titles.get(row.control, ""), applies, state, row.owner, " ".join(row.risks), row.justification)
        )
    table(("control", "title", "applies", "status", "owner", "risks", "justification"), shown)
