"""I12: who was stopped past his lease or epoch, and wakes when another has taken over, can commit nothing."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from collectors.runner import run_attempts
from pipeline.posture import decide
from store.cursors import CollectionLedger, Lease, Positions
from store.errors import Fenced
from store.evidence import EvidenceStore
from store.records import DAY, HOUR, MINUTE, Advance, Batch, Judged
from tests.faults.cursor import check_cursor
from tests.faults.kit import START, Script, event
from tests.faults.observe import Tables, observe
from tests.faults.probe import Strike
from tests.faults.whole import check_whole
from tests.faults.world import LIMIT, Installation, Run


def until_stopped(run: Run) -> None:
    deadline = time.monotonic() + LIMIT
    while "State:\tT" not in Path(f"/proc/{run.pid}/status").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.002)


# Stopped between transactions: a process that is stopped in one holds up the others, who say so and write nothing.
POINTS = {"publish": 5, "finish": 5, "append": 2, "poll": 2, "trim": 1, "register": 1, "seal": 1}


@pytest.mark.parametrize("operation", POINTS)
def test_i12_a_process_that_sleeps_through_its_lease_commits_nothing(operation, install, undisturbed):
    installation: Installation = install()
    zombie = installation.start([Strike(operation, POINTS[operation], signal=int(signal.SIGSTOP))])
    until_stopped(zombie)
    try:
        installation.lose_lock()
        installation.run()
        taken_over = observe(installation.store)
        head = Tables(installation.store).one("select size from head")
    finally:
        os.kill(zombie.pid, signal.SIGCONT)
    status = zombie.end()
    assert taken_over == undisturbed.outcome
    assert "Traceback" not in zombie.said()
    if operation in ("publish", "finish", "register"):
        assert status == 1
        assert "lease" in zombie.said()
    installation.run()
    leaves = check_whole(installation.store, installation.checkpoints)
    assert len(leaves) >= head
    check_cursor(installation)
    assert observe(installation.store) == undisturbed.outcome
    verify = installation.start(argv=("evidence", "verify"))
    assert verify.end() == 0, verify.said()


def test_i12_a_stale_lease_registers_and_finishes_nothing(make_kit):
    kit = make_kit()
    epoch = kit.epoch()
    record = run_attempts(Script([[event(1, "Decrypt", START)]]), kit.stream, kit.ledger, epoch, START + HOUR, clock=kit.clock)[0]
    kit.clock.pass_time(2 * MINUTE)
    (attempt,) = kit.ledger.register("trail", epoch, [(START + HOUR, START + 2 * HOUR)], "scheduled")
    other = Lease(kit.store.engine, clock=kit.clock)
    newer = other.acquire()
    assert newer == epoch + 1
    assert not kit.lease.renew()
    assert kit.lease.acquire() is None
    before = kit.ledger.cursor("trail")
    with pytest.raises(Fenced):
        kit.ledger.finish(attempt, epoch, record, {"stolen": True})
    with pytest.raises(Fenced):
        kit.ledger.register("trail", epoch, [(0, 1)], "scheduled")
    with pytest.raises(Fenced):
        kit.ledger.interrupted("trail", epoch)
    with pytest.raises(Fenced):
        kit.ledger.finish(attempt, newer, record, {"stolen": True})
    assert kit.ledger.cursor("trail") == before


def test_i12_what_an_old_epoch_published_closes_no_window_and_moves_no_cursor(make_kit):
    kit = make_kit()
    epoch = kit.epoch()
    ledger = CollectionLedger(kit.store.engine, kit.clock)
    (attempt,) = ledger.register("trail", epoch, [(START, START + HOUR)], "scheduled")
    kit.clock.pass_time(2 * MINUTE)
    newer = Lease(kit.store.engine, clock=kit.clock).acquire()
    kit.stream.publish([event(1, "Decrypt", START, attempt)])  # the zombie publishes: nothing hinders it
    run_attempts(Script([[event(1, "Decrypt", START)]]), kit.stream, ledger, newer, START + DAY, clock=kit.clock)
    kit.worker.drain()
    kit.keeper.tick()
    check_whole(kit.path)
    tables = Tables(kit.path)
    states = {row["id"]: row["state"] for row in tables.rows("select id, state from attempt")}
    assert states.pop(attempt) == "abandoned"
    assert list(states.values()) == ["complete"]
    assert sum(observe(kit.path).evidence.values()) == 1


def test_i12_a_consumer_of_an_older_epoch_appends_nothing(make_kit):
    kit = make_kit()
    positions = Positions(kit.store.engine)
    kit.stream.publish([event(number, "Decrypt", START + number) for number in range(40)])
    zombie = kit.stream.subscribe(positions.claim, positions.release)
    polled = zombie.poll(1000, 0)
    assert kit.worker.drain() == 1
    rules = kit.rules()
    items = tuple(Judged(item.event, rules.judge(item.event), item.partition) for item in polled.items)
    size = Tables(kit.path).one("select size from head")
    with pytest.raises(Fenced):
        kit.store.append(Batch(rules.digest, items), polled.advances, decide)
    assert Tables(kit.path).one("select size from head") == size
    assert len(check_whole(kit.path)) == size


def test_i12_one_partition_that_was_lost_holds_back_the_whole_batch(make_kit):
    kit = make_kit()
    positions = Positions(kit.store.engine)
    kit.stream.publish([event(number, "Decrypt", START + number) for number in range(40)])
    consumer = kit.stream.subscribe(positions.claim, positions.release)
    polled = consumer.poll(1000, 0)
    assert len(polled.advances) == 4
    positions.claim(polled.advances[-1].partition)
    rules = kit.rules()
    items = tuple(Judged(item.event, rules.judge(item.event), item.partition) for item in polled.items)
    with pytest.raises(Fenced):
        kit.store.append(Batch(rules.digest, items), polled.advances, decide)
    assert set(positions.all().values()) == {0}
    assert not observe(kit.path).evidence


@pytest.mark.parametrize("field", ["start", "epoch"])
def test_i12_positions_move_only_from_where_they_are(field, make_kit):
    kit = make_kit()
    positions = Positions(kit.store.engine)
    epoch, position = positions.claim(0)
    wrong = Advance(0, epoch + (field == "epoch"), position + (field == "start"), 5)
    store: EvidenceStore = kit.store
    with pytest.raises(Fenced):
        store.append(Batch(), [wrong], decide)
    assert positions.all() == {0: 0}
