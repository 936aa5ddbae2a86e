"""Retention: what is too old goes, payloads alone, but for those that speak for the present."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.posture import decide
from store.fsck import verify
from store.records import DAY, HOUR, Closing, Verdict
from store.reports import Moment
from store.retention import AGAIN, BUDGET, REST, Retention
from tests.store.histories import histories, play
from tests.store.lab import T0, Lab


class Watch:
    """A monotonic clock that stands, or takes a step at each look."""

    def __init__(self) -> None:
        self.now, self.step = 100.0, 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def keeper(lab: Lab, days: int = 30) -> tuple[Retention, Watch]:
    watch = Watch()
    return Retention(lab.store, days * DAY, decide, watch), watch


def gone(lab: Lab) -> set[int]:
    """Indexes of kept records without a payload."""
    return {row[0] for row in lab.sql("SELECT idx FROM entry WHERE payload_salt IS NULL AND type IN ('evidence', 'dead_letter')")}


def seen(lab: Lab, hour: int, text: str, subject: str = "ledger") -> Any:
    more = {"type": "snapshot.aws.s3.bucket", "subject": subject, "payload": text.encode()}
    return lab.judged(lab.event(f"{subject}{hour}", T0 + hour * HOUR, **more), ("plain", Verdict.MATCHED, subject))


def test_payloads_go_and_nothing_else(lab: Lab) -> None:
    lab.append(*(lab.judged(lab.event(f"e{n}", T0 + n), "plain") for n in range(5)), lab.unreadable("bad"))
    before = [tuple(row) for row in lab.sql("SELECT id, state, since, last_idx FROM control ORDER BY id")]
    retention, _ = keeper(lab)
    assert retention.tick() == 0
    lab.wait(20 * DAY)
    lab.append(lab.judged(lab.event("young", T0), "plain"))
    lab.wait(11 * DAY)
    retention, _ = keeper(lab)
    assert retention.tick() == 6
    assert gone(lab) == {1, 2, 3, 4, 5, 6}
    row = lab.query.evidence_row(1)
    assert row is not None
    assert (row.id, row.tags[0].reason) == ("e0", "plain says matched")
    view = lab.query.entry(lab.query.log().size - 1)
    assert view is not None
    assert (view.type, view.fields["ranges"], view.fields["part"]) == ("erasure", [[1, 6]], "payload")
    assert json.loads(view.detail or b"")["reason"] == "retention"
    assert [tuple(row) for row in lab.sql("SELECT id, state, since, last_idx FROM control ORDER BY id")] == before
    assert verify(lab.engine, None).erased == 6
    assert lab.append(lab.judged(lab.event("e0", T0), "plain")).counts.duplicate == 1


def test_one_range_passes_over_what_has_no_payload_to_erase(lab: Lab) -> None:
    for n in range(4):
        lab.window(T0 + n * HOUR, T0 + (n + 1) * HOUR, lab.judged(lab.event(f"e{n}", T0 + n * HOUR), "plain"))
    lab.wait(31 * DAY)
    retention, _ = keeper(lab)
    assert retention.tick() == 4
    view = lab.query.entry(lab.query.log().size - 1)
    assert view is not None
    assert len(view.fields["ranges"]) == 1
    windows = lab.sql("SELECT count(*) FROM entry WHERE type = 'window' AND payload_salt IS NOT NULL")
    assert windows[0][0] == 4
    verify(lab.engine, None)


def test_what_an_open_finding_cites_stays_until_it_closes(lab: Lab) -> None:
    lab.append(lab.judged(lab.event("e1", T0), ("open", Verdict.MATCHED, "bob")), lab.judged(lab.event("e2", T0), "plain"))
    [finding] = lab.query.findings(Moment(), state="not-satisfied", silence=False)
    assert list(finding.cites) == [1]
    lab.wait(31 * DAY)
    retention, watch = keeper(lab)
    assert retention.tick() == 1
    assert gone(lab) == {2}
    lab.append(closings=(Closing("open", "bob", lab.now, "looked into", "carol"),))
    watch.now += REST
    assert retention.tick() == 0
    watch.now += AGAIN
    assert retention.tick() == 0  # what was looked at before: from now on everything is looked at again
    watch.now += REST
    assert retention.tick() == 1
    assert gone(lab) == {1, 2}
    verify(lab.engine, None)


def test_the_newest_observation_of_a_subject_stays(lab: Lab) -> None:
    lab.append(seen(lab, 1, "old"))
    lab.append(seen(lab, 2, "new"))
    lab.wait(31 * DAY)
    assert keeper(lab)[0].tick() == 1
    assert gone(lab) == {1}
    assert lab.append(seen(lab, 3, "new")).counts.duplicate == 1
    verify(lab.engine, None)
    lab.append(seen(lab, 4, "newer"))
    assert keeper(lab)[0].tick() == 1
    assert gone(lab) == {1, 2}


def test_a_step_ends_when_its_time_is_over_and_goes_on_at_the_next(lab: Lab) -> None:
    lab.append(*(lab.judged(lab.event(f"e{n}", T0 + n), "plain") for n in range(1200)))
    lab.append(*(lab.judged(lab.event(f"f{n}", T0 + n), "plain") for n in range(1200)))
    lab.wait(31 * DAY)
    retention, watch = keeper(lab)
    watch.step = BUDGET + 1
    steps = [retention.tick(), retention.tick(), retention.tick()]
    assert (sum(steps), steps[-1]) == (2400, 0)
    assert 0 < steps[0] < 2400
    assert verify(lab.engine, None).entries["erasure"] == 5


@settings(max_examples=10)
@given(histories, st.integers(0, 15))
def test_any_history_verifies_after_retention(new_lab: Callable[[], Lab], history: list[Any], days: int) -> None:
    lab = new_lab()
    play(lab, history)
    lab.wait(10 * DAY)
    lab.due()
    lab.append(lab.judged(lab.event("last", T0), *(["plain"] if "plain" in lab.mappings else [])))
    keeper(lab, days)[0].tick()
    verified = verify(lab.engine, None)
    assert (verified.entries.get("erasure", 0) > 0) == bool(gone(lab))
    assert verified.erased == len(gone(lab))
