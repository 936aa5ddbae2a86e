"""attestream attestation renew"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from attestream.attesting import period, saying
from attestream.console import say
from attestream.options import Config
from attestream.settings import load
from attestream.stating import By, account, attached, chosen_id, state
from attestream.wiring import opened
from store.reports import Moment
from store.statements import AttestationAct


def attestation_renew(
    attestation: Annotated[str, typer.Argument(help="The attestation's id, or its beginning.")],
    statement: Annotated[str, typer.Option("--statement", help="What is stated now.")],
    owner: Annotated[str | None, typer.Option("--owner", help="Who answers for it (else as before).")] = None,
    made: Annotated[str | None, typer.Option("--made", help="When it was made, if not now.")] = None,
    end: Annotated[str | None, typer.Option("--until", help="Until when it holds (else as long as its controls allow).")] = None,
    file: Annotated[list[Path] | None, typer.Option("--file", help="A file to keep with it (several times).")] = None,
    against: Annotated[bool, typer.Option("--against", help="It states that the controls are NOT in order.")] = False,
    by: By = None,
    config: Config = None,
) -> None:
    """State it again, or anew. Where a second person has to approve it, the statement before speaks until then.

    Example: attestream attestation renew 3f9a12c0 --statement "Version 5, approved on 2 November" --file policy-5.pdf
    """
    with opened(load(config)) as parts:
        views = parts.query.attestations(parts.store.clock(), Moment())
        id_ = chosen_id(attestation, (v.id for v in views), "attestation")
        view = next(v for v in views if v.id == id_)
        last = view.waiting or view.speaking
        since, ends = period(parts, parts.catalogues.attestations.get(view.template), view.controls, made, end)
        act = AttestationAct(
            act="renew",
            id=id_,
            by=by or account(),
            account=account(),
            says=saying(against=against),
            made=since,
            until=ends,
            four_eyes=last is not None and last.four_eyes,
            statement=statement,
            owner=owner or (last.owner if last is not None else ""),
            files=attached(file or ()),
        )
        state(parts, act)
    say("stated; it says nothing until a second person approves it" if act.four_eyes else "renewed")
