"""I1 at scale: SIGKILL of any role on Kafka and PostgreSQL, at random moments, as operations begin, and inside what is written.

FAULTS=long kills a thousand times, and two hundred times inside a write, a sync or a send.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.faults.counts import times
from tests.faults.probe import Strike
from tests.faults.scale import ROLES, Scale, check_covered, killed_at
from tests.faults.scale_feed import Feed
from tests.faults.traced import tracing

pytestmark = [pytest.mark.timeout(0), pytest.mark.parts("kafka"), pytest.mark.parts("postgres")]

KILLS, ROUND = times(14, 1000), 40
"""All of them, and those on one installation."""
BEGUN = {
    "collect": ("register", "collect", "publish", "finish"),
    "map": ("poll", "append"),
    "seal": ("tick", "seal", "append"),
}
"""Role -> the operations soon after whose beginning it is killed, every second time."""
WRITTEN, WRITTEN_ROUND = times(4, 200), 20
WRITES = "write,writev,pwrite64,sendto,sendmsg,fsync,fdatasync,rename,renameat,renameat2,link,linkat"
"""Whatever leaves a process: for a file, the broker or the database."""


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
        chosen = dice.choice(("map-1", "map-2", "map-1", "map-2", "collect", "seal"))
        if dice.random() < 0.75:  # the others may be hit while they start
            scale.until(lambda name=chosen: scale.busy(name), f"{chosen} works")
        scale.pause(dice.uniform(0.1, 1.2))
        struck = [name for name, run in scale.runs.items() if run.wait(0) is not None]
        for name in struck or [chosen]:
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
        kills = min(ROUND, KILLS - len(hits))
        with Feed(scale, alone.extra, dice, every=kills / 60) as feed:
            hits += kill_some(scale, dice, kills)
            feed.rest()
        assert scale.finish() == alone.outcome
        check_covered(scale)
        scale.close()
    told = ", ".join(f"{place} {count}" for place, count in Counter(hits).most_common())
    with capsys.disabled():
        print(f"\n{len(hits)} kills on Kafka and PostgreSQL: {told}")


def kill_inside_a_write(scale: Scale, name: str, nth: int) -> None:
    """Have a process killed as it enters the nth of these calls that one of its threads makes; start it again."""
    if name in scale.runs:
        scale.kill(name)
    scale.start(name, hold=True)
    run, log = scale.runs[name], scale.folder / f"strace-{nth}"
    with tracing(run, ["-e", f"trace={WRITES}", "-e", f"inject={WRITES}:signal=KILL:when={nth}"], log):
        scale.until(lambda: run.wait(0) is not None, f"{name} is killed in call {nth}")
    scale.gone(name)
    assert "killed by SIGKILL" in log.read_text(errors="replace")
    scale.start(name)


@pytest.mark.parts("strace")
def test_i1_sigkill_inside_any_write_sync_or_send_loses_and_doubles_nothing(scaled, alone, capsys):
    dice = random.Random(20250317)
    hits: list[str] = []
    while len(hits) < WRITTEN:
        scale: Scale = scaled()
        strikes = min(WRITTEN_ROUND, WRITTEN - len(hits))
        scale.start(*ROLES)
        scale.until(scale.made, "the store is made")
        with Feed(scale, alone.extra, dice, every=strikes / 30) as feed:
            for number in range(strikes):
                name = ROLES[number % len(ROLES)]
                kill_inside_a_write(scale, name, dice.randrange(1, 120))
                hits.append(name.partition("-")[0])
            feed.rest()
        assert scale.finish() == alone.outcome
        check_covered(scale)
        scale.close()
    with capsys.disabled():
        print(f"\n{len(hits)} kills inside a write, a sync or a send: {dict(Counter(hits))}")


KILLED = [("map-1",), ("map-2",), ("map-1", "map-2"), ("collect",), ("seal",), ROLES]


def test_two_workers_share_a_topic_and_survive_kill_9_of_either_of_both_and_of_the_rest(scaled, alone):
    """Both take some of it. What a dead one held goes to the other; what both held waits until one is there again."""
    scale: Scale = scaled()
    scale.start(*ROLES)
    scale.until(scale.made, "the store is made")
    took = scale.appends
    pieces = [alone.extra[number :: len(KILLED)] for number in range(len(KILLED))]
    for number, (names, piece) in enumerate(zip(KILLED, pieces, strict=True)):
        with Feed(scale, piece, random.Random(number)) as feed:
            at = took("map-1"), took("map-2")
            scale.until(lambda at=at: took("map-1") > at[0] and took("map-2") > at[1], "both take some")
            for name in names:
                scale.kill(name)
            feed.rest()
            left = [name for name in ("map-1", "map-2") if name not in names]
            if left:
                scale.until(scale.caught_up, "whoever is left takes all")
            else:
                assert not scale.caught_up(), "there is nobody who could take it"
        scale.start(*names)
    assert scale.finish() == alone.outcome
    check_covered(scale)
