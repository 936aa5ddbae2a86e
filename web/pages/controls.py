"""The list of the 93 controls, and the page of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from store.records import MappingRecord
from store.reports import EvidenceRow, FindingStatus, Query
from web.catalogue import ATTESTATION, ControlInfo
from web.errors import NotFound
from web.params import AsOf, AsOfParam, middle_quote
from web.site import Site, SiteOf
from web.templating import render
from web.views.controls import FilterParam, segments, status_of, tally, theme_rows
from web.views.days import per_day, span
from web.views.reason import Voices, met, needs_in_words, why

router = APIRouter(include_in_schema=False)

SHOWN: Final = 50
LATEST: Final = 10


@router.get("/controls")
def controls(request: Request, site: SiteOf, asked: AsOfParam, wanted: FilterParam) -> HTMLResponse:
    """All controls, filtered."""
    statuses = site.query.controls(asked.moment)
    tiles = [tile for row in theme_rows(site.catalogue, statuses, wanted) for tile in row.tiles]
    counts = tally(tiles)
    return render(
        request, "controls.html", asked, tiles=tiles, counts=counts, segments=segments(counts), filters=wanted, total=len(site.catalogue)
    )


@router.get("/controls/{control_id}")
def control(request: Request, site: SiteOf, asked: AsOfParam, control_id: str) -> HTMLResponse:
    """One control: why it has its state, and everything that speaks about it."""
    info = find_control(site, control_id)
    now = site.clock()
    status = status_of(site.query.controls(asked.moment), info.id)
    voices = read_voices(site.query, asked, info)
    sources = site.query.sources(now)
    start, end = span(now)
    return render(
        request,
        "control.html",
        asked,
        info=info,
        status=status,
        voices=voices,
        why=why(info, status, voices, sources, asked.moment.as_of if asked.moment.as_of is not None else now),
        shown=SHOWN,
        evidence=latest_evidence(site.query, asked, info.id),
        days=per_day(site.query.rollup("control", info.id, start, end), now),
        met=met(info.needs, sources),
        wanted=needs_in_words(info.needs),
        attested=ATTESTATION in info.needs,
    )


def find_control(site: Site, control_id: str) -> ControlInfo:
    """A control by its id, with or without "A." before it. Raises NotFound."""
    found = site.catalogue.get(control_id) or site.catalogue.get(f"A.{control_id}")
    if found is None:
        raise NotFound(f"There is no control {middle_quote(control_id)}: Annex A has A.5.1 to A.8.34.")
    return found


def latest_evidence(query: Query, asked: AsOf, control_id: str) -> Sequence[EvidenceRow]:
    """The newest evidence that is tagged with a control, up to the moment that is asked about."""
    end = asked.moment.as_of + 1 if asked.moment.as_of is not None else None
    return query.evidence(control=control_id, end=end, limit=LATEST)


def read_voices(query: Query, asked: AsOf, info: ControlInfo) -> Voices:
    """What speaks about a control: at most SHOWN findings of each kind, and the mappings that name it."""

    def findings(state: str | None, silence: bool) -> Sequence[FindingStatus]:
        return query.findings(asked.moment, control=info.id, state=state, silence=silence, limit=SHOWN)

    named = [m for m in query.mappings() if info.id in dict(m.controls)]
    stale = [*findings("stale", False), *findings("stale", True)]
    watched = [f for f in findings(None, True) if f.state == "satisfied"]
    return Voices(
        findings("not-satisfied", False), stale, findings("satisfied", False), watched, sorted(named, key=lambda m: _weight(m, info.id))
    )


def _weight(mapping: MappingRecord, control_id: str) -> tuple[int, int, str]:
    """Mappings that can change the state first, the strongest before the others."""
    strength = dict(mapping.controls).get(control_id, "weak")
    return (mapping.finding == "evidence" or strength == "weak", ("strong", "partial", "weak").index(strength), mapping.title)
