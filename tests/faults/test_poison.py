"""I9: a poison message goes to dead letters with its bytes, in the transaction that moves past it, and the stream goes on."""

from __future__ import annotations

import hashlib

import pytest

from collectors.runner import run_attempts
from pipeline.stream.packs import Record
from pipeline.stream.sqlite_file import StreamFile
from store import schema
from store.errors import StorageUnusable
from store.evidence import EvidenceStore
from store.records import DAY, HOUR
from tests.faults.kit import START, Kit, Script, event
from tests.faults.observe import Tables, observe
from tests.faults.whole import check_whole

GOOD = [event(number, "Decrypt", START + number * HOUR) for number in range(12)]


def plant(kit: Kit, data: bytes) -> None:
    file = StreamFile(kit.folder / "stream.db", 4)
    file.append({1: [Record(data, 1)]})
    file.close()


@pytest.mark.parametrize("data", [b"", b"\x01", b"no pack at all", b"\x01\x28\xb5\x2f\xfd" + bytes(40)])
def test_i9_a_record_that_nobody_can_read(data, make_kit):
    kit = make_kit()
    run_attempts(Script([GOOD[:6]]), kit.stream, kit.ledger, kit.epoch(), START + HOUR, clock=kit.clock)
    plant(kit, data)
    run_attempts(Script([GOOD[6:]]), kit.stream, kit.ledger, kit.epoch(), START + DAY, clock=kit.clock)
    kit.worker.drain()
    kit.keeper.tick()
    check_whole(kit.path)
    outcome = observe(kit.path)
    assert list(outcome.dead) == [("stream", hashlib.sha256(data).hexdigest(), None, data)]
    assert len(outcome.evidence) == len(GOOD)
    positions = {row["partition"]: row["position"] for row in Tables(kit.path).rows("select * from position")}
    assert positions == kit.stream.ends(), "the stream did not go on"


def test_i9_an_event_that_the_database_refuses_is_found_and_kept(make_kit, monkeypatch):
    """Of a batch that is refused for its data, only the one event becomes a dead letter, in the same append."""
    kit = make_kit()
    refused = GOOD[7].id
    real = EvidenceStore._append

    def picky(self, connection, batch, *rest):
        if any(item.event.id == refused for item in batch.items):
            connection.execute(schema.meta.insert().values(name="seen_key", value=b"again"))  # IntegrityError
        return real(self, connection, batch, *rest)

    monkeypatch.setattr(EvidenceStore, "_append", picky)
    run_attempts(Script([GOOD]), kit.stream, kit.ledger, kit.epoch(), START + DAY, clock=kit.clock)
    kit.worker.drain()
    check_whole(kit.path)
    outcome = observe(kit.path)
    assert [key[3] for key in outcome.dead] == [GOOD[7].payload]
    assert {key[1] for key in outcome.evidence} == {item.id for item in GOOD} - {refused}
    (row,) = Tables(kit.path).rows("select state from attempt")
    assert row["state"] == "complete", "the dead letter counts as processed in its window"


def test_i9_nothing_is_given_up_for_a_storage_that_fails(make_kit, monkeypatch):
    """A full disk is nobody's poison: the batch waits, and no event becomes a dead letter."""
    kit = make_kit()
    run_attempts(Script([GOOD]), kit.stream, kit.ledger, kit.epoch(), START + DAY, clock=kit.clock)
    with monkeypatch.context() as patch:

        def full(self, *rest):
            raise StorageUnusable("no space left")

        patch.setattr(EvidenceStore, "_append", full)
        with pytest.raises(StorageUnusable):
            kit.worker.run_once()
    kit.worker.drain()
    outcome = observe(kit.path)
    assert not outcome.dead
    assert len(outcome.evidence) == len(GOOD)
