"""Findings: the list, and one finding with its history."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from store.records import State
from store.reports import FindingHistoryRow, FindingStatus, Moment
from store.reports import Query as StoreQuery
from web.errors import NotFound
from web.pages.controls import find_control
from web.params import LONGEST, PAGE, AsOfParam, Cursor, Limit, cut, middle_quote, read_choice
from web.site import SiteOf
from web.templating import render

router = APIRouter(include_in_schema=False)

STATES: Final = tuple(state.value for state in State)
LOOKED_AT: Final = 5000
BLOCK: Final = 500
_HANDLE: Final = re.compile(r"(?:[0-9a-f]{2}){1,64}", re.ASCII)

Text = Annotated[str, Query(max_length=LONGEST)]


@router.get("/findings")
def findings(
    request: Request,
    site: SiteOf,
    asked: AsOfParam,
    control: Text = "",
    mapping: Text = "",
    state: Text = "",
    source: Text = "",
    silence: Text = "",
    after: Cursor = "",
    limit: Limit = PAGE,
) -> HTMLResponse:
    """Findings, filtered, in pages."""
    rows, more = cut(
        site.query.findings(
            asked.moment,
            control=find_control(site, control).id if control else None,
            mapping=mapping or None,
            state=read_choice("state", state, STATES),
            source=source or None,
            silence=read_silence(silence),
            after=after or None,
            limit=limit + 1,
        ),
        limit,
    )
    filters = {"control": control, "mapping": mapping, "state": state, "source": source, "silence": silence}
    return render(
        request,
        "findings.html",
        asked,
        rows=rows,
        next=rows[-1].cursor if more else "",
        filters=filters,
        after=after,
        limit=limit,
        states=STATES,
        mappings=site.query.mappings(),
        sources=site.query.sources(site.clock()),
    )


def read_silence(text: str) -> bool | None:
    """yes: only silence, no: only what matched, "": both. Raises BadParameter."""
    chosen = read_choice("silence", text, ("yes", "no"))
    return None if chosen is None else chosen == "yes"


@router.get("/findings/{mapping_id:path}/{handle}")
def finding(request: Request, site: SiteOf, asked: AsOfParam, mapping_id: str, handle: str) -> HTMLResponse:
    """One finding: what it says, on what, and every change of it with its cause."""
    history = site.query.finding_history(mapping_id, handle) if _HANDLE.fullmatch(handle) else ()
    if not history:
        raise NotFound(f"There is no finding of mapping {middle_quote(mapping_id)} about the subject {middle_quote(handle)}.")
    ordered = sorted(history, key=lambda row: (row.event_time, row.idx), reverse=True)
    return render(
        request,
        "finding.html",
        asked,
        finding=find_finding(site.query, asked.moment, mapping_id, handle),
        mapping_id=mapping_id,
        handle=handle,
        record=next((m for m in site.query.mappings() if m.id == mapping_id), None),
        history=ordered,
        standing=standing_rows(ordered),
    )


def find_finding(query: StoreQuery, moment: Moment, mapping_id: str, handle: str) -> FindingStatus | None:
    """The status of one finding among those of its mapping; None when it is not among the first LOOKED_AT, or not yet there."""
    after: str | None = None
    for _ in range(LOOKED_AT // BLOCK):
        rows = query.findings(moment, mapping=mapping_id, after=after, limit=BLOCK)
        found = next((row for row in rows if row.subject_handle == handle), None)
        if found is not None or len(rows) < BLOCK:
            return found
        after = rows[-1].cursor
    return None


def standing_rows(history: Sequence[FindingHistoryRow]) -> set[int]:
    """Indexes of the rows that stand: of those at the same event time, the one recorded last."""
    last: dict[int, int] = {}
    for row in history:
        last[row.event_time] = max(row.idx, last.get(row.event_time, -1))
    return set(last.values())
