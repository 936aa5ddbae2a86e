"""attestream silence revoke"""

from __future__ import annotations

from typing import Annotated

import typer

from attestream.console import say
from attestream.options import Config
from attestream.settings import load
from attestream.stating import By, account, chosen_id
from attestream.wiring import opened
from pipeline.posture import decide
from store.engine import reading
from store.outbox import wake
from store.records import Batch
from store.silences import read_silences, revoke_entry


def silence_revoke(
    silence: Annotated[str, typer.Argument(help="The silence's id, or its beginning.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it ends before its time.")] = "",
    by: By = None,
    config: Config = None,
) -> None:
    """End a silence before its time: what is open is told at once.

    Example: attestream silence revoke 3f9a12c0b7d1 --reason "the work is done"
    """
    with opened(load(config)) as parts:
        store = parts.store
        with reading(store.engine) as connection:
            id_ = chosen_id(silence, (one.id for one in read_silences(connection)), "silence")
            own = revoke_entry(connection, id_, store.clock(), reason, by or account())
        done = store.append(Batch(own=(own,)), (), decide)
        wake(store.engine)
    say(f"revoked; entry {done.before} says so")
