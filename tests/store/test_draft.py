"""Drafts: what is written before the lock is, with the time put in, the canonical entry."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.draft import Draft, evidence_detail, make_draft, salts
from store.entries import MAX_ENTRY, canonical, decode
from store.errors import StoreError
from store.records import Event, Judged, Judgement, Verdict
from store.times import MAX_TIME, format_time, parse_time

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    ['"recorded_at":"', '\\"recorded_at\\":\\"', '","recorded_at":"2026-01-01', "recorded_at", "\u2028é\U0001f600"]
)
times = st.integers(0, MAX_TIME)
judgements = st.builds(
    Judgement,
    words,
    st.sampled_from([Verdict.MATCHED, Verdict.UNTIL, Verdict.ERROR, Verdict.NOT_MATCHED]),
    st.sampled_from(["evidence", "not-satisfied", "satisfied"]),
    words,
    st.lists(st.sampled_from(["A.5.15", "A.8.2", "A.8.15"]), max_size=3).map(tuple),
    words,
)
bodies = st.binary(max_size=50)
events = st.builds(Event, words, words, words, times, bodies, words, times, st.none() | words, words, words, words)
judged = st.builds(Judged, events, st.lists(judgements, max_size=3).map(tuple))


def whole(draft: Draft, now: int) -> dict[str, Any]:
    """The entry, checked to be canonical."""
    return decode(draft.before + format_time(now).encode() + draft.after, 0)


@given(judged, st.none() | st.integers(0, 2**53 - 1), times)
def test_a_draft_of_evidence_is_the_canonical_entry(item: Judged, first: int | None, now: int) -> None:
    event, draft = item.event, make_draft("evidence", item, "s" * 64, first, salts(2))
    entry = whole(draft, now)
    assert parse_time(entry.pop("recorded_at")) == now
    wanted = {
        "v": 1,
        "type": "evidence",
        "source": event.source,
        "event_time": format_time(event.time),
        "collected_at": format_time(event.collected_at),
        "event_type": event.type,
        "controls": sorted({c for j in item.judgements for c in j.controls}),
        "mapping_set": "s" * 64,
        "window": event.window,
        "detail": draft.detail.field(),
        "payload": draft.payload.field(),
        **({"conflicts_with": first} if first is not None else {}),
    }
    assert entry == wanted
    assert (draft.payload.data, draft.payload.media_type) == (event.payload, event.media_type)


@given(judged, times)
def test_a_draft_of_a_dead_letter_is_the_canonical_entry(item: Judged, now: int) -> None:
    draft = make_draft("dead_letter", item, "", None, salts(2))
    entry = whole(draft, now)
    assert parse_time(entry.pop("recorded_at")) == now
    assert entry == {
        "v": 1,
        "type": "dead_letter",
        "source": item.event.source,
        "event_time": format_time(item.event.time),
        "collected_at": format_time(item.event.collected_at),
        "window": item.event.window,
        "detail": draft.detail.field(),
        "payload": draft.payload.field(),
    }


@given(judged)
def test_the_detail_is_canonical(item: Judged) -> None:
    event, data = item.event, evidence_detail(item.event, item.judgements)
    detail = json.loads(data)
    assert canonical(detail) == data
    assert detail.get("subject") == event.subject
    assert ("subject" in detail) == (event.subject is not None)
    assert (detail["id"], detail["account"], detail["region"]) == (event.id, event.account, event.region)
    assert detail["tags"] == [
        {
            "mapping": j.mapping,
            "verdict": j.verdict.value,
            "finding": j.finding,
            "subject": j.subject,
            "controls": list(j.controls),
            "reason": j.reason,
        }
        for j in item.judgements
    ]


def test_salts_are_each_of_their_own() -> None:
    made = list(salts(100))
    assert len(set(made)) == 100
    assert {len(salt) for salt in made} == {16}


@pytest.mark.parametrize("kind", ["evidence", "dead_letter"])
def test_an_entry_over_the_limit_is_refused_before_the_lock(kind: str) -> None:
    longest = MAX_ENTRY - len(whole_bytes(kind, ""))
    assert len(whole_bytes(kind, "w" * longest)) == MAX_ENTRY
    with pytest.raises(StoreError, match="over the limit"):
        whole_bytes(kind, "w" * (longest + 1))


def whole_bytes(kind: str, window: str) -> bytes:
    draft = make_draft(kind, Judged(Event("s", "i", "t", 0, b"{}", window)), "", None, salts(2))
    return draft.before + format_time(0).encode() + draft.after
