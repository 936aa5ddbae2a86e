"""Old evidence judged again: findings at the events' own times, nothing that stands touched, stopped and gone on with."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pipeline import replaying
from pipeline.posture import decide
from pipeline.replaying import ReplayError, replay
from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.ruleset import RuleSet
from store.errors import VerificationError
from store.fsck import verify
from store.records import HOUR, Activation, Batch, Erasure, Judged
from tests.store.lab import CONTROLS, T0, Lab

OLD = """
title: Everything
id: 0c3b1f2e-5f0b-4b0e-9b53-6b3f0a4f6f00
tags: [iso27001-2022.a.8.15]
logsource: {product: aws, service: cloudtrail}
detection: {s: {n|exists: true}, condition: s}
rationale: r
"""
NEW = """
title: Stopped
id: 0c3b1f2e-5f0b-4b0e-9b53-6b3f0a4f6f01
tags: [iso27001-2022.a.8.16]
logsource: {product: aws, service: cloudtrail}
detection: {s: {name: Stop}, condition: s}
until: {name: Start}
finding: not-satisfied
no_match: silent
subject: trail
rationale: r
"""
STOPPED = "0c3b1f2e-5f0b-4b0e-9b53-6b3f0a4f6f01"


def activate(lab: Lab, *texts: str) -> RuleSet:
    found = MappingSet(files={f"m{n}.yaml": text for n, text in enumerate(texts)})
    rules = RuleSet.compile(found)
    lab.store.append(Batch(activate=Activation(rules.digest, found.to_bytes(), rules.mappings, CONTROLS)), (), decide)
    return rules


@pytest.fixture
def lab(new_lab: Callable[[], Lab]) -> Lab:
    """A store whose evidence was judged by a set that only keeps it."""
    lab = new_lab()
    rules = activate(lab, OLD)
    names = ["Stop", "Look", "Start", "Stop", "Look", "Stop"]
    items = []
    for number, name in enumerate(names):
        payload = json.dumps({"name": name, "trail": f"t{number // 4}", "n": number}).encode()
        event = lab.event(f"e{number}", T0 + number * HOUR, payload=payload)
        items.append(Judged(event, rules.judge(event), 0))
    lab.store.append(Batch(mapping_set=rules.digest, items=tuple(items)), (), decide)
    return lab


def run(lab: Lab, since: int = 0) -> tuple[replaying.Replayed, list[int]]:
    told: list[int] = []
    return replay(lab.store, since, lambda done: told.append(done.at)), told


def rows(lab: Lab) -> list[Any]:
    return lab.sql("SELECT event_time, state FROM finding_row WHERE mapping = ? ORDER BY event_time, idx", STOPPED)


def test_findings_open_and_close_at_the_events_own_times(lab: Lab) -> None:
    activate(lab, OLD, NEW)
    before = lab.sql("SELECT * FROM rollup"), lab.sql("SELECT count(*) FROM evidence_control")
    done, _ = run(lab)
    assert (done.read, done.unread, done.findings) == (6, 0, 4)
    assert [(time - T0) // HOUR for time, _ in rows(lab)] == [0, 2, 3, 5]
    assert [state for _, state in rows(lab)] == ["not-satisfied", "closed", "not-satisfied", "not-satisfied"]
    assert (lab.sql("SELECT * FROM rollup"), lab.sql("SELECT count(*) FROM evidence_control")) == before
    verify(lab.engine, None)


def test_it_is_told_in_the_digest_and_not_as_an_alarm(lab: Lab) -> None:
    activate(lab, OLD, NEW)
    run(lab)
    assert {row[0] for row in lab.sql("SELECT delivery FROM drift WHERE mapping = ?", STOPPED)} <= {"digest", "summary"}
    assert lab.sql("SELECT count(*) FROM drift WHERE mapping = ?", STOPPED)[0][0] > 0


def test_only_events_since_then_are_judged_again(lab: Lab) -> None:
    activate(lab, OLD, NEW)
    done, _ = run(lab, T0 + 3 * HOUR)
    assert done.read == 3
    assert [(time - T0) // HOUR for time, _ in rows(lab)] == [3, 5]


def test_it_goes_on_where_it_stopped_and_says_nothing_twice(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    activate(lab, OLD, NEW)
    monkeypatch.setattr(replaying, "PIECE", 2)

    def stop(done: replaying.Replayed) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replay(lab.store, 0, stop)
    assert len(rows(lab)) == 1
    done, told = run(lab)
    assert (done.read, len(told)) == (4, 2)
    assert len(rows(lab)) == 4
    size = lab.sql("SELECT size FROM head")
    assert run(lab)[0].read == 0
    assert lab.sql("SELECT size FROM head") == size
    run(lab, 1)  # another period over the same events
    assert len(rows(lab)) == 4
    verify(lab.engine, None)


def test_what_is_erased_is_counted_and_not_guessed(lab: Lab) -> None:
    activate(lab, OLD, NEW)
    index = lab.sql("SELECT min(idx) FROM evidence")[0][0]
    lab.store.append(Batch(erasures=(Erasure((index,), "asked for", "dpo", payload_only=True),)), (), decide)
    done, _ = run(lab)
    assert (done.read, done.unread) == (5, 1)
    assert [(time - T0) // HOUR for time, _ in rows(lab)] == [3, 5]
    verify(lab.engine, None)


def test_a_set_that_says_nothing_new_writes_one_entry(lab: Lab) -> None:
    activate(lab, OLD + "\n# changed\n", NEW.replace("name: Stop", "name: Never").replace("name: Start", "name: Neither"))
    size = lab.sql("SELECT size FROM head")[0][0]
    assert run(lab)[0].findings == 0
    assert lab.sql("SELECT size FROM head")[0][0] == size + 1
    assert rows(lab) == []


def test_without_a_set_nothing_can_be_judged(new_lab: Callable[[], Lab]) -> None:
    lab = new_lab()
    with pytest.raises(ReplayError, match="attestream mappings activate"):
        replay(lab.store, 0, lambda _: None)


def test_the_verifier_sees_a_replay_that_was_changed(lab: Lab) -> None:
    activate(lab, OLD, NEW)
    run(lab)
    [(index,)] = lab.sql("SELECT idx FROM entry WHERE type = 'replay'")
    lab.sql("UPDATE tag SET fresh_at = fresh_at - 1 WHERE idx = ?", index)
    with pytest.raises(VerificationError, match="its tags are not those in its detail"):
        verify(lab.engine, None)
