"""attestream control show"""

from __future__ import annotations

from typing import Annotated

import typer

from attestream.console import emit, facts, mark, moment, say, table
from attestream.errors import AttestreamError
from attestream.options import AsJson, Config
from attestream.rows import control_row, evidence_row, finding_row
from attestream.settings import load
from attestream.wiring import opened
from pipeline.rules.problems import nearest
from store.reports import Moment


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
            raise AttestreamError(f"no control {control!r}; {nearest(control, known) or 'ids are A.5.1 to A.8.34'}")
        status = parts.query.controls(Moment()).get(control)
        findings = parts.query.findings(Moment(), control=control, limit=200)
        evidence = parts.query.evidence(control=control, limit=10)
        mappings = [m for m in parts.query.mappings() if control in dict(m.controls)]
    info = known[control]
    if as_json:
        value = control_row(info, status)
        value["findings_list"] = [finding_row(f) for f in findings]
        value["evidence"] = [evidence_row(e) for e in evidence]
        value["mappings"] = [
            {"id": m.id, "title": m.title, "strength": dict(m.controls)[control], "finding": m.finding, "rationale": m.rationale}
            for m in mappings
        ]
        emit(value)
        return
    state = str(status.state) if status else "not-assessed"
    facts({"control": f"{info.id} {info.title}", "state": mark(state), "since": moment(status.since if status else None)})
    say(info.about)
    if not mappings:
        say(f"no source for it: {' or '.join(info.needs) or 'an attestation'} would speak")
    shown = sorted((f for f in findings if not f.silence), key=lambda f: (f.state != "not-satisfied", -f.since))
    table(("state", "finding", "subject", "since"), [(mark(f.state), f.title, f.subject, moment(f.since)) for f in shown])
    watched = sum(1 for f in findings if f.silence and f.state == "satisfied")
    if watched:
        say(f"{watched} mappings watched covered time and found nothing")
    table(
        ("index", "event time", "evidence"), [(e.idx, moment(e.event_time), "; ".join(t.title for t in e.tags)) for e in evidence]
    )
