"""I17: every roll-up equals a recount, on random histories, by a recount of its own from the entries' bytes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings

from store.engine import reading
from store.fsck import verify
from store.log_source import EntryReader
from store.records import HOUR, Counts
from store.times import parse_time
from tests.store.histories import histories, play
from tests.store.lab import Lab

EVENTS = 8


def recounted(lab: Lab) -> tuple[Counter[Any], dict[str, tuple[int, int]], Counter[str]]:
    """From the log alone: the roll-up, each control's latest evidence, kept entries by source and type."""
    rollup: Counter[Any] = Counter()
    latest: dict[str, tuple[int, int]] = {}
    kept: Counter[Any] = Counter()
    with reading(lab.engine) as connection:
        for entry in EntryReader(connection).entries(0, lab.query.log().size):
            fields = json.loads(entry.metadata)
            if entry.type in ("evidence", "dead_letter"):
                kept[fields["source"], entry.type] += 1
            if entry.type != "evidence":
                continue
            assert entry.detail.data is not None
            tags = json.loads(entry.detail.data)["tags"]
            time = parse_time(fields["event_time"])
            keys = {("source", fields["source"])}
            keys |= {("mapping", tag["mapping"]) for tag in tags if tag["verdict"] != "not-matched"}
            keys |= {("control", control) for tag in tags for control in tag["controls"]}
            rollup.update((time - time % HOUR, *key) for key in keys)
            for dim, control in keys:
                if dim == "control":
                    latest[control] = max(latest.get(control, (0, 0)), (time, entry.index))
    return rollup, latest, kept


def standing(lab: Lab) -> Counter[tuple[str, str]]:
    """Findings by mapping and state, from their histories: the greatest (event_time, index) stands."""
    last: dict[tuple[str, bytes], tuple[int, int, str]] = {}
    for mapping, subject, time, idx, state in lab.sql("SELECT mapping, subject, event_time, idx, state FROM finding_row"):
        key = (mapping, bytes(subject))
        last[key] = max(last.get(key, (0, -1, "")), (time, idx, state))
    return Counter((mapping, state) for (mapping, _), (_, _, state) in last.items())


def check(lab: Lab) -> None:
    rollup, latest, kept = recounted(lab)
    assert {(h, d, k): n for h, d, k, n in lab.sql("SELECT hour, dim, key, n FROM rollup")} == dict(rollup)
    rows = lab.sql("SELECT id, last_evidence, last_idx FROM control WHERE last_evidence IS NOT NULL")
    assert {row[0]: (row[1], row[2]) for row in rows} == latest
    assert {(m, s): n for m, s, n in lab.sql("SELECT mapping, state, n FROM tally") if n} == dict(standing(lab))
    sources = lab.sql("SELECT name, evidence, unmatched, duplicate, dead_letter FROM source")
    for name, evidence, _unmatched, _duplicate, dead in sources:
        assert (evidence, dead) == (kept[name, "evidence"], kept[name, "dead_letter"])
    assert lab.query.totals() == sum((Counts(*row[1:]) for row in sources), Counts())


@given(histories)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_i17_every_roll_up_and_tally_equals_a_recount(new_lab: Callable[[], Lab], history: list[Any]) -> None:
    lab = new_lab()
    play(lab, history)
    check(lab)
    verify(lab.engine, None)


def test_i17_counts_of_what_is_retained_whole(lab: Lab) -> None:
    items = [lab.judged(lab.event(f"e{n}", lab.now - n * HOUR), *(["plain"] if n % 2 else [])) for n in range(EVENTS)]
    assert lab.append(*items, items[0], retain_all=True).counts == Counts(evidence=EVENTS, duplicate=1)
    check(lab)
    assert sum(n for _, n in lab.query.rollup("source", "trail", 0, lab.now + HOUR)) == EVENTS
