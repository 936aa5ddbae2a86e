"""I13: the wall clock may jump. The timekeeper holds and says so, recorded_at never goes back, and then all goes on."""

from __future__ import annotations

import shutil
import signal
from collections import Counter
from dataclasses import replace

import pytest

from collectors.runner import run_attempts
from pipeline.timekeeper import Timekeeper
from store.records import DAY, HOUR, MINUTE, Cover
from tests.faults.kit import PART, START, Kit, Script, event
from tests.faults.observe import Tables, observe
from tests.faults.probe import Strike
from tests.faults.whole import check_whole
from tests.faults.world import Installation

SAID = [event(1, "UpdateService", START), event(2, "Decrypt", START + MINUTE)]


@pytest.fixture
def kit(make_kit):
    """Something was said that is stale after 3 h, and a silence that is stale 2 h after the last delivery."""
    kit: Kit = make_kit()
    kit.clock.pass_time(2 * HOUR)
    script = Script([SAID], {0: [Cover(PART, START, START + 2 * HOUR)]}, first=START - 1)
    run_attempts(script, kit.stream, kit.ledger, kit.epoch(), kit.clock.now, clock=kit.clock)
    kit.worker.drain()
    kit.keeper.tick()
    assert "stale" not in states(kit)
    return kit


def states(kit: Kit) -> set[str]:
    return {state for changes in observe(kit.path).findings.values() for _, state in changes}


def clock_drift(kit: Kit) -> list[str]:
    return [row["after"] for row in Tables(kit.path).rows("select after from drift where key = 'log/clock' order by id")]


def test_i13_a_jump_of_a_day_makes_nothing_stale(kit):
    before = observe(kit.path)
    kit.clock.now += DAY
    for _ in range(3):
        kit.clock.pass_time(MINUTE)
        assert kit.keeper.tick() == 0
    assert kit.keeper.held
    assert observe(kit.path) == before
    assert clock_drift(kit) == ["clock"], "told once"
    kit.clock.now -= DAY
    kit.keeper.tick()
    assert not kit.keeper.held
    assert observe(kit.path) == before
    assert clock_drift(kit) == ["clock", "agrees"]
    check_whole(kit.path)


def test_i13_after_the_jump_time_goes_on_as_if_there_had_been_none(kit):
    kit.clock.now += DAY
    kit.keeper.tick()
    kit.clock.now -= DAY
    kit.keeper.tick()
    kit.clock.pass_time(2 * DAY)
    kit.keeper.tick()
    check_whole(kit.path)
    found = observe(kit.path).findings
    spoken = next(changes for (mapping, _), changes in found.items() if mapping.endswith("5"))
    assert spoken == ((START, "satisfied"), (START + 3 * HOUR, "stale"))


def test_i13_a_clock_that_a_person_confirms_is_believed(kit):
    kit.clock.now += DAY
    kit.keeper.tick()
    kit.keeper.confirm_clock()
    kit.keeper.tick()
    assert not kit.keeper.held
    assert "stale" in states(kit)
    check_whole(kit.path)


def test_i13_a_new_process_does_not_believe_a_jump_either(kit):
    """The clocks of the last tick are in the store: starting again is no way round."""
    before = observe(kit.path)
    kit.clock.now += DAY
    kit.keeper = Timekeeper(kit.store, boot=kit.clock.since_boot)
    assert kit.keeper.tick() == 0
    assert observe(kit.path) == before
    assert clock_drift(kit) == ["clock"]


def test_i13_sleep_is_no_jump(kit):
    """The time since boot counts suspended time: a machine that slept for two days applies what became due."""
    kit.clock.pass_time(2 * DAY)
    kit.keeper.tick()
    assert not kit.keeper.held
    assert "stale" in states(kit)
    assert clock_drift(kit) == []


def test_i13_a_clock_that_goes_back_leaves_recorded_at_in_order(kit):
    kit.clock.now -= 2 * DAY
    epoch = kit.epoch()
    script = Script([[event(number, "Decrypt", START + number * MINUTE) for number in range(3, 9)]])
    run_attempts(script, kit.stream, kit.ledger, epoch, START + 4 * HOUR, clock=kit.clock)
    kit.worker.drain()
    kit.keeper.tick()
    check_whole(kit.path)  # recorded_at in index order
    times = [row["recorded_at"] for row in Tables(kit.path).rows("select recorded_at from entry order by idx")]
    assert times[-1] == times[0] or times[-1] >= START + 2 * HOUR
    assert sum(observe(kit.path).evidence.values()) == 8


def test_i13_what_is_recorded_during_a_jump_is_kept_and_ordered(kit):
    kit.clock.now += DAY
    kit.keeper.tick()
    script = Script([[event(9, "Decrypt", START + HOUR)]])
    run_attempts(script, kit.stream, kit.ledger, kit.epoch(), kit.clock.now, clock=kit.clock)
    kit.worker.drain()
    kit.clock.now -= DAY
    kit.clock.pass_time(MINUTE)
    kit.keeper.tick()
    later = Script([[event(10, "Decrypt", START + HOUR)]], first=START + 2 * DAY)
    run_attempts(later, kit.stream, kit.ledger, kit.epoch(), START + 3 * DAY, clock=kit.clock)
    kit.worker.drain()
    kit.keeper.tick()
    check_whole(kit.path)
    assert "stale" not in states(kit)
    assert sum(observe(kit.path).evidence.values()) == 4


def test_i13_a_process_whose_clock_is_a_day_ahead_loses_nothing_that_comes_later(install, undisturbed, delivered, tmp_path):
    """Its machine's clock is moved between two runs and set right again; a file is delivered after that."""
    files = tmp_path / "files"
    shutil.copytree(delivered, files)  # with their mtimes
    paths = sorted(files.rglob("*.json.gz"), key=lambda path: path.stat().st_mtime_ns)
    last, name = paths[-1].read_bytes(), paths[-1]
    name.unlink()
    installation: Installation = install(files)
    stopped = installation.start([Strike("finish", 4, signal=int(signal.SIGTERM))])
    assert stopped.end() != -signal.SIGKILL
    ahead = installation.start(ahead=DAY / 1_000_000)
    assert ahead.end() in (0, 1), ahead.said()
    drift = "select after from drift where key = 'log/clock' order by id"
    assert [row["after"] for row in Tables(installation.store).rows(drift)] == ["clock"]
    name.write_bytes(last)
    installation.run()
    assert [row["after"] for row in Tables(installation.store).rows(drift)] == ["clock", "agrees"]
    check_whole(installation.store, installation.checkpoints)
    outcome = observe(installation.store)
    here = Counter({(*key[:2], key[2].replace(str(files), str(delivered)), key[3]): n for key, n in outcome.dead.items()})
    assert replace(outcome, dead=here) == undisturbed.outcome
