"""The one alert that a source's first window is: what is open in it, by level, and the worst of it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import Connection

from alerts import text
from alerts.base import Action
from alerts.meaning import LEVELS
from alerts.routes import Route
from store import outbox_context as context
from store.outbox import BASELINE, Claimed, Drifted
from store.outbox_context import OpenMapping

TOP = 10


def compose_summary(connection: Connection, claimed: Claimed, route: Route, link: str) -> dict[str, Any] | str:
    """What is open in the parts whose baseline this is, as far as the route asks for it; or why nothing is told."""
    last = claimed.drifts[-1]
    parts = [_part(drift) for drift in claimed.drifts]
    found = [
        mapping
        for mapping in context.open_in_parts(connection, last.source, parts)
        if route.filters.subject_fits(mapping.record.speaks_for(), _level(mapping))
    ]
    if not found and route.filters.narrow:
        return "nothing that this route asks for is open in it"
    worst = sorted(found, key=lambda m: (-LEVELS.index(_level(m)), -m.open, m.record.title))
    counts = Counter[str]()
    for mapping in found:
        counts[_level(mapping)] += mapping.open
    level = _level(worst[0]) if worst else LEVELS[0]
    top = tuple((text.plain(m.record.title, text.MAX_NAME), m.open) for m in worst[:TOP])
    return {
        "action": Action.SUMMARY,
        "level": level,
        "title": f"{last.source}: first window",
        "sentence": _sentence(last, parts, counts, top),
        "before": "",
        "after": last.after,
        "since": min(d.event_time for d in claimed.drifts),
        "until": None,
        "controls": tuple(sorted({c for m in found for c in m.record.speaks_for()}, key=order)),
        "subject_count": counts.total(),
        "entry": last.idx,
        "counts": {name: counts[name] for name in reversed(LEVELS) if counts[name]},
        "top": top,
        "link": text.page(link, "sources", last.source),
    }


def _part(drift: Drifted) -> str:
    return drift.key.removeprefix(f"source/{drift.source}/").removesuffix(f"/{BASELINE}")


def _level(mapping: OpenMapping) -> str:
    return mapping.record.level if mapping.record.level in LEVELS else "medium"


def order(control: str) -> list[tuple[bool, int, str]]:
    """Sorts ids of controls as their catalogue does."""
    return [(not word.isdigit(), int(word) if word.isdigit() else 0, word) for word in control.split(".")]


def _sentence(last: Drifted, parts: list[str], counts: Counter[str], top: tuple[tuple[str, int], ...]) -> str:
    shown = [text.plain(part, text.MAX_NAME) for part in parts]
    of = f" of {text.listed(shown, len(shown))}" if any(shown) else ""  # a source need not name accounts
    read = f"{last.source}: the first window{of} was read"
    total = counts.total()
    if not total:
        return f"{read}; nothing is open."
    levels = ", ".join(f"{counts[name]} {name}" for name in reversed(LEVELS) if counts[name])
    worst = "; ".join(f"{title} ({n})" for title, n in top[:3])
    return f"{read}; {total} finding{'s are' if total > 1 else ' is'} open ({levels}). Most severe: {worst}."
