"""GET /sources and /sources/{name}/windows."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from web.api import rows
from web.api.models import Page, SourceOut, WindowOut
from web.api.paging import page_of
from web.errors import NotFound
from web.params import PAGE, Cursor, Limit, middle_quote
from web.site import SiteOf

router = APIRouter(tags=["sources"])


@router.get("/sources")
def sources(site: SiteOf) -> Page[SourceOut]:
    """Every source with its health, in one page."""
    return Page(items=[rows.source(s) for s in site.query.sources(site.clock())], next=None)


@router.get("/sources/{name:path}/windows")
def windows(
    request: Request, response: Response, site: SiteOf, name: str, after: Cursor = "", limit: Limit = PAGE
) -> Page[WindowOut]:
    """The windows of a source, newest first."""
    if all(s.name != name for s in site.query.sources(site.clock())):
        raise NotFound(f"There is no source {middle_quote(name)}.")
    found = site.query.windows(source=name, after=after or None, limit=limit + 1)
    return page_of(request, response, found, limit, rows.window)
