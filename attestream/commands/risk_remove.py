"""attestream risk remove"""

from __future__ import annotations

from typing import Annotated

import typer

from attestream.console import say
from attestream.options import Config
from attestream.settings import load
from attestream.stating import By, account, state
from attestream.wiring import opened
from store.statements import RiskAct


def risk_remove(
    risk: Annotated[str, typer.Argument(help="The risk's id in your register.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it is no longer there.")],
    by: By = None,
    config: Config = None,
) -> None:
    """Say that a risk is no longer in the register. What was said of it stays in the log.

    Example: attestream risk remove R-12 --reason "the laptops were given back"
    """
    with opened(load(config)) as parts:
        done = state(parts, RiskAct("remove", risk, by or account(), account(), note=reason))
    say(f"removed; entry {done.before} says so")
