"""What must hold of a simulated installation: while it runs, and when it has come to rest."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

from attestream.refold import recheck
from collectors.runner import CLOCK_AHEAD
from pipeline.stream.packs import read_record
from store.checkpoint import CheckpointStore, open_checkpoint
from store.fsck import verify
from store.records import UNREADABLE, Event
from tests.faults.kit import START
from tests.faults.observe import Observed, Tables, observe
from tests.faults.simulator_ground import ORIGIN, Rows, compiled
from tests.faults.simulator_roles import Installation
from tests.faults.simulator_world import END, LOGS, OVERLAP, STATE_CONTROL, STATES
from tests.faults.whole import check_whole

Skipped = set[tuple[int, int]]


def check_cursors(installation: Installation, rows: Rows) -> None:
    """I2: what a cursor has passed is in the store, or in the stream behind the position, or will be asked for again.

    A cursor that a wrong clock has set into the future is no promise: its source is read anew.
    """
    broker, world = installation.broker, installation.world
    positions = {row[0]: row[1] for row in rows("select partition, position from position")}
    waiting = {
        (event.source, event.id, event.payload)
        for number, log in enumerate(broker.partitions)
        for record in log.records[max(positions.get(number, 0), log.begin) :]
        for event in read_record(record.data, record.written_at)
    }
    seen = {(row[0], bytes(row[1])) for row in rows("select source, key from seen where idx >= 0")}
    again = defaultdict(list)
    for source, start, end in rows("select source, asked_from, asked_to from attempt where state = 'open' or again"):
        again[source].append((start, end))
    judge = compiled(installation.ground.later.payload).judge
    ((secret,),) = rows("select value from meta where name = 'seen_key'")
    slack = OVERLAP if installation.sim.faults["jump"] else 0  # a clock that was a little wrong: the next window reads it
    for name in LOGS:
        ((end,),) = rows("select cursor_end from source where name = ?", name) or [(None,)]
        for source, at, event in world.deliveries:
            if end is None or end > installation.sim.wall() + CLOCK_AHEAD or installation.sim.offset:
                continue
            if source != name or at > end - slack:
                continue
            if (source, event.id, event.payload) in waiting or any(a < at <= b for a, b in again[source]):
                continue
            there = {(source, key) for key in _keys(secret, event)} & seen
            assert there or not (event.type == UNREADABLE or judge(event)), (
                f"I2: {event.id} of {source}, delivered at {_hours(at)}, is behind the cursor ({_hours(end)}) and nowhere"
            )


def _keys(secret: bytes, event: Event) -> list[bytes]:
    """What an event may be remembered under: its id, or, of two versions, its bytes and id."""
    id_ = event.id.encode()
    digest = hashlib.blake2b(event.payload, digest_size=16, key=secret).digest()
    return [hashlib.blake2b(text, digest_size=16, key=secret).digest() for text in (b"\0" + id_, b"\1" + digest + id_)]


def check_end(installation: Installation, skipped: Skipped, rows: Rows, straight: Observed) -> None:
    """Everything is at rest."""
    ground = installation.ground
    check_whole(ground.path, ground.checkpoints)
    opened = installation.opened("rest")
    latest = CheckpointStore(ground.checkpoints).latest()
    assert latest is not None
    verify(opened.engine, open_checkpoint(latest, ORIGIN, [ground.key.verifier]), refold=recheck)
    _check_processed(installation, skipped, rows)
    _check_windows(rows)
    outcome = observe(ground.path)
    _check_world(installation, outcome)
    _check_states(installation, skipped, outcome, rows)
    _check_same(outcome, straight)
    _check_drift(rows)


def _processed(installation: Installation, skipped: Skipped) -> list[tuple[int, Event]]:
    """(partition, event) of every record that was in the stream and not deleted before it was read."""
    return [
        (number, event)
        for number, log in enumerate(installation.broker.partitions)
        for offset, record in enumerate(log.records)
        if (number, offset) not in skipped
        for event in read_record(record.data, record.written_at)
    ]


def _check_processed(installation: Installation, skipped: Skipped, rows: Rows) -> None:
    """I1: every position is at the end, and each record was counted once: by window and partition, and by source."""
    positions = dict(rows("select partition, position from position"))
    ends = {number: end for number, end in installation.broker.ends().items() if end}
    assert {number: positions.get(number, 0) for number in ends} == ends, "records were left in the stream"
    by_window: Counter[tuple[str, int]] = Counter()
    by_source: Counter[str] = Counter()
    for partition, event in _processed(installation, skipped):
        if event.kind != "window":
            by_source[event.source] += 1
            if event.window:
                by_window[event.window, partition] += 1
    sums = "evidence + unmatched + duplicate + dead_letter"
    counted = {(row[0], row[1]): row[2] for row in rows(f"select attempt, partition, {sums} from attempt_count")}
    assert {key: n for key, n in counted.items() if n} == dict(by_window), "a window's events were not counted once each"
    sources = {name: n for name, n in rows(f"select name, {sums} from source") if n}
    assert sources == dict(by_source), "a source's events were not counted once each"


def _check_windows(rows: Rows) -> None:
    """I7: windows tile time, up to the end; and what was given up after its cursor had moved was asked for again."""
    read: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    columns = "source, asked_from, asked_to, idx"
    for source, start, end, index in rows(f"select {columns} from attempt where state in ('complete', 'partial')"):
        read[source].append((start, end, index))
    for name in (*LOGS, STATES):
        periods = [(start, end) for start, end, _ in read[name]]
        first = START if name in LOGS else min(start for start, _ in periods)
        assert _tiles(periods, first, END), f"I7: the windows of {name} do not tile"
        ((cursor,),) = rows("select cursor_end from source where name = ?", name)
        assert cursor == END
    given_up = rows(f"select {columns}, id from attempt where state = 'abandoned' and finished")
    for source, start, end, index, attempt in given_up:
        later = [(a, b) for a, b, other in read[source] if other > index]
        assert _tiles(later, start, end), f"attempt {attempt} of {source} was given up and not asked for again"


def _tiles(periods: list[tuple[int, int]], start: int, end: int) -> bool:
    for begin, stop in sorted(periods):
        if begin <= start < stop:
            start = stop
    return start >= end


def _check_world(installation: Installation, outcome: Observed) -> None:
    """Each record that a mapping judges is there once, each of its versions; so are bytes that nobody can read."""
    judge = compiled(installation.ground.later.payload).judge
    events = {(e.source, e.id, e.payload): e for _, _, e in installation.world.deliveries}
    wanted = Counter(key for key, event in events.items() if event.type != UNREADABLE and judge(event))
    found: Counter[tuple[Any, ...]] = Counter()
    for key, n in outcome.evidence.items():
        if key[0] != STATES:
            found[key[0], key[1], key[-1]] += n
    assert found == wanted, f"evidence: missing {_ids(wanted - found)}, too often {_ids(found - wanted)}"
    torn = Counter((e.source, e.payload) for e in events.values() if e.type == UNREADABLE)
    junk = Counter(("stream", data) for _, _, data in installation.world.junk)
    dead: Counter[tuple[Any, ...]] = Counter()
    for key, n in outcome.dead.items():
        dead[key[0], key[3]] += n
    assert dead == torn + junk, "dead letters"


def _ids(some: Counter[tuple[Any, ...]]) -> list[Any]:
    return [(key[0], key[1], n) for key, n in some.items()]


def _check_states(installation: Installation, skipped: Skipped, outcome: Observed, rows: Rows) -> None:
    """A resource's newest observation stands; each state that was seen is kept, and none that was not; no observation twice."""
    newest: dict[str, tuple[int, bytes]] = {}
    said: set[tuple[str, bytes]] = set()
    for _, event in _processed(installation, skipped):
        if event.source == STATES and event.kind == "snapshot":
            assert event.subject is not None
            said.add((event.subject, event.payload))
            newest[event.subject] = max(newest.get(event.subject, (0, b"")), (event.time, event.payload))
    kept = Tables(installation.ground.path)
    stored: set[tuple[str, bytes]] = set()
    for entry in kept.entries():
        if entry.type == "evidence" and entry.fields["source"] == STATES:
            stored.add((entry.detail["subject"], entry.parts["payload"][1]))
    assert stored == said, "states that were seen are not those that are kept"
    assert all(n == 1 for key, n in outcome.evidence.items()), "an observation is kept twice"
    times = sorted(row[0] for row in rows("select time from observed where source = ?", STATES))
    assert times == sorted(time for time, _ in newest.values()), "the newest observation does not stand"


