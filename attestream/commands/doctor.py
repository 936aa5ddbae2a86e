"""attestream doctor"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from attestream.console import emit, out, say, shown
from attestream.doctoring import examine
from attestream.errors import Exit, SettingsError
from attestream.options import AsJson, Config
from attestream.settings import Settings, load
from attestream.wiring import opened
from collectors.policy import policy
from collectors.registry import access
from pipeline.timekeeper import Timekeeper


def doctor(
    config: Config = None,
    as_json: AsJson = False,
    clock_ok: Annotated[bool, typer.Option("--clock-ok", help="Confirm the wall clock after it jumped.")] = False,
    policy_of: Annotated[
        str | None,
        typer.Option("--policy", help="Print the least that this source must be allowed; calls nothing."),
    ] = None,
) -> int:
    """Check settings, keys, store, stream, mappings, alerts and (really calling it) every source; say what to do about problems.

    Example: attestream doctor
    """
    if policy_of is not None:
        _print_policy(load(config), policy_of, as_json)
        return Exit.DONE
    with opened(load(config)) as parts:
        if clock_ok:
            Timekeeper(parts.store).confirm_clock()
            say("the clock is confirmed as it is")
        checks = examine(parts)
    if as_json:
        emit([{"check": c.name, "state": c.state, "found": c.found, "remedy": c.remedy} for c in checks])
    else:
        for check in checks:
            shape = {"ok": "●", "warning": "◐", "broken": "◆"}[check.state]
            out().print(f"{shape} {check.name}: {shown(check.found)}", markup=False)
            if check.remedy:
                out().print(f"  → {shown(check.remedy)}", markup=False)
    broken = sum(1 for c in checks if c.state == "broken")
    warned = sum(1 for c in checks if c.state == "warning")
    if broken:
        say(f"{broken} of {len(checks)} checks are broken")
    else:
        say(f"everything answers; {warned} of {len(checks)} checks want a look" if warned else "everything answers")
    return Exit.FAILED if broken else Exit.DONE


def _print_policy(settings: Settings, name: str, as_json: bool) -> None:
    sources = {source.name: source for source in settings.source_settings()}
    if name not in sources:
        known = ", ".join(sources) or "none"
        raise SettingsError(f"--policy {name}: no source of that name is set up (set up: {known})")
    needed = access(sources[name])
    if as_json:
        emit({"source": name, "form": needed.form, "permissions": [asdict(p) for p in needed.permissions], "notes": needed.notes})
        return
    print(policy(needed, name), end="")
    for note in needed.notes:
        say(note)
