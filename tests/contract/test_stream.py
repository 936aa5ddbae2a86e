"""What every stream must do, whatever carries it (pipeline/stream/base.py)."""

from __future__ import annotations

import hashlib
import json
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from pipeline.errors import StreamError
from pipeline.event import MAX_PACK_EVENTS, clean, pack
from store.records import UNREADABLE, Event
from store.text import clean_attribute

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 600.0
"""Seconds after which a test fails instead of waiting for ever."""

PUBLISHER = """
import json, sys
from pathlib import Path
from pipeline.stream.registry import open_stream
from store import sqlite_driver
from store.records import Event
sqlite_driver.make_engine.__kwdefaults__["busy_timeout"] = 600.0  # three write without a pause: how fast they are is no matter
url, folder, prefix, batches, size = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
stream = open_stream(url, folder)
print("ready", flush=True)
for batch in range(batches):
    ids = [f"{prefix}-{batch}-{number}" for number in range(size)]
    stream.publish([Event("trail", id, "log.aws.cloudtrail", batch, json.dumps({"id": id}).encode() * 20) for id in ids])
    print(batch, flush=True)
"""


def start_publisher(backend, prefix: str, batches: int, size: int) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", PUBLISHER, backend.url, str(backend.folder), prefix, str(batches), str(size)]
    return subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_what_was_published_is_there_after_reopening(backend, make_events, drain):
    events = make_events(250)
    stream = backend.open()
    stream.publish(events)
    stream.close()
    found = [event for _, _, event in drain(backend.open())]
    assert sorted(found, key=lambda event: event.time) == events


def test_every_attribute_travels(backend, drain):
    event = Event("jira", "1", "ticket.jira.issue", 5, b"\x00\xff", "w", 7, "ABC-1", "acme", "eu", "application/octet-stream")
    stream = backend.open()
    stream.publish([event])
    assert [found for _, _, found in drain(stream)] == [event]


def test_published_names_last_offsets_and_counts(backend, make_events, drain):
    stream = backend.open()
    seen: Counter[int] = Counter()
    for round_number in range(3):
        events = make_events(330, f"r{round_number}")
        published = stream.publish(events)
        assert sum(published.counts.values()) == len(events)
        assert published.offsets.keys() == published.counts.keys()
        assert {partition: last + 1 for partition, last in published.offsets.items()} == dict(stream.ends())
        seen.update(published.counts)
    assert Counter(partition for partition, _, _ in drain(stream)) == seen


def test_offsets_are_contiguous_from_zero_and_order_holds_within_a_partition(backend, make_events, drain):
    stream = backend.open()
    for round_number in range(4):
        stream.publish(make_events(170, f"{round_number}"))
    rank = {f"{r}-{n}": (r, n) for r in range(4) for n in range(170)}
    found = drain(stream)
    for partition in range(stream.partitions):
        mine = [(offset, rank[event.id]) for number, offset, event in found if number == partition]
        assert mine == sorted(mine)
        assert sorted({offset for offset, _ in mine}) == list(range(stream.ends()[partition]))


def test_events_of_one_subject_share_a_partition_and_ids_spread(backend, make_events, drain):
    stream = backend.open()
    stream.publish([Event("iam", f"o{n}", "snapshot.aws.iam.user", n, b"{}", subject="arn:user/ann") for n in range(40)])
    stream.publish(make_events(400))
    homes = {partition for partition, _, event in drain(stream) if event.subject}
    assert len(homes) == 1
    assert set(stream.ends()) == set(range(stream.partitions))
    assert all(stream.ends().values())


def test_an_empty_publish_is_nothing(backend, positions):
    stream = backend.open()
    published = stream.publish([])
    assert (dict(published.offsets), dict(published.counts)) == ({}, {})
    assert set(stream.ends().values()) == {0}
    assert stream.subscribe(positions.claim, positions.release).poll(10, 0.0).advances == ()


def test_poll_takes_whole_packs_of_about_the_limit(backend, make_events, positions):
    stream = backend.open()
    stream.publish(make_events(2_000))
    consumer = stream.subscribe(positions.claim, positions.release)
    total = 0
    whole: Counter[tuple[int, int]] = Counter()
    while total < 2_000:
        polled = consumer.poll(150, 5.0)
        assert 0 < len(polled.items) < 150 + MAX_PACK_EVENTS
        here = {(item.partition, item.offset) for item in polled.items}
        assert not here & whole.keys(), "a pack came in two polls"
        whole.update((item.partition, item.offset) for item in polled.items)
        total += len(polled.items)
    assert max(whole.values()) == MAX_PACK_EVENTS
    assert consumer.poll(150, 0.0).items == ()


