"""What the demonstration says of what the service found, in sentences."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from attestream.console import moment, say
from attestream.demo.receiver import Received
from attestream.service import Once
from attestream.wiring import Parts
from store.records import WindowRecord
from store.reports import FindingStatus, Moment

_WORDS: Final = {"not-satisfied": "OPEN  ", "closed": "closed"}
_SUMMARY: Final = "Summary"
_PAGES: Final[Mapping[str, str]] = {
    "trigger": "incidents opened",
    "resolve": "resolved",
    "acknowledge": "acknowledged",
    "change": "change events",
}
_LOGS: Final = "log"
_LISTED: Final = 12
_MOST: Final = 10_000


def tally(parts: Parts) -> None:
    """How many controls are in each state, and which nobody can speak for."""
    states = parts.query.controls(Moment())
    count = Counter(str(c.state) for c in states.values())
    say(f"   93 controls: {', '.join(f'{count[state]} {state}' for state in sorted(count, key=lambda s: -count[s]))}")
    for state in ("stale", "not-assessed"):
        some = [c.id for c in parts.catalogue if states[c.id].state == state]
        if some and len(some) <= _LISTED:
            say(f"   {state}: {' '.join(some)}")


def found(parts: Parts, trail: str) -> None:
    """What the history holds: what logs told, one by one; what is open beside, counted; holes; what nothing speaks for."""
    tally(parts)
    kinds = {m.id: m.kind for m in parts.query.mappings()}
    findings = parts.query.findings(Moment(), silence=False, limit=_MOST)
    for finding in sorted((f for f in findings if kinds.get(f.mapping) == _LOGS), key=lambda f: f.since):
        if word := _WORDS.get(str(finding.state)):
            controls = " ".join(finding.controls)
            say(f"   {word} {moment(finding.since)[:16]}  {finding.title}: {short(finding.subject)} ({controls})")
    _open(f for f in findings if kinds.get(f.mapping) != _LOGS and f.state == "not-satisfied")
    for coverage in parts.query.coverage(trail):
        for before, after in zip(coverage.stretches, coverage.stretches[1:], strict=False):
            period = f"{moment(before[1])[:16]} to {moment(after[0])[:16]}"
            say(f"   hole   {coverage.part}: nothing was delivered {period}; silence says nothing there")


def _open(findings: Iterable[FindingStatus]) -> None:
    groups: defaultdict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for finding in findings:
        groups[finding.title, tuple(finding.controls)].append(short(finding.subject))
    for (title, controls), subjects in sorted(groups.items()):
        what = subjects[0] if len(subjects) == 1 else f"{len(subjects)} of them"
        say(f"   OPEN   {title}: {what} ({' '.join(controls)})")


def changed(parts: Parts, since: int) -> None:
    """The drift since then."""
    titles = {c.id: c.title for c in parts.catalogue}
    for drift in reversed(parts.query.drift(since=since, limit=200)):
        if drift.kind == "finding":
            say(f"   drift: {drift.title}: {short(drift.subject)}: {drift.before} → {drift.after}")
        elif drift.kind == "control":
            control = drift.controls[0]
            say(f"   drift: {control} {titles.get(control, '')}: {drift.before} → {drift.after}")
        elif drift.kind != "baseline":
            say(f"   drift: {drift.text or drift.kind}: {drift.before} → {drift.after}")


def alerts(came: Sequence[Received]) -> None:
    """What was sent: Slack's messages one by one, summaries counted, and what it meant for PagerDuty."""
    slack = [one.text for one in came if one.service == "slack"]
    for text in slack:
        if not text.startswith(_SUMMARY):
            say(f"   alert  {text}")
    if summaries := sum(text.startswith(_SUMMARY) for text in slack):
        say(f"   alert  {summaries} summaries of what sources held when they were first read")
    pages = Counter(one.action for one in came if one.service == "pagerduty")
    if slack:
        said = ", ".join(f"{pages[action]} {word}" for action, word in _PAGES.items() if pages[action])
        say(f"   … {len(slack)} messages to Slack; PagerDuty: {said or 'nothing'}")


def collected(done: Once) -> None:
    """What was read, a line for each source; failures are never zero events."""
    sources: dict[str, list[WindowRecord]] = {}
    for window in done.windows:
        sources.setdefault(window.source, []).append(window)
    for source, windows in sources.items():
        records, states = sum(w.records for w in windows), Counter(w.state for w in windows)
        held = f"{records:,} records in {len(windows):,} windows" if len(windows) > 1 else f"{records:,} records"
        period = f"{moment(windows[0].asked[0])[:16]} to {moment(windows[-1].asked[1])[:16]}"
        state = ", ".join(f"{n} {state}" for state, n in states.items()) if len(states) > 1 else windows[0].state
        say(f"   {source}: {held} ({period}, {state})")
        for error in dict.fromkeys(error for window in windows for error in window.errors):
            say(f"   {source}: {error}")
    if done.checkpoint is not None:
        checkpoint = done.checkpoint.checkpoint
        say(f"   sealed: log of {checkpoint.size:,} entries, root {checkpoint.root.hex()[:16]}…")


def near(path: Path) -> Path:
    """A path as somebody in the working directory would write it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def short(subject: str) -> str:
    """A subject without its account."""
    return subject.partition("/")[2] or subject
