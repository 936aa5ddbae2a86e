"""The Statement of Applicability and the risk register: what is excluded has no other state, and keeps what was found."""

from __future__ import annotations

import pytest

from store.errors import StoreError
from store.records import DAY, HOUR, Verdict
from store.reports import Moment
from store.statements import SoaAct
from tests.store.lab import CONTROLS, MAPPINGS, Lab
from tests.store.stating import check, control, register, say, state_soa


def test_what_is_excluded_is_not_applicable_whatever_was_found(lab: Lab) -> None:
    lab.append(lab.judged(lab.event("x", lab.now), ("open", Verdict.MATCHED)))
    state_soa(lab, "A.5.15", applicable=False)
    assert control(lab, "A.5.15") == ("not-applicable", 1, 0, 0, 0)
    lab.wait(HOUR)
    lab.append(lab.judged(lab.event("y", lab.now), ("open", Verdict.MATCHED, "111122223333/bob")))
    assert control(lab, "A.5.15") == ("not-applicable", 2, 0, 0, 0)
    check(lab)
    state_soa(lab, "A.5.15", applicable=True, why="it is after all")
    assert control(lab, "A.5.15") == ("not-satisfied", 2, 0, 0, 0)
    check(lab)


def test_the_past_is_as_it_was_stated_then(lab: Lab) -> None:
    start, size = lab.now, lab.query.log().size
    lab.wait(DAY)
    state_soa(lab, "A.5.2", applicable=False)
    excluded = lab.now
    lab.wait(DAY)
    state_soa(lab, "A.5.2", applicable=False, why="for another reason")
    lab.wait(DAY)
    state_soa(lab, "A.5.2", applicable=True)
    back = lab.now
    times = (start, excluded + HOUR, back - HOUR, back)
    seen = [lab.query.controls(Moment(as_of=time))["A.5.2"] for time in times]
    assert [s.state.value for s in seen] == ["not-assessed", "not-applicable", "not-applicable", "not-assessed"]
    assert [s.since for s in seen] == [None, excluded, excluded, back]
    assert lab.query.controls(Moment())["A.5.2"].since == back
    assert lab.query.controls(Moment(known_at=size))["A.5.2"].state.value == "not-assessed"
    then = {row.control: row for row in lab.query.soa(Moment(as_of=back - HOUR))}
    assert (then["A.5.2"].applicable, then["A.5.2"].justification) == (False, "for another reason")
    check(lab)


def test_the_statement_has_a_row_for_each_control_in_the_order_of_the_catalogue(lab: Lab) -> None:
    act = SoaAct("A.8.15", True, "logs are kept", "carol", "root", "org trail", "secops", ("R-1", "R-2"))
    say(lab, act)
    rows = lab.query.soa(Moment())
    assert [row.control for row in rows] == list(CONTROLS)
    row = next(row for row in rows if row.control == "A.8.15")
    assert (row.implementation, row.owner, row.risks) == ("org trail", "secops", ("R-1", "R-2"))
    assert next(row for row in rows if row.control == "A.5.2").idx is None


def test_another_mapping_set_leaves_it_excluded(lab: Lab) -> None:
    lab.append(lab.judged(lab.event("x", lab.now), ("open", Verdict.MATCHED)))
    state_soa(lab, "A.5.15", applicable=False)
    lab.wait(HOUR)
    lab.activate(MAPPINGS[1:])
    assert control(lab, "A.5.15") == ("not-applicable", 0, 0, 0, 0)
    check(lab)


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (SoaAct("A.1.1", False, "why", "carol"), "no control"),
        (SoaAct("A.5.2", False, "", "carol"), "the justification"),
        (SoaAct("A.5.2", True, "why", "carol", risks=("no such\nid",)), "named by its id"),
        (SoaAct("A.5.2", True, "why", ""), "who states it"),
    ],
)
def test_what_cannot_be_is_refused(lab: Lab, act: SoaAct, says: str) -> None:
    with pytest.raises(StoreError, match=says):
        say(lab, act)


def test_a_risk_names_the_controls_that_treat_it(lab: Lab) -> None:
    register(lab, "R-7", "A.8.15", "A.5.2")
    register(lab, "R-12", "A.8.16")
    size = lab.query.log().size
    register(lab, "R-7", "A.5.10")
    assert [(risk.id, risk.controls) for risk in lab.query.risks(Moment())] == [("R-12", ("A.8.16",)), ("R-7", ("A.5.10",))]
    assert [risk.controls for risk in lab.query.risks(Moment(known_at=size))] == [("A.8.16",), ("A.5.2", "A.8.15")]
    register(lab, "R-12", act="remove")
    assert [risk.id for risk in lab.query.risks(Moment())] == ["R-7"]
    for bad in ("", "R 1", "x" * 65, "../../etc\n"):
        with pytest.raises(StoreError):
            register(lab, bad, "A.5.2")
    with pytest.raises(StoreError, match="at least one"):
        register(lab, "R-1")
    check(lab)
