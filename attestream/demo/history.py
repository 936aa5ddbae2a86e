"""The two weeks as files, and the live act as files: routine and story together, less what was never delivered.

The same (seed, now) gives the same bytes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

from attestream.demo import machines, people, upkeep
from attestream.demo.cloudtrail import Call
from attestream.demo.deliver import DeliveredFile, deliver, files
from attestream.demo.period import Period, period_until
from attestream.demo.story import HOLE, HOLE_REGION, TRAIL_OFF, Happening, last_act, story
from attestream.demo.world import MINUTE, REGIONS, dice

Routine = Callable[[Period, random.Random], Iterator[Call]]

# Name (of its source of chance) and what makes the calls.
ROUTINES: tuple[tuple[str, Routine], ...] = (
    ("heartbeat", machines.heartbeat),
    ("config", machines.config_recorder),
    ("trail", machines.trail_itself),
    ("shop", machines.shop),
    ("supplier", machines.supplier),
    ("copies", machines.nightly_copies),
    ("deployments", machines.deployments),
    ("people", people.people),
    ("on-call", people.on_call),
    ("joiner", upkeep.joiner),
    ("leaver", upkeep.leaver),
    ("review", upkeep.access_review),
    ("rotation", upkeep.key_rotation),
    ("restore", upkeep.restore_test),
)


class Act(NamedTuple):
    """One step of the live act: sentences that say what happens, and the files that bring it."""

    titles: tuple[str, ...]
    files: list[DeliveredFile]


def history(seed: int, now: int, since: int = 0) -> Iterator[DeliveredFile]:
    """The files delivered in the two weeks before `now` (microseconds UTC), oldest first, of what happened from `since` on."""
    calls = (call for call in _recorded(seed, period_until(now)) if call.at >= since)
    yield from deliver(calls, now, dice(seed, "delivery"))


def live_act(seed: int, now: int) -> list[Act]:
    """What happens before the onlooker's eyes: first wrong, then right. All files are delivered at the last full five
    minutes before `now`, so that no name is ahead of the clock, and hold only events that `history` does not."""
    at = now - now % (5 * MINUTE)
    chance = dice(seed, "live")
    acts = []
    for happenings in last_act(at):
        titles = tuple(one.title for one in happenings)
        acts.append(Act(titles, _delivered_together(happenings, at, chance)))
    return acts


def _delivered_together(happenings: tuple[Happening, ...], at: int, chance: random.Random) -> list[DeliveredFile]:
    calls = [call for one in happenings for call in one.calls]
    return [file for region in REGIONS for file in files((call for call in calls if call.region == region), region, at, chance)]


def _recorded(seed: int, period: Period) -> Iterator[Call]:
    """What happened and was recorded: in the period, outside the hole, and while the trail was running."""
    scripted = [call for one in story(period.end, dice(seed, "story")) for call in one.calls]
    yield from scripted
    for name, routine in ROUTINES:
        for call in routine(period, dice(seed, name)):
            if period.holds(call.at) and not _unrecorded(call, period.end):
                yield call


def _unrecorded(call: Call, now: int) -> bool:
    stopped, started = (now - before for before in TRAIL_OFF)
    lost_from, lost_to = (now - before for before in HOLE)
    # While a trail is stopped it records nothing, in any Region: those events never come.
    return stopped < call.at < started or (call.region == HOLE_REGION and lost_from <= call.at < lost_to)
