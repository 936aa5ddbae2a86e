"""attestream finding list"""

from __future__ import annotations

from typing import Annotated

import typer

from attestream.console import emit_lines, mark, moment, table
from attestream.options import (
    FINDING_STATES,
    AsJson,
    Config,
    ControlFilter,
    Limit,
    MappingFilter,
    SourceFilter,
    one_of,
    when,
)
from attestream.rows import finding_row
from attestream.settings import load
from attestream.wiring import opened
from store.reports import Moment


def finding_list(
    config: Config = None,
    as_json: AsJson = False,
    control: ControlFilter = None,
    mapping: MappingFilter = None,
    source: SourceFilter = None,
    state: Annotated[str | None, typer.Option("--state", help="Only findings in this state.")] = None,
    silence: Annotated[
        bool, typer.Option("--silence", help="Also findings that say: nothing was seen over covered time.")
    ] = False,
    as_of: Annotated[str | None, typer.Option("--as-of", help="As of this event time.")] = None,
    limit: Limit = 200,
) -> None:
    """List findings: what each mapping says of each subject.

    Example: attestream finding list --state not-satisfied --control A.8.2
    """
    one_of(state, FINDING_STATES, "--state")
    with opened(load(config)) as parts:
        one_of(control, (c.id for c in parts.catalogue), "--control")
        findings = parts.query.findings(
            Moment(when(as_of, "--as-of"), None),
            control=control,
            mapping=parts.mapping_id(mapping) if mapping is not None else None,
            state=state,
            source=source,
            silence=None if silence else False,
            limit=limit,
        )
    if as_json:
        emit_lines(finding_row(f) for f in findings)
        return
    table(
        ("state", "level", "mapping", "finding", "subject", "since", "controls"),
        [(mark(f.state), f.level, f.mapping[:8], f.title, f.subject, moment(f.since), " ".join(f.controls)) for f in findings],
    )
