"""attestream soa import"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from attestream.console import say
from attestream.options import Config
from attestream.settings import load
from attestream.stated_files import read_soa_file
from attestream.stating import By, account, state
from attestream.wiring import opened
from store.reports import Moment
from store.statements import SoaAct


def soa_import(
    file: Annotated[Path, typer.Argument(help="A .csv or .yaml file; soa show --csv prints one.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    by: By = None,
    config: Config = None,
) -> None:
    """Load the Statement of Applicability from a file. Controls of which it says nothing new, or nothing, stay as they are.

    Example: attestream soa import soa.csv --dry-run
    """
    with opened(load(config)) as parts:
        before = {row.control: row for row in parts.query.soa(Moment())}
        acts: list[SoaAct] = []
        for row in read_soa_file(file, before):
            old = before[row.control]
            said = (old.applicable, old.justification, old.implementation, old.owner, tuple(old.risks))
            if old.idx is None or said != (row.applicable, row.justification, row.implementation, row.owner, row.risks):
                who = by or account()
                acts.append(
                    SoaAct(
                        row.control, row.applicable, row.justification, who, account(), row.implementation, row.owner, row.risks
                    )
                )
        if acts and not dry_run:
            state(parts, *acts)
    excluded = sum(not act.applicable for act in acts)
    say(f"{len(acts)} controls {'would change' if dry_run else 'stated'}, {excluded} of them not applicable")
