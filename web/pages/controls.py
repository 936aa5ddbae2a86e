"""The list of the 93 controls, and the page of one."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from web.catalogue import ATTESTATION
from web.lookups import SHOWN, find_control, latest_evidence, read_voices
from web.params import AsOfParam
from web.site import SiteOf
from web.templating import render
from web.views.controls import FilterParam, segments, status_of, tally, theme_rows
from web.views.days import per_day, span
from web.views.reason import met, needs_in_words, why

router = APIRouter(include_in_schema=False)


@router.get("/controls")
def controls(request: Request, site: SiteOf, asked: AsOfParam, wanted: FilterParam) -> HTMLResponse:
    """All controls, filtered."""
    statuses = site.query.controls(asked.moment)
    tiles = [tile for row in theme_rows(site.catalogue, statuses, wanted) for tile in row.tiles]
    counts = tally(tiles)
    drawn = segments(counts)
    total = len(site.catalogue)
    return render(request, "controls.html", asked, tiles=tiles, counts=counts, segments=drawn, filters=wanted, total=total)


@router.get("/controls/{control_id}")
def control(request: Request, site: SiteOf, asked: AsOfParam, control_id: str) -> HTMLResponse:
    """One control: why it has its state, and everything that speaks about it."""
    info = find_control(site, control_id)
    now = site.clock()
    status = status_of(site.query.controls(asked.moment), info.id)
    voices = read_voices(site.query, asked, info)
    sources = site.query.sources(now)
    start, end = span(now)
    at = asked.moment.as_of if asked.moment.as_of is not None else now
    stated = next((row for row in site.query.soa(asked.moment) if row.control == info.id), None)
    return render(
        request,
        "control.html",
        asked,
        info=info,
        control=status,
        voices=voices,
        why=why(info, status, voices, sources, at, stated.justification if stated is not None else ""),
        stated=stated if stated is not None and stated.idx is not None else None,
        attestations=[view for view in site.query.attestations(at, asked.moment) if info.id in view.controls],
        risks=[risk for risk in site.query.risks(asked.moment) if info.id in risk.controls],
        shown=SHOWN,
        evidence=latest_evidence(site.query, asked, info.id),
        days=per_day(site.query.rollup("control", info.id, start, end), now),
        met=met(info.needs, sources),
        wanted=needs_in_words(info.needs),
        attested=ATTESTATION in info.needs,
    )
