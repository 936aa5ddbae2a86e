"""attestream drift list"""

from __future__ import annotations

from typing import Annotated

import typer

from attestream.console import emit_lines, moment, table
from attestream.options import AsJson, Config, ControlFilter, Limit, when
from attestream.rows import drift_row
from attestream.settings import load
from attestream.wiring import opened


def drift_list(
    config: Config = None,
    as_json: AsJson = False,
    control: ControlFilter = None,
    kind: Annotated[str | None, typer.Option("--kind", help="finding, control, source, conflict, log or baseline.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="Recorded since this time.")] = None,
    limit: Limit = 100,
) -> None:
    """List what changed, newest first.

    Example: attestream drift list --since 2026-11-20 --kind finding
    """
    with opened(load(config)) as parts:
        drifts = parts.query.drift(since=when(since, "--since"), control=control, kind=kind, limit=limit)
    if as_json:
        emit_lines(drift_row(d) for d in drifts)
        return
    table(
        ("event time", "recorded", "change", "what", "subject", "controls"),
        [
            (
                moment(d.event_time),
                moment(d.recorded_at),
                f"{d.before} > {d.after}",
                d.text or d.title,
                d.subject,
                " ".join(d.controls),
            )
            for d in drifts
        ],
    )