@pytest.mark.parametrize("limit", [1, 0, -5])
def test_at_least_one_pack_comes_whatever_the_limit(backend, make_events, positions, limit):
    stream = backend.open()
    stream.publish(make_events(40))
    polled = stream.subscribe(positions.claim, positions.release).poll(limit, 5.0)
    assert len(polled.advances) == 1
    assert len({(item.partition, item.offset) for item in polled.items}) == 1


def test_advances_chain_and_cover_exactly_the_items(backend, make_events, positions):
    positions.epoch = {2: 6}
    stream = backend.open()
    for round_number in range(5):
        stream.publish(make_events(300, f"r{round_number}"))
    consumer = stream.subscribe(positions.claim, positions.release)
    reached = dict.fromkeys(range(stream.partitions), 0)
    while reached != dict(stream.ends()):
        polled = consumer.poll(250, 5.0)
        assert polled.advances
        for advance in polled.advances:
            assert advance.start == reached[advance.partition] < advance.end
            assert advance.epoch == (7 if advance.partition == 2 else 1)
            reached[advance.partition] = advance.end
        spans = {(a.partition, offset) for a in polled.advances for offset in range(a.start, a.end)}
        assert spans == {(item.partition, item.offset) for item in polled.items}


def test_no_partition_starves(backend, positions):
    stream = backend.open()
    for _ in range(6):
        stream.publish([Event("s", f"{n}", "snapshot.x.y", 1, b"{}", subject=f"subject-{n}") for n in range(40)])
    consumer = stream.subscribe(positions.claim, positions.release)
    first = {advance.partition for _ in range(stream.partitions) for advance in consumer.poll(1, 5.0).advances}
    assert first == set(range(stream.partitions))


def test_reading_starts_at_the_claimed_position(backend, make_events, positions):
    stream = backend.open()
    for round_number in range(3):
        stream.publish(make_events(100, f"r{round_number}"))
    positions.position = dict.fromkeys(range(stream.partitions), 2)
    consumer = stream.subscribe(positions.claim, positions.release)
    polled = consumer.poll(10_000, 5.0)
    assert {item.event.id[:2] for item in polled.items} == {"r2"}
    assert {item.offset for item in polled.items} == {2}


def test_claims_are_made_once_per_partition_and_again_on_rewind(backend, make_events, positions):
    stream = backend.open()
    stream.publish(make_events(100))
    consumer = stream.subscribe(positions.claim, positions.release)
    everyone = list(range(stream.partitions))
    assert positions.claimed == everyone
    first = consumer.poll(1_000, 5.0)
    assert positions.claimed == everyone
    consumer.rewind()
    assert positions.claimed == everyone * 2
    again = consumer.poll(1_000, 5.0)
    assert sorted(i.event.id for i in again.items) == sorted(i.event.id for i in first.items)
    assert {advance.epoch for advance in again.advances} == {2}
    assert positions.released == []


def test_closing_releases_each_partition_once(backend, positions):
    stream = backend.open()
    consumer = stream.subscribe(positions.claim, positions.release)
    consumer.close()
    consumer.close()
    assert sorted(positions.released) == list(range(stream.partitions))
    with pytest.raises(StreamError, match="closed"):
        consumer.poll(1, 0.0)


def test_a_claim_that_fails_gives_back_what_was_claimed(backend, positions):
    def claim(partition: int) -> tuple[int, int]:
        if partition == 2:
            raise RuntimeError("no")
        return positions.claim(partition)

    with pytest.raises(RuntimeError, match="no"):
        backend.open().subscribe(claim, positions.release)
    assert sorted(positions.released) == sorted(positions.claimed) == [0, 1]


def test_a_zombie_goes_on_from_its_own_positions_under_its_own_epoch(backend, make_events, positions):
    """The stream hands both of them the records; that the old epoch cannot commit them is the store's part."""
    stream = backend.open()
    stream.publish(make_events(60))
    zombie = stream.subscribe(positions.claim, positions.release)
    heir = backend.open().subscribe(positions.claim, positions.release)
    for consumer, epoch in ((zombie, 1), (heir, 2)):
        found, epochs = 0, set()
        while found < 60:
            polled = consumer.poll(1_000, 5.0)
            assert polled.advances
            found += len(polled.items)
            epochs |= {advance.epoch for advance in polled.advances}
        assert (found, epochs) == (60, {epoch})


