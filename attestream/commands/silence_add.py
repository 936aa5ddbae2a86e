"""attestream silence add"""

from __future__ import annotations

from typing import Annotated

import typer

from attestream.console import say
from attestream.options import Config
from attestream.settings import load
from attestream.stating import By, account, until
from attestream.wiring import opened
from pipeline.posture import decide
from store.records import Batch
from store.silences import add_entry


def silence_add(
    reason: Annotated[str, typer.Option("--reason", help="Why nobody is to be alerted; kept in the log.")],
    end: Annotated[str, typer.Option("--until", help="When it ends: a day, an RFC 3339 time, or 4h from now.")],
    key: Annotated[str, typer.Option("--key", help="Only this alert, by its key.")] = "",
    mapping: Annotated[str, typer.Option("--mapping", help="Only this mapping (its id, or its beginning).")] = "",
    account_: Annotated[str, typer.Option("--account", help="Only what is said of this account.")] = "",
    source: Annotated[str, typer.Option("--source", help="Only what this source says.")] = "",
    control: Annotated[str, typer.Option("--control", help="Only what concerns this control.")] = "",
    route: Annotated[str, typer.Option("--route", help="Only on this route.")] = "",
    by: By = None,
    config: Config = None,
) -> None:
    """Keep what matches from being alerted for a time. All that is named must fit; what is open at its end is told then.

    Example: attestream silence add --account 111122223333 --source trail --until 4h --reason "moving the trail, CHG-912"
    """
    with opened(load(config)) as parts:
        now = parts.store.clock()
        named = parts.mapping_id(mapping) if mapping else ""
        match = {"key": key, "mapping": named, "account": account_, "source": source, "control": control, "route": route}
        id_, own = add_entry(match, now, until(end, now), reason, by or account())
        done = parts.store.append(Batch(own=(own,)), (), decide)
    say(f"silence {id_} is entry {done.before}")
