"""Sources: their health, the windows of one, and one window."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from web.errors import NotFound
from web.lookups import Text, find_window
from web.params import PAGE, Cursor, Limit, cut, middle_quote
from web.site import SiteOf
from web.templating import render
from web.views.collection import RECENT, slots, source_row, source_rows
from web.views.collection import covered as covered_spans
from web.views.days import per_day, span

router = APIRouter(include_in_schema=False)


@router.get("/sources")
def sources(request: Request, site: SiteOf) -> HTMLResponse:
    """Every source with its health."""
    now = site.clock()
    return render(request, "sources.html", sources=source_rows(site.query, now))


@router.get("/sources/{name:path}")
def source(request: Request, site: SiteOf, name: str, after: Cursor = "", limit: Limit = PAGE) -> HTMLResponse:
    """One source: its counts, what is covered of each part, its windows."""
    now = site.clock()
    status = next((s for s in site.query.sources(now) if s.name == name), None)
    if status is None:
        raise NotFound(f"There is no source {middle_quote(name)}.")
    recent = site.query.windows(source=name, limit=RECENT)
    row = source_row(status, recent, site.query.coverage(name), now)
    windows, more = cut(site.query.windows(source=name, after=after or None, limit=limit + 1), limit)
    end = now - status.lateness
    parts = covered_spans(recent, site.query.coverage(name))
    start, stop = span(now)
    return render(
        request,
        "source.html",
        row=row,
        windows=windows,
        next=windows[-1].cursor if more else "",
        after=after,
        limit=limit,
        parts=[(part, spans, slots({part: spans}, (), now, end)) for part, spans in sorted(parts.items())],
        days=per_day(site.query.rollup("source", name, start, stop), now),
    )


@router.get("/windows/{attempt}")
def window(request: Request, site: SiteOf, attempt: str, source: Text = "") -> HTMLResponse:
    """One attempt to read a period: what was asked, what came, what it covers."""
    return render(request, "window.html", window=find_window(site.query, attempt, source or None))
