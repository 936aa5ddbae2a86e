"""Drift: every change of a state, newest recorded first."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from web.lookups import DRIFT_KINDS, Text, control_id_of
from web.params import PAGE, Cursor, Limit, cut, read_choice, read_time
from web.site import SiteOf
from web.templating import render

router = APIRouter(include_in_schema=False)


@router.get("/drift")
def drift(
    request: Request, site: SiteOf, since: Text = "", control: Text = "", kind: Text = "", after: Cursor = "", limit: Limit = PAGE
) -> HTMLResponse:
    """Drift, filtered, in pages."""
    rows, more = cut(
        site.query.drift(
            since=read_time("since", since),
            control=control_id_of(site, control),
            kind=read_choice("kind", kind, DRIFT_KINDS),
            after=after or None,
            limit=limit + 1,
        ),
        limit,
    )
    filters = {"since": since, "control": control, "kind": kind}
    return render(
        request,
        "drift.html",
        rows=rows,
        next=rows[-1].cursor if more else "",
        filters=filters,
        after=after,
        limit=limit,
        kinds=DRIFT_KINDS,
    )
