"""attestream attestation review"""

from __future__ import annotations

from typing import Annotated

import typer

from attestream.console import say
from attestream.errors import SettingsError
from attestream.options import Config
from attestream.settings import load
from attestream.stating import By, account, chosen_id, state
from attestream.wiring import opened
from store.reports import Moment
from store.statements import AttestationAct


def attestation_review(
    attestation: Annotated[str, typer.Argument(help="The attestation's id, or its beginning.")],
    approve: Annotated[bool, typer.Option("--approve", help="It is right: it speaks from now on.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="It is not: it never speaks.")] = False,
    note: Annotated[str, typer.Option("--note", help="Why; needed to reject.")] = "",
    by: By = None,
    config: Config = None,
) -> None:
    """Review a statement that waits for a second person: another one than whoever made it.

    Example: attestream attestation review 3f9a12c0 --approve --by "E. Two"
    """
    if approve == reject:
        raise SettingsError("say --approve or --reject")
    with opened(load(config)) as parts:
        id_ = chosen_id(attestation, (v.id for v in parts.query.attestations(parts.store.clock(), Moment())), "attestation")
        done = state(parts, AttestationAct("review", id_, by or account(), account(), approve=approve, note=note))
    say(f"{'approved' if approve else 'rejected'}; entry {done.before} says so")
