"""The log: its checkpoint, how to verify it, dead letters, and any of its entries."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from web.lookups import find_entry
from web.pages.evidence import media_type_of, raw_payload, shown
from web.params import PAGE, Cursor, Limit, cut
from web.site import SiteOf
from web.templating import render
from web.views.proof import prove

router = APIRouter(include_in_schema=False)


@router.get("/log")
def log(request: Request, site: SiteOf, after: Cursor = "", limit: Limit = PAGE) -> HTMLResponse:
    """The log's size and root, the last checkpoint, and what could not be understood."""
    letters, more = cut(site.query.dead_letters(after=after or None, limit=limit + 1), limit)
    return render(
        request,
        "log.html",
        log=site.query.log(),
        checkpoint=site.checkpoints(),
        letters=letters,
        next=letters[-1].cursor if more else "",
        after=after,
        limit=limit,
    )


@router.get("/log/{index}")
def entry(request: Request, site: SiteOf, index: str) -> HTMLResponse:
    """Any entry of the log: what it states, its committed parts, its proof."""
    found = find_entry(site, index)
    return render(
        request,
        "entry.html",
        entry=found,
        is_evidence=found.type == "evidence",
        metadata=shown(found.metadata, "application/json"),
        detail=shown(found.detail, media_type_of(found, "detail")),
        payload=shown(found.payload, media_type_of(found, "payload")),
        proof=prove(site.query, found, site.checkpoints()),
        raw=f"/log/{found.idx}/raw",
    )


@router.get("/log/{index}/raw")
def entry_raw(site: SiteOf, index: str) -> Response:
    """The payload's bytes of any entry."""
    return raw_payload(find_entry(site, index))
