"""attestream attestation file"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from attestream.errors import AttestreamError
from attestream.options import Config
from attestream.settings import load
from attestream.wiring import opened


def attestation_file(
    entry: Annotated[int, typer.Argument(help="The file's entry, as attestation show names it.", min=0)],
    config: Config = None,
) -> None:
    """Print a file that belongs to an attestation, exactly as it was attached.

    Example: attestream attestation file 1204 > minutes.pdf
    """
    with opened(load(config)) as parts:
        view = parts.query.entry(entry)
    if view is None or view.type != "attestation" or view.fields.get("act") != "attach":
        raise AttestreamError(f"entry {entry} is no file of an attestation; see attestream attestation show")
    if view.payload is None:
        raise AttestreamError(f"the bytes of entry {entry} were erased")
    sys.stdout.buffer.write(view.payload)
