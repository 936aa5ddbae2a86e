"""An alert as people read it: a headline, labelled facts and further lines. Plain text, which each format quotes by itself."""

from __future__ import annotations

from typing import Final

from alerts.base import Action, Alert
from alerts.text import listed, when

WORDS: Final = {
    Action.TRIGGER: "Open",
    Action.UPDATE: "Still open",
    Action.ACKNOWLEDGE: "Acknowledged",
    Action.RESOLVE: "Resolved",
    Action.SUMMARY: "Summary",
    Action.DIGEST: "Digest",
}
MANY: Final = (Action.SUMMARY, Action.DIGEST)
"""Actions that tell of many things at once and need nobody now."""


def headline(alert: Alert, limit: int = 200) -> str:
    """As "Open (critical): Trail stopped from logging, account 111122223333"."""
    word = WORDS[alert.action] if not alert.brief else "Open and over"
    level = "" if alert.action in MANY else f" ({alert.level})"
    account = f", account {alert.account}" if alert.account and alert.account not in alert.title else ""
    text = f"{word}{level}: {alert.title}{account}"
    return text if len(text) <= limit else text[: limit - 1] + "…"


def facts(alert: Alert) -> list[tuple[str, str]]:
    """What is known, by label; nothing that is not."""
    if alert.action in MANY:
        levels = ", ".join(f"{n} {level}" for level, n in (alert.counts or {}).items())
        said = [("Open", levels), ("Source", alert.source), ("Controls", listed(alert.controls, len(alert.controls)))]
        return [(label, value) for label, value in said if value]
    recovered = alert.action is Action.RESOLVE
    said = [
        ("Level", alert.level),
        ("Controls", ", ".join(alert.controls)),
        ("Account", alert.account),
        ("Source", alert.source),
        ("Recovered" if recovered else "Subjects", listed(alert.subjects, alert.subject_count)),
        ("Joined", listed(alert.joined, len(alert.joined))),
        ("Left", listed(alert.left, len(alert.left))),
        ("Since", when(alert.since)),
        ("Until", when(alert.until) if alert.until is not None else ""),
        ("Known at", when(alert.known_at)),
        ("Evidence", ", ".join(f"entry {index}" for index in alert.evidence[:5])),
    ]
    return [(label, value) for label, value in said if value]


def lines(alert: Alert) -> list[str]:
    """What a summary or a digest lists."""
    return [*(f"{title} ({number})" for title, number in alert.top), *alert.lines]


def text_of(alert: Alert) -> str:
    """The whole alert as plain text of several lines."""
    said = [alert.sentence, ""]
    said += [f"{label}: {value}" for label, value in facts(alert)]
    said += [f"- {line}" for line in lines(alert)]
    said += ["", alert.link] if alert.link else []
    return "\n".join(said).strip() + "\n"
