"""Members of sets: what entries say of who joined and left, up to a size of the log, without names that were erased."""

from __future__ import annotations

from store.engine import reading
from store.fsck import verify
from store.members import Joined, read_members
from store.records import HOUR, Judged, Judgement, Verdict
from tests.store.lab import T0, Lab

LEAVERS, GUESTS = "set:leavers", "set:guests"


def says(lab: Lab, number: int, set_id: str, member: str, verdict: Verdict = Verdict.MATCHED) -> Judged:
    event = lab.event(f"e{number}", T0 + number * HOUR)
    return Judged(event, (Judgement(set_id, verdict, "evidence", member, (), "because"),), 0, sets_at=3)


def read(lab: Lab, since: int, size: int, *set_ids: str) -> list[Joined]:
    with reading(lab.engine) as connection:
        return sorted(read_members(connection, set_ids or (LEAVERS,), since, size), key=lambda row: row.idx)


def test_members_are_read_as_far_as_a_size_of_the_log(lab: Lab) -> None:
    start = lab.append(says(lab, 1, LEAVERS, "bob"), says(lab, 2, GUESTS, "bob")).before
    lab.append(says(lab, 3, LEAVERS, "bob", Verdict.UNTIL), says(lab, 4, LEAVERS, "ann", Verdict.ERROR))
    joined, left = Joined(LEAVERS, "bob", T0 + HOUR, start, False), Joined(LEAVERS, "bob", T0 + 3 * HOUR, start + 2, True)
    end = start + 4
    assert read(lab, 0, end) == [joined, left]
    assert read(lab, 0, start + 2) == [joined]
    assert read(lab, start + 1, end) == [left]
    assert read(lab, 0, start) == []
    assert [row.set_id for row in read(lab, 0, end, LEAVERS, GUESTS)] == [LEAVERS, GUESTS, LEAVERS]
    verify(lab.engine, None)


def test_a_name_that_was_erased_is_no_member(lab: Lab) -> None:
    size = lab.append(says(lab, 1, LEAVERS, "bob"), says(lab, 2, LEAVERS, "ann")).after
    lab.sql("UPDATE handle SET name = NULL WHERE name = 'bob'")
    assert [row.member for row in read(lab, 0, size)] == ["ann"]
