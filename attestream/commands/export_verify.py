"""attestream export verify"""

from __future__ import annotations

from typing import Annotated

import typer

from attestream.options import Config
from attestream.settings import load
from attestream.wiring import opened
from exports.verify import main


def export_verify(
    bundle: Annotated[str, typer.Argument(help="The bundle.")],
    key: Annotated[
        str | None, typer.Option("--key", help="The log's verifier key, or a file with it; this store's if left out.")
    ] = None,
    config: Config = None,
) -> int:
    """Verify a bundle as an auditor would: no database, no network. Exit 4 when anything in it was changed.

    Example: attestream export verify logging.zip --key 'attestream.local/…+1a2b3c4d+A…'
    """
    if key is None:
        with opened(load(config)) as parts:
            key = str(parts.key.verifier)
    return main([bundle, "--key", key])
