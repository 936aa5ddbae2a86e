"""attestream exception renew"""

from __future__ import annotations

from typing import Annotated

import typer

from attestream.console import say
from attestream.options import Config
from attestream.settings import load
from attestream.stating import By, account, chosen_id, state, until
from attestream.wiring import opened
from store.reports import Moment
from store.statements import ExceptionAct


def exception_renew(
    exception: Annotated[str, typer.Argument(help="The exception's id, or its beginning.")],
    end: Annotated[str, typer.Option("--until", help="When it ends now: a day, an RFC 3339 time, or 90d from now.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it goes on.")],
    approver: Annotated[str, typer.Option("--approver", help="Who decided it.")],
    by: By = None,
    config: Config = None,
) -> None:
    """Give an exception another end, earlier or later. The old end stays in the log.

    Example: attestream exception renew 3f9a12c0 --until 2027-03-01 --reason "delayed, CHG-91" --approver "C. Iso"
    """
    with opened(load(config)) as parts:
        now = parts.store.clock()
        id_ = chosen_id(exception, (v.id for v in parts.query.exceptions(now, Moment())), "exception")
        done = state(parts, ExceptionAct("renew", id_, reason, by or account(), account(), approver, until(end, now)))
    say(f"renewed; entry {done.before} says so")
