"""attestream attestation revoke"""

from __future__ import annotations

from typing import Annotated

import typer

from attestream.console import say
from attestream.options import Config
from attestream.settings import load
from attestream.stating import By, account, chosen_id, state
from attestream.wiring import opened
from store.reports import Moment
from store.statements import AttestationAct


def attestation_revoke(
    attestation: Annotated[str, typer.Argument(help="The attestation's id, or its beginning.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it is taken back.")],
    by: By = None,
    config: Config = None,
) -> None:
    """Take an attestation back: it speaks for nothing from now on.

    Example: attestream attestation revoke 3f9a12c0 --reason "the policy was withdrawn"
    """
    with opened(load(config)) as parts:
        id_ = chosen_id(attestation, (v.id for v in parts.query.attestations(parts.store.clock(), Moment())), "attestation")
        done = state(parts, AttestationAct("revoke", id_, by or account(), account(), note=reason))
    say(f"revoked; entry {done.before} says so")
