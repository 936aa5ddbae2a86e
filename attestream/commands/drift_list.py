"""attestream drift list"""

from __future__ import annotations

from typing import Annotated

import typer

from attestream.console import emit_lines, moment, table
from attestream.options import DRIFT_KINDS, AsJson, Config, ControlFilter, Limit, one_of, when
from attestream.rows import drift_row
from attestream.settings import load
from attestream.wiring import opened


def drift_list(
    config: Config = None,
    as_json: AsJson = False,
    control: ControlFilter = None,
    kind: Annotated[str | None, typer.Option("--kind", help=f"One of {', '.join(DRIFT_KINDS)}.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="Recorded since this time.")] = None,
    limit: Limit = 100,
) -> None:
    """List what changed, newest first.

    Example: attestream drift list --since 2026-11-20 --kind finding
    """
    one_of(kind, DRIFT_KINDS, "--kind")
    with opened(load(config)) as parts:
        titles = {c.id: c.title for c in parts.catalogue}
        one_of(control, titles, "--control")
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
                f"{d.before or 'new'} > {d.after}",
                d.text or d.title or titles.get(d.controls[0] if d.controls else "", ""),
                d.subject,
                " ".join(d.controls),
            )
            for d in drifts
        ],
    )
