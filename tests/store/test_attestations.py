"""Attestations: a voice of each control they name, for as long as they hold; reviewed by a second person where that is asked."""

from __future__ import annotations

import hashlib

import pytest

from store.errors import StoreError
from store.records import DAY, HOUR, Verdict
from store.reports import Moment
from tests.store.lab import Lab
from tests.store.stating import PAPER, act_on, attest, check, control


def test_it_speaks_for_its_controls_until_it_ends_and_then_they_are_stale(lab: Lab) -> None:
    attest(lab, controls=("A.5.10", "A.5.2"), days=10)
    made = lab.now
    assert [control(lab, id_) for id_ in ("A.5.2", "A.5.10")] == [("satisfied", 0, 1, 0, 0)] * 2
    check(lab)
    lab.wait(20 * DAY)
    lab.due()
    assert control(lab, "A.5.2") == ("stale", 0, 0, 1, 0)
    [(_, first), (at, last)] = lab.rows("attestation:A.5.2", "Roles (00000000)")
    assert (first, last) == ("satisfied", "stale")
    assert abs(at - made - 10 * DAY) < HOUR
    [seen] = lab.query.attestations(lab.now, Moment())
    assert (seen.state, seen.controls) == ("expired", ("A.5.2", "A.5.10"))
    then = Moment(as_of=made + DAY)
    assert (lab.query.controls(then)["A.5.2"].state.value, lab.query.attestations(lab.now, then)[0].state) == (
        "satisfied",
        "valid",
    )
    check(lab)


def test_renewed_it_goes_on_and_renewed_late_the_gap_stays(lab: Lab) -> None:
    attest(lab, days=10)
    lab.wait(5 * DAY)
    act_on(lab, "renew", until=lab.now + 20 * DAY)
    lab.wait(19 * DAY)
    assert lab.due().findings == 0
    lab.wait(10 * DAY)
    act_on(lab, "renew")
    states = [state for _, state in lab.rows("attestation:A.5.2", "Roles (00000000)")]
    assert states == ["satisfied", "stale", "satisfied"]
    assert control(lab, "A.5.2")[0] == "satisfied"
    check(lab)


def test_a_negative_one_makes_its_controls_not_satisfied_until_another_says_otherwise(lab: Lab) -> None:
    attest(lab, says="not-satisfied", days=1)
    assert control(lab, "A.5.2") == ("not-satisfied", 1, 0, 0, 0)
    lab.wait(9 * DAY)
    assert lab.due().findings == 0
    check(lab)
    act_on(lab, "renew")
    assert control(lab, "A.5.2")[0] == "satisfied"
    check(lab)


def test_revoked_it_speaks_no_more(lab: Lab) -> None:
    attest(lab)
    act_on(lab, "revoke")
    assert control(lab, "A.5.2") == ("not-assessed", 0, 0, 0, 0)
    with pytest.raises(StoreError, match="was revoked"):
        act_on(lab, "renew")
    [seen] = lab.query.attestations(lab.now, Moment())
    assert (seen.state, [act.act for act in seen.acts]) == ("revoked", ["add", "revoke"])
    check(lab)


def test_with_four_eyes_it_says_nothing_before_a_second_person_approves_it(lab: Lab) -> None:
    attest(lab, four_eyes=True)
    assert control(lab, "A.5.2")[0] == "not-assessed"
    assert lab.query.attestations(lab.now, Moment())[0].state == "waiting"
    for same in ("carol", " Carol "):
        with pytest.raises(StoreError, match="second person"):
            act_on(lab, "review", by=same, approve=True)
    check(lab)
    act_on(lab, "review", by="erin", approve=True)
    assert control(lab, "A.5.2")[0] == "satisfied"
    assert lab.rows("attestation:A.5.2", "Roles (00000000)") == [(lab.now, "satisfied")]
    check(lab)


def test_while_a_renewal_waits_the_statement_before_still_speaks_and_a_rejected_one_changes_nothing(lab: Lab) -> None:
    attest(lab, days=30)
    lab.wait(20 * DAY)
    act_on(lab, "renew", four_eyes=True, until=lab.now + 90 * DAY)
    [seen] = lab.query.attestations(lab.now, Moment())
    assert (seen.state, seen.waiting is not None) == ("valid", True)
    act_on(lab, "review", by="erin", note="the list is out of date")
    lab.wait(11 * DAY)
    lab.due()
    assert control(lab, "A.5.2")[0] == "stale"
    with pytest.raises(StoreError, match="no statement that waits"):
        act_on(lab, "review", by="erin", approve=True)
    check(lab)


def test_files_are_kept_as_payloads_with_their_digests(lab: Lab) -> None:
    attest(lab, files=(PAPER,))
    [seen] = lab.query.attestations(lab.now, Moment())
    assert seen.speaking is not None
    [file] = seen.speaking.files
    assert (file.name, file.size, file.sha256) == ("minutes.pdf", len(PAPER.data), hashlib.sha256(PAPER.data).hexdigest())
    entry = lab.query.entry(file.idx)
    assert entry is not None
    assert entry.payload == PAPER.data
    check(lab)


def test_one_made_earlier_is_in_history_from_then_on(lab: Lab) -> None:
    lab.append(lab.judged(lab.event("x", lab.now), "sat"))
    attest(lab, controls=("A.8.16",), made=lab.now - 20 * DAY, until=lab.now - 5 * DAY)
    assert control(lab, "A.8.16")[0] == "stale"
    at = lab.query.controls(Moment(as_of=lab.now - 10 * DAY))["A.8.16"]
    assert at.state.value == "satisfied"
    check(lab)


def test_it_does_not_outweigh_what_speaks_against_its_control(lab: Lab) -> None:
    attest(lab, controls=("A.5.15",))
    lab.append(lab.judged(lab.event("x", lab.now), ("open", Verdict.MATCHED)))
    assert control(lab, "A.5.15") == ("not-satisfied", 1, 1, 0, 0)
    check(lab)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"controls": ("A.9.9",)}, "no control"),
        ({"controls": ()}, "at least one control"),
        ({"days": -1}, "must end after"),
        ({"made": 2**52}, "in the future"),
        ({"statement": ""}, "the statement"),
        ({"owner": "\ud800"}, "no text"),
        ({"title": "x" * 300}, "too many"),
        ({"files": (PAPER,) * 21}, "too many for one statement"),
    ],
)
def test_what_cannot_be_is_refused(lab: Lab, more: dict[str, object], says: str) -> None:
    size = lab.query.log().size
    with pytest.raises(StoreError, match=says):
        attest(lab, **more)  # type: ignore[arg-type]
    assert lab.query.log().size == size


def test_that_it_ends_is_told_before_and_at_the_end_and_until_it_is_renewed(lab: Lab) -> None:
    attest(lab, days=365)

    def told() -> list[tuple[str, str]]:
        return [(drift.before, drift.after) for drift in reversed(lab.query.drift(kind="attestation"))]

    lab.wait(336 * DAY)
    lab.remind()
    assert told() == [("valid", "expiring")]
    lab.wait(30 * DAY)
    lab.due()
    lab.remind()
    lab.remind()
    assert told() == [("valid", "expiring"), ("expiring", "expired")]
    assert any(d.kind == "control" and d.after == "stale" for d in lab.query.drift())
    act_on(lab, "renew")
    assert told()[-1] == ("expired", "closed")
    assert lab.query.drift(kind="control")[0].after == "satisfied"
