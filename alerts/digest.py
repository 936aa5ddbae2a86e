"""The one message that a digest is: what opened and what recovered, which controls changed, how all of them stand now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection

from alerts import text
from alerts.base import Action
from alerts.meaning import LEVELS, closes, level_of, opens
from alerts.summary import order
from store import outbox_context as context
from store.outbox import BASELINE, Claimed, Drifted

TOP: Final = 10
LINES: Final = 30


def compose_digest(connection: Connection, claimed: Claimed, link: str) -> dict[str, Any] | str:
    """What changed in these drifts, each thing as it was before the first and after the last of them; or why nothing is told."""
    findings = _last([d for d in claimed.drifts if d.kind == "finding"])
    opened = [d for d in findings if opens(d)]
    recovered = [d for d in findings if closes(d)]
    controls = _changed(claimed.drifts)
    others = [d for d in _last(d for d in claimed.drifts if d.kind not in ("finding", "control")) if _tells(d)]
    if not (opened or recovered or controls or others):
        return "nothing changed in the end"
    counts = Counter(level_of(d) for d in opened)
    since, until = claimed.drifts[0].recorded_at, claimed.drifts[-1].recorded_at
    lines = [f"{id_}: {_words(before)} before, {_words(after)} now" for id_, before, after in controls]
    lines += [text.plain(d.text) for d in others]
    return {
        "action": Action.DIGEST,
        "kind": "digest",
        "key": f"digest/{claimed.route}",
        "level": max((level_of(d) for d in opened), key=LEVELS.index, default=LEVELS[0]),
        "title": f"what changed, {text.period(since, until)}",
        "sentence": _sentence(opened, recovered, controls, counts, context.control_states(connection)),
        "before": "",
        "after": "",
        "since": since,
        "until": until,
        "source": "",
        "controls": tuple(sorted({c for d in (*opened, *recovered) for c in d.controls} | {c[0] for c in controls}, key=order)),
        "subject_count": len(opened),
        "counts": {level: counts[level] for level in reversed(LEVELS) if counts[level]},
        "top": _top(opened),
        "lines": tuple(_cut(lines)),
        "link": text.page(link, "drift") if link else "",
    }


def _last(drifts: Iterable[Drifted]) -> list[Drifted]:
    """The last of each finding or key, if it says another thing than what was before the first; in order."""
    first: dict[tuple[str, bytes | None], Drifted] = {}
    last: dict[tuple[str, bytes | None], Drifted] = {}
    for drift in drifts:
        place = (drift.key, drift.subject)
        first.setdefault(place, drift)
        last[place] = drift
    return [d for place, d in last.items() if d.after != first[place].before]


def _changed(drifts: Sequence[Drifted]) -> list[tuple[str, str, str]]:
    """(control, before, after) of controls whose state is another one in the end."""
    first: dict[str, str] = {}
    last: dict[str, str] = {}
    for drift in drifts:
        if drift.kind == "control" and drift.controls:
            first.setdefault(drift.controls[0], drift.before)
            last[drift.controls[0]] = drift.after
    return [(id_, first[id_], last[id_]) for id_ in sorted(last, key=order) if first[id_] != last[id_]]


def _tells(drift: Drifted) -> bool:
    return drift.kind == BASELINE or opens(drift) or closes(drift)


def _top(opened: Sequence[Drifted]) -> tuple[tuple[str, int], ...]:
    """What opened most severely, by its title."""
    found: dict[str, tuple[int, int]] = {}
    for drift in opened:
        title = text.plain(drift.text, text.MAX_NAME)
        level, number = found.get(title, (0, 0))
        found[title] = (max(level, LEVELS.index(level_of(drift))), number + 1)
    worst = sorted(found.items(), key=lambda item: (-item[1][0], -item[1][1], item[0]))
    return tuple((title, number) for title, (_, number) in worst[:TOP])


def _sentence(
    opened: Sequence[Drifted], recovered: Sequence[Drifted], controls: Sequence[Any], counts: Counter[str], now: Counter[str]
) -> str:
    levels = ", ".join(f"{counts[level]} {level}" for level in reversed(LEVELS) if counts[level])
    said = f"{_many(len(opened), 'finding')} opened{f' ({levels})' if levels else ''}, {len(recovered)} recovered; "
    said += f"{_many(len(controls), 'control')} changed."
    states = ", ".join(f"{number} {_words(state)}" for state, number in now.most_common())
    return f"{said} Controls now: {states}." if states else said


def _many(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _words(state: str) -> str:
    return state.replace("-", " ")


def _cut(lines: Sequence[str]) -> list[str]:
    return [*lines[:LINES], *([f"and {len(lines) - LINES} more"] if len(lines) > LINES else [])]
