"""Appending: what becomes of each record, what its findings say, and that nothing is written when something is wrong."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.posture import decide
from store.entries import canonical
from store.errors import Fenced, StaleMappingSet, StoreError
from store.fsck import verify
from store.records import DAY, HOUR, SECOND, Batch, Closing, Counts, Cover, Judged, PartRecord, Verdict
from store.reports import Moment
from tests.store.histories import histories, play
from tests.store.lab import MAPPINGS, PART, T0, TYPE, Lab, mapping

ALICE = "111122223333/alice"
OTHER_PART = "111122223333/us-east-1"


@pytest.fixture
def early(new_lab: Callable[[], Lab]) -> Lab:
    """A store whose clock stands within the hours of the events, a day after T0."""
    lab = new_lab()
    lab.now = T0 + DAY
    lab.activate()
    return lab


def controls(lab: Lab) -> dict[str, str]:
    return {id_: control.state.value for id_, control in lab.query.controls(Moment()).items()}


# What becomes of a record.


def test_i8_a_record_that_comes_again_changes_nothing(lab: Lab) -> None:
    item = lab.judged(lab.event("e1", T0), "open")
    assert lab.append(item, item).counts == Counts(evidence=1, duplicate=1)
    before, states = lab.query.log(), lab.states()
    lab.wait(SECOND)
    again = item._replace(event=replace(item.event, window="another", collected_at=lab.now))
    assert lab.append(again).counts == Counts(duplicate=1)
    assert (lab.query.log().size, lab.query.log().root, lab.states()) == (before.size, before.root, states)


def test_the_same_id_from_another_source_is_another_event(lab: Lab) -> None:
    items = [lab.judged(lab.event("e1", T0, source=source), "open") for source in ("trail", "other")]
    assert lab.append(*items).counts == Counts(evidence=2)


def conflicts(lab: Lab) -> list[tuple[int, int | None]]:
    return [(row.idx, row.conflicts_with) for row in reversed(lab.query.evidence())]


def test_the_same_id_with_other_bytes_is_evidence_and_a_conflict(lab: Lab) -> None:
    lab.append(lab.judged(lab.event("e1", T0), "open"))
    other = lab.judged(lab.event("e1", T0, payload=b"{}"), "open")
    assert lab.append(other).counts == Counts(evidence=1)
    assert lab.append(other).counts == Counts(duplicate=1)
    assert lab.append(lab.judged(lab.event("e1", T0), "open")).counts == Counts(duplicate=1)
    (first, _), (second, points_to) = conflicts(lab)
    assert points_to == first
    (drift,) = lab.query.drift(kind="conflict")
    assert (drift.idx, drift.level, drift.delivery) == (second, "high", "alert")


def test_a_conflict_within_one_batch_points_to_the_entry_of_that_batch(lab: Lab) -> None:
    event = lab.event("e1", T0)
    variants = [replace(event, payload=payload) for payload in (event.payload, b"1", b"2", b"1")]
    assert lab.append(*(lab.judged(e, "plain") for e in variants)).counts == Counts(evidence=3, duplicate=1)
    (first, none), *others = conflicts(lab)
    assert none is None
    assert [points_to for _, points_to in others] == [first, first]
    assert len(lab.query.drift(kind="conflict")) == 2
    verify(lab.engine, None)


def test_what_no_mapping_judged_is_counted_and_not_kept(lab: Lab) -> None:
    before = lab.query.log().size
    assert lab.append(lab.judged(lab.event("e1", T0))).counts == Counts(unmatched=1)
    assert lab.append(lab.judged(lab.event("e1", T0))).counts == Counts(duplicate=1)
    assert lab.query.log().size == before


def test_what_was_unmatched_becomes_evidence_when_it_is_judged_later(lab: Lab) -> None:
    lab.append(lab.judged(lab.event("e1", T0)))
    lab.activate((*MAPPINGS, mapping("new", "not-satisfied", (("A.5.10", "strong"),))))
    assert lab.append(lab.judged(lab.event("e1", T0), "new")).counts == Counts(evidence=1)
    assert lab.states() == {("new", ALICE): "not-satisfied"}
    assert lab.append(lab.judged(lab.event("e1", T0), "new")).counts == Counts(duplicate=1)
    verify(lab.engine, None)


def test_everything_is_kept_when_that_is_asked_for(lab: Lab) -> None:
    assert lab.append(lab.judged(lab.event("e1", T0)), retain_all=True).counts == Counts(evidence=1)
    assert [row.tags for row in lab.query.evidence()] == [()]
    verify(lab.engine, None)


def test_i9_what_cannot_be_understood_becomes_a_dead_letter_once(lab: Lab) -> None:
    assert lab.append(lab.unreadable("bad"), lab.unreadable("bad")).counts == Counts(dead_letter=1, duplicate=1)
    assert lab.append(lab.unreadable("bad")).counts == Counts(duplicate=1)
    (letter,) = lab.query.dead_letters()
    view = lab.query.entry(letter.idx)
    assert view is not None
    assert (view.type, view.payload) == ("dead_letter", b"\xff")


@settings(max_examples=20, deadline=None)
@given(history=histories)
def test_counts_add_up_and_a_store_verifies_after_any_history(new_lab: Callable[[], Lab], history: list[Any]) -> None:
    lab = new_lab()
    play(lab, history)
    verified = verify(lab.engine, None)
    totals = lab.query.totals()
    assert totals.collected == totals.evidence + totals.unmatched + totals.duplicate + totals.dead_letter
    assert (verified.entries.get("evidence", 0), verified.entries.get("dead_letter", 0)) == (totals.evidence, totals.dead_letter)
    for window in lab.query.windows(limit=1000):
        if window.idx is not None:
            view = lab.query.entry(window.idx)
            assert view is not None
            assert view.fields["counts"]["collected"] == window.counts.collected


# Nothing is written when something is wrong.


def test_i12_a_fenced_consumer_writes_nothing(lab: Lab) -> None:
    old = lab.stream_epoch
    lab.append_at([lab.judged(lab.event("e1", T0), "open")], 0, 1)
    epoch, position = lab.positions.claim(0)
    assert position == 1
    before = lab.query.log()
    for start, under in ((1, old), (0, epoch), (2, epoch)):
        with pytest.raises(Fenced):
            lab.append_at([lab.judged(lab.event("e2", T0), "open")], start, start + 1, under)
    assert lab.query.log() == before
    assert lab.query.evidence_by_id("e2") == []
    assert lab.positions.all() == {0: 1}
    lab.append_at([lab.judged(lab.event("e2", T0), "open")], 1, 2, epoch)
    assert lab.positions.all() == {0: 2}


def test_a_batch_judged_by_another_set_is_refused_and_nothing_is_written(lab: Lab) -> None:
    item = lab.judged(lab.event("e1", T0), "open")
    old = lab.digest
    lab.activate()
    before = lab.query.log()
    with pytest.raises(StaleMappingSet):
        lab.store.append(Batch(mapping_set=old, items=(item,)), (), decide)
    assert (lab.query.log(), lab.query.totals()) == (before, Counts())


def test_what_fails_inside_is_taken_back_whole(lab: Lab) -> None:
    before = lab.query.log()

    def fail(view: object) -> Any:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        lab.store.append(Batch(mapping_set=lab.digest, items=(lab.judged(lab.event("e1", T0), "open"),)), (), fail)
    assert (lab.query.log(), lab.query.totals(), lab.query.evidence_by_id("e1")) == (before, Counts(), [])
    verify(lab.engine, None)


def test_i13_recorded_at_never_goes_back(lab: Lab) -> None:
    lab.append(lab.judged(lab.event("e1", T0), "plain"))
    high = lab.now
    lab.wait(-DAY)
    lab.append(lab.judged(lab.event("e2", T0), "plain"))
    assert {row.recorded_at for row in lab.query.evidence()} == {high}
    verify(lab.engine, None)


# What findings say.


def test_a_match_opens_and_an_until_closes(lab: Lab) -> None:
    lab.append(lab.judged(lab.event("e1", T0 + HOUR), "open"))
    assert controls(lab)["A.5.15"] == "not-satisfied"
    assert controls(lab)["A.8.2"] == "not-assessed"  # for this control the mapping is only weak
    lab.append(lab.judged(lab.event("e2", T0 + 2 * HOUR), ("open", Verdict.UNTIL)))
    assert lab.rows("open") == [(T0 + HOUR, "not-satisfied"), (T0 + 2 * HOUR, "closed")]
    assert controls(lab)["A.5.15"] == "not-assessed"


def test_plain_evidence_speaks_for_nothing(lab: Lab) -> None:
    lab.append(lab.judged(lab.event("e1", T0 + HOUR), "plain"))
    assert lab.states() == {}
    assert set(controls(lab).values()) == {"not-assessed"}
    assert lab.query.controls(Moment())["A.5.28"].last_evidence == T0 + HOUR


def test_an_until_that_comes_before_its_match_closes_it_all_the_same(lab: Lab) -> None:
    lab.append(lab.judged(lab.event("e2", T0 + 2 * HOUR), ("open", Verdict.UNTIL)))
    assert lab.states() == {}
    lab.append(lab.judged(lab.event("e1", T0 + HOUR), "open"))
    assert lab.rows("open") == [(T0 + HOUR, "not-satisfied"), (T0 + 2 * HOUR, "closed")]


def test_a_late_match_is_folded_into_the_past(lab: Lab) -> None:
    lab.append(lab.judged(lab.event("e1", T0 + 10 * HOUR), "open"))
    lab.append(lab.judged(lab.event("e2", T0 + 20 * HOUR), ("open", Verdict.UNTIL)))
    lab.append(lab.judged(lab.event("e0", T0 + 5 * HOUR), "open"))
    assert lab.rows("open") == [(T0 + 5 * HOUR, "not-satisfied"), (T0 + 20 * HOUR, "closed")]
    (found,) = lab.query.findings(Moment())
    assert (found.since, found.reason) == (T0 + 20 * HOUR, "undone")
    lab.append(lab.judged(lab.event("e3", T0 + 15 * HOUR), ("open", Verdict.UNTIL)))
    assert lab.rows("open") == [(T0 + 5 * HOUR, "not-satisfied"), (T0 + 15 * HOUR, "closed")]
    (found,) = lab.query.findings(Moment())
    assert found.since == T0 + 15 * HOUR
    verify(lab.engine, None)


def test_a_match_closes_after_quiet_for_of_covered_time_only(lab: Lab) -> None:
    lab.append(lab.judged(lab.event("e1", T0 + 12 * HOUR), "open"))
    lab.window(T0, T0 + DAY)  # covered: 12 h less an hour's lateness
    lab.window(T0 + 3 * DAY, T0 + 4 * DAY)  # a day more, less an hour
    assert lab.states()["open", ALICE] == "not-satisfied"
    lab.window(T0 + 4 * DAY, T0 + 5 * DAY)  # the rest of 48 h is full after 14 h of this one
    assert lab.rows("open") == [(T0 + 12 * HOUR, "not-satisfied"), (T0 + 4 * DAY + 13 * HOUR, "closed")]


def test_a_hole_that_is_filled_closes_earlier(lab: Lab) -> None:
    lab.append(lab.judged(lab.event("e1", T0), "open"))
    lab.window(T0, T0 + DAY)
    lab.window(T0 + 2 * DAY, T0 + 4 * DAY)
    first = lab.rows("open")[-1]
    assert first == (T0 + 3 * DAY + HOUR, "closed")
    lab.window(T0 + DAY, T0 + 2 * DAY, kind="retry")
    assert lab.rows("open")[-1] == (T0 + 2 * DAY, "closed")
    verify(lab.engine, None)


def test_a_late_match_opens_again_what_was_quiet(lab: Lab) -> None:
    lab.append(lab.judged(lab.event("e1", T0), "open"))
    lab.window(T0, T0 + 3 * DAY)
    assert lab.rows("open")[-1] == (T0 + 2 * DAY, "closed")
    lab.append(lab.judged(lab.event("e2", T0 + DAY), "open"))
    assert lab.rows("open") == [(T0, "not-satisfied")]
    (found,) = lab.query.findings(Moment(), mapping="open")
    assert found.since == T0
    verify(lab.engine, None)


def test_a_failed_window_covers_nothing(lab: Lab) -> None:
    lab.append(lab.judged(lab.event("e1", T0), "open"))
    lab.window(T0, T0 + 5 * DAY, state="failed", covers=(), parts=(), errors=("access denied",))
    assert lab.states() == {("open", ALICE): "not-satisfied"}


def test_what_says_satisfied_goes_stale_when_it_is_not_said_again(early: Lab) -> None:
    lab = early
    lab.append(lab.judged(lab.event("e1", T0 + HOUR), "sat"))
    assert controls(lab)["A.8.16"] == "satisfied"
    lab.wait(HOUR - 1)
    assert lab.due().findings == 0
    lab.wait(1)
    assert lab.due().findings == 1
    assert lab.due().findings == 0
    assert lab.rows("sat") == [(T0 + HOUR, "satisfied"), (T0 + HOUR + DAY, "stale")]
    assert controls(lab)["A.8.16"] == "stale"
    lab.wait(HOUR)
    lab.append(lab.judged(lab.event("e2", lab.now), "sat"))
    assert controls(lab)["A.8.16"] == "satisfied"
    verify(lab.engine, None)


def test_silence_over_covered_time_says_satisfied_until_coverage_ends(early: Lab) -> None:
    silence = ("two", f"trail/{PART}")
    lab = early
    lab.window(T0, T0 + DAY)
    assert lab.states() == {silence: "satisfied"}
    assert controls(lab)["A.8.15"] == "satisfied"
    lab.wait(DAY - 1)
    lab.due()
    assert lab.states()[silence] == "satisfied"
    lab.wait(1)
    lab.due()
    assert lab.states()[silence] == "stale"
    assert controls(lab)["A.8.15"] == "stale"
    lab.window(T0 + DAY, T0 + 2 * DAY)
    assert lab.states()[silence] == "satisfied"
    assert lab.rows(*silence) == [(T0, "satisfied")]
    verify(lab.engine, None)


def test_covered_time_shorter_than_the_lateness_says_nothing(early: Lab) -> None:
    lab = early
    lab.window(T0, T0 + HOUR)
    assert lab.states() == {("two", f"trail/{PART}"): "not-assessed"}
    assert controls(lab)["A.8.15"] == "not-assessed"


def test_a_match_of_a_two_sided_mapping_speaks_louder_than_silence(early: Lab) -> None:
    lab = early
    lab.window(T0, T0 + DAY, lab.judged(lab.event("e1", T0 + HOUR), "two"))
    assert lab.states() == {("two", f"trail/{PART}"): "satisfied", ("two", ALICE): "not-satisfied"}
    assert controls(lab)["A.8.15"] == "not-satisfied"


def test_an_error_is_no_verdict_of_its_own_where_something_was_said(lab: Lab) -> None:
    lab.append(lab.judged(lab.event("e1", T0 + HOUR), ("open", Verdict.ERROR)))
    assert lab.states() == {("open", ALICE): "error"}
    assert controls(lab)["A.5.15"] == "not-assessed"
    lab.append(
        lab.judged(lab.event("e2", T0 + 2 * HOUR), "open"), lab.judged(lab.event("e3", T0 + 3 * HOUR), ("open", Verdict.ERROR))
    )
    assert lab.states() == {("open", ALICE): "not-satisfied"}
    assert [f.errors for f in lab.query.findings(Moment())] == [2]
    verify(lab.engine, None)


def test_a_person_closes_a_finding_and_a_later_match_opens_it(lab: Lab) -> None:
    lab.append(lab.judged(lab.event("e1", T0 + HOUR), "open"))
    lab.append(closings=(Closing("open", ALICE, T0 + 2 * HOUR, "a drill", "carol"),))
    assert lab.rows("open") == [(T0 + HOUR, "not-satisfied"), (T0 + 2 * HOUR, "closed")]
    lab.append(lab.judged(lab.event("e2", T0 + 3 * HOUR), "open"))
    assert lab.states() == {("open", ALICE): "not-satisfied"}
    with pytest.raises(StoreError, match="no finding"):
        lab.append(closings=(Closing("open", "nobody", T0, "", ""),))
    verify(lab.engine, None)


def test_findings_of_a_mapping_that_is_no_longer_held_retire(lab: Lab) -> None:
    lab.append(lab.judged(lab.event("e1", T0), "open", "two"))
    lab.window(T0, T0 + DAY)
    lab.activate([record for record in MAPPINGS if record.id == "open"])
    assert lab.states() == {
        ("open", ALICE): "not-satisfied",
        ("two", ALICE): "retired",
        ("two", f"trail/{PART}"): "retired",
    }
    assert controls(lab)["A.8.15"] == "not-assessed"
    verify(lab.engine, None)
    lab.activate()
    lab.window(T0 + DAY, T0 + 2 * DAY, lab.judged(lab.event("e2", T0 + 40 * DAY), "two"))
    assert lab.states()["two", ALICE] == "not-satisfied"
    verify(lab.engine, None)


def test_silence_counts_only_what_was_judged_by_a_set_that_held_the_mapping(early: Lab) -> None:
    lab = early
    lab.activate([mapping("two", "not-satisfied", (("A.8.15", "strong"),), silence=True, digest="changed")])
    lab.window(T0, T0 + HOUR // 2)
    lab.wait(SECOND)
    lab.activate([mapping("two", "not-satisfied", (("A.8.15", "strong"),), silence=True, digest="changed again")])
    assert lab.states() == {("two", f"trail/{PART}"): "not-assessed"}
    lab.window(T0 + HOUR // 2, T0 + 5 * HOUR)
    assert lab.rows("two", f"trail/{PART}")[-1] == (T0 + HOUR // 2, "satisfied")
    verify(lab.engine, None)


# Order of arrival never decides.


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_i8_any_order_of_arrival_gives_the_same_findings(new_lab: Callable[[], Lab], data: Any) -> None:
    sayings = st.tuples(
        st.integers(0, 150),
        st.sampled_from(["open", "two", "sat"]),
        st.sampled_from([Verdict.MATCHED, Verdict.UNTIL, Verdict.MATCHED]),
        st.sampled_from([PART, OTHER_PART]),
    )
    said = data.draw(st.lists(sayings, min_size=1, max_size=8, unique_by=lambda s: s[0]))
    stretches = data.draw(st.lists(st.tuples(st.integers(0, 150), st.integers(1, 60)), max_size=3))
    steps: list[Any] = [("event", n) for n in range(len(said))] + [("window", n) for n in range(len(stretches))]
    shuffled = data.draw(st.permutations(steps))
    results = []
    for order in (steps, shuffled):
        lab = new_lab()
        lab.now = T0 + 300 * HOUR
        lab.activate()
        for kind, n in order:
            lab.wait(1)
            if kind == "window":
                start, length = stretches[n]
                lab.window(T0 + start * HOUR, T0 + (start + length) * HOUR)
                continue
            hour, mapping_id, verdict, part = said[n]
            verdict = Verdict.MATCHED if mapping_id == "sat" else verdict
            account, region = part.split("/")
            event = lab.event(f"e{n}", T0 + hour * HOUR, account=account, region=region)
            lab.append(lab.judged(event, (mapping_id, verdict)))
        lab.due()
        verify(lab.engine, None)
        names = [("open", ALICE), ("two", ALICE), ("sat", ALICE), ("two", f"trail/{PART}")]
        results.append((lab.states(), {name: lab.rows(*name) for name in names}))
    assert results[0] == results[1]


# Windows.


def test_a_window_closes_when_its_events_are_all_there_whatever_came_first(lab: Lab) -> None:
    attempt = lab.open_window(T0, T0 + DAY)
    record = lab.record(attempt, (T0, T0 + DAY), 2, offsets=((0, 1),))
    items = [lab.judged(lab.event(f"e{n}", T0, window=attempt), "plain") for n in range(2)]
    lab.append_at([items[0]], 0, 1)
    assert lab.close_window(record).closed == ()
    assert [w.state for w in lab.query.windows()] == ["open"]
    assert lab.append_at([items[1]], 1, 2).closed == (attempt,)
    (window,) = lab.query.windows()
    assert (window.state, window.counts) == ("complete", Counts(evidence=2))


def test_a_window_that_no_lease_finished_stays_open(lab: Lab) -> None:
    attempt = lab.open_window(T0, T0 + DAY)
    record = lab.record(attempt, (T0, T0 + DAY), 0)
    lab.ledger.finish(attempt, lab.epoch, record, {})
    with pytest.raises(Fenced):
        lab.ledger.finish(attempt, lab.epoch + 1, record, {})
    unfinished = lab.open_window(T0 + DAY, T0 + 2 * DAY)
    event = lab.event("w", T0, type="window.cloudtrail-files", window=unfinished)
    lab.append(Judged(event, (), 0, lab.record(unfinished, (T0 + DAY, T0 + 2 * DAY), 0)))
    assert [w.state for w in lab.query.windows(limit=1)] == ["open"]


def test_a_window_that_lost_events_is_given_up_and_asked_for_again(lab: Lab) -> None:
    attempt = lab.open_window(T0, T0 + DAY)
    record = lab.record(attempt, (T0, T0 + DAY), 2, offsets=((0, 0),))
    item = lab.judged(lab.event("e1", T0, window=attempt), "plain")
    lab.append_at([item], 0, 1)
    assert lab.close_window(record, cursor={}).closed == (attempt,)
    (window,) = lab.query.windows()
    assert (window.state, window.counts) == ("abandoned", Counts(evidence=1))
    assert lab.ledger.interrupted("trail", lab.epoch) == [(T0, T0 + DAY)]
    assert lab.query.coverage() == []
    assert [d.after for d in lab.query.drift(kind="source")] == ["gap"]
    verify(lab.engine, None)


def test_the_first_complete_window_of_a_part_is_told_once_as_a_summary(lab: Lab) -> None:
    lab.window(T0, T0 + DAY, lab.judged(lab.event("e1", T0), "open"))
    assert [d.delivery for d in lab.query.drift(kind="finding")] == ["summary"]
    (told,) = lab.query.drift(kind="baseline")
    assert (told.delivery, told.account) == ("alert", PART.split("/")[0])
    lab.window(T0 + DAY, T0 + 2 * DAY, lab.judged(lab.event("e2", T0 + DAY), ("open", Verdict.MATCHED, "bob")))
    assert len(lab.query.drift(kind="baseline")) == 1
    assert [d.delivery for d in lab.query.drift(kind="finding")] == ["alert", "summary"]


def test_a_failed_window_is_no_baseline(lab: Lab) -> None:
    lab.window(T0, T0 + DAY, state="failed", parts=(PartRecord(PART, TYPE, complete=False),), covers=())
    assert lab.query.drift(kind="baseline") == []
    lab.window(T0, T0 + DAY)
    assert len(lab.query.drift(kind="baseline")) == 1
    verify(lab.engine, None)


def test_i11_a_source_that_fails_three_times_is_told_and_so_is_its_recovery(lab: Lab) -> None:
    for n in range(4):
        lab.wait(HOUR)
        lab.window(T0 + n * DAY, T0 + (n + 1) * DAY, state="failed", covers=(), parts=(), errors=("access denied",))
    assert [d.after for d in lab.query.drift(kind="source")] == ["failing"]
    lab.wait(HOUR)
    lab.window(T0, T0 + DAY)
    assert [d.after for d in lab.query.drift(kind="source")] == ["collecting", "failing"]


def test_covers_too_long_for_an_entry_stand_there_by_digest(lab: Lab) -> None:
    covers = tuple(Cover(PART, T0 + n * HOUR, T0 + n * HOUR + 1) for n in range(80))
    lab.window(T0, T0 + 80 * HOUR, covers=covers)
    (window,) = lab.query.windows()
    assert window.idx is not None
    view = lab.query.entry(window.idx)
    assert view is not None
    assert "covers" not in view.fields
    assert len(view.fields["covers_sha256"]) == 64
    assert [len(c.stretches) for c in lab.query.coverage()] == [80]
    verify(lab.engine, None)


def test_backfill_goes_to_the_digest(lab: Lab) -> None:
    lab.window(T0, T0 + DAY)
    lab.window(T0 + DAY, T0 + 2 * DAY, lab.judged(lab.event("e1", T0 + DAY), "open"), kind="backfill")
    assert [d.delivery for d in lab.query.drift(kind="finding")] == ["digest"]


# The canonical form.

text = st.text(st.characters(exclude_categories=("Cs",)))
keys = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)
scalars = st.none() | st.booleans() | text | st.integers(-(2**53) + 1, 2**53 - 1)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=20
)


@given(values)
def test_canonical_is_rfc_8785(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@given(st.dictionaries(keys, text | st.integers(0, 2**53 - 1), max_size=6))
def test_canonical_does_not_depend_on_order(value: dict[str, Any]) -> None:
    items = list(value.items())
    random.Random(1).shuffle(items)
    assert canonical(dict(items)) == canonical(value)


def test_a_period_read_again_says_nothing_for_a_mapping_that_did_not_judge_what_was_known(new_lab: Callable[[], Lab]) -> None:
    """Evidence that comes again is not judged again: its window's silence must not read as a pass of a mapping that is newer."""
    lab = new_lab()
    lab.now = T0 + 2 * DAY
    lab.activate()
    known = lab.event("known", T0 + HOUR)
    lab.window(T0, T0 + DAY, lab.judged(known, ("open", Verdict.MATCHED, ALICE)))
    newer = mapping("newer", "not-satisfied", (("A.5.2", "strong"),), silence=True)
    lab.activate([*MAPPINGS, newer])
    lab.window(T0, T0 + DAY, lab.judged(known, ("open", Verdict.MATCHED, ALICE), ("newer", Verdict.MATCHED, ALICE)))
    assert controls(lab)["A.5.2"] == "not-assessed"
    lab.window(T0 + DAY, T0 + 2 * DAY, lab.judged(lab.event("fresh", T0 + DAY + HOUR)))
    assert controls(lab)["A.5.2"] == "satisfied"
    verify(lab.engine, None)


def test_attempts_that_were_never_begun_can_be_taken_back(lab: Lab) -> None:
    first, second = lab.ledger.register("trail", lab.epoch, [(T0, T0 + HOUR), (T0 + HOUR, T0 + 2 * HOUR)], "scheduled")
    [again] = lab.ledger.register("trail", lab.epoch, [(T0, T0 + HOUR)], "retry")
    lab.close_window(lab.record(first, (T0, T0 + HOUR), 0), cursor={})
    lab.ledger.withdraw([first, second, again], lab.epoch)
    assert {row[0] for row in lab.sql("SELECT id FROM attempt")} == {first, again}
    with pytest.raises(Fenced):
        lab.ledger.withdraw([again], lab.epoch - 1)