@pytest.mark.parametrize("record", [b"", b"\x00", b"not a pack", b"\x01\x28\xb5\x2f\xfd" + b"\xff" * 40])
def test_a_foreign_record_becomes_one_unreadable_event_and_the_stream_goes_on(backend, make_events, drain, record):
    stream = backend.open()
    stream.publish(make_events(50, "before"))
    offset = backend.plant(1, record)
    stream.publish(make_events(50, "after"))
    found = drain(stream)
    odd = [(partition, at, event) for partition, at, event in found if event.type == UNREADABLE]
    assert [(partition, at) for partition, at, _ in odd] == [(1, offset)]
    event = odd[0][2]
    assert (event.source, event.id, event.payload) == ("stream", hashlib.sha256(record).hexdigest(), record)
    assert len(found) == 101
    assert [e for _, _, e in drain(stream) if e.type == UNREADABLE] == [event], "the same at every reading"


def test_any_damaged_byte_of_a_record_is_noticed(backend, drain):
    event = Event("s", "id", "log.x.y", 1, b'{"a":1}', "w", 2)
    stream = backend.open()
    ((partition, _),) = stream.publish([event]).offsets.items()
    record = pack([event])
    for place in range(0, len(record), backend.stride):
        bad = bytearray(record)
        bad[place] ^= 1 << place % 8
        backend.damage(partition, 0, bytes(bad))
        ((_, _, found),) = drain(backend.open())
        assert (found.type, found.payload) == (UNREADABLE, bytes(bad))


def test_trimming_keeps_every_unread_record_and_uses_no_offset_again(backend, make_events, positions, drain):
    stream = backend.open()
    for round_number in range(4):
        stream.publish(make_events(200, f"r{round_number}"))
    consumer = stream.subscribe(positions.claim, positions.release)
    taken = consumer.poll(300, 5.0)
    read = {item.event.id for item in taken.items}
    positions.position |= {advance.partition: advance.end for advance in taken.advances}
    before = dict(stream.ends())
    stream.trim(positions.position)
    assert dict(stream.ends()) == before
    unread = {event.id for _, _, event in drain(stream)}
    assert len(read) + len(unread) == 800
    assert not read & unread
    positions.position = before
    stream.trim(before)
    stream.close()
    stream = backend.open()
    assert dict(stream.ends()) == before
    published = stream.publish(make_events(200, "late"))
    assert all(last >= before[partition] for partition, last in published.offsets.items())
    assert {event.id for _, _, event in drain(stream)} == {f"late-{n}" for n in range(200)}


def test_a_waiting_poll_sees_what_another_thread_publishes(backend, make_events, positions):
    stream = backend.open()
    consumer = stream.subscribe(positions.claim, positions.release)
    thread = threading.Timer(0.2, lambda: stream.publish(make_events(5)))
    thread.start()
    found: list[Event] = []
    while len(found) < 5:
        polled = consumer.poll(10, LIMIT)
        assert polled.items, "waited for minutes for what was published after a fifth of a second"
        found += [item.event for item in polled.items]
    thread.join()


def test_processes_may_publish_at_the_same_time_while_one_reads(backend, positions):
    stream = backend.open()
    consumer = stream.subscribe(positions.claim, positions.release)
    publishers = [start_publisher(backend, f"p{number}", 20, 37) for number in range(3)]
    found: Counter[str] = Counter()
    places: list[tuple[int, int]] = []
    while sum(found.values()) < 3 * 20 * 37:
        polled = consumer.poll(400, LIMIT)
        assert polled.items, "nothing came for minutes"
        found.update(item.event.id for item in polled.items)
        places += [(advance.partition, offset) for advance in polled.advances for offset in range(advance.start, advance.end)]
    for publisher in publishers:
        publisher.communicate()
        assert publisher.returncode == 0
    assert found == Counter(f"p{p}-{b}-{n}" for p in range(3) for b in range(20) for n in range(37))
    assert sorted(places) == [(partition, offset) for partition, end in stream.ends().items() for offset in range(end)]


