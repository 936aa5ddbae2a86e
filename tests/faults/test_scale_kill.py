"""I1 at scale: SIGKILL of any role on Kafka and PostgreSQL, at random moments and as operations begin, until all is processed.

FAULTS=long kills a thousand times.
"""

from __future__ import annotations

import os
import random
from collections import Counter

import pytest

from tests.faults.probe import Strike
from tests.faults.scale import ROLES, Scale, check_covered, killed_at
from tests.faults.scale_feed import Feed

pytestmark = [pytest.mark.timeout(0), pytest.mark.parts("kafka"), pytest.mark.parts("postgres")]

KILLS, ROUND = (1000, 40) if os.environ.get("FAULTS") == "long" else (14, 14)
"""All of them, and those on one installation."""
BEGUN = {
    "collect": ("register", "collect", "publish", "finish"),
    "map": ("poll", "append"),
    "seal": ("tick", "seal", "append"),
}
"""Role -> the operations soon after whose beginning it is killed, every second time."""


def test_at_scale_an_undisturbed_run_comes_to_what_one_process_comes_to(scaled, alone):
    """Four processes, a topic and a database, against one process with two files."""
    scale: Scale = scaled()
    scale.start(*ROLES)
    scale.stream.publish(alone.extra)
    assert scale.finish() == alone.outcome
    check_covered(scale)


def strike(name: str, dice: random.Random) -> list[Strike]:
    """Every second time a process is to be killed soon after an operation of its begins."""
    if dice.random() < 0.5:
        return []
    operation = dice.choice(BEGUN[name.partition("-")[0]])
    return [Strike(operation, dice.randrange(1, 8), dice.uniform(0.0, 0.02))]


def kill_some(scale: Scale, dice: random.Random, kills: int) -> list[str]:
    """Kill and start again; returns where each was hit."""
    hits: list[str] = []
    scale.start(*ROLES)
    scale.until(scale.made, "the store is made")
    while len(hits) < kills:
        scale.pause(dice.uniform(0.1, 1.2))
        struck = [name for name, run in scale.runs.items() if run.wait(0) is not None]
        for name in struck or [dice.choice(("map-1", "map-2", "map-1", "map-2", "collect", "seal"))]:
            run = scale.gone(name) if name in struck else scale.kill(name)
            hits.append(f"{name.partition('-')[0]}: {killed_at(run)}")
            scale.start(name, strikes=strike(name, dice))
    for name in ROLES:  # some of these may still have been told to die
        scale.kill(name)
        scale.start(name)
    return hits


def test_i1_sigkill_of_any_role_loses_and_doubles_nothing(scaled, alone, capsys):
    dice = random.Random(20250311)
    hits: list[str] = []
    while len(hits) < KILLS:
        scale: Scale = scaled()
        with Feed(scale, alone.extra, dice) as feed:
            hits += kill_some(scale, dice, min(ROUND, KILLS - len(hits)))
            feed.rest()
        assert scale.finish() == alone.outcome
        check_covered(scale)
        scale.close()
    told = ", ".join(f"{place} {count}" for place, count in Counter(hits).most_common())
    with capsys.disabled():
        print(f"\n{len(hits)} kills on Kafka and PostgreSQL: {told}")


def test_two_workers_share_a_topic_and_survive_the_end_of_either(scaled, alone):
    """Both take some of it; each is killed in the middle once; what the dead one held goes to the other."""
    scale: Scale = scaled()
    scale.start("seal")
    scale.until(scale.made, "the store is made")
    scale.start("map-1", "map-2")
    took = scale.appends
    half = len(alone.extra) // 2
    for number, name in enumerate(("map-1", "map-2")):
        with Feed(scale, alone.extra[number * half :][:half], random.Random(number)) as feed:
            other = "map-2" if name == "map-1" else "map-1"
            at = took(name), took(other)
            scale.until(lambda at=at, n=name, o=other: took(n) > at[0] + 1 and took(o) > at[1] + 1, "both take some")
            scale.kill(name)
            now = took(other)
            feed.rest()
            scale.until(scale.caught_up, "the other takes all")
            assert took(other) > now
        scale.start(name)
    assert scale.finish() == alone.outcome
