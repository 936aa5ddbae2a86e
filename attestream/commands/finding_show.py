"""attestream finding show"""

from __future__ import annotations

from typing import Annotated

import typer

from attestream.console import emit, mark, moment, table
from attestream.errors import AttestreamError
from attestream.options import AsJson, Config
from attestream.rows import history_row
from attestream.settings import load
from attestream.wiring import opened
from store.reports import Moment


def finding_show(
    mapping: Annotated[str, typer.Argument(help="The mapping's id.")],
    subject: Annotated[str, typer.Argument(help="The subject's handle or name, as finding list --json shows them.")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show the whole history of a finding, with the entries that caused each change.

    Example: attestream finding show 5a1f0c2e-6d0b-4c53-9f7e-0b8f0a4f6f1d 111122223333/org-trail
    """
    with opened(load(config)) as parts:
        findings = parts.query.findings(Moment(), mapping=mapping, limit=10_000)
        handle = next((f.subject_handle for f in findings if f.subject == subject), subject)
        history = parts.query.finding_history(mapping, handle)
    if not history:
        raise AttestreamError(f"no finding of mapping {mapping!r} about {subject!r}; see attestream finding list --json")
    if as_json:
        emit([history_row(row) for row in history])
        return
    table(
        ("event time", "state", "was", "why", "cites", "entry", "recorded"),
        [
            (moment(r.event_time), mark(r.after), r.before, r.reason, " ".join(map(str, r.cites)), r.idx, moment(r.recorded_at))
            for r in history
        ],
    )
