"""What is prepared before the lock is looked at again under it, if others have appended meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store import evidence as evidence_module
from store import keep as keep_module
from store.engine import reading, writing
from store.fsck import verify
from store.recent import KEPT, note_recent, touched_since
from store.records import Counts, Judged
from tests.store.lab import T0, Lab
from tests.store.test_observed import look


def between(monkeypatch: pytest.MonkeyPatch, lab: Lab, *items: Judged) -> None:
    """Have another worker append `items` after the next batch was prepared and before it has the lock."""
    real, left = evidence_module.prepare, [items]

    def prepare(*args: Any) -> Any:
        prepared = real(*args)
        if left:
            lab.append(*left.pop())
        return prepared

    monkeypatch.setattr(evidence_module, "prepare", prepare)


def settled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often fates are settled, by size of batch."""
    real, sizes = keep_module.settle_fates, list[int]()

    def settle_fates(connection: Any, secret: bytes, items: Any, *more: Any) -> Any:
        sizes.append(len(items))
        return real(connection, secret, items, *more)

    monkeypatch.setattr(keep_module, "settle_fates", settle_fates)
    return sizes


def test_alone_nothing_is_looked_up_twice(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = settled(monkeypatch)
    lab.append(lab.judged(lab.event("a", T0)), lab.judged(lab.event("b", T0), "plain"))
    lab.append(lab.judged(lab.event("c", T0), "open"))
    assert sizes == [2, 1]


def test_an_append_without_entries_counts_too(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have remembered what passed."""
    event = lab.judged(lab.event("a", T0))
    between(monkeypatch, lab, event)
    assert lab.append(event).counts == Counts(duplicate=1)
    assert lab.sql("SELECT count(*) FROM passed") == [(1,)]


CASES: dict[str, tuple[Callable[[Lab], list[Judged]], Callable[[Lab], list[Judged]], Counts]] = {
    "the same evidence": (
        lambda lab: [lab.judged(lab.event("e", T0), "open")],
        lambda lab: [lab.judged(lab.event(f"{n}", T0), "open") for n in "defg"],
        Counts(evidence=3, duplicate=1),
    ),
    "other bytes under its id": (
        lambda lab: [lab.judged(lab.event("e", T0, payload=b"{}"), "open")],
        lambda lab: [lab.judged(lab.event(f"{n}", T0), "open") for n in "defg"],
        Counts(evidence=4),
    ),
    "what nobody judges here was kept there": (
        lambda lab: [lab.judged(lab.event("e", T0), "open")],
        lambda lab: [lab.judged(lab.event("e", T0)), lab.judged(lab.event("f", T0), "open")],
        Counts(evidence=1, duplicate=1),
    ),
    "something else": (
        lambda lab: [lab.judged(lab.event("x", T0), "open")],
        lambda lab: [lab.judged(lab.event("e", T0), "open"), lab.judged(lab.event("f", T0))],
        Counts(evidence=1, unmatched=1),
    ),
    "the same observation": (
        lambda lab: [look(lab, T0, b"{}", "plain")],
        lambda lab: [look(lab, T0 + 1, b"{}", "plain"), look(lab, T0 + 2, b"[]", "plain")],
        Counts(evidence=1, duplicate=1),
    ),
    "an observation in between": (
        lambda lab: [look(lab, T0 + 1, b"[]", "plain")],
        lambda lab: [look(lab, T0, b"{}", "plain"), look(lab, T0 + 2, b"{}", "plain")],
        Counts(evidence=2),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_others_appended_meanwhile_decides(name: str, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, ours, counts = CASES[name]
    between(monkeypatch, lab, *theirs(lab))
    assert lab.append(*ours(lab)).counts == counts
    verify(lab.engine, None)


def test_what_others_appended_is_looked_up_only_where_it_is_of_this_batch(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def ours() -> list[Judged]:
        return [lab.judged(lab.event("e", T0), "open"), lab.judged(lab.event("f", T0)), look(lab, T0, b"{}", "plain")]

    others = [lab.judged(lab.event(n, T0), *said) for n, said in (("a", ["open"]), ("b", []))]
    between(monkeypatch, lab, *others, look(lab, T0, b"[]", "plain", subject="arn:aws:s3:::other"))
    sizes = settled(monkeypatch)
    assert lab.append(*ours()).counts == Counts(evidence=2, unmatched=1)
    assert sizes == [3, 3]  # theirs and ours, once each
    between(monkeypatch, lab, lab.judged(lab.event("g", T0)))
    assert lab.append(lab.judged(lab.event("g", T0 + 1)), lab.judged(lab.event("h", T0))).counts == Counts(unmatched=2)
    assert sizes[2:] == [2, 1, 2]
    verify(lab.engine, None)


def test_when_too_many_have_appended_all_is_looked_up_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    real, done = evidence_module.prepare, list[int]()

    def prepare(*args: Any) -> Any:
        prepared = real(*args)
        for n in range(0 if done else KEPT + 1):
            done.append(n)
            lab.append(lab.judged(lab.event(f"x{n}", T0), "plain"))
        return prepared

    monkeypatch.setattr(evidence_module, "prepare", prepare)
    assert lab.append(lab.judged(lab.event("x1", T0), "plain")).counts == Counts(duplicate=1)
    assert lab.sql("SELECT count(*) FROM recent") == [(KEPT,)]


@given(st.lists(st.tuples(st.integers(1, 3), st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5)), max_size=6))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_touched_since(lab: Lab, life: Any) -> None:
    lab.sql("DELETE FROM recent")
    now, said = 100, dict[int, list[int]]()
    for step, keys in life:
        now += step
        said[now] = keys
        with writing(lab.engine) as connection:
            note_recent(connection, now, keys)
    with reading(lab.engine) as connection:
        for before in range(100, now + 1):
            wanted = range(before + 1, now + 1)
            known = frozenset(key for n in wanted for key in said.get(n, ())) if all(n in said for n in wanted) else None
            assert touched_since(connection, before, now) == known


def test_a_conflict_within_a_batch_cites_the_index_that_its_first_was_given(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    between(monkeypatch, lab, *(lab.judged(lab.event(f"x{n}", T0), "plain") for n in range(3)))
    pair = [lab.judged(lab.event("e", T0, payload=payload), "plain") for payload in (b"1", b"2", b"1")]
    assert lab.append(*pair, lab.judged(lab.event("f", T0), "plain")).counts == Counts(evidence=3, duplicate=1)
    verify(lab.engine, None)
    rows = lab.sql("SELECT idx, conflicts_with FROM evidence ORDER BY idx DESC LIMIT 3")
    assert [row[1] for row in rows] == [None, rows[2][0], None]
