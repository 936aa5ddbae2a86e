"""Exceptions: what they cover is accepted, speaks neither way, and is back by itself when they end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from store.errors import StoreError
from store.records import DAY, HOUR, SECOND, Verdict
from store.reports import Moment
from store.statements import ExceptionAct
from tests.store.lab import T0, Lab
from tests.store.stating import ALICE, accept, check, control, number, revoke_exception, say

BOB = "111122223333/bob"
FAR = T0 + 900 * DAY


def opened(lab: Lab, *subjects: str) -> None:
    """Findings of `open` that are not satisfied since now."""
    for subject in subjects or (ALICE,):
        lab.append(lab.judged(lab.event(f"open {subject}", lab.now), ("open", Verdict.MATCHED, subject)))


def test_what_an_exception_covers_is_accepted_and_speaks_for_nothing(lab: Lab) -> None:
    opened(lab, ALICE, BOB)
    assert control(lab, "A.5.15") == ("not-satisfied", 2, 0, 0, 0)
    accept(lab)
    assert control(lab, "A.5.15") == ("not-satisfied", 1, 0, 0, 1)
    accept(lab, 2, subject=BOB)
    assert control(lab, "A.5.15") == ("not-assessed", 0, 0, 0, 2)
    check(lab)


def test_when_it_ends_the_finding_is_back_at_that_time_whenever_that_is_noticed(lab: Lab) -> None:
    opened(lab)
    accept(lab, days=3)
    until = lab.now + 3 * DAY - SECOND
    lab.wait(10 * DAY)
    check(lab)
    lab.due()
    [*_, last] = lab.rows("open")
    assert last == (lab.sql("SELECT until FROM acceptance")[0][0], "not-satisfied")
    assert abs(last[0] - until) <= SECOND
    assert control(lab, "A.5.15") == ("not-satisfied", 1, 0, 0, 0)
    check(lab)


def test_a_match_while_it_holds_opens_nothing_and_one_that_comes_late_does(lab: Lab) -> None:
    before = lab.now
    lab.wait(2 * DAY)
    accept(lab)
    lab.wait(DAY)
    lab.append(lab.judged(lab.event("in", lab.now), ("open", Verdict.MATCHED)))
    assert [state for _, state in lab.rows("open")] == ["accepted"]
    lab.append(lab.judged(lab.event("late", before), ("open", Verdict.MATCHED)))
    assert [state for _, state in lab.rows("open")] == ["not-satisfied", "accepted"]
    check(lab)


def test_revoked_it_ends_at_once_and_renewed_it_goes_on(lab: Lab) -> None:
    opened(lab)
    accept(lab, days=2)
    lab.wait(DAY)
    accept(lab, days=5, act="renew")
    lab.wait(2 * DAY)
    lab.due()
    assert control(lab, "A.5.15")[0] == "not-assessed"
    revoke_exception(lab)
    assert control(lab, "A.5.15") == ("not-satisfied", 1, 0, 0, 0)
    assert [state for _, state in lab.rows("open")] == ["not-satisfied", "accepted", "not-satisfied"]
    check(lab)


def test_one_of_all_subjects_covers_those_to_come(lab: Lab) -> None:
    opened(lab)
    accept(lab, subject=None, days=4)
    lab.wait(HOUR)
    opened(lab, BOB)
    assert control(lab, "A.5.15") == ("not-assessed", 0, 0, 0, 2)
    lab.wait(5 * DAY)
    lab.due()
    assert control(lab, "A.5.15") == ("not-satisfied", 2, 0, 0, 0)
    check(lab)


def test_a_finding_that_closes_is_closed_under_an_exception_too(lab: Lab) -> None:
    opened(lab)
    accept(lab)
    lab.wait(HOUR)
    lab.append(lab.judged(lab.event("undone", lab.now), ("open", Verdict.UNTIL)))
    assert [state for _, state in lab.rows("open")] == ["not-satisfied", "accepted", "closed"]
    lab.wait(40 * DAY)
    assert lab.due().findings == 0
    check(lab)


def test_as_of_and_known_at_see_it_as_it_was(lab: Lab) -> None:
    opened(lab)
    open_at, size = lab.now, lab.query.log().size
    accept(lab, days=3)
    accepted_at = lab.now
    lab.wait(5 * DAY)
    lab.due()
    at = [lab.query.controls(Moment(as_of=time))["A.5.15"] for time in (open_at, accepted_at + DAY, lab.now)]
    assert [(c.state.value, c.not_satisfied, c.accepted) for c in at] == [
        ("not-satisfied", 1, 0),
        ("not-assessed", 0, 1),
        ("not-satisfied", 1, 0),
    ]
    assert lab.query.controls(Moment(as_of=accepted_at + DAY, known_at=size))["A.5.15"].state.value == "not-satisfied"
    [now] = lab.query.exceptions(lab.now, Moment())
    [then] = lab.query.exceptions(lab.now, Moment(as_of=accepted_at))
    assert (now.state, then.state, then.subject, then.approver) == ("expired", "valid", ALICE, "dave")
    assert lab.query.exceptions(lab.now, Moment(known_at=size)) == []


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (ExceptionAct("add", number(1), " ", "carol", approver="dave", until=FAR, mapping="open"), "the reason"),
        (ExceptionAct("add", number(1), "why", "carol", until=FAR, mapping="open"), "the approver"),
        (ExceptionAct("add", number(1), "why", "carol", approver="dave", until=T0, mapping="open"), "in the future"),
        (
            ExceptionAct("add", number(1), "why", "carol", approver="dave", until=FAR, mapping="none"),
            "nothing to accept",
        ),
        (
            ExceptionAct("add", number(1), "why", "carol", approver="d", until=FAR, mapping="attestation:A.5.2"),
            "renew",
        ),
        (ExceptionAct("revoke", number(9), "why", "carol"), "there is no exception"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(lab: Lab, act: ExceptionAct, says: str) -> None:
    size = lab.query.log().size
    with pytest.raises(StoreError, match=says):
        say(lab, act)
    assert lab.query.log().size == size


def test_an_exception_that_ended_is_not_revoked_but_may_be_renewed(lab: Lab) -> None:
    opened(lab)
    accept(lab, days=1)
    lab.wait(2 * DAY)
    lab.due()
    with pytest.raises(StoreError, match="ended at"):
        revoke_exception(lab)
    accept(lab, days=4, act="renew")
    assert [state for _, state in lab.rows("open")] == ["not-satisfied", "accepted", "not-satisfied", "accepted"]
    revoke_exception(lab)
    with pytest.raises(StoreError, match="was revoked"):
        accept(lab, days=4, act="renew")
    check(lab)


def test_somebody_is_reminded_before_it_ends_and_that_is_over_when_it_is_renewed(new_lab: Callable[[], Lab]) -> None:
    lab = new_lab()
    lab.activate()
    opened(lab)
    accept(lab, days=60)

    def told() -> list[tuple[str, str]]:
        return [(drift.before, drift.after) for drift in reversed(lab.query.drift(kind="exception"))]

    lab.wait(45 * DAY)
    lab.remind()
    assert told() == []
    lab.wait(2 * DAY)
    lab.remind()
    lab.remind()
    assert told() == [("valid", "expiring")]
    accept(lab, days=60, act="renew")
    assert told() == [("valid", "expiring"), ("expiring", "closed")]
    lab.wait(70 * DAY)
    lab.remind()
    assert told() == [("valid", "expiring"), ("expiring", "closed")]
