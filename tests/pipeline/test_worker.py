"""The worker: what comes from the stream is judged and appended, whatever it is and whatever fails on the way."""

from __future__ import annotations

import gc
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

import store.evidence as evidence_module
from pipeline.posture import decide
from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.ruleset import RuleSet
from pipeline.stream.sqlite import SqliteStream
from pipeline.window import window_event
from pipeline.worker import NoMappingSet, Worker
from store.errors import Fenced, StorageBusy, StorageFull
from store.records import HOUR, UNREADABLE, Activation, Batch, Event
from tests.store.lab import CONTROLS, T0, Lab

RULE = """\
title: Logging stopped
id: 0c3b1f2e-5f0b-4b0e-9b53-6b3f0a4f6f01
status: stable
tags: [iso27001-2022.a.8.15]
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: STOP}, condition: s}
level: high
rationale: It records nothing.
strength: {A.8.15: strong}
finding: not-satisfied
subject: trail
until: {eventName: StartLogging}
"""
STOPPED = "0c3b1f2e-5f0b-4b0e-9b53-6b3f0a4f6f01"


def rules_of(*names: str) -> MappingSet:
    return MappingSet(files={f"m{n}.yaml": RULE.replace("STOP", name) for n, name in enumerate(names)})


@dataclass
class Works:
    """A lab with a stream before it. Its mapping set says that an event named StopLogging opens a finding."""

    lab: Lab
    stream: SqliteStream
    numbers: list[int] = field(default_factory=list)

    def activate(self, mapping_set: MappingSet) -> None:
        rules = RuleSet.compile(mapping_set)
        assert rules.mappings, rules.problems
        activation = Activation(rules.digest, mapping_set.to_bytes(), rules.mappings, CONTROLS)
        self.lab.store.append(Batch(activate=activation), (), decide)

    def event(self, name: str = "StopLogging", **more: Any) -> Event:
        self.numbers.append(0)
        number = len(self.numbers)
        payload = json.dumps({"eventName": name, "trail": f"t{number}", "n": number}).encode()
        return self.lab.event(f"e{number}", T0 + number * HOUR, **{"payload": payload, **more})

    def worker(self, **more: Any) -> Worker:
        return Worker(self.stream, self.lab.store, **more)

    def waiting(self) -> int:
        """How many records of the stream no position has passed."""
        ends, positions = self.stream.ends(), self.lab.positions.all()
        return sum(end - positions.get(partition, 0) for partition, end in ends.items())

    def count(self, table: str) -> int:
        return int(self.lab.sql(f"SELECT count(*) FROM {table}")[0][0])

    def ids(self) -> set[str]:
        with_details = [self.lab.query.evidence_row(idx) for (idx,) in self.lab.sql("SELECT idx FROM evidence")]
        return {row.id for row in with_details if row is not None}


@pytest.fixture
def works(new_lab: Callable[[], Lab], tmp_path: Path) -> Iterator[Works]:
    stream = SqliteStream(tmp_path / "stream.db", 2)
    made = Works(new_lab(), stream)
    made.activate(rules_of("StopLogging"))
    yield made
    stream.close()


def test_what_is_published_becomes_evidence_and_findings(works: Works) -> None:
    works.stream.publish([works.event(), works.event("DescribeTrails"), works.event("StartLogging"), works.event()])
    worker = works.worker()
    assert worker.drain() >= 1
    assert works.ids() == {"e1", "e3", "e4"}
    assert sorted(works.lab.states().values()) == ["not-satisfied", "not-satisfied"]
    [totals] = works.lab.sql("SELECT evidence, unmatched, duplicate, dead_letter FROM source WHERE name = 'trail'")
    assert tuple(totals) == (3, 1, 0, 0)
    assert works.waiting() == 0
    assert worker.run_once() is None


def test_what_is_in_the_store_is_trimmed_from_the_stream(works: Works) -> None:
    works.stream.publish([works.event() for _ in range(5)])
    works.worker().drain()
    consumer = works.stream.subscribe(lambda partition: (9, works.lab.positions.all()[partition]), lambda _: None)
    assert consumer.poll(10, 0.0).items == ()


def test_retain_all_keeps_what_no_mapping_judged(works: Works) -> None:
    works.stream.publish([works.event("DescribeTrails")])
    works.worker(retain_all=True).drain()
    assert works.ids() == {"e1"}


