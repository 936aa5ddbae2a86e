"""attestream store backup"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from attestream.console import say
from attestream.options import Config
from attestream.settings import load
from attestream.wiring import opened
from store.backup import backup


def store_backup(
    to: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")], config: Config = None
) -> None:
    """Copy the store to a file while the service runs: one consistent moment, checked after writing.

    Example: attestream store backup /backups/attestream-2026-11-24.db
    """
    with opened(load(config)) as parts:
        size = backup(parts.store.engine, to)
    say(f"{to}: the store with a log of {size:,} entries")
    say("the signing key and the signed checkpoints are elsewhere on purpose: back them up on their own")
