"""attestream control list"""

from __future__ import annotations

from typing import Annotated

import typer

from attestream.console import emit_lines, mark, moment, table
from attestream.options import STATES, THEMES, AsJson, Config, one_of
from attestream.rows import control_row
from attestream.settings import load
from attestream.wiring import opened
from store.reports import Moment


def control_list(
    config: Config = None,
    as_json: AsJson = False,
    state: Annotated[str | None, typer.Option("--state", help="Only controls in this state.")] = None,
    theme: Annotated[str | None, typer.Option("--theme", help="organizational, people, physical or technological.")] = None,
) -> None:
    """List the 93 controls with their states.

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


def _state(status: object) -> str:
    return str(getattr(status, "state", "not-assessed"))
