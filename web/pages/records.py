"""What people stated: the Statement of Applicability, exceptions, attestations, risks. Read-only, as of any moment."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from store.reports import Query
from web.errors import NotFound
from web.lookups import Text, control_id_of
from web.params import AsOf, AsOfParam, middle_quote, read_choice
from web.site import SiteOf
from web.templating import render
from web.views.controls import status_of
from web.views.records import APPLIES, ATTESTATION_STATES, EXCEPTION_STATES, attention, counts, soa_rows

router = APIRouter(include_in_schema=False)


@router.get("/records")
def records(request: Request, site: SiteOf, asked: AsOfParam) -> HTMLResponse:
    """All kinds with their counts, and what needs somebody."""
    now = _now(asked, site.clock())
    exceptions = site.query.exceptions(now, asked.moment)
    attestations = site.query.attestations(now, asked.moment)
    soa, risks = site.query.soa(asked.moment), site.query.risks(asked.moment)
    return render(
        request,
        "records.html",
        asked,
        waiting=attention(exceptions, attestations, now),
        counts=counts(exceptions, attestations, soa, risks),
        titles=_titles(site.query),
    )


@router.get("/records/soa")
def soa(request: Request, site: SiteOf, asked: AsOfParam, applies: Text = "") -> HTMLResponse:
    """The Statement of Applicability, each control with its status."""
    wanted = read_choice("applies", applies, [value for value, _ in APPLIES]) or ""
    statuses = site.query.controls(asked.moment)
    rows = soa_rows(site.catalogue, site.query.soa(asked.moment), statuses)
    shown = [row for row in rows if wanted in ("", row.applies)]
    return render(request, "records_soa.html", asked, rows=shown, total=len(rows), applies=wanted, choices=APPLIES)


@router.get("/records/exceptions")
def exceptions(request: Request, site: SiteOf, asked: AsOfParam, state: Text = "") -> HTMLResponse:
    """What was accepted, why, by whom, until when."""
    wanted = read_choice("state", state, EXCEPTION_STATES) or ""
    rows = [v for v in site.query.exceptions(_now(asked, site.clock()), asked.moment) if wanted in ("", v.state)]
    titles = _titles(site.query)
    return render(request, "records_exceptions.html", asked, rows=rows, state=wanted, states=EXCEPTION_STATES, titles=titles)


@router.get("/records/attestations")
def attestations(request: Request, site: SiteOf, asked: AsOfParam, state: Text = "", control: Text = "") -> HTMLResponse:
    """What people stated of controls, those that need somebody first."""
    wanted, id_ = read_choice("state", state, ATTESTATION_STATES) or "", control_id_of(site, control)
    rows = [
        view
        for view in site.query.attestations(_now(asked, site.clock()), asked.moment)
        if wanted in ("", view.state) and (id_ is None or id_ in view.controls)
    ]
    filters = {"state": wanted, "control": control}
    return render(request, "records_attestations.html", asked, rows=rows, filters=filters, states=ATTESTATION_STATES)


@router.get("/records/attestations/{id_}")
def attestation(request: Request, site: SiteOf, asked: AsOfParam, id_: str) -> HTMLResponse:
    """One attestation: what speaks, what waits for review, its files, and everything that was done to it."""
    views = site.query.attestations(_now(asked, site.clock()), asked.moment)
    found = next((view for view in views if view.id == id_), None)
    if found is None:
        raise NotFound(f"There is no attestation {middle_quote(id_)}.")
    return render(request, "records_attestation.html", asked, view=found)


@router.get("/records/risks")
def risks(request: Request, site: SiteOf, asked: AsOfParam) -> HTMLResponse:
    """The risks of the register, with the status of the controls that treat them."""
    statuses = site.query.controls(asked.moment)
    rows = [(r, [(id_, status_of(statuses, id_)) for id_ in r.controls]) for r in site.query.risks(asked.moment)]
    return render(request, "records_risks.html", asked, rows=rows)


def _now(asked: AsOf, now: int) -> int:
    return asked.moment.as_of if asked.moment.as_of is not None else now


def _titles(query: Query) -> dict[str, str]:
    return {record.id: record.title for record in query.mappings()}
