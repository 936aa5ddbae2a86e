"""attestream evidence list"""

from __future__ import annotations

from typing import Annotated

import typer

from attestream.console import emit_lines, moment, table
from attestream.options import AsJson, Config, ControlFilter, Limit, MappingFilter, SourceFilter, one_of, when
from attestream.rows import evidence_row
from attestream.settings import load
from attestream.wiring import opened


def evidence_list(
    config: Config = None,
    as_json: AsJson = False,
    control: ControlFilter = None,
    mapping: MappingFilter = None,
    source: SourceFilter = None,
    start: Annotated[str | None, typer.Option("--from", help="Events since this time.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Events before this time.")] = None,
    limit: Limit = 50,
) -> None:
    """List evidence, newest event first, with its tags.

    Example: attestream evidence list --control A.8.15 --from 2026-11-01
    """
    with opened(load(config)) as parts:
        one_of(control, (c.id for c in parts.catalogue), "--control")
        rows = parts.query.evidence(
            control=control,
            mapping=parts.mapping_id(mapping) if mapping is not None else None,
            source=source,
            start=when(start, "--from"),
            end=when(end, "--to"),
            limit=limit,
        )
    if as_json:
        emit_lines(evidence_row(row) for row in rows)
        return
    table(
        ("index", "event time", "source", "id", "controls", "tags"),
        [
            (
                r.idx,
                moment(r.event_time),
                r.source,
                r.id,
                " ".join(r.controls),
                "; ".join(f"{t.title} ({t.verdict})" for t in r.tags),
            )
            for r in rows
        ],
        right=("index",),
    )
