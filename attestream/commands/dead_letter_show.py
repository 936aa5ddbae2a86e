"""attestream dead-letter show"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from attestream.errors import AttestreamError
from attestream.options import Config
from attestream.settings import load
from attestream.wiring import opened


def dead_letter_show(index: Annotated[int, typer.Argument(help="Its log index.", min=0)], config: Config = None) -> None:
    """Write a dead letter's bytes to stdout, exactly as they came.

    Example: attestream dead-letter show 77 > broken.json.gz
    """
    with opened(load(config)) as parts:
        entry = parts.query.entry(index)
    if entry is None or entry.type != "dead_letter":
        raise AttestreamError(f"entry {index} is no dead letter; see attestream dead-letter list")
    sys.stdout.buffer.write(entry.payload or b"")