def _check_same(outcome: Observed, straight: Observed) -> None:
    """I8: order, duplicates and delays change nothing."""
    mine, other = _plain(outcome), _plain(straight)
    assert mine.evidence == other.evidence
    assert mine.dead == other.dead
    for key in sorted(mine.findings.keys() | other.findings.keys()):
        assert mine.findings.get(key) == other.findings.get(key), (
            f"finding {key} is\n  {_history(mine, key)}\nand read at once\n  {_history(other, key)}"
        )
    for key in sorted(mine.controls.keys() | other.controls.keys()):
        assert mine.controls.get(key) == other.controls.get(key), f"control {key}"


def _history(outcome: Observed, key: tuple[str, str]) -> str:
    return ", ".join(f"{_hours(time)} {state}" for time, state in outcome.findings.get(key, ()))


def _plain(outcome: Observed) -> Observed:
    """Without what the order of arrival may decide: which of two versions came first, when states were looked at."""
    evidence = Counter({(*key[:7], *key[8:]): n for key, n in outcome.evidence.items() if key[0] != STATES})
    controls = {id_: said for id_, said in outcome.controls.items() if id_ != STATE_CONTROL}
    return replace(outcome, evidence=evidence, controls=controls)


def _check_drift(rows: Rows) -> None:
    """A change is told once."""
    twice = rows("select idx, key, count(*) from drift where kind = 'finding' group by idx, key, event_time having count(*) > 1")
    assert not twice, "a change was told twice"


def _hours(time: int) -> str:
    return f"{(time - START) / 3_600_000_000:.2f} h"
