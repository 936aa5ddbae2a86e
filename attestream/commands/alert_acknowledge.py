"""attestream alert acknowledge"""

from __future__ import annotations

from typing import Annotated

import typer

from alerts.acknowledge import NotOpen, acknowledgement
from attestream.console import say
from attestream.errors import AttestreamError
from attestream.options import Config
from attestream.settings import load
from attestream.stating import By, account
from attestream.wiring import opened
from pipeline.posture import decide
from store.engine import reading


def alert_acknowledge(
    key: Annotated[str, typer.Argument(help="The alert's key, as alert list shows it.")],
    note: Annotated[str, typer.Option("--note", help="What is being done about it.")] = "",
    by: By = None,
    config: Config = None,
) -> None:
    """Take an alert on: its escalation stops until nothing of it is open any more. It closes no finding. An entry of the log.

    Example: attestream alert acknowledge finding/5a1f0c2e-6d0b-4c53-9f7e-0b8f0a4f6f1d/111122223333 --note "INC-77"
    """
    with opened(load(config)) as parts:
        store = parts.store
        try:
            with reading(store.engine) as connection:
                batch = acknowledgement(connection, key, by or account(), note.strip(), store.clock())
        except NotOpen as error:
            raise AttestreamError(str(error)) from error
        done = store.append(batch, (), decide)
    say(f"acknowledged; entry {done.before} says so")
