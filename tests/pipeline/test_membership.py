"""Who is a member when: folded from joinings and leavings, read from a store as the log grows, never applied to the past."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.membership import Membership, spans
from pipeline.posture import decide
from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.ruleset import RuleSet
from pipeline.stream.sqlite import SqliteStream
from pipeline.worker import Worker
from store.records import Activation, Batch, Erasure, Event
from tests.store.lab import CONTROLS, T0, Lab

LEAVERS = """
logsource: {category: ticket, product: jira, service: issue}
selection: {state: left}
until: {state: back}
field: who
for: 2d
"""
MAPPING = """
title: x
id: 0c3b1f2e-5f0b-4b0e-9b53-6b3f0a4f6f01
tags: [iso27001-2022.a.8.15]
logsource: {category: snapshot, product: aws, service: iam, resource: user}
detection: {s: {name|expand: '%leavers%'}, condition: s}
rationale: r
"""
HOURS = 3600 * 1_000_000


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=8), st.integers(1, 5))
def test_spans_say_at_every_moment_what_the_last_word_before_says(said: list[tuple[int, bool]], lasts: int) -> None:
    found = spans([(time, joined, n) for n, (time, joined) in enumerate(said)], lasts)
    for moment in range(30):
        inside = False
        for time, joined in sorted(said):  # at one time a leaving comes first
            if time <= moment:
                inside = joined and moment < time + lasts
        assert any(start <= moment < end for start, end in found) is inside
    assert found == sorted(found)


@pytest.fixture
def lab(new_lab: Callable[[], Lab]) -> Lab:
    lab = new_lab()
    texts = {"own/sets/leavers.yaml": LEAVERS, "own/m.yaml": MAPPING}
    mapping_set = MappingSet(files=texts)
    rules = RuleSet.compile(mapping_set)
    lab.store.append(Batch(activate=Activation(rules.digest, mapping_set.to_bytes(), rules.mappings, CONTROLS)), (), decide)
    return lab


@pytest.fixture
def take(lab: Lab, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Puts events through stream, worker and store, by one worker."""
    stream = SqliteStream(tmp_path / "stream.db", 1)
    worker = Worker(stream, lab.store)

    def run(*events: Event) -> None:
        stream.publish(list(events))
        worker.drain()

    yield run
    stream.close()


def ticket(lab: Lab, who: str, state: str, time: int) -> Event:
    payload = json.dumps({"who": who, "state": state}).encode()
    return lab.event(f"{who}{state}{time}", time, type="ticket.jira.issue", subject=f"T-{who}", payload=payload)


def user(lab: Lab, name: str, time: int, more: int = 0) -> Event:
    payload = json.dumps({"name": name, "more": more}).encode()
    return lab.event(f"{name}{time}", time, type="snapshot.aws.iam.user", subject=f"user/{name}", payload=payload)


def details(lab: Lab) -> list[tuple[str, str, int | None]]:
    """Of each evidence entry by the mapping: subject, verdict, the size at which sets were read."""
    found = []
    for (idx,) in lab.sql("SELECT idx FROM evidence ORDER BY idx"):
        entry = lab.query.entry(idx)
        assert entry is not None
        assert entry.detail is not None
        detail = json.loads(entry.detail) if isinstance(entry.detail, bytes) else entry.detail
        found += [(t["subject"], t["verdict"], detail.get("sets_at")) for t in detail["tags"]]
    return found


def test_who_has_left_is_found_at_the_next_look_and_the_log_says_by_which_sets(lab: Lab, take: Callable[..., None]) -> None:
    take(user(lab, "bob", T0), ticket(lab, "bob", "left", T0))  # in one batch: known from the next on
    take(user(lab, "bob", T0 + HOURS, 1), user(lab, "ann", T0 + HOURS))
    take(ticket(lab, "bob", "back", T0 + 2 * HOURS))
    take(user(lab, "bob", T0 + 3 * HOURS, 2))
    sizes = [-1 if size is None else size for _, _, size in details(lab)]
    assert [(who, verdict) for who, verdict, _ in details(lab)] == [
        ("user/bob", "not-matched"), ("bob", "matched"), ("user/bob", "matched"), ("user/ann", "not-matched"), ("bob", "until"),
        ("user/bob", "not-matched"),
    ]  # fmt: skip
    assert (sizes[1], sizes[4]) == (-1, -1)  # sets ask no sets
    assert -1 < sizes[0] < sizes[2] == sizes[3] < sizes[5]


def test_another_worker_reads_the_same_from_the_log(lab: Lab, take: Callable[..., None]) -> None:
    rules = RuleSet.compile(MappingSet(files={"own/sets/leavers.yaml": LEAVERS, "own/m.yaml": MAPPING}))
    grown = Membership(rules.sets)
    for number, (who, state) in enumerate([("bob", "left"), ("Ann", "left"), ("bob", "back"), ("bob", "left")]):
        take(ticket(lab, who, state, T0 + number * HOURS))
        assert grown.read(lab.store.engine) == Membership(rules.sets).read(lab.store.engine)
    sets, size = grown.read(lab.store.engine)
    assert size == lab.sql("SELECT size FROM head")[0][0]
    lab.store.append(Batch(erasures=(Erasure((1,), "asked for", "dpo", payload_only=True),)), (), decide)
    lab.sql("UPDATE handle SET name = NULL WHERE name = 'Ann'")
    assert set(grown.read(lab.store.engine)[0]["leavers"]) == {"bob"}
    two_days = 48 * HOURS
    assert {name: list(found) for name, found in sets["leavers"].items()} == {
        "bob": [(T0, T0 + 2 * HOURS), (T0 + 3 * HOURS, T0 + 3 * HOURS + two_days)],
        "ann": [(T0 + HOURS, T0 + HOURS + two_days)],
    }
