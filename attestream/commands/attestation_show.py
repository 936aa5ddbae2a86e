"""attestream attestation show"""

from __future__ import annotations

from typing import Annotated

import typer

from attestream.console import emit, facts, mark, moment, table, write
from attestream.options import AsJson, Config
from attestream.rows_stated import attestation_row
from attestream.settings import load
from attestream.stating import chosen_id
from attestream.wiring import opened
from store.reports import Moment
from store.stated_views import Version


def attestation_show(
    attestation: Annotated[str, typer.Argument(help="The attestation's id, or its beginning.")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show one attestation: what speaks, what waits for review, its files, and everything that was done to it.

    Example: attestream attestation show 3f9a12c0
    """
    with opened(load(config)) as parts:
        views = parts.query.attestations(parts.store.clock(), Moment())
    id_ = chosen_id(attestation, (view.id for view in views), "attestation")
    view = next(view for view in views if view.id == id_)
    if as_json:
        emit(attestation_row(view))
        return
    facts({"attestation": view.id, "title": view.title, "state": mark(view.state), "controls": " ".join(view.controls)})
    for name, version in (("speaks", view.speaking), ("waits for review", view.waiting)):
        if version is not None:
            _show(name, version)
    rows = [(act.idx, act.act, moment(act.event_time), act.by, act.text) for act in view.acts]
    table(("entry", "act", "when", "by", "text"), rows)


def _show(name: str, version: Version) -> None:
    write(f"{name}: {version.statement}")
    facts(
        {
            "says": mark(version.says),
            "made": moment(version.made),
            "until": moment(version.until),
            "owner": version.owner,
            "by": version.by,
        }
    )
    if version.files:
        table(("entry", "file", "bytes", "sha256"), [(f.idx, f.name, f.size, f.sha256) for f in version.files])
