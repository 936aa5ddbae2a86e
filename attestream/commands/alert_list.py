"""attestream alert list"""

from __future__ import annotations

from typing import Any

from alerts.listing import Standing, standing_alerts
from attestream.console import emit_lines, moment, table
from attestream.options import AsJson, Config
from attestream.settings import load
from attestream.wiring import opened
from store.times import format_time


def alert_list(config: Config = None, as_json: AsJson = False) -> None:
    """List alerts that are open: who was told, who has taken them on, and what could not be delivered.

    Example: attestream alert list
    """
    with opened(load(config)) as parts:
        alerts = standing_alerts(parts.store.engine)
    if as_json:
        emit_lines(map(_row, alerts))
        return
    table(
        ("since", "level", "alert", "key", "told", "waits"),
        [
            (
                moment(a.since),
                a.level,
                f"{a.title} (acknowledged)" if a.acknowledged else a.title,
                a.key,
                " ".join(a.told),
                "; ".join(f"{w.route}: {w.error or w.state}" for w in a.waits),
            )
            for a in alerts
        ],
    )


def _row(alert: Standing) -> dict[str, Any]:
    return {
        "key": alert.key,
        "level": alert.level,
        "title": alert.title,
        "since": format_time(alert.since),
        "controls": list(alert.controls),
        "told": list(alert.told),
        "acknowledged": alert.acknowledged,
        "waits": [
            {"route": w.route, "state": w.state, "recorded_at": format_time(w.recorded_at), "error": w.error} for w in alert.waits
        ],
    }
