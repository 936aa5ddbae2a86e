"""GET /findings."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from web.api import rows
from web.api.models import FindingOut, Page
from web.api.paging import page_of
from web.lookups import FINDING_STATES, Text, control_id_of, read_silence
from web.params import PAGE, AsOfParam, Cursor, Limit, read_choice
from web.site import SiteOf

router = APIRouter(tags=["findings"])


@router.get("/findings")
def findings(
    request: Request,
    response: Response,
    site: SiteOf,
    asked: AsOfParam,
    control: Text = "",
    mapping: Text = "",
    state: Text = "",
    source: Text = "",
    silence: Text = "",
    after: Cursor = "",
    limit: Limit = PAGE,
) -> Page[FindingOut]:
    """Findings, filtered. `silence`: yes or no."""
    found = site.query.findings(
        asked.moment,
        control=control_id_of(site, control),
        mapping=mapping or None,
        state=read_choice("state", state, FINDING_STATES),
        source=source or None,
        silence=read_silence(silence),
        after=after or None,
        limit=limit + 1,
    )
    return page_of(request, response, found, limit, rows.finding)
