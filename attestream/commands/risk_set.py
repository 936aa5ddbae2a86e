"""attestream risk set"""

from __future__ import annotations

from typing import Annotated

import typer

from attestream.console import say
from attestream.options import Config, one_of
from attestream.settings import load
from attestream.stating import By, account, state
from attestream.wiring import opened
from store.reports import Moment
from store.statements import RiskAct


def risk_set(
    risk: Annotated[str, typer.Argument(help="The risk's id in your register, e.g. R-12.")],
    control: Annotated[list[str] | None, typer.Option("--control", help="A control that treats it (several times).")] = None,
    title: Annotated[str | None, typer.Option("--title", help="What could happen.")] = None,
    treatment: Annotated[str | None, typer.Option("--treatment", help="What is done about it.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Who owns the risk.")] = None,
    by: By = None,
    config: Config = None,
) -> None:
    """Name the controls that treat a risk of your register. What is not named stays as it was.

    Example: attestream risk set R-12 --title "A laptop is lost" --control A.8.1 --control A.8.24 --owner IT
    """
    with opened(load(config)) as parts:
        for name in control or ():
            one_of(name, (c.id for c in parts.catalogue), "--control")
        before = next((row for row in parts.query.risks(Moment()) if row.id == risk), None)
        act = RiskAct(
            act="set",
            id=risk,
            by=by or account(),
            account=account(),
            title=title if title is not None else before.title if before is not None else "",
            treatment=treatment if treatment is not None else before.treatment if before is not None else "",
            owner=owner if owner is not None else before.owner if before is not None else "",
            controls=tuple(control) if control else tuple(before.controls) if before is not None else (),
        )
        done = state(parts, act)
    say(f"stated; entry {done.before} says so")
