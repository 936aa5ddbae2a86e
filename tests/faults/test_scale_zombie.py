"""I12 at scale: a worker that was stopped past its Kafka session, and wakes when others have its partitions, commits nothing.

FAULTS=long wakes two hundred of them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from signal import SIGCONT, SIGSTOP

import pytest

from store.records import Event
from tests.faults.counts import times
from tests.faults.probe import Strike
from tests.faults.scale import PARTITIONS, ROLES, Scale, check_covered
from tests.faults.scale_feed import Feed

pytestmark = [pytest.mark.timeout(0), pytest.mark.parts("kafka"), pytest.mark.parts("postgres")]

ZOMBIES, ROUND = times(3, 200), 20


def wake_one(scale: Scale, dice: random.Random, events: Sequence[Event], strike: bool) -> bool:
    """Stop a worker, as it is about to write or anywhere; let the other take over; wake it. Returns whether it was fenced."""
    name, other = dice.sample(("map-1", "map-2"), 2)
    if strike:
        scale.kill(name)
        scale.start(name, strikes=[Strike("append", dice.randrange(1, 4), signal=int(SIGSTOP))])
        scale.until(lambda: scale.asleep(name), f"{name} sleeps")
    else:
        scale.pause(dice.uniform(0.0, 0.5))
        scale.signal(name, SIGSTOP)
    scale.stream.publish(dice.sample(list(events), 100))  # some for every partition, after it fell asleep
    ends = scale.stream.ends()
    assert len(ends) == PARTITIONS
    scale.until(lambda: all(scale.positions().get(p, 0) >= end for p, end in ends.items()), f"{other} has every partition")
    before = len(scale.runs[name].said())
    scale.signal(name, SIGCONT)
    if strike:
        scale.until(lambda: len(scale.runs[name].said()) > before, f"{name} is told that it is too late")
    return "another worker took over" in scale.runs[name].said()[before:]


def test_i12_a_worker_that_sleeps_through_its_session_commits_nothing(scaled, alone, capsys):
    dice = random.Random(20250312)
    woken = fenced = 0
    while woken < ZOMBIES:
        scale: Scale = scaled()
        scale.start(*ROLES)
        scale.until(scale.made, "the store is made")
        with Feed(scale, alone.extra, dice, every=0.4) as feed:
            for number in range(min(ROUND, ZOMBIES - woken)):
                strike = number % 2 == 0
                was = wake_one(scale, dice, alone.extra, strike)
                assert was or not strike, "it had a batch in its hands, and nobody stopped it"
                woken, fenced = woken + 1, fenced + was
            feed.rest()
        assert scale.finish() == alone.outcome
        check_covered(scale)
        scale.close()
    with capsys.disabled():
        print(f"\n{woken} workers slept through their session, {fenced} of them with a batch that was refused")
