"""Mappings of the active set, and one of them."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from web.errors import NotFound
from web.lookups import LATEST, SHOWN
from web.params import AsOfParam, middle_quote
from web.site import SiteOf
from web.templating import render
from web.views.days import per_day, span

router = APIRouter(include_in_schema=False)


@router.get("/mappings")
def mappings(request: Request, site: SiteOf) -> HTMLResponse:
    """Every mapping of the active set."""
    rows = sorted(site.query.mappings(), key=lambda m: (m.title.lower(), m.id))
    return render(request, "mappings.html", rows=rows, log=site.query.log())


@router.get("/mappings/{mapping_id:path}")
def mapping(request: Request, site: SiteOf, asked: AsOfParam, mapping_id: str) -> HTMLResponse:
    """One mapping: what it says of which controls and why, what it found."""
    record = next((m for m in site.query.mappings() if m.id == mapping_id), None)
    if record is None:
        raise NotFound(f"There is no mapping {middle_quote(mapping_id)} in the active set.")
    now = site.clock()
    start, end = span(now)
    return render(
        request,
        "mapping.html",
        asked,
        record=record,
        findings=site.query.findings(asked.moment, mapping=record.id, limit=SHOWN),
        evidence=site.query.evidence(mapping=record.id, limit=LATEST),
        days=per_day(site.query.rollup("mapping", record.id, start, end), now),
        shown=SHOWN,
    )
