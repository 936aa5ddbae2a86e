"""Drift: every change of a state, newest recorded first."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from web.pages.controls import find_control
from web.params import LONGEST, PAGE, Cursor, Limit, cut, read_choice, read_time
from web.site import SiteOf
from web.templating import render

router = APIRouter(include_in_schema=False)

KINDS: Final = ("finding", "control", "source", "baseline", "conflict", "integrity", "log", "clock", "route")
Text = Annotated[str, Query(max_length=LONGEST)]


@router.get("/drift")
def drift(
    request: Request, site: SiteOf, since: Text = "", control: Text = "", kind: Text = "", after: Cursor = "", limit: Limit = PAGE
) -> HTMLResponse:
    """Drift, filtered, in pages."""
    rows, more = cut(
        site.query.drift(
            since=read_time("since", since),
            control=find_control(site, control).id if control else None,
            kind=read_choice("kind", kind, KINDS),
            after=after or None,
            limit=limit + 1,
        ),
        limit,
    )
    filters = {"since": since, "control": control, "kind": kind}
    return render(
        request, "drift.html", rows=rows, next=rows[-1].cursor if more else "", filters=filters, after=after, limit=limit, kinds=KINDS
    )
