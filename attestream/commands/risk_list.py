"""attestream risk list"""

from __future__ import annotations

from collections import Counter

from attestream.console import emit_lines, table
from attestream.options import AsJson, Config, ControlFilter, one_of
from attestream.rows_stated import risk_row
from attestream.settings import load
from attestream.stating import AsOf, KnownAt, at
from attestream.wiring import opened


def risk_list(
    control: ControlFilter = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List the risks of your register with the controls that treat them, and the status of each beside it.

    Example: attestream risk list --control A.8.24
    """
    with opened(load(config)) as parts:
        one_of(control, (c.id for c in parts.catalogue), "--control")
        asked = at(parts, as_of, known_at)
        states = parts.query.controls(asked)
        rows = [risk_row(view, states) for view in parts.query.risks(asked) if control is None or control in view.controls]
    if as_json:
        emit_lines(rows)
        return
    shown = []
    for row in rows:
        counts = ", ".join(f"{n} {state}" for state, n in sorted(Counter(row["controls"].values()).items()))
        shown.append((row["id"], row["title"], row["owner"], counts, "  ".join(f"{c} {s}" for c, s in row["controls"].items())))
    table(("risk", "title", "owner", "status", "controls"), shown)
