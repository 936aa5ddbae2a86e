"""attestream collect"""

from __future__ import annotations

from typing import Annotated

import typer

from attestream.commands.run import report
from attestream.console import collecting, say
from attestream.errors import Exit, SettingsError
from attestream.options import Config, when
from attestream.service import run_once
from attestream.settings import load
from attestream.wiring import opened


def collect(
    source: Annotated[list[str] | None, typer.Argument(help="Sources, by name; all if none is named.")] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="Read again from this delivery time on (RFC 3339 or a day).")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="… up to this one; now if left out.")] = None,
    config: Config = None,
) -> int:
    """Collect one window now; with --from, read a period again as backfill. What is known already changes nothing.

    Example: attestream collect aws-prod --from 2026-11-01 --to 2026-11-08
    """
    settings = load(config)
    with opened(settings, create=True) as parts, collecting() as bar:
        since, until = when(start, "--from"), when(end, "--to")
        if since is None and until is not None:
            raise SettingsError("--to needs --from")
        now = parts.store.clock()
        period = (since, min(until, now) if until is not None else now) if since is not None else None
        if period is not None and period[0] >= now:
            raise SettingsError("--from lies in the future: nothing was delivered there yet")
        if period is not None and period[0] >= period[1]:
            raise SettingsError("--from must be before --to")
        elsewhere = parts.signed_elsewhere() is not None
        done = run_once(parts, bar, source or (), period, seal=not elsewhere)
    if period is not None and not done.windows:
        say("nothing to read again: the sources do not reach back to that period, or say only how things are now")
        return Exit.DONE
    report(done)
    if elsewhere:
        say("not sealed: another machine signs")
    return Exit.FAILED if any(w.state == "failed" or w.errors for w in done.windows) else Exit.DONE
