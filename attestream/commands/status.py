"""attestream status"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

import typer

from attestream.console import emit, facts, mark, moment, table, write
from attestream.errors import Exit
from attestream.options import AsJson, Config, when
from attestream.settings import load
from attestream.wiring import Parts, opened
from store.due import last_clocks
from store.reports import Moment
from store.status import status_json


def status(
    config: Config = None,
    as_json: AsJson = False,
    as_of: Annotated[str | None, typer.Option("--as-of", help="As of this event time (RFC 3339 or a day).")] = None,
    known_at: Annotated[str | None, typer.Option("--known-at", help="As known at this time.")] = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit 3 when a control is not satisfied.")] = False,
) -> int:
    """Show the state of the 93 controls, the health of collection, and the log.

    Example: attestream status --as-of 2026-11-01 --json
    """
    known, moment_ = when(known_at, "--known-at"), when(as_of, "--as-of")
    with opened(load(config)) as parts:
        if parts.embedded:
            parts.ledger  # noqa: B018  (declares the sources, so that what is set up shows)
        at = Moment(moment_, parts.query.size_at(known) if known is not None else None)
        parts.check_continues()
        latest = parts.latest_checkpoint()
        size = latest.checkpoint.size if latest is not None else None
        value = status_json(parts.query, parts.store.clock(), at, size, None)
        if as_json:
            emit(value)
        else:
            _show(parts, value)
    broken = any(control["state"] == "not-satisfied" for control in value["controls"].values())
    return Exit.NOT_SATISFIED if exit_code and broken else Exit.DONE


def _show(parts: Parts, value: dict[str, Any]) -> None:
    titles = {control.id: control.title for control in parts.catalogue}
    tally = Counter(control["state"] for control in value["controls"].values())
    write(
        ", ".join(f"{n} {state}" for state, n in tally.most_common())
        or "no mapping set is active yet: run `attestream run --once`"
    )
    rows = [
        (mark(c["state"]), id_, titles.get(id_, ""), c["findings"]["not_satisfied"] or "", _when(c["since"]))
        for id_, c in value["controls"].items()
        if c["state"] != "not-assessed"
    ]
    if rows:
        table(("state", "control", "title", "open", "since"), rows, right=("open",))
    for name, source in value["sources"].items():
        last = source["last_window"]
        write(f"source {name}: {source['state']}, last window {_when(last['to'] if last else None)}, {len(source['gaps'])} gaps")
    clocks = last_clocks(parts.store.engine)
    if clocks is not None and clocks.held:
        write("the clock jumped and is not believed: nothing goes stale or closes by time until it agrees (doctor --clock-ok)")
    log = value["log"]
    facts(
        {
            "entries": f"{log['size']:,}",
            "signed": f"{log['checkpoint_size']:,}" if log["checkpoint_size"] is not None else "not yet",
            "anchored": log["anchored_at"] or "not anchored outside",
            "dead letters": log["dead_letters"],
            "mapping set": value["mapping_set"][:12] or "none yet",
            "as of": _when(value["as_of"]) if value["as_of"] else moment(parts.store.clock()),
        }
    )


def _when(text: str | None) -> str:
    """A time of the JSON for people: to the second."""
    return f"{text[:19].replace('T', ' ')}Z" if text else "never"
