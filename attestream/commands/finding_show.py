"""attestream finding show"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated

import typer

from attestream.console import emit, facts, mark, moment, table
from attestream.errors import AttestreamError
from attestream.options import AsJson, Config
from attestream.rows import history_row
from attestream.settings import load
from attestream.wiring import Parts, opened
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
        mapping = parts.mapping_id(mapping)
        findings = parts.query.findings(Moment(), mapping=mapping, subject=subject)
        if not findings:
            raise AttestreamError(f"no finding of mapping {mapping!r} about {subject!r}; see attestream finding list")
        history = parts.query.finding_history(mapping, findings[0].subject_handle)
        people = {row.idx: _by_whom(parts, row.cites) for row in history}
        record = next(m for m in parts.query.mappings() if m.id == mapping)
    if as_json:
        emit([{**history_row(row), "by": people[row.idx]} for row in history])
        return
    found = findings[0]
    facts(
        {
            "finding": record.title,
            "subject": found.subject,
            "state": mark(found.state),
            "controls": " ".join(found.controls),
            "source": f"{found.source} {found.part}",
            "what to do": record.remediation or "see the mapping",
        }
    )
    table(
        ("event time", "state", "was", "why", "cites", "entry", "recorded"),
        [
            (
                moment(r.event_time),
                mark(r.after),
                r.before,
                f"{r.reason}{people[r.idx]}",
                " ".join(map(str, r.cites)),
                r.idx,
                moment(r.recorded_at),
            )
            for r in history
        ],
    )


def _by_whom(parts: Parts, cites: Sequence[int]) -> str:
    """Who closed it by hand, and the reason given; "" where nobody did."""
    for index in cites:
        entry = parts.query.entry(index)
        if entry is not None and entry.type == "closing":
            detail = json.loads(entry.detail or b"{}")
            return f": {detail.get('by', 'erased')}: {detail.get('reason', 'erased')}"
    return ""
