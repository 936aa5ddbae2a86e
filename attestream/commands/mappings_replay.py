"""attestream mappings replay"""

from __future__ import annotations

from typing import Annotated

import typer

from attestream.console import emit, say
from attestream.errors import AttestreamError
from attestream.options import AsJson, Config, when
from attestream.settings import load
from attestream.wiring import opened
from pipeline.replaying import Replayed, ReplayError, replay


def mappings_replay(
    since: Annotated[str, typer.Option("--since", help="Events since this time (RFC 3339 or a day).")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Judge old evidence from logs again under the active set; what is new opens and closes findings at its own event time.

    Example: attestream mappings replay --since 2026-09-01
    """
    time = when(since, "--since")
    assert time is not None
    with opened(load(config)) as parts:
        try:
            done = replay(parts.store, time, _tell)
        except ReplayError as error:
            raise AttestreamError(str(error)) from error
    if as_json:
        emit({"from": done.start, "to": done.stop, "read": done.read, "unread": done.unread, "findings": done.findings})
    else:
        say(f"{done.read} events judged again, {done.unread} no longer kept; {done.findings} changes of findings")


def _tell(done: Replayed) -> None:
    say(f"entry {done.at} of {done.stop}: {done.read} events judged again, {done.findings} changes of findings")
