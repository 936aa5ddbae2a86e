"""attestream log prove"""

from __future__ import annotations

from typing import Annotated

import typer

from attestream.console import emit
from attestream.errors import AttestreamError, SettingsError
from attestream.options import Config
from attestream.settings import load
from attestream.wiring import opened


def log_prove(
    index: Annotated[int | None, typer.Argument(help="Prove that this entry is in the log …", min=0)] = None,
    since: Annotated[int | None, typer.Option("--since", help="… or that the log of this size is a prefix of it.", min=0)] = None,
    config: Config = None,
) -> None:
    """Print one inclusion or consistency proof (RFC 9162) under the latest checkpoint, as JSON.

    Example: attestream log prove 1204
    """
    if (index is None) == (since is None):
        raise SettingsError("name an index for an inclusion proof, or --since SIZE for a consistency proof")
    with opened(load(config)) as parts:
        signed = parts.latest_checkpoint() or parts.sealed()
        size = signed.checkpoint.size
        if (index if index is not None else since or 0) >= size + (index is None):
            raise AttestreamError(f"the signed log has {size} entries")
        if index is not None:
            entry = parts.query.entry(index)
            proof = parts.query.inclusion(index, size)
            leaf = entry.leaf.hex() if entry is not None else ""
            value = {"kind": "inclusion", "index": index, "leaf": leaf, "entry": entry.metadata.decode() if entry else ""}
        else:
            proof = parts.query.consistency(since or 0, size)
            value = {"kind": "consistency", "old_size": since}
    emit(
        {
            **value,
            "size": size,
            "root": signed.checkpoint.root.hex(),
            "proof": [h.hex() for h in proof],
            "checkpoint": signed.note.decode(),
        }
    )
