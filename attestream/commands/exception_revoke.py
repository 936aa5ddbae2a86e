"""attestream exception revoke"""

from __future__ import annotations

from typing import Annotated

import typer

from attestream.console import say
from attestream.options import Config
from attestream.settings import load
from attestream.stating import By, account, chosen_id, state
from attestream.wiring import opened
from store.reports import Moment
from store.statements import ExceptionAct


def exception_revoke(
    exception: Annotated[str, typer.Argument(help="The exception's id, or its beginning.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it is taken back.")],
    by: By = None,
    config: Config = None,
) -> None:
    """Take an exception back: what it covers is open again from now on.

    Example: attestream exception revoke 3f9a12c0 --reason "the account was deleted"
    """
    with opened(load(config)) as parts:
        id_ = chosen_id(exception, (v.id for v in parts.query.exceptions(parts.store.clock(), Moment())), "exception")
        done = state(parts, ExceptionAct("revoke", id_, reason, by or account(), account()))
    say(f"revoked; entry {done.before} says so")
