"""attestream risk import"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from attestream.console import say
from attestream.options import Config
from attestream.settings import load
from attestream.stated_files import read_risk_file
from attestream.stating import By, account, state
from attestream.wiring import opened
from store.reports import Moment
from store.statements import RiskAct


def risk_import(
    file: Annotated[Path, typer.Argument(help="A .csv or .yaml file: risk, title, treatment, owner, controls.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    by: By = None,
    config: Config = None,
) -> None:
    """Load risks from a file. Risks that it does not name, or of which it says nothing new, stay as they are.

    Example: attestream risk import register.csv
    """
    with opened(load(config)) as parts:
        before = {row.id: row for row in parts.query.risks(Moment())}
        acts: list[RiskAct] = []
        for row in read_risk_file(file, [c.id for c in parts.catalogue]):
            old = before.get(row.id)
            said = (old.title, old.treatment, old.owner, set(old.controls)) if old is not None else None
            if said != (row.title, row.treatment, row.owner, set(row.controls)):
                who = by or account()
                acts.append(RiskAct("set", row.id, who, account(), row.title, row.treatment, row.owner, row.controls))
        if acts and not dry_run:
            state(parts, *acts)
    say(f"{len(acts)} risks {'would change' if dry_run else 'stated'}")
