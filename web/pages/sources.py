"""Sources: their health, the windows of one, and one window."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from store.reports import Query as StoreQuery
from store.reports import WindowView
from web.errors import NotFound
from web.params import LONGEST, PAGE, Cursor, Limit, cut, middle_quote
from web.site import SiteOf
from web.templating import render
from web.views.collection import RECENT, slots, source_row
from web.views.collection import covered as covered_spans
from web.views.days import per_day, span

router = APIRouter(include_in_schema=False)

LOOKED_AT: Final = 5000
BLOCK: Final = 500


@router.get("/sources")
def sources(request: Request, site: SiteOf) -> HTMLResponse:
    """Every source with its health."""
    now = site.clock()
    rows = [
        source_row(s, site.query.windows(source=s.name, limit=RECENT), site.query.coverage(s.name), now) for s in site.query.sources(now)
    ]
    return render(request, "sources.html", sources=rows)


@router.get("/sources/{name}")
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
def window(request: Request, site: SiteOf, attempt: str, source: Annotated[str, Query(max_length=LONGEST)] = "") -> HTMLResponse:
    """One attempt to read a period: what was asked, what came, what it covers."""
    found = find_window(site.query, attempt, source or None)
    if found is None:
        raise NotFound(f"There is no window {middle_quote(attempt)} among the newest {LOOKED_AT:,}.")
    return render(request, "window.html", window=found)


def find_window(query: StoreQuery, attempt: str, source: str | None) -> WindowView | None:
    """A window by its attempt, among the newest LOOKED_AT of the source (or of all sources)."""
    after: str | None = None
    for _ in range(LOOKED_AT // BLOCK):
        rows = query.windows(source=source, after=after, limit=BLOCK)
        found = next((row for row in rows if row.attempt == attempt), None)
        if found is not None or len(rows) < BLOCK:
            return found
        after = rows[-1].cursor
    return None
