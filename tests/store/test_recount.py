"""I17: status as of any time is a recount from the log's own entries, exceptions, attestations and exclusions included.

The recount is naive: who covered what when, by what entries say in the clear, and nothing of how the store folds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from attestream.refold import refold
from store.fsck import verify
from store.records import HOUR, State
from store.reports import Moment
from store.times import parse_time
from tests.store.histories import histories, play
from tests.store.lab import CONTROLS, T0, Lab
from tests.store.test_query import Entries, log_of, naive_applicable, naive_controls, naive_findings

times = st.lists(st.integers(0, 500), min_size=1, max_size=4)


def covered(entries: Entries, mapping: str, subject: str, time: int) -> bool:
    """Whether an exception covers the finding at a time: its last act before then is none that ended it."""
    last: dict[str, int] = {}
    for entry in entries:
        about = entry["type"] == "exception" and entry["mapping"] == mapping and entry["subject"] in (subject, "")
        if about and parse_time(entry["event_time"]) <= time:
            last[entry["exception"]] = parse_time(entry["until"])
    return any(time < until for until in last.values())


def attested(entries: Entries, control: str, subject: str, time: int) -> str | None:
    """What the attestation says of the control at a time: its newest statement that speaks, unless that has ended."""
    spoken = [
        (parse_time(e["event_time"]), e["idx"], e)
        for e in entries
        if e["type"] == "attestation" and e["effect"] != "none" and e["subject"] == subject and control in e["controls"]
    ]
    before = [said for said in spoken if said[0] <= time]
    if not before:
        return None
    said: Mapping[str, Any] = max(before, key=lambda s: s[:2])[2]
    if said["effect"] == "ends":
        return "closed"
    if said["says"] == "not-satisfied":
        return "not-satisfied"
    return "satisfied" if time < parse_time(said["until"]) else "stale"


def let_all_be_applied(lab: Lab) -> None:
    """What the timekeeper does, to its end."""
    while lab.due().findings:
        pass


@settings(max_examples=40, deadline=None)
@given(history=histories, hours=times)
def test_i17_status_as_of_any_time_is_a_recount(new_lab: Callable[[], Lab], history: list[Any], hours: list[int]) -> None:
    lab = new_lab()
    play(lab, history)
    let_all_be_applied(lab)
    verify(lab.engine, None, refold=refold)
    entries = log_of(lab.query)
    held = {record.id for record in lab.query.mappings()}
    for time in (*(min(T0 + hour * HOUR, lab.now) for hour in hours), lab.now):
        check_moment(lab, entries, held, time)
    present, now = lab.query.controls(Moment()), lab.query.controls(Moment(as_of=lab.now))
    if not ahead(entries, lab.now):
        assert {id_: status.state for id_, status in present.items()} == {id_: status.state for id_, status in now.items()}


def ahead(entries: Entries, now: int) -> bool:
    """Whether a finding says something of the future, as an event's own time may."""
    return any(entry["type"] == "finding" and parse_time(entry["event_time"]) > now for entry in entries)


def check_moment(lab: Lab, entries: Sequence[Mapping[str, Any]], held: set[str], time: int) -> None:
    findings = naive_findings(entries, time, len(entries))
    for (mapping, subject), (_, _, state) in findings.items():
        if mapping.startswith("attestation:"):
            assert state == attested(entries, mapping.partition(":")[2], subject, time), (mapping, time)
        elif mapping in held and state in ("accepted", "not-satisfied"):
            assert (state == "accepted") is covered(entries, mapping, subject, time), (mapping, time)
    for entry in entries:
        if entry["type"] == "attestation" and entry["effect"] == "speaks" and parse_time(entry["event_time"]) <= time:
            assert {(f"attestation:{control}", entry["subject"]) for control in entry["controls"]} <= findings.keys()
    tallies: dict[str, Counter[State]] = naive_controls(lab, findings)
    controls = lab.query.controls(Moment(as_of=time))
    for id_ in CONTROLS:
        tally, status = tallies[id_], controls[id_]
        said = next((s for s in (State.NOT_SATISFIED, State.STALE, State.SATISFIED) if tally[s]), State.NOT_ASSESSED).value
        wanted = said if naive_applicable(entries, id_, time, len(entries)) else "not-applicable"
        assert (status.state.value, status.accepted) == (wanted, tally[State.ACCEPTED]), (id_, time)
