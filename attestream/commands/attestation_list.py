"""attestream attestation list"""

from __future__ import annotations

from typing import Annotated

import typer

from attestream.console import emit_lines, mark, moment, table
from attestream.options import ATTESTATION_STATES, AsJson, Config, ControlFilter, one_of
from attestream.rows_stated import attestation_row
from attestream.settings import load
from attestream.stating import SHORT, AsOf, KnownAt, at
from attestream.wiring import opened


def attestation_list(
    state: Annotated[str | None, typer.Option("--state", help="waiting, valid, expired, rejected or revoked.")] = None,
    control: ControlFilter = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List attestations: what people stated, for which controls, until when. Those that need somebody stand first.

    Example: attestream attestation list --state expired
    """
    one_of(state, ATTESTATION_STATES, "--state")
    with opened(load(config)) as parts:
        one_of(control, (c.id for c in parts.catalogue), "--control")
        views = [
            view
            for view in parts.query.attestations(parts.store.clock(), at(parts, as_of, known_at))
            if state in (None, view.state) and (control is None or control in view.controls)
        ]
    if as_json:
        emit_lines(attestation_row(view) for view in views)
        return
    rows = []
    for view in views:
        version = view.shown
        says = version.says if version is not None else ""
        until, owner = (moment(version.until), version.owner) if version is not None else ("", "")
        waits = "yes" if view.waiting is not None else ""
        rows.append((view.id[:SHORT], mark(view.state), says, view.title, " ".join(view.controls), until, owner, waits))
    table(("attestation", "state", "says", "title", "controls", "until", "owner", "to review"), rows)
