"""Search: an id leads straight to its page, words find controls, mappings, sources and subjects."""

from __future__ import annotations

import re
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from store.reports import FindingStatus, Moment
from web import links
from web.catalogue import order
from web.lookups import Text
from web.params import MAX_LIMIT
from web.site import Site, SiteOf
from web.templating import render

router = APIRouter(include_in_schema=False)

LOOKED_AT: Final = 2000
"""Findings whose subjects are searched."""

_CONTROL: Final = re.compile(r"(?:a\.)?([5-8]\.[0-9]{1,2})", re.ASCII | re.IGNORECASE)
_INDEX: Final = re.compile(r"#?([0-9]{1,18})", re.ASCII)


@router.get("/search")
def search(request: Request, site: SiteOf, q: Text = "") -> Response:
    """Go to what `q` names, or list what it is part of."""
    wanted = q.strip()
    target = _named(site, wanted) if wanted else None
    if target is not None:
        return RedirectResponse(target, status_code=303)
    return _results(request, site, wanted)


def _named(site: Site, wanted: str) -> str | None:
    """The page of exactly this: a control, an index of the log, an event's id, a mapping, a source."""
    control = _CONTROL.fullmatch(wanted)
    if control and f"A.{control[1]}" in site.catalogue:
        return links.control(f"A.{control[1]}")
    index = _INDEX.fullmatch(wanted)
    if index and site.query.entry(int(index[1])) is not None:
        return links.entry(int(index[1]))
    found = site.query.evidence_by_id(wanted)
    if found:
        return links.evidence(found[0]) if len(found) == 1 else links.url("/evidence", {"id": wanted})
    if any(m.id == wanted for m in site.query.mappings()):
        return links.mapping(wanted)
    if any(s.name == wanted for s in site.query.sources(site.clock())):
        return links.source(wanted)
    return None


def _results(request: Request, site: Site, wanted: str) -> HTMLResponse:
    low = wanted.lower()
    controls = [c for c in site.catalogue.values() if low and (low in c.title.lower() or low in c.about.lower())]
    return render(
        request,
        "search.html",
        q=wanted,
        controls=sorted(controls, key=lambda c: (low not in c.title.lower(), order(c.id))),
        mappings=[m for m in site.query.mappings() if low and (low in m.title.lower() or low in m.description.lower())],
        sources=[s.name for s in site.query.sources(site.clock()) if low and low in s.name.lower()],
        findings=_subjects(site, low) if low else [],
        looked_at=LOOKED_AT,
    )


def _subjects(site: Site, low: str) -> list[FindingStatus]:
    found: list[FindingStatus] = []
    after: str | None = None
    for _ in range(LOOKED_AT // MAX_LIMIT):
        rows = site.query.findings(Moment(), after=after, limit=MAX_LIMIT)
        # An ARN that was pasted names the subject by its end.
        found.extend(r for r in rows if r.subject and (low in r.subject.lower() or _tail(low) == _tail(r.subject.lower())))
        if len(rows) < MAX_LIMIT:
            break
        after = rows[-1].cursor
    return found


def _tail(text: str) -> str:
    return re.split(r"[/:]", text)[-1] or text
