"""attestream store restore"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from attestream.console import counting, say
from attestream.errors import AttestreamError
from attestream.options import Config
from attestream.refold import recheck
from attestream.settings import load
from attestream.wiring import opened
from store.backup import restore
from store.engine import SQLITE
from store.fsck import verify


def store_restore(backup: Annotated[Path, typer.Argument(help="A file that store backup wrote.")], config: Config = None) -> None:
    """Put a backup where the store belongs, and verify it. There must be no store there: move a damaged one away first.

    The signer refuses to continue from a store that is older than its last checkpoint: history is never forked.

    Example: attestream store restore /backups/attestream-2026-11-24.db
    """
    settings = load(config)
    if not settings.store.url.startswith(SQLITE):
        raise AttestreamError(
            "the store is on PostgreSQL: restore by pg_restore or from its WAL archive, then run attestream evidence verify "
            "(docs/postgresql.md)"
        )
    place = Path(settings.store.url.removeprefix(SQLITE))
    if place.exists():
        raise AttestreamError(f"{place} exists; move it away first (a restore never overwrites)")
    restore(backup, place)
    stream = settings.folder / "stream.db"
    if (
        settings.stream.url == "sqlite" and stream.exists()
    ):  # what it carries belongs to a later store; the sources are read again
        stream.rename(stream.with_name("stream.db.before-restore"))
    with opened(settings) as parts, counting("verifying") as advance:
        verify(parts.store.engine, None, advance, recheck)
        size, signed = parts.query.log().size, parts.latest_checkpoint()
    say(f"{place}: restored, a log of {size:,} entries, whole")
    if signed is not None and signed.checkpoint.size > size:
        say(f"{signed.checkpoint.size:,} entries were signed and this backup has {size:,}: nothing will be signed on top of it")
        say("restore a newer backup; or keep this one for auditors, and begin a new log in another folder")
