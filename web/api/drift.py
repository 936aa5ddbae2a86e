"""GET /drift."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from web.api import rows
from web.api.models import DriftOut, Page
from web.api.paging import page_of
from web.lookups import DRIFT_KINDS, Text, control_id_of
from web.params import PAGE, Cursor, Limit, read_choice, read_time
from web.site import SiteOf

router = APIRouter(tags=["drift"])


@router.get("/drift")
def drift(
    request: Request,
    response: Response,
    site: SiteOf,
    since: Text = "",
    control: Text = "",
    kind: Text = "",
    after: Cursor = "",
    limit: Limit = PAGE,
) -> Page[DriftOut]:
    """Drift, newest recorded first. `since` is a time of recording."""
    found = site.query.drift(
        since=read_time("since", since),
        control=control_id_of(site, control),
        kind=read_choice("kind", kind, DRIFT_KINDS),
        after=after or None,
        limit=limit + 1,
    )
    return page_of(request, response, found, limit, rows.drift)
