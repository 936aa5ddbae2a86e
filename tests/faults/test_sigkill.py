"""I1: SIGKILL at any point of `attestream run --once`. It is killed and started again until it has finished.

Then the store must say what it says after a run that nothing disturbed: nothing lost, nothing twice, the log whole (I2, I3, I4
and I8 on the way). FAULTS=long kills more often.
"""

from __future__ import annotations

import itertools
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.faults.counts import times
from tests.faults.cursor import check_cursor
from tests.faults.observe import observe
from tests.faults.probe import NAMES, Strike
from tests.faults.whole import check_whole
from tests.faults.world import Installation, Run

KILLS = times(24, 120)


def killed_at(run: Run) -> str:
    """Where a kill hit: the operations that it interrupted, else what lies between them."""
    return "+".join(run.probe.inside()) or "between"


def random_kill(install_run: Run, dice: random.Random, whole: float) -> None:
    """Kill at a moment anywhere in the time that a whole run takes."""
    if install_run.wait(dice.uniform(0.0, whole)) is None:
        install_run.kill()


def until_finished(
    installation: Installation, dice: random.Random, begun: dict[str, int], whole: float, numbers: Iterator[int], most: int
) -> list[str]:
    """Kill and start again: every second time anywhere, every second time soon after some operation began, each in turn."""
    hits: list[str] = []
    while len(hits) < most:
        strikes, number = [], next(numbers)
        if number % 2:
            operation = NAMES[-(number // 2) % len(NAMES)]
            strikes = [Strike(operation, 1 + dice.randrange(max(1, begun[operation] // 4)), dice.uniform(0.0, 0.02))]
        run = installation.start(strikes)
        if not strikes:
            random_kill(run, dice, whole)
        status = run.end()
        if status != -signal.SIGKILL:
            assert status in (0, 1), run.said()
            return hits
        hits.append(killed_at(run))
        check_cursor(installation)
    installation.run()
    return hits


@pytest.fixture(scope="module")
def whole(server, delivered, mappings, tmp_path_factory):
    """Seconds that a run takes here."""
    installation = Installation(server, tmp_path_factory.mktemp("timed") / "a", delivered, mappings)
    began = time.monotonic()
    installation.run()
    return time.monotonic() - began


def test_i1_sigkill_at_random_moments_loses_and_doubles_nothing(install, undisturbed, whole, capsys):
    dice = random.Random(20250311)
    hits: list[str] = []
    lives, numbers = 0, itertools.count()
    while len(hits) < KILLS:
        installation = install()
        hits += until_finished(installation, dice, undisturbed.begun, whole, numbers, KILLS - len(hits))
        lives += 1
        check_whole(installation.store, installation.checkpoints)
        outcome = observe(installation.store)
        assert outcome.evidence == undisturbed.outcome.evidence, "I1: evidence"
        assert outcome.dead == undisturbed.outcome.dead, "I1: dead letters"
        assert outcome.findings == undisturbed.outcome.findings, "I8: findings"
        assert outcome == undisturbed.outcome
        assert check_cursor(installation) > 1000
    told = ", ".join(f"{name} {count}" for name, count in Counter(hits).most_common())
    with capsys.disabled():
        print(f"\n{len(hits)} kills in {lives} installations, a run being {whole:.2f} s: {told}")


@pytest.mark.parametrize("operation", NAMES)
def test_i1_sigkill_as_each_operation_begins(operation, install, undisturbed):
    """In the middle of all its times: everything before it was done, nothing of it is.

    How often a stream is polled depends on how fast the machine is just now: a time that does not come is halved.
    """
    nth = max(1, undisturbed.begun[operation] // 2)
    installation = install()
    run = installation.start([Strike(operation, nth)])
    while run.end() != -signal.SIGKILL and nth > 1:
        nth //= 2
        installation = install()
        run = installation.start([Strike(operation, nth)])
    assert run.status == -signal.SIGKILL
    assert operation in run.probe.inside() or operation == "collect"
    check_cursor(installation)
    installation.run()
    check_whole(installation.store, installation.checkpoints)
    assert observe(installation.store) == undisturbed.outcome


def test_i1_a_killed_run_leaves_a_store_that_verifies(install, undisturbed):
    installation = install()
    run = installation.start([Strike("finish", 4)])
    assert run.end() == -signal.SIGKILL
    verify_run = installation.start(argv=("evidence", "verify"))
    assert verify_run.end() == 0, verify_run.said()


def test_i3_run_again_changes_nothing_but_the_new_window(install, undisturbed):
    installation = install()
    installation.run()
    before = check_whole(installation.store, installation.checkpoints)
    installation.run()
    after = check_whole(installation.store, installation.checkpoints)
    assert after[: len(before)] == before
    assert len(after) == len(before) + 1, "more was written than the new window's own entry"
    assert observe(installation.store) == undisturbed.outcome
