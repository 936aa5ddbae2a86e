"""attestream evidence verify"""

from __future__ import annotations

from attestream.console import counting, emit, say
from attestream.options import AsJson, Config
from attestream.refold import recheck
from attestream.settings import load
from attestream.wiring import opened
from store.fsck import verify


def evidence_verify(config: Config = None, as_json: AsJson = False) -> None:
    """Recompute everything from stored bytes; exit 4 names the first index that differs.

    Example: attestream evidence verify
    """
    with opened(load(config)) as parts, counting("verifying") as advance:
        checkpoint = parts.latest_checkpoint()
        verified = verify(parts.store.engine, checkpoint, advance, recheck)
        log, elsewhere = parts.query.log(), parts.signed_elsewhere() is not None
    signed = checkpoint.checkpoint.size if checkpoint is not None else 0
    if as_json:
        emit({"verified": True, "size": log.size, "root": log.root, "checkpoint_size": signed, "entries": verified.entries})
        return
    say(f"whole: {log.size:,} entries recomputed from stored bytes, root {log.root[:16]}…, signed up to {signed:,}")
    if elsewhere:
        say("here is no place of signed checkpoints: the store itself said what was signed; verify where the log is signed too")
