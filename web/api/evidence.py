"""GET /evidence and /evidence/{index}."""

from __future__ import annotations

import base64

from fastapi import APIRouter, Request, Response

from store.reports import EvidenceRow
from web.api import rows
from web.api.models import EvidenceDetail, EvidenceOut, Page
from web.api.paging import page_of
from web.lookups import Text, control_id_of, find_evidence
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
        control=control_id_of(site, control),
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
    entry, row = find_evidence(site, index)
    return EvidenceDetail(
        **rows.evidence_fields(row),
        metadata=base64.b64encode(entry.metadata).decode(),
        detail=rows.committed(entry, "detail", entry.detail_salt, entry.detail),
        payload=rows.committed(entry, "payload", entry.payload_salt, entry.payload),
        proof=rows.proof(prove(site.query, entry, site.checkpoints())),
    )
