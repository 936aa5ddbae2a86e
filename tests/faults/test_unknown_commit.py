"""I14: a commit whose outcome nobody learnt is safe to try again: nothing is doubled, nothing is lost.

The transaction is committed and then an error is raised, as when a connection breaks before the answer comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import pipeline.stream.sqlite_file
import store.cursors
import store.evidence
from collectors.runner import run_attempts
from pipeline.errors import StreamError
from pipeline.posture import decide
from store.checkpoint import CheckpointSigner, CheckpointStore
from store.cursors import Positions
from store.errors import Fenced, StorageBusy, StorageUnusable, StoreError
from store.log_source import SqlLogSource, check_entry
from store.records import DAY, HOUR, Batch, Judged
from store.signing_key import load_or_create_key
from tests.faults.kit import START, Kit, Script, event
from tests.faults.observe import Tables, observe
from tests.faults.whole import check_whole

CALLS = ["DescribeVolumes", "Decrypt", "UpdateService"] * 4
EVENTS = [event(number, name, START + number * HOUR) for number, name in enumerate(CALLS)]


class Lost:
    """Replaces `writing` in a module: the `nth` transaction commits, and then says that it did not."""

    def __init__(self, monkeypatch, module, nth: int, error: type[StoreError] = StorageUnusable) -> None:
        self.count = 0
        self.nth = nth
        self.error = error
        self.real = module.writing
        monkeypatch.setattr(module, "writing", self.writing)

    @contextmanager
    def writing(self, engine) -> Iterator[object]:
        self.count += 1
        lost = self.count == self.nth
        with self.real(engine) as connection:
            yield connection
        if lost:
            raise self.error("the answer was lost")


def collect(kit: Kit, script: Script) -> None:
    run_attempts(script, kit.stream, kit.ledger, kit.epoch(), START + DAY, clock=kit.clock)


def finished(kit: Kit) -> None:
    """Everything is there once."""
    kit.worker.drain()
    kit.keeper.tick()
    check_whole(kit.path)
    outcome = observe(kit.path)
    assert sorted(key[1] for key in outcome.evidence.elements()) == sorted(item.id for item in EVENTS)
    states = [row["state"] for row in Tables(kit.path).rows("select state from attempt")]
    assert "open" not in states
    assert "complete" in states


@pytest.mark.parametrize("error", [StorageUnusable, StorageBusy])
def test_i14_an_append_that_committed_unknown_to_the_worker(error, make_kit, monkeypatch):
    kit = make_kit()
    collect(kit, Script([EVENTS]))
    lost = Lost(monkeypatch, store.evidence, 1, error)
    with pytest.raises(error):
        kit.worker.run_once()
    assert lost.count == 1
    finished(kit)


def test_i14_an_append_tried_again_as_it_was_is_fenced(make_kit, monkeypatch):
    kit = make_kit()
    collect(kit, Script([EVENTS]))
    positions = Positions(kit.store.engine)
    polled = kit.stream.subscribe(positions.claim, positions.release).poll(1000, 0)
    rules = kit.rules()
    items = tuple(Judged(i.event, rules.judge(i.event), i.partition) for i in polled.items if i.event.kind != "window")
    Lost(monkeypatch, store.evidence, 1)
    with pytest.raises(StorageUnusable):
        kit.store.append(Batch(rules.digest, items), polled.advances, decide)
    with pytest.raises(Fenced):
        kit.store.append(Batch(rules.digest, items), polled.advances, decide)
    check_whole(kit.path)
    assert set(observe(kit.path).evidence.values()) == {1}


@pytest.mark.parametrize("nth", [1, 2])
def test_i14_a_publishing_that_became_durable_unknown_to_the_collector(nth, make_kit, monkeypatch):
    """1: the events, 2: the window's record."""
    kit = make_kit()
    script = Script([EVENTS, EVENTS])
    with monkeypatch.context() as patch:
        Lost(patch, pipeline.stream.sqlite_file, nth)
        with pytest.raises(StreamError):
            collect(kit, script)
    kit.lease.release()
    collect(kit, script)
    assert script.asked[0].start == script.asked[1].start, "the period was not asked for again"
    finished(kit)


def test_i14_a_finish_that_committed_unknown_to_the_collector(make_kit, monkeypatch):
    kit = make_kit()
    script = Script([EVENTS, []])
    epoch = kit.epoch()
    with monkeypatch.context() as patch:
        lost = Lost(patch, store.cursors, 3)  # after `interrupted` and `register`
        with pytest.raises(StorageUnusable):
            run_attempts(script, kit.stream, kit.ledger, epoch, START + DAY, clock=kit.clock)
        assert lost.count == 3
    kit.clock.pass_time(2 * DAY)
    kit.lease.release()
    run_attempts(script, kit.stream, kit.ledger, kit.epoch(), kit.clock.now, clock=kit.clock)
    assert script.asked[1].start == START + DAY, "the cursor had moved, and the period was asked for again"
    finished(kit)


def test_i14_a_registration_that_committed_unknown_to_the_collector(make_kit, monkeypatch):
    kit = make_kit()
    script = Script([EVENTS])
    with monkeypatch.context() as patch:
        Lost(patch, store.cursors, 3)  # after the lease and `interrupted`
        with pytest.raises(StorageUnusable):
            collect(kit, script)
    kit.lease.release()
    collect(kit, script)
    kit.clock.pass_time(HOUR)
    finished(kit)


def test_i14_what_was_due_is_applied_once(make_kit, monkeypatch):
    kit = make_kit()
    collect(kit, Script([EVENTS]))
    kit.worker.drain()
    kit.clock.pass_time(2 * DAY)
    with monkeypatch.context() as patch:
        Lost(patch, store.evidence, 1)
        with pytest.raises(StorageUnusable):
            kit.keeper.tick()
    stale = Tables(kit.path).rows("select * from finding_row where state = 'stale'")
    kit.keeper.tick()
    again = Tables(kit.path).rows("select * from finding_row where state = 'stale'")
    assert stale
    assert [tuple(row) for row in stale] == [tuple(row) for row in again]
    finished(kit)


def test_i14_a_checkpoint_that_was_kept_unknown_to_the_signer(make_kit, monkeypatch, tmp_path):
    kit = make_kit()
    place = CheckpointStore(tmp_path / "place")
    key = load_or_create_key(tmp_path / "key", "example.org/log")
    signer = CheckpointSigner(key, "example.org/log", place, SqlLogSource(kit.store.engine), check_entry)
    signer.publish()
    collect(kit, Script([EVENTS]))
    kit.worker.drain()
    real = CheckpointStore.keep

    def keep(self, size: int, note: bytes) -> None:
        real(self, size, note)
        raise StoreError("the answer was lost")

    with monkeypatch.context() as patch:
        patch.setattr(CheckpointStore, "keep", keep)
        with pytest.raises(StoreError):
            signer.publish()
    kept = place.latest()
    assert CheckpointSigner(key, "example.org/log", place, SqlLogSource(kit.store.engine), check_entry).publish().note == kept
    check_whole(kit.path, tmp_path / "place")
