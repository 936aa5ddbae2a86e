"""The first page: what changed for the worse, the 93 controls, collection, the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from store.records import DAY
from store.reports import ControlStatus, DriftView, FindingStatus, Moment
from web import links
from web.lookups import Text
from web.params import AsOf, AsOfParam, read_time
from web.site import Site, SiteOf
from web.templating import render
from web.views.changes import Moves, group, lead, moves, newly
from web.views.collection import source_rows
from web.views.controls import AttributeFilter, ControlFilter, segments, tally, theme_rows
from web.views.records import attention
from web.words import duration, exact, moment_of

router = APIRouter(include_in_schema=False)

LINES: Final = 8
"""Changes that the first page shows; the rest is one link away."""

LOOKED_AT: Final = 600
"""Newest drifts that are looked at for them."""


@router.get("/")
def overview(request: Request, site: SiteOf, asked: AsOfParam, attributes: AttributeFilter, since: Text = "") -> HTMLResponse:
    """The overview."""
    now = site.clock()
    until = asked.moment.as_of if asked.moment.as_of is not None else now
    begin = read_time("since", since)
    start = begin if begin is not None else until - DAY
    wanted = ControlFilter(attributes)
    statuses = site.query.controls(asked.moment)
    rows = theme_rows(site.catalogue, statuses, wanted)
    tiles = [tile for row in rows for tile in row.tiles]
    counts = tally(tiles)
    whole = dict(tally([tile for row in theme_rows(site.catalogue, statuses, ControlFilter({})) for tile in row.tiles]))
    head = _headline(site, asked, statuses, whole, start, until, named=begin is not None)
    drifts = _drifts(site, asked, start, until)
    changes = group(drifts, {m.id: dict(m.controls) for m in site.query.mappings()})
    return render(
        request,
        "overview.html",
        asked,
        head=head,
        since=since,
        changes=changes[:LINES],
        drift_total=len(drifts),
        drift_capped=len(drifts) >= LOOKED_AT,
        handles=_handles(site.query.findings(asked.moment, state="not-satisfied", limit=200)),
        themes_shown=rows,
        shown=len(tiles),
        counts=counts,
        segments=segments(counts),
        accepted=sum(1 for status in statuses.values() if status.accepted),
        needing=len(attention(site.query.exceptions(until, asked.moment), site.query.attestations(until, asked.moment), until)),
        filters=wanted,
        sources=source_rows(site.query, now),
        log=site.query.log(),
        checkpoint=site.checkpoints(),
    )


@dataclass(frozen=True, slots=True)
class Headline:
    """The sentence that comes first, and the line beneath it."""

    text: str
    period: str
    added: str


def _headline(
    site: Site,
    asked: AsOf,
    statuses: Mapping[str, ControlStatus],
    counts: Mapping[str, int],
    start: int,
    until: int,
    *,
    named: bool,
) -> Headline:
    """Compare with what was known at the beginning of the period, as of then."""
    known = site.query.size_at(start)
    if asked.moment.known_at is not None:
        known = min(known, asked.moment.known_at)
    before = site.query.controls(Moment(start, known)) if known else {}
    moved = moves(before, statuses) if known else Moves((), (), ())
    since = f"since {exact(start)[:16]}" if named else "in the last 24 hours"
    text = lead(moved, counts, since, first=not known, present=not asked.is_past)
    if asked.is_past:
        return Headline(text, f"as of {exact(until)}", "")
    if not known:
        return Headline(text, "", "a first look: nothing had been recorded before")
    return Headline(text, f"{_day(start)} to {_day(until)} UTC, {duration(until - start)}", newly(moved))


def _day(micros: int) -> str:
    return f"{moment_of(micros):%A %H:%M}"


def _drifts(site: Site, asked: AsOf, start: int, until: int) -> list[DriftView]:
    """The newest drifts recorded since `start`; for a moment in the past those that had happened, and were known, by then."""
    known = asked.moment.known_at
    found: list[DriftView] = []
    after: str | None = None
    while len(found) < LOOKED_AT:
        rows: Sequence[DriftView] = site.query.drift(since=start, after=after, limit=200)
        found.extend(r for r in rows if r.event_time <= until and (known is None or r.idx is None or r.idx < known))
        if len(rows) < 200:
            break
        after = rows[-1].cursor
    return found[:LOOKED_AT]


def _handles(findings: Sequence[FindingStatus]) -> dict[tuple[str, str], str]:
    """Pages of the open findings by mapping and subject: a drift names its subject, not the subject's handle."""
    return {(f.mapping, f.subject): links.finding(f.mapping, f.subject_handle) for f in findings if not f.silence}
