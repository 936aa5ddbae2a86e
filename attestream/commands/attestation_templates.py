"""attestream attestation templates"""

from __future__ import annotations

from typing import Annotated

import typer

from attestream.console import emit_lines, table
from attestream.options import AsJson, Config, ControlFilter, one_of
from attestream.rows import template_row
from attestream.settings import load
from attestream.wiring import Parts
from pipeline.rules.annex import control_ids
from store.records import DAY


def attestation_templates(
    control: ControlFilter = None,
    text: Annotated[bool, typer.Option("--text", help="Also what to supply and what it does not show.")] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List what people are to supply where no system can speak: what, who supplies it, how long it holds.

    Example: attestream attestation templates --control A.5.1 --text
    """
    one_of(control, control_ids(), "--control")
    found = [t for t in Parts(load(config)).catalogues.attestations.values() if control in (None, t.control)]
    if as_json:
        emit_lines(template_row(template) for template in found)
        return
    columns = ("template", "control", "title", "owner", "holds", "two persons", *(("supply", "does not show") if text else ()))
    rows = []
    for one in found:
        row = (one.id, one.control, one.title, one.owner, f"{one.max_age // DAY} d", "yes" if one.four_eyes else "no")
        rows.append((*row, one.supply, one.unproven) if text else row)
    table(columns, rows)
