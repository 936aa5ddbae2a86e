"""attestream control show"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from attestream.console import emit, facts, mark, moment, table, write
from attestream.elsewhere import names
from attestream.errors import SettingsError
from attestream.options import AsJson, Config
from attestream.rows import control_row, evidence_row, finding_row, template_row
from attestream.rows_stated import soa_row
from attestream.settings import load
from attestream.wiring import opened
from pipeline.rules.annex import Control
from pipeline.rules.problems import nearest
from store.records import DAY, MappingRecord
from store.reports import ControlStatus, EvidenceRow, FindingStatus, Moment


def control_show(
    control: Annotated[str, typer.Argument(help="The control's id, e.g. A.8.15.")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show one control: why it has its state, its findings, latest evidence, and the mappings that speak to it.

    Example: attestream control show A.8.15
    """
    with opened(load(config)) as parts:
        known = {c.id: c for c in parts.catalogue}
        if control not in known:
            raise SettingsError(f"no control {control!r}; {nearest(control, known) or 'ids are A.5.1 to A.8.34'}")
        status = parts.query.controls(Moment()).get(control)
        findings = parts.query.findings(Moment(), control=control, limit=200)
        evidence = parts.query.evidence(control=control, limit=10)
        mappings = [m for m in parts.query.mappings() if control in dict(m.controls)]
        elsewhere = names(parts.catalogues, control)
        templates = parts.catalogues.templates(control)
        soa = next((row for row in parts.query.soa(Moment()) if row.control == control), None)
    info = known[control]
    if as_json:
        value = control_row(info, status)
        value["findings_list"] = [finding_row(f) for f in findings]
        value["evidence"] = [evidence_row(e) for e in evidence]
        value["mappings"] = [
            {"id": m.id, "title": m.title, "strength": dict(m.controls)[control], "finding": m.finding, "rationale": m.rationale}
            for m in mappings
        ]
        value["soa"] = soa_row(soa, info.title, status) if soa is not None and soa.idx is not None else None
        value["unproven"], value["elsewhere"] = info.unproven, elsewhere
        value["attestations"] = [template_row(t) for t in templates]
        emit(value)
        return
    _show(info, status, findings, evidence, mappings)
    if soa is not None and soa.idx is not None:
        facts({"applies": "yes" if soa.applicable else "no", "justification": soa.justification, "owner": soa.owner})
    if templates:
        held = [(t.id, t.title, t.owner, f"{t.max_age // DAY} d", "yes" if t.four_eyes else "no") for t in templates]
        table(("attestation", "what", "from", "holds", "two persons"), held)
    if info.unproven:
        write(f"Stays unproven: {info.unproven}")
    facts({name: " ".join(ids) for name, ids in elsewhere.items()})


def _show(
    info: Control,
    status: ControlStatus | None,
    findings: Sequence[FindingStatus],
    evidence: Sequence[EvidenceRow],
    mappings: Sequence[MappingRecord],
) -> None:
    state = str(status.state) if status else "not-assessed"
    facts({"control": f"{info.id} {info.title}", "state": mark(state), "since": moment(status.since if status else None)})
    write(info.about)
    write(f"Why: {_why(info, state, findings, mappings)}.")
    shown = sorted((f for f in findings if not f.silence), key=lambda f: (f.state != "not-satisfied", -f.since))
    if shown:
        table(("state", "finding", "subject", "since"), [(mark(f.state), f.title, f.subject, moment(f.since)) for f in shown])
    if mappings:
        strength = {m.id: dict(m.controls)[info.id] for m in mappings}
        rows = [(m.title, strength[m.id], m.finding, "yes" if m.silence else "no") for m in mappings]
        table(("mapping", "strength", "a match says", "silence speaks"), rows)
    if evidence:
        latest = [(e.idx, moment(e.event_time), "; ".join(t.title for t in e.tags)) for e in evidence]
        table(("index", "event time", "evidence"), latest)


def _why(info: Control, state: str, findings: Sequence[FindingStatus], mappings: Sequence[MappingRecord]) -> str:
    """The reason for the state, as one sentence without its full stop."""
    if state == "not-satisfied":
        return "open: " + "; ".join(sorted({f"{f.title} ({f.subject})" for f in findings if f.state == "not-satisfied"}))
    if state == "stale":
        return "what should speak for it has said nothing for too long: " + "; ".join(
            sorted({f"{f.title} ({f.source} {f.part})" for f in findings if f.state == "stale"})
        )
    if state == "satisfied":
        watched = sorted({f.title for f in findings if f.silence and f.state == "satisfied"})
        said = sorted({f.title for f in findings if not f.silence and f.state == "satisfied"})
        parts = [f"watched, nothing found over covered time: {'; '.join(watched)}"] if watched else []
        return ". ".join([*parts, *([f"said: {'; '.join(said)}"] if said else [])]) + ". Nothing speaks against it"
    if state == "not-applicable":
        return "the Statement of Applicability excludes it; what was found stays visible"
    if accepted := sum(1 for f in findings if f.state == "accepted"):
        return f"{accepted} accepted by exception, which speaks neither way, and nothing else speaks for it"
    needs = " or ".join(info.needs) or "an attestation"
    against = sum(1 for m in mappings if info.id in m.speaks_for())
    heard = f"{against} mappings would speak against it and none has; " if against else ""
    return f"{heard}no source for it: {needs} would speak"
