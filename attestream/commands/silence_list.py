"""attestream silence list"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from attestream.console import emit_lines, moment, table
from attestream.options import AsJson, Config
from attestream.settings import load
from attestream.wiring import opened
from store.engine import reading
from store.silences import Silence, read_silences
from store.times import format_time


def silence_list(
    every: Annotated[bool, typer.Option("--all", help="Those that have ended too.")] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List silences: what is not alerted, why, by whom, until when.

    Example: attestream silence list
    """
    with opened(load(config)) as parts:
        now = parts.store.clock()
        with reading(parts.store.engine) as connection:
            silences = [silence for silence in read_silences(connection) if every or silence.holds(now)]
    if as_json:
        emit_lines(_row(silence, now) for silence in silences)
        return
    table(
        ("silence", "state", "matches", "until", "by", "reason"),
        [(s.id, _state(s, now), _matches(s), moment(s.until), s.by, s.reason) for s in silences],
    )


def _state(silence: Silence, now: int) -> str:
    if silence.holds(now):
        return "holds"
    return "revoked" if silence.revoked_at is not None else "ended"


def _matches(silence: Silence) -> str:
    return " ".join(f"{key}={value}" for key, value in sorted(silence.match.items())) or "(erased)"


def _row(silence: Silence, now: int) -> dict[str, Any]:
    return {
        "id": silence.id,
        "state": _state(silence, now),
        "match": dict(silence.match),
        "made_at": format_time(silence.made_at),
        "until": format_time(silence.until),
        "revoked_at": format_time(silence.revoked_at) if silence.revoked_at is not None else None,
        "by": silence.by,
        "reason": silence.reason,
        "entry": silence.idx,
    }