def test_without_an_active_set_nothing_is_judged_and_nothing_lost(new_lab: Callable[[], Lab], works: Works) -> None:
    other = Works(new_lab(), works.stream)
    other.stream.publish([other.event()])
    worker = other.worker()
    with pytest.raises(NoMappingSet, match="attestream mappings activate"):
        worker.run_once()
    other.activate(rules_of("StopLogging"))
    assert worker.drain() == 1
    assert other.ids() == {"e1"}


# -- what cannot be understood


def test_bytes_that_are_no_pack_become_a_dead_letter_and_the_rest_goes_on(works: Works) -> None:
    works.stream._file.append({0: [_Damaged(b"\x01 no pack", 1)]})  # as a broken disk or another program would leave it
    works.stream.publish([works.event() for _ in range(4)])
    works.worker().drain()
    assert works.ids() == {"e1", "e2", "e3", "e4"}
    [letter] = works.lab.query.dead_letters()
    entry = works.lab.query.entry(letter.idx)
    assert (letter.source, entry.payload if entry else None) == ("stream", b"\x01 no pack")


@dataclass(frozen=True)
class _Damaged:
    data: bytes
    events: int


def test_an_unreadable_event_becomes_a_dead_letter(works: Works) -> None:
    works.stream.publish([works.event(type=UNREADABLE, payload=b"\x1f\x8b cut", subject="a.gz: cut short"), works.event()])
    works.worker().drain()
    [letter] = works.lab.query.dead_letters()
    assert (letter.place, works.ids()) == ("a.gz: cut short", {"e2"})


def test_a_payload_that_no_rule_can_read_is_an_error_never_a_pass(works: Works) -> None:
    works.stream.publish([works.event(payload=b"{not json")])
    works.worker().drain()
    assert works.count("evidence") == 1
    assert set(works.lab.states().values()) == {"error"}


def test_a_window_record_that_is_garbage_becomes_a_dead_letter(works: Works) -> None:
    attempt = works.lab.open_window(T0, T0 + HOUR)
    record = works.lab.record(attempt, (T0, T0 + HOUR), 0)
    good = window_event(record, works.lab.now)
    bad = Event(good.source, good.id, good.type, good.time, good.payload[:-9], good.window, good.collected_at)
    works.stream.publish([bad, works.event()])
    works.worker().drain()
    [letter] = works.lab.query.dead_letters()
    entry = works.lab.query.entry(letter.idx)
    assert letter.place.startswith("no window record: ")
    assert (entry.payload if entry else None) == bad.payload
    assert works.ids() == {"e1"}
    assert works.lab.sql("SELECT state FROM attempt") == [("open",)]  # it is given up when its time has come


# -- what the store refuses


def refusing(monkeypatch: pytest.MonkeyPatch, *poison: str, error: type[Exception] = ValueError) -> list[int]:
    """Make the store refuse every batch that holds one of these ids; returns the sizes of the batches that it was shown."""
    real, sizes = evidence_module.keep, []

    def keep(writer: Any, prepared: Any, *more: Any) -> Any:
        sizes.append(len(prepared.items))
        if any(item.event.id in poison for item in prepared.items):
            raise error("cannot be written")
        return real(writer, prepared, *more)

    monkeypatch.setattr(evidence_module, "keep", keep)
    return sizes


