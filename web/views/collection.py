"""Collection as it is drawn: a row of bars on a time line, with what was not covered as holes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from store.records import DAY, HOUR
from store.reports import CoverageView, Query, SourceStatus, WindowView

SLOT: Final = 6 * HOUR
SLOTS: Final = 56
"""14 days of 6 hours."""

RECENT: Final = 300
"""Windows of a source that are looked at: a day of them at a schedule of 5 minutes."""

_WHOLE: Final = 0.995
_BROKEN: Final = ("failed", "abandoned")

Span = tuple[int, int]

STATES: Final = {
    "collecting": ("satisfied", "collecting"),
    "failing": ("not-satisfied", "failing"),
    "partial": ("stale", "partly read"),
    "waiting": ("not-assessed", "no window yet"),
    "removed": ("not-applicable", "removed"),
}
"""A source's state: the class that gives it colour and shape, and its words."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Six hours of one source. `kind`: full, part, gap, bad or none (before it began, or still to come); `share` is covered."""

    start: int
    end: int
    kind: str
    share: float


@dataclass(frozen=True, slots=True)
class Hole:
    """A stretch of one part that nothing vouches for."""

    part: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One source as the tables show it. `events_day`: source records processed in the last 24 hours."""

    status: SourceStatus
    look: str
    word: str
    last_at: int | None
    events_day: int
    slots: Sequence[Slot]
    holes: Sequence[Hole]

    @property
    def described(self) -> str:
        """The bars in words, for those who do not see them."""
        shown = [s for s in self.slots if s.kind != "none"]
        if not shown:
            return "nothing covered in the last 14 days"
        whole = sum(s.kind == "full" for s in shown)
        holes = f", {len(self.holes)} not covered" if self.holes else ""
        return f"{whole} of {len(shown)} six-hour slots covered in the last 14 days{holes}"


def source_row(status: SourceStatus, windows: Sequence[WindowView], coverage: Iterable[CoverageView], now: int) -> SourceRow:
    """Put together what the tables say of one source. `windows` are its newest ones, newest first."""
    look, word = STATES.get(status.state, ("not-assessed", status.state))
    if status.state == "collecting" and status.gaps:
        look, word = "stale", "gap" if len(status.gaps) == 1 else f"{len(status.gaps)} gaps"
    if status.state == "failing" and status.failures:
        word = f"failing, {status.failures} times"
    last = status.last_window
    parts = covered(windows, coverage)
    end = now - max(status.lateness + 2 * status.schedule, 2 * HOUR)
    return SourceRow(
        status=status,
        look=look,
        word=word,
        last_at=None if last is None else last.closed_at or last.registered_at,
        events_day=sum(w.counts.collected for w in windows if w.closed_at is not None and w.closed_at > now - DAY),
        slots=slots(parts, windows, now, end),
        holes=holes(parts, now - SLOTS * SLOT, end),
    )


def source_rows(query: Query, now: int) -> list[SourceRow]:
    """Every source as the tables show it."""
    return [
        source_row(status, query.windows(source=status.name, limit=RECENT), query.coverage(status.name), now)
        for status in query.sources(now)
    ]


def covered(windows: Iterable[WindowView], coverage: Iterable[CoverageView]) -> dict[str, list[Span]]:
    """Covered spans by part; of a source that vouches for nothing, what its complete windows asked."""
    parts = {c.part: sorted((s[0], s[1]) for s in c.stretches) for c in coverage if c.stretches}
    if not parts:
        asked = sorted(w.asked for w in windows if w.state == "complete")
        parts = {"": asked} if asked else {}
    return {part: _join(spans) for part, spans in parts.items()}


def _join(spans: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def slots(parts: dict[str, list[Span]], windows: Sequence[WindowView], now: int, end: int) -> list[Slot]:
    """The last 56 slots. A slot is as covered as its least covered part; what is later than `end` may still come."""
    first = now - now % SLOT - (SLOTS - 1) * SLOT
    broken = [w.asked for w in windows if w.state in _BROKEN]
    made = []
    for number in range(SLOTS):
        start = first + number * SLOT
        stop = start + SLOT
        shares = [share for spans in parts.values() if (share := _share(spans, start, min(stop, end))) is not None]
        hit = any(b[0] < stop and b[1] > start for b in broken)
        share = min(shares, default=None)
        if share is None:
            made.append(Slot(start, stop, "bad" if hit and start < now else "none", 0.0))
        elif share >= _WHOLE:
            made.append(Slot(start, stop, "full", 1.0))
        elif hit:
            made.append(Slot(start, stop, "bad", share))
        else:
            made.append(Slot(start, stop, "part" if share > 0 else "gap", share))
    return made


def _share(spans: Sequence[Span], start: int, end: int) -> float | None:
    """How much of [start, end) is covered, from where the part began; None when it had not begun or nothing is due."""
    start = max(start, spans[0][0])
    if end <= start:
        return None
    return sum(max(0, min(e, end) - max(s, start)) for s, e in spans) / (end - start)


def holes(parts: dict[str, list[Span]], start: int, end: int) -> list[Hole]:
    """What lies between the covered spans of each part, and after its last one, within [start, end)."""
    found = []
    for part, spans in sorted(parts.items()):
        edges = [*spans, (end, end)]
        for (_, before), (after, _) in pairwise(edges):
            begin, stop = max(before, start), min(after, end)
            if stop > begin:
                found.append(Hole(part, begin, stop))
    return found
