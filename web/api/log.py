"""GET /log and /log/dead-letters."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from store.reports import DeadLetter
from web.api import rows
from web.api.models import DeadLetterOut, LogOut, Page, stamp
from web.api.paging import page_of
from web.params import PAGE, Cursor, Limit
from web.site import SiteOf

router = APIRouter(tags=["log"])


@router.get("/log")
def log(site: SiteOf) -> LogOut:
    """Size, root and the last checkpoint of the log."""
    head = site.query.log()
    return LogOut(
        origin=head.origin,
        size=head.size,
        root=head.root,
        recorded_at=stamp(head.recorded_at) if head.size else None,
        mapping_set=head.mapping_set,
        dead_letters=head.dead_letters,
        anchored_at=None,
        checkpoint=rows.checkpoint(site.checkpoints()),
    )


@router.get("/log/dead-letters")
def dead_letters(
    request: Request, response: Response, site: SiteOf, after: Cursor = "", limit: Limit = PAGE
) -> Page[DeadLetterOut]:
    """Bytes that could not be understood."""
    return page_of(request, response, site.query.dead_letters(after=after or None, limit=limit + 1), limit, _letter)


def _letter(row: DeadLetter) -> DeadLetterOut:
    return DeadLetterOut(
        index=row.idx, source=row.source, window=row.window, place=row.place, size=row.size, recorded_at=stamp(row.recorded_at)
    )