def test_i1_what_a_killed_publisher_was_told_is_durable_is_there_once(backend, drain):
    chance = random.Random(7)
    backend.open().close()
    acknowledged: set[str] = set()
    tried: set[str] = set()
    for kill in range(10):
        publisher = start_publisher(backend, f"k{kill}", 100_000, 120)
        assert publisher.stdout is not None
        assert publisher.stdout.readline() == "ready\n"
        told = [publisher.stdout.readline() for _ in range(chance.randrange(1, 12))]
        publisher.send_signal(signal.SIGKILL)
        publisher.wait()
        told += publisher.stdout.read().splitlines(keepends=True)
        publisher.stdout.close()
        done = [int(line) for line in told if line.endswith("\n")]
        assert done == list(range(len(done)))
        acknowledged |= {f"k{kill}-{batch}-{number}" for batch in done for number in range(120)}
        tried |= {f"k{kill}-{batch}-{number}" for batch in range(len(done) + 1) for number in range(120)}
    found = Counter(event.id for _, _, event in drain(backend.open()))
    assert set(found.values()) == {1}
    assert acknowledged <= found.keys() <= tried


def test_big_payloads_travel(backend, drain):
    noise = random.Random(1)
    events = [Event("s", f"big-{n}", "log.x.y", n, noise.randbytes(3_000_000), subject="one") for n in range(6)]
    events.append(Event("s", "huge", "log.x.y", 9, noise.randbytes(12_000_000), subject="one"))
    stream = backend.open()
    stream.publish(events)
    assert [event for _, _, event in drain(stream)] == events
    assert max(stream.ends().values()) > 1, "one pack would hold 30 MB"


@pytest.mark.parametrize("payload", [b"a" * (16 * 1024 * 1024 + 1), random.Random(3).randbytes(16 * 1024 * 1024)])
def test_an_event_that_no_record_can_hold_is_refused_and_nothing_is_published(backend, make_events, payload):
    stream = backend.open()
    with pytest.raises(StreamError, match="nothing was published"):
        stream.publish([*make_events(5), Event("s", "huge", "log.x.y", 1, payload)])
    assert set(stream.ends().values()) == {0}


HOSTILE = ["a\0b", "\ud800", "x" * 513, "é" * 257, "'; drop table records; --", "\x1b[2J", "\u202e", "../../etc/passwd", "%s{0}"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_attributes_travel_clean(backend, drain, text):
    event = Event(text, text, f"log.{text}", 1, b"{}", text, 2, text, text, text, text)
    stream = backend.open()
    stream.publish([event])
    ((_, _, found),) = drain(stream)
    assert found == clean(event)
    assert found.subject == clean_attribute(text)


@pytest.mark.parametrize("change", [{"source": ""}, {"id": ""}, {"type": ""}, {"time": -1}, {"collected_at": 1 << 62}])
def test_an_event_that_is_none_is_refused(backend, make_events, change):
    (event,) = make_events(1)
    values = {name: getattr(event, name) for name in Event.__dataclass_fields__} | change
    stream = backend.open()
    with pytest.raises(StreamError):
        stream.publish([event, Event(**values)])
    assert set(stream.ends().values()) == {0}


def test_window_events_go_through_like_others(backend, drain):
    event = Event("trail", "attempt-1", "window.cloudtrail-files", 1, json.dumps({"v": 1}).encode(), "attempt-1")
    stream = backend.open()
    published = stream.publish([event])
    assert sum(published.counts.values()) == 1
    assert [found for _, _, found in drain(stream)] == [event]


def test_looking_claims_and_moves_nothing(backend, make_events, positions):
    stream = backend.open()
    for round_number in range(2):
        stream.publish(make_events(60, f"r{round_number}"))
    assert {item.event.id for item in stream.look({}, 1_000)} == {f"r{r}-{n}" for r in range(2) for n in range(60)}
    later = stream.look(dict.fromkeys(range(stream.partitions), 1), 1_000)
    assert {item.event.id for item in later} == {f"r1-{n}" for n in range(60)}
    assert 0 < len(stream.look({}, 1)) <= MAX_PACK_EVENTS
    assert stream.look(dict(stream.ends()), 10) == ()
    assert positions.claimed == []
    assert len(stream.subscribe(positions.claim, positions.release).poll(1_000, 5.0).items) > 0


def test_nothing_can_be_published_after_closing(backend, make_events):
    stream = backend.open()
    stream.close()
    stream.close()
    with pytest.raises(StreamError, match="closed"):
        stream.publish(make_events(1))
