"""Findings: the list, and one finding with its history."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from store.reports import FindingHistoryRow
from web.lookups import FINDING_STATES, Text, control_id_of, find_finding, read_history, read_silence
from web.params import PAGE, AsOfParam, Cursor, Limit, cut, read_choice
from web.site import SiteOf
from web.templating import render

router = APIRouter(include_in_schema=False)


@router.get("/findings")
def findings(
    request: Request,
    site: SiteOf,
    asked: AsOfParam,
    control: Text = "",
    mapping: Text = "",
    state: Text = "",
    source: Text = "",
    silence: Text = "",
    after: Cursor = "",
    limit: Limit = PAGE,
) -> HTMLResponse:
    """Findings, filtered, in pages."""
    rows, more = cut(
        site.query.findings(
            asked.moment,
            control=control_id_of(site, control),
            mapping=mapping or None,
            state=read_choice("state", state, FINDING_STATES),
            source=source or None,
            silence=read_silence(silence),
            after=after or None,
            limit=limit + 1,
        ),
        limit,
    )
    filters = {"control": control, "mapping": mapping, "state": state, "source": source, "silence": silence}
    return render(
        request,
        "findings.html",
        asked,
        rows=rows,
        next=rows[-1].cursor if more else "",
        filters=filters,
        after=after,
        limit=limit,
        states=FINDING_STATES,
        mappings=site.query.mappings(),
        sources=site.query.sources(site.clock()),
    )


@router.get("/findings/{mapping_id:path}/{handle}")
def finding(request: Request, site: SiteOf, asked: AsOfParam, mapping_id: str, handle: str) -> HTMLResponse:
    """One finding: what it says, on what, and every change of it with its cause."""
    history = read_history(site.query, mapping_id, handle)
    ordered = sorted(history, key=lambda row: (row.event_time, row.idx), reverse=True)
    return render(
        request,
        "finding.html",
        asked,
        finding=find_finding(site.query, asked.moment, mapping_id, handle),
        mapping_id=mapping_id,
        handle=handle,
        record=next((m for m in site.query.mappings() if m.id == mapping_id), None),
        history=ordered,
        standing=standing_rows(ordered),
    )


def standing_rows(history: Sequence[FindingHistoryRow]) -> set[int]:
    """Indexes of the rows that stand: of those at the same event time, the one recorded last."""
    last: dict[int, int] = {}
    for row in history:
        last[row.event_time] = max(row.idx, last.get(row.event_time, -1))
    return set(last.values())
