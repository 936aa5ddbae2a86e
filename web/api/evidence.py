"""GET /evidence and /evidence/{index}."""

from __future__ import annotations

import base64

from fastapi import APIRouter, Request, Response

from store.reports import EvidenceRow
from web.api import rows
from web.api.models import EvidenceDetail, EvidenceOut, Page
from web.api.paging import page_of
from web.errors import NotFound
from web.pages.controls import find_control
from web.pages.evidence import Text, find_entry
from web.params import PAGE, Cursor, Limit, read_time
from web.site import SiteOf
from web.views.proof import prove

router = APIRouter(tags=["evidence"])


@router.get("/evidence")
def evidence(
    request: Request,
    response: Response,
    site: SiteOf,
    control: Text = "",
    mapping: Text = "",
    source: Text = "",
    start: Text = "",
    end: Text = "",
    after: Cursor = "",
    limit: Limit = PAGE,
) -> Page[EvidenceOut]:
    """Evidence, filtered, newest event first. `start` and `end` are event times."""
    found = site.query.evidence(
        control=find_control(site, control).id if control else None,
        mapping=mapping or None,
        source=source or None,
        start=read_time("start", start),
        end=read_time("end", end),
        after=after or None,
        limit=limit + 1,
    )
    return page_of(request, response, found, limit, _row)


def _row(row: EvidenceRow) -> EvidenceOut:
    return EvidenceOut(**rows.evidence_fields(row))


@router.get("/evidence/{index}")
def evidence_entry(site: SiteOf, index: str) -> EvidenceDetail:
    """One evidence entry with its bytes, salts and inclusion proof: all that it takes to verify it."""
    entry = find_entry(site, index)
    row = site.query.evidence_row(entry.idx)
    if row is None:
        raise NotFound(f"Entry {entry.idx} of the log is no evidence but of type “{entry.type}”.")
    return EvidenceDetail(
        **rows.evidence_fields(row),
        metadata=base64.b64encode(entry.metadata).decode(),
        detail=rows.committed(entry, "detail", entry.detail_salt, entry.detail),
        payload=rows.committed(entry, "payload", entry.payload_salt, entry.payload),
        proof=rows.proof(prove(site.query, entry, site.checkpoints())),
    )
