"""attestream soa set"""

from __future__ import annotations

from typing import Annotated

import typer

from attestream.console import say
from attestream.errors import SettingsError
from attestream.options import Config, one_of
from attestream.settings import load
from attestream.stating import By, account, state
from attestream.wiring import opened
from store.reports import Moment
from store.statements import SoaAct


def soa_set(
    control: Annotated[str, typer.Argument(help="The control's id, e.g. A.7.4.")],
    applicable: Annotated[bool | None, typer.Option("--applicable/--not-applicable", help="Whether it applies.")] = None,
    justification: Annotated[str | None, typer.Option("--justification", help="Why it is included or excluded.")] = None,
    implementation: Annotated[str | None, typer.Option("--implementation", help="How it is implemented.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Who answers for it.")] = None,
    risk: Annotated[list[str] | None, typer.Option("--risk", help="Id of a risk that it treats (several times).")] = None,
    by: By = None,
    config: Config = None,
) -> None:
    """Say of one control whether it applies, why, and how. What is not named stays as it was.

    Example: attestream soa set A.7.4 --not-applicable --justification "no premises of our own"
    """
    with opened(load(config)) as parts:
        one_of(control, (c.id for c in parts.catalogue), "CONTROL")
        before = next((row for row in parts.query.soa(Moment()) if row.control == control), None)
        if before is None:
            raise SettingsError("no mapping set is active yet: run attestream run --once")
        if applicable is not None and applicable is not before.applicable and justification is None:
            raise SettingsError("--justification: say why that changed")
        act = SoaAct(
            control=control,
            applicable=before.applicable if applicable is None else applicable,
            justification=before.justification if justification is None else justification,
            by=by or account(),
            account=account(),
            implementation=before.implementation if implementation is None else implementation,
            owner=before.owner if owner is None else owner,
            risks=tuple(before.risks) if risk is None else tuple(dict.fromkeys(risk)),
        )
        done = state(parts, act)
    say(f"stated; entry {done.before} says so")
