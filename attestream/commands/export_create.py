"""attestream export create"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from attestream.console import counting, emit, say
from attestream.errors import SettingsError
from attestream.options import AsJson, Config, one_of, when
from attestream.settings import load
from attestream.wiring import opened
from exports.bundle import create
from exports.scope import Scope

HEARSAY: Final = (
    "that key is what the store says, for here is none: give the auditor the one that attestream log checkpoint --key prints "
    "on the machine that signs, by another way than the bundle"
)


def export_create(
    start: Annotated[str, typer.Option("--from", help="Evidence of events since this time (RFC 3339 or a day).")],
    end: Annotated[str, typer.Option("--to", help="… and before this one.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The bundle to write.")] = Path("attestream-evidence.zip"),
    control: Annotated[list[str] | None, typer.Option("--control", help="Only these controls.")] = None,
    source: Annotated[list[str] | None, typer.Option("--source", help="Only these sources.")] = None,
    known_at: Annotated[str | None, typer.Option("--known-at", help="As known at this time.")] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make a bundle that an auditor can take away and verify offline.

    Example: attestream export create --from 2026-10-01 --to 2026-11-01 --control A.8.15 -o logging.zip
    """
    with opened(load(config)) as parts, counting("writing the bundle") as advance:
        for name in control or ():
            one_of(name, (c.id for c in parts.catalogue), "--control")
        for name in source or ():
            one_of(name, (s.name for s in parts.query.sources(parts.store.clock())), "--source")
        checkpoint = parts.sealed()
        since, until = when(start, "--from"), when(end, "--to")
        if since is None or until is None or since >= until:
            raise SettingsError("--from must be before --to")
        known = when(known_at, "--known-at")
        scope = Scope(
            start=since,
            end=until,
            controls=frozenset(control or ()),
            sources=frozenset(source or ()),
            known_at=parts.query.size_at(known) if known is not None else None,
        )
        summary = create(parts.store.engine, checkpoint, scope, out, lambda _, done, total: advance(done, total))
        vkey, hearsay = str(parts.verifier), parts.key_is_hearsay()
    if as_json:
        emit(
            {
                "path": str(out),
                "checkpoint_size": checkpoint.checkpoint.size,
                "selected": dict(summary.selected),
                "sha256": summary.sha256,
                "key": vkey,
            }
        )
        return
    pieces = summary.selected.get("evidence", 0)
    say(f"{out}: {pieces:,} pieces of evidence under a checkpoint of {checkpoint.checkpoint.size:,} entries")
    if not pieces:
        say("the bundle holds no evidence: nothing of that scope was kept in that period")
    say(f"verify it anywhere: python exports/verify.py {out} --key '{vkey}'")
    if hearsay:
        say(HEARSAY)
        return
    say("give the auditor that key by another way than the bundle: it is what they trust")
