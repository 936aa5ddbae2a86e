"""attestream doctor"""

from __future__ import annotations

from typing import Annotated

import typer

from attestream.console import emit, out, say, shown
from attestream.doctoring import examine
from attestream.errors import Exit
from attestream.options import AsJson, Config
from attestream.settings import load
from attestream.wiring import opened
from pipeline.timekeeper import Timekeeper


def doctor(
    config: Config = None,
    as_json: AsJson = False,
    clock_ok: Annotated[bool, typer.Option("--clock-ok", help="Confirm the wall clock after it jumped.")] = False,
) -> int:
    """Check settings, keys, store, stream, mappings, alerts and (really calling it) every source; say what to do about problems.

    Example: attestream doctor
    """
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
    say("everything answers" if not broken else f"{broken} of {len(checks)} checks are broken")
    return Exit.FAILED if broken else Exit.DONE
