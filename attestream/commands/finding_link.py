"""attestream finding link"""

from __future__ import annotations

from typing import Annotated

import typer

from attestream.console import say
from attestream.errors import AttestreamError
from attestream.options import Config
from attestream.settings import load
from attestream.stating import By, account
from attestream.wiring import opened
from pipeline.posture import decide
from store.records import Batch
from store.reports import Moment
from store.statements import TicketLink


def finding_link(
    mapping: Annotated[str, typer.Argument(help="The mapping's id, or its beginning as finding list shows it.")],
    subject: Annotated[str, typer.Argument(help="The subject, as finding list shows it.")],
    ticket: Annotated[
        str, typer.Argument(help="The ticket, as its source names it (jira.example.org/browse/SEC-12), or its address.")
    ],
    by: By = None,
    config: Config = None,
) -> None:
    """Link a finding to the ticket that treats it: when the ticket is done the finding is closed, but for a snapshot's.

    Example: attestream finding link 5a1f0c2e-… 111122223333/main https://jira.example.org/browse/SEC-12
    """
    with opened(load(config)) as parts:
        id_ = parts.mapping_id(mapping)
        if not any(f.subject == subject for f in parts.query.findings(Moment(), mapping=id_, subject=subject, silence=False)):
            raise AttestreamError(f"no finding of mapping {id_!r} about {subject!r}; see attestream finding list")
        name = ticket.strip().removeprefix("https://").removeprefix("http://")
        done = parts.store.append(Batch(links=(TicketLink(id_, subject, name, by or account()),)), (), decide)
    say(f"linked to {name}; entry {done.before} says so" if done.after > done.before else f"it is linked to {name} already")
