"""The reading side: status now and as of a moment, against a recomputation from the log; lists that are paged to their end."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.errors import StoreError, VerificationError
from store.query import StoreQuery
from store.query_controls import Standing, since
from store.query_findings import run_start
from store.records import DAY, HOUR, SECOND, ControlState, Counts, Cover, State, Verdict
from store.reports import Moment
from store.status import control_state, status_json
from store.tiles import leaf_hash, verify_consistency, verify_inclusion
from store.times import MAX_TIME, format_time, parse_time
from tests.store.histories import histories, hours, play
from tests.store.lab import CONTROLS, ORIGIN, PART, T0, Lab, mapping

Entries = Sequence[Mapping[str, Any]]


def log_of(query: StoreQuery) -> list[dict[str, Any]]:
    """All entries of the log, read one by one, with their details."""
    found = []
    for index in range(query.log().size):
        view = query.entry(index)
        assert view is not None
        detail = json.loads(view.detail) if view.detail is not None else {}
        found.append({**view.fields, "idx": index, "detail": detail, "payload_bytes": view.payload})
    return found


def naive_findings(entries: Entries, time: int, size: int) -> dict[tuple[str, str], tuple[int, int, str]]:
    """(event_time, index, state) of each finding at a cut: the greatest row, nothing else."""
    standing: dict[tuple[str, str], tuple[int, int, str]] = {}
    for entry in entries[:size]:
        at = parse_time(entry["event_time"])
        if entry["type"] == "finding" and at <= time:
            key, row = (entry["mapping"], entry["subject"]), (at, entry["idx"], entry["after"])
            standing[key] = max(row, standing.get(key, row))
    return standing


def naive_controls(lab: Lab, findings: Mapping[tuple[str, str], tuple[int, int, str]]) -> dict[str, Counter[State]]:
    rows = lab.sql("SELECT id, record FROM mapping")
    voices = {f"attestation:{id_}": [id_] for id_ in CONTROLS}
    speaks = {row[0]: [c for c, strength in json.loads(row[1])["controls"] if strength != "weak"] for row in rows}
    plain = {row[0] for row in rows if json.loads(row[1])["finding"] == "evidence"}
    tallies: dict[str, Counter[State]] = {id_: Counter() for id_ in CONTROLS}
    for (mapping_id, _), (_, _, state) in findings.items():
        for control in {**speaks, **voices}[mapping_id] if mapping_id not in plain else ():
            tallies[control][State(state)] += 1
    return tallies


def naive_applicable(entries: Entries, control: str, time: int, size: int) -> bool:
    said = [
        (parse_time(e["event_time"]), e["idx"], e["applicable"])
        for e in entries[:size]
        if e["type"] == "soa" and e["control"] == control and parse_time(e["event_time"]) <= time
    ]
    return max(said)[2] if said else True


def naive_latest(entries: Entries, control: str, time: int, size: int) -> tuple[int, int] | tuple[None, None]:
    latest = parse_time(entries[size - 1]["recorded_at"]) if size else 0
    rows = [
        (parse_time(e["event_time"]), e["idx"])
        for e in entries[:size]
        if e["type"] == "evidence" and control in e["controls"] and parse_time(e["event_time"]) <= min(time, latest)
    ]
    return max(rows) if rows else (None, None)


@settings(max_examples=25, deadline=None)
@given(history=histories, hour=hours, part=st.floats(0, 1))
def test_a_moment_is_what_a_recomputation_from_the_log_gives(
    new_lab: Callable[[], Lab], history: list[Any], hour: int, part: float
) -> None:
    lab = new_lab()
    play(lab, history)
    entries = log_of(lab.query)
    size = round(part * len(entries))
    moments = [Moment(T0 + hour * HOUR, size), Moment(None, size), Moment(T0 + hour * HOUR, None)]
    for moment in moments:
        time = MAX_TIME if moment.as_of is None else moment.as_of
        upto = len(entries) if moment.known_at is None else moment.known_at
        findings = naive_findings(entries, time, upto)
        got = {(f.mapping, f.subject_handle): (f.row_idx, f.state.value) for f in lab.query.findings(moment, limit=1000)}
        assert got == {key: (idx, state) for key, (_, idx, state) in findings.items()}
        tallies = naive_controls(lab, findings)
        for id_, control in lab.query.controls(moment).items():
            tally = tallies[id_]
            counts = (control.not_satisfied, control.satisfied, control.stale, control.accepted)
            assert counts == tuple(tally[s] for s in (State.NOT_SATISFIED, State.SATISFIED, State.STALE, State.ACCEPTED))
            assert control.state is control_state(tally, applicable=naive_applicable(entries, id_, time, upto))
            assert (control.last_evidence, control.last_idx) == naive_latest(entries, id_, time, upto)


@settings(max_examples=15, deadline=None)
@given(history=histories)
def test_the_present_is_the_moment_at_the_end_of_time(new_lab: Callable[[], Lab], history: list[Any]) -> None:
    lab = new_lab()
    play(lab, history)
    end = Moment(MAX_TIME, lab.query.log().size)
    now = {f.row_idx: (f.mapping, f.subject, f.state, f.since, f.reason) for f in lab.query.findings(Moment(), limit=1000)}
    assert now == {f.row_idx: (f.mapping, f.subject, f.state, f.since, f.reason) for f in lab.query.findings(end, limit=1000)}
    present, at_end = lab.query.controls(Moment()), lab.query.controls(end)
    active = {control for record in lab.query.mappings() for control in record.speaks_for()}
    for id_ in active:
        assert present[id_].state is at_end[id_].state
        assert present[id_].not_satisfied == at_end[id_].not_satisfied


def test_as_of_shows_what_stood_then_and_known_at_what_was_known_then(lab: Lab) -> None:
    before = lab.query.log().size
    lab.append(lab.judged(lab.event("a", T0 + 10 * HOUR), "open"))
    lab.append(lab.judged(lab.event("b", T0 + 20 * HOUR), ("open", Verdict.UNTIL)))
    known = lab.query.log().size
    lab.append(lab.judged(lab.event("c", T0 + 5 * HOUR), "open"))

    def state(as_of: int | None, known_at: int | None) -> tuple[str, int | None]:
        control = lab.query.controls(Moment(as_of, known_at))["A.5.15"]
        return control.state.value, control.since

    assert state(None, None)[0] == "not-assessed"
    assert state(T0 + 12 * HOUR, None) == ("not-satisfied", T0 + 5 * HOUR)
    assert state(T0 + 12 * HOUR, known) == ("not-satisfied", T0 + 10 * HOUR)
    assert state(T0 + 7 * HOUR, known) == ("not-assessed", None)
    assert state(T0 + 7 * HOUR, None) == ("not-satisfied", T0 + 5 * HOUR)
    assert state(T0 + 12 * HOUR, before) == ("not-assessed", None)
    assert state(None, known)[0] == "not-assessed"


def test_a_retired_mapping_still_counts_as_of_the_time_when_it_spoke(lab: Lab) -> None:
    lab.append(lab.judged(lab.event("a", T0), "open"))
    lab.wait(DAY)
    lab.activate([record for record in lab.mappings.values() if record.id != "open"])
    assert lab.query.controls(Moment())["A.5.15"].state is ControlState.NOT_ASSESSED
    assert lab.query.controls(Moment(as_of=T0 + HOUR))["A.5.15"].state is ControlState.NOT_SATISFIED
    assert [f.state for f in lab.query.findings(Moment(), mapping="open")] == [State.RETIRED]


def test_controls_come_in_the_order_of_annex_a(lab: Lab) -> None:
    assert list(lab.query.controls(Moment())) == ["A.5.2", "A.5.10", "A.5.15", "A.5.28", "A.8.2", "A.8.15", "A.8.16"]
    assert list(lab.query.controls(Moment(T0))) == list(lab.query.controls(Moment()))


def test_since_takes_changes_back_until_the_state_is_another() -> None:
    bad, good, closed = State.NOT_SATISFIED, State.SATISFIED, State.CLOSED
    assert since([]) is None
    assert since([Standing(bad, 10, None, None)]) == 10
    assert since([Standing(bad, 10, None, None), Standing(bad, 20, None, None)]) == 10
    assert since([Standing(good, 10, None, None), Standing(closed, 20, bad, 5)]) == 20
    # open from 10 to 20, another from 15 on: not satisfied since 10
    assert since([Standing(closed, 20, bad, 10), Standing(bad, 15, None, None)]) == 10
    # what stood before 30 is not known: at the least since 30
    assert since([Standing(good, 40, good, 30), Standing(good, 10, None, None)]) == 30


def test_the_start_of_a_run_passes_over_rows_that_no_longer_stand() -> None:
    assert run_start([(30, "a")]) == 30
    assert run_start([(30, "a"), (20, "b"), (10, "a")]) == 30
    assert run_start([(30, "a"), (20, "a"), (20, "b"), (10, "a"), (5, "b")]) == 10


def everything(call: Callable[[str | None], Sequence[Any]]) -> Iterator[Any]:
    """All pages of a list."""
    after = None
    while page := call(after):
        yield from page
        after = page[-1].cursor


def busy(lab: Lab) -> None:
    """Events of equal times, two windows, dead letters, an id that comes with other bytes."""
    for number in range(12):
        time = T0 + number // 3 * HOUR
        lab.append(
            lab.judged(lab.event(f"e{number}", time), ("open", Verdict.MATCHED, f"111122223333/s{number}"), "plain"),
            lab.judged(lab.event(f"f{number}", time), "sat"),
        )
    lab.append(lab.judged(lab.event("e3", T0, payload=b"{}"), "plain"), lab.unreadable("bad1"), lab.unreadable("bad2"))
    lab.window(T0, T0 + DAY)
    lab.window(T0 + DAY, T0 + 2 * DAY)


LISTS: dict[str, Callable[[StoreQuery, str | None, int], Sequence[Any]]] = {
    "evidence": lambda q, after, n: q.evidence(after=after, limit=n),
    "evidence of a control": lambda q, after, n: q.evidence(control="A.5.28", after=after, limit=n),
    "evidence of a mapping": lambda q, after, n: q.evidence(mapping="open", after=after, limit=n),
    "evidence of a source": lambda q, after, n: q.evidence(source="trail", after=after, limit=n),
    "findings": lambda q, after, n: q.findings(Moment(), after=after, limit=n),
    "findings as of": lambda q, after, n: q.findings(Moment(T0 + 2 * HOUR), after=after, limit=n),
    "drift": lambda q, after, n: q.drift(after=after, limit=n),
    "windows": lambda q, after, n: q.windows(after=after, limit=n),
    "dead letters": lambda q, after, n: q.dead_letters(after=after, limit=n),
}


@pytest.mark.parametrize("name", LISTS)
def test_pages_hold_every_row_once_in_one_order(lab: Lab, name: str) -> None:
    busy(lab)
    call = LISTS[name]
    whole = call(lab.query, None, 1000)
    assert len(whole) >= 2
    for limit in (1, 2, 5):
        assert list(everything(lambda after, n=limit: call(lab.query, after, n))) == list(whole)


def test_new_rows_do_not_disturb_a_page_that_was_turned(lab: Lab) -> None:
    busy(lab)
    first = lab.query.evidence(limit=10)
    rest = lab.query.evidence(after=first[-1].cursor, limit=1000)
    lab.append(lab.judged(lab.event("new", T0 + 9 * HOUR), "plain"))
    assert lab.query.evidence(after=first[-1].cursor, limit=1000) == rest


@pytest.mark.parametrize("cursor", ["", "x", "1", "1.", ".1", "1.-1", "1.2.3", "9" * 30 + ".1", "1' OR 1.1", "٣.١"])
def test_a_cursor_that_is_none_is_refused(lab: Lab, cursor: str) -> None:
    for name in ("evidence", "findings", "drift", "windows", "dead letters"):
        if name in ("drift", "dead letters") and cursor == "1":
            continue
        with pytest.raises(StoreError, match="cursor"):
            LISTS[name](lab.query, cursor, 5)


def test_evidence_shows_what_the_detail_holds(lab: Lab) -> None:
    lab.append(lab.judged(lab.event("e1", T0 + HOUR, window="w"), "open", ("plain", Verdict.MATCHED, "bucket")))
    (row,) = lab.query.evidence()
    assert (row.id, row.account, row.region, row.source, row.window) == ("e1", *PART.split("/"), "trail", "w")
    assert (row.event_time, row.collected_at, row.recorded_at) == (T0 + HOUR, lab.now, lab.now)
    assert row.controls == ("A.5.15", "A.5.28", "A.8.2")
    assert [(t.mapping, t.title, t.verdict, t.finding, t.subject) for t in row.tags] == [
        ("open", "Title of open", "matched", "not-satisfied", "111122223333/alice"),
        ("plain", "Title of plain", "matched", "evidence", "bucket"),
    ]
    assert lab.query.evidence_row(row.idx) == row
    assert lab.query.evidence_row(row.idx + 1) is None


def test_evidence_is_found_by_all_its_conditions_together(lab: Lab) -> None:
    lab.declare("trail", "other")
    for number, source in enumerate(("trail", "trail", "other")):
        lab.append(lab.judged(lab.event(f"e{number}", T0 + number * HOUR, source=source), "open", "plain"))
        lab.append(lab.judged(lab.event(f"p{number}", T0 + number * HOUR, source=source), "plain"))

    def ids(**wanted: Any) -> list[str]:
        return [row.id for row in lab.query.evidence(**wanted)]

    assert ids(source="other") == ["p2", "e2"]
    assert ids(mapping="open") == ["e2", "e1", "e0"]
    assert ids(mapping="open", source="trail") == ["e1", "e0"]
    assert ids(control="A.5.28", mapping="open", source="trail", start=T0 + HOUR) == ["e1"]
    assert ids(control="A.5.28", end=T0 + HOUR) == ["p0", "e0"]
    assert ids(control="A.5.99") == []
    assert ids(start=T0 + 2 * HOUR, end=T0 + 2 * HOUR) == []


def test_an_event_id_finds_its_evidence_and_what_conflicts_with_it(lab: Lab) -> None:
    lab.declare("trail", "other")
    lab.append(lab.judged(lab.event("e", T0), "plain"), lab.judged(lab.event("e", T0, source="other"), "plain"))
    lab.append(lab.judged(lab.event("e", T0, payload=b"[]"), "plain"), lab.judged(lab.event("unkept", T0)))
    found = {source: lab.query.evidence_by_id("e", source) for source in (None, "trail", "other", "none")}
    rows = [lab.query.evidence_row(idx) for idx in found[None]]
    assert [(r.id, r.source, r.conflicts_with) for r in rows if r] == [
        ("e", "trail", None),
        ("e", "other", None),
        ("e", "trail", found[None][0]),
    ]
    assert found["trail"] == [found[None][0], found[None][2]]
    assert found["other"] == [found[None][1]]
    assert found["none"] == lab.query.evidence_by_id("unkept") == []


def test_findings_say_why_and_are_found_by_their_conditions(lab: Lab) -> None:
    lab.append(lab.judged(lab.event("e1", T0 + HOUR), "open"), lab.judged(lab.event("e2", T0 + 2 * HOUR), ("sat", Verdict.ERROR)))
    lab.window(T0, T0 + 3 * HOUR)
    evidence = {row.id: row.idx for row in lab.query.evidence()}
    (found,) = lab.query.findings(Moment(), mapping="open")
    assert (found.subject, found.source, found.part, found.level) == ("111122223333/alice", "trail", PART, "high")
    assert (found.state, found.since, found.cites, found.reason) == (State.NOT_SATISFIED, T0 + HOUR, (evidence["e1"],), "matched")
    assert found.controls == ("A.5.15",)
    assert [f.errors for f in lab.query.findings(Moment(), mapping="sat")] == [1]
    (silence,) = lab.query.findings(Moment(), silence=True)
    assert (silence.mapping, silence.subject) == ("two", f"trail/{PART}")
    assert {f.mapping for f in lab.query.findings(Moment(), silence=False)} == {"open", "sat"}
    assert {f.mapping for f in lab.query.findings(Moment(), control="A.8.15")} == {"sat", "two"}
    assert {f.mapping for f in lab.query.findings(Moment(), state="not-satisfied")} == {"open"}
    assert lab.query.findings(Moment(), source="other") == []


def test_a_history_has_every_row_and_its_cause(lab: Lab) -> None:
    lab.append(lab.judged(lab.event("e1", T0 + 10 * HOUR), "open"))
    lab.append(lab.judged(lab.event("e2", T0 + 20 * HOUR), ("open", Verdict.UNTIL)))
    lab.wait(SECOND)
    lab.append(lab.judged(lab.event("e0", T0 + 5 * HOUR), "open"))
    (found,) = lab.query.findings(Moment())
    rows = lab.query.finding_history("open", found.subject_handle)
    assert [(r.event_time, r.before, r.after, r.reason) for r in rows] == [
        (T0 + 5 * HOUR, "", "not-satisfied", "matched"),
        (T0 + 10 * HOUR, "", "not-satisfied", "matched"),
        (T0 + 20 * HOUR, "not-satisfied", "closed", "undone"),
    ]
    assert rows[0].recorded_at == lab.now
    assert rows[0].recorded_at > rows[1].recorded_at
    assert all(len(r.cites) == 1 for r in rows)
    assert lab.query.finding_history("open", "00" * 16) == []
    with pytest.raises(StoreError, match="handle"):
        lab.query.finding_history("open", "not hex")


def test_the_size_at_a_time_counts_what_was_recorded_by_then(lab: Lab) -> None:
    first = lab.now
    lab.wait(SECOND)
    lab.append(lab.judged(lab.event("e1", T0), "plain"), lab.judged(lab.event("e2", T0), "plain"))
    assert [lab.query.size_at(t) for t in (0, first - 1, first, lab.now - 1, lab.now, MAX_TIME)] == [0, 0, 1, 1, 3, 3]


def test_sources_say_how_they_are(lab: Lab) -> None:
    lab.declare("trail", "other")
    (other, trail) = lab.query.sources(lab.now)
    assert (trail.state, trail.lag_seconds, trail.last_window, trail.gaps) == ("waiting", None, None, [])
    lab.window(T0, T0 + DAY, lab.judged(lab.event("e1", T0), "plain"), lab.judged(lab.event("e2", T0)))
    lab.window(T0 + 2 * DAY, T0 + 3 * DAY, state="partial")
    other, trail = lab.query.sources(lab.now)
    assert (other.name, other.state) == ("other", "waiting")
    assert (trail.state, trail.lag_seconds) == ("partial", (lab.now - T0 - DAY) // SECOND)
    assert trail.gaps == [(T0 + DAY, T0 + 2 * DAY)]
    assert trail.counts == Counts(evidence=1, unmatched=1)
    lab.wait(SECOND)
    lab.window(T0 + DAY, T0 + 2 * DAY, kind="retry")
    trail = lab.query.sources(lab.now)[1]
    assert (trail.state, trail.gaps) == ("collecting", [])
    lab.wait(SECOND)
    lab.window(T0 + 3 * DAY, T0 + 4 * DAY, state="failed", covers=(), errors=("access denied",))
    trail = lab.query.sources(lab.now)[1]
    assert (trail.state, trail.gaps, trail.failures) == ("failing", [], 1)
    assert trail.last_window is not None
    assert trail.last_window.errors == ("access denied",)
    lab.declare("other")
    assert [s.state for s in lab.query.sources(lab.now)] == ["waiting", "removed"]


def test_a_window_that_was_given_up_is_no_success(lab: Lab) -> None:
    attempt = lab.open_window(T0, T0 + DAY)
    lab.wait(2 * HOUR)
    lab.append(settle=(attempt,))
    (trail,) = lab.query.sources(lab.now)
    assert trail.state == "failing"
    (window,) = lab.query.windows()
    assert (window.state, window.errors) == ("abandoned", ("no record of it came in time",))


def test_windows_show_what_was_asked_and_what_came(lab: Lab) -> None:
    cover = Cover(PART, T0, T0 + HOUR)
    lab.window(T0, T0 + DAY, lab.judged(lab.event("e1", T0), "plain"), covers=(cover,), files=3, errors=("one file is torn",))
    still_open = lab.open_window(T0 + DAY, T0 + 2 * DAY)
    newer, older = lab.query.windows()
    assert (newer.attempt, newer.state, newer.idx, newer.closed_at) == (still_open, "open", None, None)
    assert (older.asked, older.files, older.identity) == ((T0, T0 + DAY), 3, "reader")
    assert (older.counts, older.errors) == (Counts(evidence=1), ("one file is torn",))
    assert older.covers == ((PART, T0, T0 + HOUR),)
    assert lab.query.windows(source="other") == []


def test_coverage_is_joined_where_holes_may_be_bridged(lab: Lab) -> None:
    lab.window(T0, T0 + 10 * HOUR, covers=(Cover(PART, T0, T0 + HOUR), Cover(PART, T0 + 4 * HOUR, T0 + 5 * HOUR)))
    lab.window(T0 + 10 * HOUR, T0 + 20 * HOUR, covers=(Cover(PART, T0 + 5 * HOUR + 1, T0 + 6 * HOUR, bridge=HOUR),))
    lab.window(T0 + 20 * HOUR, T0 + 21 * HOUR, covers=(Cover(PART, T0 + 6 * HOUR + 1, T0 + 7 * HOUR, False, HOUR),))
    (view,) = lab.query.coverage("trail")
    assert (view.source, view.part) == ("trail", PART)
    assert view.stretches == [(T0, T0 + HOUR), (T0 + 4 * HOUR, T0 + 6 * HOUR), (T0 + 6 * HOUR + 1, T0 + 7 * HOUR)]
    assert lab.query.coverage("other") == []


def test_dead_letters_say_where_and_why(lab: Lab) -> None:
    lab.append(lab.unreadable("bad", b"\x00\x01\x02", window="w"))
    (letter,) = lab.query.dead_letters()
    assert (letter.place, letter.size, letter.window, letter.source) == ("a.json.gz: is no gzip", 3, "w", "trail")
    view = lab.query.entry(letter.idx)
    assert view is not None
    assert view.payload == b"\x00\x01\x02"
    assert lab.query.evidence() == []


def test_drift_is_found_by_control_kind_and_time(lab: Lab) -> None:
    lab.append(lab.judged(lab.event("e1", T0 + HOUR), "open"))
    lab.wait(SECOND)
    lab.append(lab.judged(lab.event("e2", T0 + HOUR), "sat"))
    found = lab.query.drift(control="A.5.15", kind="finding")
    assert [(d.mapping, d.title, d.subject, d.before, d.after) for d in found] == [
        ("open", "Title of open", "111122223333/alice", "not-assessed", "not-satisfied")
    ]
    assert {d.mapping for d in lab.query.drift(since=lab.now, kind="finding")} == {"sat"}
    assert lab.query.drift(control="A.5.1") == lab.query.drift(control="%") == []


def test_a_mapping_set_is_read_back_from_the_log(lab: Lab, new_lab: Callable[[], Lab]) -> None:
    assert lab.query.mapping_set() == f"set {lab.digest}".encode()
    first = lab.digest
    lab.activate([mapping("open", "not-satisfied", (("A.5.15", "strong"),), digest="2")])
    assert lab.query.mapping_set(first) == f"set {first}".encode()
    assert [(m.id, m.digest) for m in lab.query.mappings()] == [("open", "2")]
    with pytest.raises(StoreError, match="holds no mapping set"):
        lab.query.mapping_set("ab" * 32)
    with pytest.raises(StoreError, match="no mapping set is active"):
        new_lab().query.mapping_set()


def test_the_rollup_counts_evidence_by_hour(lab: Lab) -> None:
    lab.append(*(lab.judged(lab.event(f"e{n}", T0 + n * HOUR // 2), "open", "plain") for n in range(5)))
    assert lab.query.rollup("control", "A.5.28", T0, T0 + DAY) == [(T0, 2), (T0 + HOUR, 2), (T0 + 2 * HOUR, 1)]
    assert lab.query.rollup("mapping", "open", T0 + HOUR, T0 + 2 * HOUR) == [(T0 + HOUR, 2)]
    assert lab.query.rollup("source", "trail", T0, T0) == []


def test_proofs_verify(lab: Lab) -> None:
    roots = {}
    for number in range(300):
        if number in (3, 200, 299):
            log = lab.query.log()
            roots[log.size] = bytes.fromhex(log.root)
        lab.append(lab.judged(lab.event(f"e{number}", T0 + number), "plain"))
    sizes = sorted(roots)
    for size in sizes:
        for index in (0, 1, size // 2, size - 1):
            view = lab.query.entry(index)
            assert view is not None
            verify_inclusion(leaf_hash(view.metadata), index, size, lab.query.inclusion(index, size), roots[size])
    for old, new in itertools.pairwise(sizes):
        verify_consistency(old, roots[old], new, roots[new], lab.query.consistency(old, new))
    for size in (10_000, 302):
        with pytest.raises(VerificationError):
            lab.query.inclusion(0, size)
    with pytest.raises(VerificationError):
        lab.query.consistency(1, 10_000)


def test_the_status_document_has_its_shape(lab: Lab) -> None:
    lab.window(T0, T0 + DAY, lab.judged(lab.event("e1", T0 + HOUR), "open"), lab.judged(lab.event("e2", T0)), lab.unreadable("b"))
    lab.append(lab.judged(lab.event("e1", T0 + HOUR), "open"))
    value = status_json(lab.query, lab.now, Moment(), 2, T0)
    assert json.loads(json.dumps(value)) == value
    assert list(value) == ["as_of", "known_at", "mapping_set", "events", "controls", "sources", "log"]
    log = lab.query.log()
    assert (value["as_of"], value["known_at"], value["mapping_set"]) == (format_time(lab.now), log.size, lab.digest)
    assert value["events"] == {"collected": 4, "evidence": 1, "unmatched": 1, "duplicate": 1, "dead_letter": 1}
    assert value["controls"]["A.5.15"] == {
        "state": "not-satisfied",
        "since": format_time(T0 + HOUR),
        "findings": {"not_satisfied": 1, "satisfied": 0, "accepted": 0},
        "last_evidence": format_time(T0 + HOUR),
    }
    assert value["controls"]["A.5.2"] == {
        "state": "not-assessed",
        "since": None,
        "findings": {"not_satisfied": 0, "satisfied": 0, "accepted": 0},
        "last_evidence": None,
    }
    source = value["sources"]["trail"]
    assert (source["state"], source["gaps"], source["lag_seconds"]) == ("collecting", [], (lab.now - T0 - DAY) // SECOND)
    assert source["last_window"]["counts"] == {"collected": 3, "evidence": 1, "unmatched": 1, "duplicate": 0, "dead_letter": 1}
    assert value["log"] == {
        "origin": ORIGIN,
        "size": log.size,
        "root": log.root,
        "checkpoint_size": 2,
        "anchored_at": format_time(T0),
        "dead_letters": 1,
    }
    then = status_json(lab.query, lab.now, Moment(T0, 1), None, None)
    assert (then["as_of"], then["known_at"], then["log"]["anchored_at"]) == (format_time(T0), 1, None)
    assert then["controls"]["A.5.15"]["state"] == "not-assessed"


def test_an_empty_store_can_be_read(new_lab: Callable[[], Lab]) -> None:
    query = new_lab().query
    assert (query.log().size, query.totals(), query.controls(Moment()), query.controls(Moment(T0))) == (0, Counts(), {}, {})
    assert query.findings(Moment()) == query.evidence() == query.drift() == query.windows() == query.dead_letters() == []
    assert (query.entry(0), query.size_at(MAX_TIME)) == (None, 0)
