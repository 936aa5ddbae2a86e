"""attestream log checkpoint"""

from __future__ import annotations

from typing import Annotated

import typer

from attestream.console import emit, say, write
from attestream.options import AsJson, Config
from attestream.settings import load
from attestream.wiring import opened


def log_checkpoint(
    config: Config = None,
    as_json: AsJson = False,
    key: Annotated[bool, typer.Option("--key", help="Print the verifier key instead.")] = False,
    place_lost: Annotated[
        bool, typer.Option("--place-lost", help="The folder of checkpoints is lost for good: begin anew.")
    ] = False,
) -> None:
    """Sign the log as it is now, and print the checkpoint (C2SP tlog-checkpoint).

    Example: attestream log checkpoint
    """
    with opened(load(config)) as parts:
        if key:
            write(str(parts.verifier))
            if parts.key_is_hearsay():
                say("that is what the store says, for here is none: ask on the machine that signs before anybody trusts it")
            return
        if place_lost:
            parts.forget_signed()
        signed = parts.publish()
        verifier = str(parts.verifier)
    checkpoint = signed.checkpoint
    if as_json:
        note = signed.note.decode()
        emit({"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex(), "note": note, "key": verifier})
        return
    write(signed.note.decode())
    say(f"key: {verifier}")
