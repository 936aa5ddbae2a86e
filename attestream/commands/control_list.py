"""attestream control list"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from attestream.console import emit_lines, mark, moment, say, table
from attestream.elsewhere import chosen
from attestream.elsewhere import rows as elsewhere_rows
from attestream.options import STATES, THEMES, AsJson, Config, one_of
from attestream.rows import control_row
from attestream.settings import load
from attestream.wiring import opened
from pipeline.rules.crosswalks import Crosswalk
from store.reports import Moment


def control_list(
    config: Config = None,
    as_json: AsJson = False,
    state: Annotated[str | None, typer.Option("--state", help="Only controls in this state.")] = None,
    theme: Annotated[str | None, typer.Option("--theme", help="organizational, people, physical or technological.")] = None,
    framework: Annotated[str | None, typer.Option("--framework", help="By the ids of a framework, e.g. nist-csf-2.0.")] = None,
    edition: Annotated[str | None, typer.Option("--edition", help="By the ids of another edition, e.g. 2013.")] = None,
) -> None:
    """List the 93 controls with their states, or the ids of another framework or edition with the controls behind them.

    Example: attestream control list --state not-satisfied
    """
    one_of(state, STATES, "--state")
    one_of(theme, THEMES, "--theme")
    with opened(load(config)) as parts:
        states = parts.query.controls(Moment())
        rows = [
            (control, states.get(control.id))
            for control in parts.catalogue
            if (theme is None or control.theme == theme) and (state is None or _state(states.get(control.id)) == state)
        ]
        walk = chosen(parts.catalogues, framework, edition)
    if walk is not None:
        _elsewhere(elsewhere_rows(walk, states, [control.id for control, _ in rows]), walk, as_json)
        return
    if as_json:
        emit_lines(control_row(control, status) for control, status in rows)
        return
    table(
        ("state", "control", "title", "open", "since"),
        [
            (mark(_state(s)), c.id, c.title, s.not_satisfied if s else 0, moment(s.since) if s and s.since else "")
            for c, s in rows
        ],
        right=("open",),
    )


def _elsewhere(rows: list[dict[str, Any]], walk: Crosswalk, as_json: bool) -> None:
    if as_json:
        emit_lines(rows)
        return
    shown = [
        (row["id"], " ".join(row["controls"]), ", ".join(f"{n} {state}" for state, n in row["states"].items())) for row in rows
    ]
    table((walk.id, "controls", "states"), shown)
    say(f"{walk.title}: {walk.basis}")


def _state(status: object) -> str:
    return str(getattr(status, "state", "not-assessed"))
