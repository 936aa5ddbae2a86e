"""Which delivery time a window vouches for, per part: from the first to the last file, as far as nothing is missing between.

A stretch ends at a hole over an hour, since a trail that is alive delivers more often, and at a *cut*: the delivery time of a
file of which anything could not be read or understood. A cut is covered by no stretch, and the stretch behind it must not be
joined to the one before it. Files come in any order, so cuts are remembered in the cursor for later windows.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from store.records import DAY, HOUR, Cover

HOLE: Final = HOUR
KEEP_CUTS: Final = 30 * DAY
"""How long a file may still be delivered again, hence how long a cut is remembered."""
MAX_CUTS: Final = 5000


@dataclass(slots=True)
class Times:
    """Delivery times of one part's files in a window: those read and understood, and those cut."""

    good: set[int] = field(default_factory=set)
    cut: set[int] = field(default_factory=set)


def covers(part: str, times: Times, cuts: Mapping[str, Any]) -> list[Cover]:
    """Return the part's stretches in order. `cuts` is what the cursor remembers: {part: {"last": time, "at": [times]}}."""
    known = cuts.get(part, {})
    cut = sorted(times.cut.union(known.get("at", ())))
    found: list[Cover] = []
    previous: int | None = known.get("last")
    for time in sorted(times.good.difference(cut)):
        near = previous is not None and 0 < time - previous <= HOLE
        bridge = previous if near and previous is not None else time - HOLE  # nothing further away is ever joined
        sound = bisect_right(cut, time) == bisect_left(cut, bridge)
        if found and sound and time - found[-1].end <= HOLE:
            found[-1] = Cover(part, found[-1].start, time, found[-1].joins, HOLE)
        else:
            found.append(Cover(part, time, time, sound, HOLE))
        previous = time
    return found


def vouched(part: str, hours: Iterable[tuple[int, int]], times: Times, cuts: Mapping[str, Any]) -> list[Cover]:
    """Return the stretches that digests vouch for, in order: of each [start, end] only what holds no cut."""
    cut = sorted(times.cut.union(cuts.get(part, {}).get("at", ())))
    found: list[Cover] = []
    for start, end in sorted(set(hours)):
        if bisect_right(cut, end) != bisect_left(cut, start):
            continue
        if found and start <= found[-1].end:
            found[-1] = Cover(part, found[-1].start, max(end, found[-1].end))
        else:
            found.append(Cover(part, start, end))
    return found


def later_cuts(times: Mapping[str, Times], found: Iterable[Cover], cuts: Mapping[str, Any], now: int) -> dict[str, Any]:
    """Return what the next windows must know of cuts, as JSON: 30 days and 5000 of them, the oldest forgotten.

    The days are counted from the newest delivery of this window (history may be read long after), never from beyond `now`.
    """
    at = {part: set(known["at"]) for part, known in cuts.items()}
    last = {part: known.get("last") for part, known in cuts.items()}
    for part, seen in times.items():
        if seen.cut:
            at.setdefault(part, set()).update(seen.cut)
    for cover in found:
        last[cover.part] = max(cover.end, last.get(cover.part) or 0)
    every = sorted((time for part in at for time in at[part]), reverse=True)[:MAX_CUTS]
    newest = max((time for seen in times.values() for time in seen.good | seen.cut), default=0)
    floor = max(min(newest, now) - KEEP_CUTS, every[-1] if every else 0)
    kept = {part: sorted(time for time in at[part] if time >= floor) for part in at}
    return {part: {"last": last.get(part), "at": ats} for part, ats in sorted(kept.items()) if ats}