def test_one_poisonous_event_becomes_a_dead_letter_and_no_other_is_touched(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    events = [works.event() for _ in range(40)]
    works.stream.publish(events)
    sizes = refusing(monkeypatch, "e17")
    works.worker().drain()
    assert works.ids() == {f"e{n}" for n in range(1, 41)} - {"e17"}
    [letter] = works.lab.query.dead_letters()
    entry = works.lab.query.entry(letter.idx)
    assert entry is not None
    assert (entry.payload, letter.place) == (events[16].payload, "refused by the store: ValueError")
    assert works.waiting() == 0
    assert len(sizes) < 40  # halved, not tried one by one


def test_several_poisonous_events_become_dead_letters(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    works.stream.publish([works.event() for _ in range(20)])
    refusing(monkeypatch, "e1", "e2", "e20", error=OverflowError)
    works.worker().drain()
    assert works.ids() == {f"e{n}" for n in range(3, 20)}
    assert works.count("dead_letter") == 3


def test_a_batch_of_nothing_but_poison_moves_the_position(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    works.stream.publish([works.event()])
    refusing(monkeypatch, "e1")
    works.worker().drain()
    assert (works.count("evidence"), works.count("dead_letter"), works.waiting()) == (0, 1, 0)


def test_a_dead_letter_of_the_worker_counts_once_when_it_is_read_again(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    event = works.event()
    refusing(monkeypatch, "e1")
    for _ in range(2):
        works.stream.publish([event])
        works.worker().drain()
    assert works.count("dead_letter") == 1
    [totals] = works.lab.sql("SELECT evidence, unmatched, duplicate, dead_letter FROM source WHERE name = 'trail'")
    assert tuple(totals) == (0, 0, 1, 1)


def test_looking_for_poison_writes_nothing(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    before = works.lab.query.log()
    refusing(monkeypatch, "e1")
    items = [works.lab.judged(works.event())]
    rules = RuleSet.compile(rules_of("StopLogging"))
    with pytest.raises(ValueError, match="cannot be written"):
        works.lab.store.rehearse(Batch(mapping_set=rules.digest, items=tuple(items)), decide)
    works.lab.store.rehearse(Batch(mapping_set=rules.digest, items=(works.lab.judged(works.event()),)), decide)
    assert works.lab.query.log() == before
    assert works.count("seen") == 0


# -- what changes or fails meanwhile


def test_a_set_that_was_activated_meanwhile_judges_the_batch_again(works: Works) -> None:
    worker = works.worker()
    works.stream.publish([works.event("DeleteTrail")])
    worker.drain()
    assert works.ids() == set()
    works.activate(rules_of("DeleteTrail"))
    works.stream.publish([works.event("DeleteTrail"), works.event("StopLogging")])
    worker.drain()
    assert works.ids() == {"e2"}
    [(sets,)] = works.lab.sql("SELECT count(DISTINCT mapping_set) FROM head")
    assert sets == 1


def test_a_worker_that_was_fenced_claims_again_and_loses_nothing(works: Works) -> None:
    first, second = works.worker(), works.worker()
    works.stream.publish([works.event() for _ in range(3)])
    first.drain()
    second.drain()  # takes the partitions over
    works.stream.publish([works.event() for _ in range(3)])
    done = first.run_once()
    assert done is not None
    assert done.counts.collected == 0
    first.drain()
    assert works.ids() == {f"e{n}" for n in range(1, 7)}
    [totals] = works.lab.sql("SELECT evidence, duplicate FROM source WHERE name = 'trail'")
    assert tuple(totals) == (6, 0)


@pytest.mark.parametrize("error", [StorageFull, StorageBusy, KeyError, KeyboardInterrupt])
def test_a_batch_that_was_not_written_is_read_again(
    works: Works, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    works.stream.publish([works.event() for _ in range(3)])
    worker = works.worker()
    with monkeypatch.context() as broken:
        broken.setattr(type(works.lab.store), "append", failing(error))
        with pytest.raises(error):
            worker.run_once()
    assert works.count("evidence") == 0
    assert worker.run_once() is not None
    worker.drain()
    assert works.ids() == {"e1", "e2", "e3"}


def test_a_storage_too_broken_even_to_claim_loses_nothing(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    works.stream.publish([works.event()])
    worker = works.worker()
    with monkeypatch.context() as broken:
        broken.setattr(type(works.lab.store), "append", failing(StorageFull))
        with pytest.raises(StorageFull):
            worker.run_once()
        broken.setattr(type(works.lab.positions), "claim", failing(StorageFull))
        with pytest.raises(StorageFull):
            worker.run_once()
    worker.drain()
    assert works.ids() == {"e1"}


def test_a_store_that_refuses_and_then_fails_is_waited_for(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    """The storage fails while the poison is looked for: no event may be taken for poison because of that."""
    works.stream.publish([works.event() for _ in range(4)])
    worker = works.worker()
    with monkeypatch.context() as broken:
        refusing(broken, "e2")
        broken.setattr(type(works.lab.store), "rehearse", failing(StorageBusy))
        with pytest.raises(StorageBusy):
            worker.run_once()
    worker.drain()
    assert works.ids() == {"e1", "e2", "e3", "e4"}
    assert works.count("dead_letter") == 0


def failing(error: type[BaseException]) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise error("it does not work")

    return fail


@pytest.mark.parametrize("error", [StorageFull, KeyError])
def test_running_goes_on_after_failures(works: Works, monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    works.stream.publish([works.event()])
    real, left, stop = type(works.lab.store).append, [2], threading.Event()

    def append(store: Any, *args: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise error("it does not work")
        stop.set()
        return real(store, *args)

    monkeypatch.setattr(type(works.lab.store), "append", append)
    works.worker().run(stop, patience=0.001)
    assert (works.ids(), left) == ({"e1"}, [0])


def test_who_is_told_to_stop_gives_the_partitions_back_at_once(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise nobody would read them until the group notices that nobody is there."""
    real, released, stop = works.stream.subscribe, [], threading.Event()

    def subscribe(claim: Any, release: Any) -> Any:
        return real(claim, lambda partition: (released.append(partition), release(partition)))

    monkeypatch.setattr(works.stream, "subscribe", subscribe)
    works.activate(rules_of("StopLogging"))
    works.stream.publish([works.event()])
    monkeypatch.setattr(works.stream, "trim", lambda _positions: stop.set())
    works.worker().run(stop, patience=0.001)
    assert works.waiting() == 0
    assert sorted(released) == sorted(works.stream.ends())


def test_fencing_is_of_one_transaction(works: Works) -> None:
    """A batch whose position moved under another epoch writes nothing at all."""
    works.stream.publish([works.event()])
    consumer = works.stream.subscribe(works.lab.positions.claim, works.lab.positions.release)
    polled = consumer.poll(10, 0.0)
    works.lab.positions.claim(polled.advances[0].partition)
    digest = RuleSet.compile(rules_of("StopLogging")).digest
    items = tuple(works.lab.judged(received.event) for received in polled.items)
    with pytest.raises(Fenced):
        works.lab.store.append(Batch(mapping_set=digest, items=items), polled.advances, decide)
    assert (works.count("evidence"), works.count("seen")) == (0, 0)


# -- windows


def test_a_window_closes_when_as_many_events_were_processed_as_its_record_says(works: Works) -> None:
    lab = works.lab
    attempt = lab.open_window(T0, T0 + HOUR)
    sent = works.stream.publish([works.event(window=attempt) for _ in range(6)])
    record = replace(
        lab.record(attempt, (T0, T0 + HOUR), 6),
        published=tuple(sorted(sent.counts.items())),
        offsets=tuple(sorted(sent.offsets.items())),
    )
    works.stream.publish([window_event(record, lab.now)])
    lab.ledger.finish(attempt, lab.epoch, record, {})
    works.worker(batch=1).drain()
    assert lab.sql("SELECT state FROM attempt") == [("complete",)]
    [window] = lab.query.windows()
    assert (window.counts.collected, window.counts.evidence) == (6, 6)


def test_events_and_ids_are_kept_to_the_byte(works: Works) -> None:
    events = [works.event() for _ in range(30)]
    works.stream.publish(events)
    works.worker(batch=7).drain()
    stored = {}
    for (idx,) in works.lab.sql("SELECT idx FROM evidence"):
        row, entry = works.lab.query.evidence_row(idx), works.lab.query.entry(idx)
        assert row is not None
        assert entry is not None
        stored[row.id] = hashlib.sha256(entry.payload or b"").hexdigest()
    assert stored == {event.id: hashlib.sha256(event.payload).hexdigest() for event in events}


def test_under_load_the_stream_is_trimmed_after_several_batches_and_whole_when_the_load_ends(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.worker.BATCH", 2)
    monkeypatch.setattr("pipeline.worker.TRIM_EVERY", 3)
    trimmed: list[dict[int, int]] = []
    monkeypatch.setattr(works.stream, "trim", lambda positions: trimmed.append(dict(positions)))
    for _ in range(9):  # one event a pack
        works.stream.publish([works.event()])
    worker = works.worker(batch=2)
    for batches, trims in ((1, 0), (2, 0), (3, 1), (4, 1), (5, 2)):
        assert worker.run_once() is not None
        assert len(trimmed) == trims, batches
    assert trimmed[-1].items() <= works.lab.positions.all().items()
    assert {**trimmed[0], **trimmed[1]} == works.lab.positions.all()


def test_a_steady_worker_leaves_what_it_compiled_out_of_garbage_collection(works: Works) -> None:
    thresholds, frozen = gc.get_threshold(), gc.get_freeze_count()
    gc.set_threshold(700, 10, 10)  # an earlier test's `run` may have raised them for the whole process
    try:
        works.stream.publish([works.event()])
        works.worker(steady=True).drain()
        assert gc.get_freeze_count() > max(frozen, 1000)
        assert gc.get_threshold() > (700, 10, 10)
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
