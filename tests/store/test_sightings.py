"""Findings about what is looked at: verdicts, unchanged looks, subjects that are gone, what ends by itself."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from attestream.refold import refold
from store.engine import reading
from store.fsck import verify
from store.records import DAY, HOUR, MINUTE, Closing, Counts, Event, Judged, Judgement, MappingRecord, PartRecord, Verdict
from tests.store.lab import CONTROLS, PART, Lab
from tests.store.lab import T0 as BEGIN

BUCKET = "snapshot.aws.s3.bucket"
TICKET = "ticket.jira.issue"
T0 = BEGIN + 30 * DAY
"""The clock of a fresh lab."""
YES, NO, ERROR = Verdict.MATCHED, Verdict.NOT_MATCHED, Verdict.ERROR


def observing(id_: str, kind: str, finding: Any, control: str, *, two_sided: bool, **more: Any) -> MappingRecord:
    record: dict[str, Any] = {"quiet_for": 90 * DAY, "max_age": 26 * HOUR, "digest": "1", "silence": False, "level": "high"}
    return MappingRecord(
        id=id_,
        title=f"Title of {id_}",
        kind=kind.partition(".")[0],
        types=(kind,),
        finding=finding,
        controls=((control, "strong"),),
        two_sided=two_sided,
        **{**record, **more},
    )


OBSERVING = (
    observing("public", BUCKET, "not-satisfied", "A.5.15", two_sided=True),
    observing("website", BUCKET, "not-satisfied", "A.8.2", two_sided=False),
    observing("locked", BUCKET, "satisfied", "A.8.16", two_sided=False),
    observing("late", TICKET, "not-satisfied", "A.5.28", two_sided=True, max_age=7 * DAY),
    observing("review", TICKET, "satisfied", "A.5.2", two_sided=False, max_age=365 * DAY),
    observing("plain", BUCKET, "evidence", "A.5.10", two_sided=False),
)


@pytest.fixture
def watch(lab: Lab) -> Lab:
    lab.activate(OBSERVING, CONTROLS)
    return lab


def sound(lab: Lab) -> None:
    """What is stored is what the log says, row by row and folded anew."""
    verify(lab.engine, None)
    with reading(lab.engine) as connection:
        refold(connection)


def look(lab: Lab, subject: str, payload: str, *said: tuple[str, Verdict], kind: str = BUCKET, **more: Any) -> Judged:
    """How a subject stands now."""
    fact = more.pop("fact", None)
    event = Event(
        source="trail",
        id=f"{kind}-{subject}-{payload}-{lab.now}",
        type=kind,
        time=lab.now,
        payload=payload.encode(),
        collected_at=lab.now,
        subject=subject,
        account=PART.split("/")[0],
        region=PART.split("/")[1],
    )
    judgements = tuple(
        Judgement(id_, verdict, lab.mappings[id_].finding, subject, (), "why", fact if verdict is YES else None)
        for id_, verdict in said
    )
    return Judged(event, judgements, 0, None, more.pop("done", None))


def read(lab: Lab, *items: Judged, kind: str = BUCKET, complete: bool = True, enumerates: bool = True) -> Counts:
    """One window in which a kind of subject was read."""
    parts = (PartRecord(PART, kind, complete=complete, enumerates=enumerates and complete),)
    state = "complete" if complete else "partial"
    start = lab.now
    lab.wait(MINUTE)
    found = lab.window(start, lab.now, *items, parts=parts, covers=(), state=state, started_at=start, ended_at=lab.now)
    return found.counts


def state(lab: Lab, mapping: str, subject: str = "b") -> str | None:
    return lab.states().get((mapping, subject))


def control(lab: Lab, id_: str) -> str:
    return str(lab.sql("SELECT state FROM control WHERE id = ?", id_)[0][0])


def days(lab: Lab, count: int, *items: Sequence[Any]) -> None:
    """Let days pass in which a window a day finds the same."""
    for _ in range(count):
        lab.wait(DAY - MINUTE)
        lab.due()
        read(lab, *(look(lab, *item) for item in items))


def test_a_match_says_the_finding_and_no_match_the_opposite(watch: Lab) -> None:
    read(watch, look(watch, "b", "open", ("public", YES)), look(watch, "c", "shut", ("public", NO)))
    assert (state(watch, "public"), state(watch, "public", "c")) == ("not-satisfied", "satisfied")
    assert control(watch, "A.5.15") == "not-satisfied"
    watch.wait(HOUR)
    read(watch, look(watch, "b", "shut", ("public", NO)), look(watch, "c", "shut", ("public", NO)))
    assert state(watch, "public") == "satisfied"
    assert control(watch, "A.5.15") == "satisfied"
    sound(watch)


def test_a_one_sided_mapping_says_nothing_without_a_match_and_stops_when_it_matches_no_more(watch: Lab) -> None:
    read(watch, look(watch, "b", "1", ("website", NO)))
    assert state(watch, "website") is None
    watch.wait(HOUR)
    read(watch, look(watch, "b", "2", ("website", YES), ("locked", YES)))
    assert (state(watch, "website"), state(watch, "locked")) == ("not-satisfied", "satisfied")
    watch.wait(HOUR)
    read(watch, look(watch, "b", "3", ("website", NO), ("locked", NO)))
    assert (state(watch, "website"), state(watch, "locked")) == ("closed", "closed")
    assert (control(watch, "A.8.2"), control(watch, "A.8.16")) == ("not-assessed", "not-assessed")
    sound(watch)


def test_an_error_is_no_pass_and_closes_nothing_and_what_it_leaves_ages(watch: Lab) -> None:
    read(watch, look(watch, "b", "1", ("public", NO)), look(watch, "new", "x", ("public", ERROR)))
    assert state(watch, "public", "new") == "error"
    watch.wait(HOUR)
    read(watch, look(watch, "b", "denied", ("public", ERROR)))
    assert state(watch, "public") == "satisfied"
    assert watch.sql("SELECT errors FROM finding WHERE mapping = 'public' AND state = 'satisfied'") == [(1,)]
    watch.wait(DAY)
    read(watch, look(watch, "b", "denied", ("public", ERROR)))  # read to the end, and still nothing is known of it
    watch.wait(3 * HOUR)
    watch.due()
    assert state(watch, "public") == "stale"
    assert control(watch, "A.5.15") == "stale"
    sound(watch)


def test_what_stands_unchanged_is_as_fresh_as_the_windows_that_read_it(watch: Lab) -> None:
    read(watch, look(watch, "b", "shut", ("public", NO)))
    size = len(watch.sql("SELECT 1 FROM evidence"))
    days(watch, 5, ("b", "shut", ("public", NO)))
    assert state(watch, "public") == "satisfied"
    assert len(watch.sql("SELECT 1 FROM evidence")) == size
    assert watch.rows("public", "b") == [(T0, "satisfied")]
    sound(watch)


def test_a_part_that_is_read_no_more_makes_its_findings_and_its_voice_stale_until_it_is_read_again(watch: Lab) -> None:
    read(watch, look(watch, "b", "shut", ("public", NO)))
    for _ in range(2):
        watch.wait(DAY - MINUTE)
        read(watch, complete=False)
        watch.due()
    assert state(watch, "public") == "stale"
    assert state(watch, "public", f"trail/{PART}/{BUCKET}") == "stale"
    assert control(watch, "A.5.15") == "stale"
    sound(watch)
    back = watch.now
    read(watch, look(watch, "b", "shut", ("public", NO)))
    assert state(watch, "public") == "satisfied"
    assert control(watch, "A.5.15") == "satisfied"
    assert watch.rows("public", "b") == [(T0, "satisfied"), (T0 + MINUTE + 26 * HOUR, "stale"), (back, "satisfied")]
    sound(watch)


def test_a_dead_part_makes_the_control_stale_though_it_held_nothing(watch: Lab) -> None:
    read(watch)
    assert control(watch, "A.5.15") == "not-assessed"
    watch.wait(2 * DAY)
    watch.due()
    assert control(watch, "A.5.15") == "stale"
    sound(watch)


def test_a_subject_that_a_complete_window_does_not_name_is_retired(watch: Lab) -> None:
    both = (look(watch, "b", "open", ("public", YES)), look(watch, "c", "shut", ("public", NO)))
    read(watch, *both)
    watch.wait(HOUR)
    read(watch, complete=False)
    assert state(watch, "public") == "not-satisfied"
    watch.wait(HOUR)
    read(watch, look(watch, "c", "shut", ("public", NO)), enumerates=False)
    assert state(watch, "public") == "not-satisfied"
    watch.wait(HOUR)
    read(watch, look(watch, "c", "shut", ("public", NO)))
    assert (state(watch, "public"), state(watch, "public", "c")) == ("retired", "satisfied")
    assert control(watch, "A.5.15") == "satisfied"
    sound(watch)


def test_one_that_comes_back_as_it_was_is_judged_again(watch: Lab) -> None:
    read(watch, look(watch, "b", "open", ("public", YES)))
    watch.wait(HOUR)
    read(watch)
    assert state(watch, "public") == "retired"
    watch.wait(HOUR)
    assert read(watch, look(watch, "b", "open", ("public", YES))) == Counts(evidence=1)
    assert state(watch, "public") == "not-satisfied"
    sound(watch)


def test_a_subject_that_leaves_a_population_loses_the_finding(watch: Lab) -> None:
    read(watch, look(watch, "b", "prod open", ("public", YES), ("plain", NO)))
    watch.wait(HOUR)
    read(watch, look(watch, "b", "test open", ("plain", NO)))
    assert state(watch, "public") == "retired"
    watch.wait(HOUR)
    read(watch, look(watch, "b", "prod open", ("public", YES), ("plain", NO)))
    assert state(watch, "public") == "not-satisfied"
    watch.wait(HOUR)
    assert read(watch, look(watch, "b", "nothing asks for this")) == Counts(evidence=1)
    assert state(watch, "public") == "retired"
    sound(watch)


def test_all_of_it_within_one_batch_and_out_of_order(watch: Lab) -> None:
    first = look(watch, "b", "open", ("public", YES))
    watch.wait(HOUR)
    second = look(watch, "b", "shut", ("public", NO))
    watch.wait(HOUR)
    third = look(watch, "b", "outside")
    watch.append(third)
    watch.append(second, first)
    assert watch.rows("public", "b") == [(T0, "not-satisfied"), (T0 + HOUR, "satisfied")]
    fourth_at = watch.now + HOUR
    watch.wait(HOUR)
    watch.append(look(watch, "b", "open", ("public", YES)), look(watch, "b", "elsewhere", ("website", YES)))
    assert state(watch, "public") in ("retired", "not-satisfied")
    assert watch.now == fourth_at
    sound(watch)


def test_a_new_mapping_set_judges_what_stands_unchanged_again(watch: Lab) -> None:
    read(watch, look(watch, "b", "shut", ("public", NO)))
    other = observing("website", BUCKET, "not-satisfied", "A.8.2", two_sided=True, digest="2")
    watch.activate([other if m.id == "website" else m for m in OBSERVING], CONTROLS)
    watch.wait(HOUR)
    assert read(watch, look(watch, "b", "shut", ("public", NO), ("website", NO))) == Counts(evidence=1)
    assert state(watch, "website") == "satisfied"
    watch.wait(HOUR)
    assert read(watch, look(watch, "b", "shut", ("public", NO), ("website", NO))) == Counts(duplicate=1)
    sound(watch)


def test_a_fact_that_cannot_change_stands_open_for_a_while(watch: Lab) -> None:
    merged = watch.now - 80 * DAY
    read(watch, look(watch, "PAY-1", "done late", ("late", YES), kind=TICKET, fact=merged), kind=TICKET, enumerates=False)
    assert state(watch, "late", "PAY-1") == "not-satisfied"
    watch.wait(10 * DAY)
    watch.due()
    assert state(watch, "late", "PAY-1") == "closed"
    assert watch.rows("late", "PAY-1")[-1] == (merged + 90 * DAY, "closed")
    sound(watch)


def test_a_ticket_that_is_done_says_for_a_while_that_all_was_well(watch: Lab) -> None:
    read(watch, look(watch, "PAY-2", "done", ("late", NO), kind=TICKET, done=watch.now), kind=TICKET, enumerates=False)
    assert state(watch, "late", "PAY-2") == "satisfied"
    for _ in range(31):
        watch.wait(DAY)
        watch.due()
        read(watch, kind=TICKET, enumerates=False)
    assert state(watch, "late", "PAY-2") == "retired"
    assert control(watch, "A.5.28") == "not-assessed"
    sound(watch)


def test_of_reviews_only_the_newest_counts(watch: Lab) -> None:
    read(watch, look(watch, "R-1", "done", ("review", YES), kind=TICKET, done=watch.now), kind=TICKET, enumerates=False)
    watch.wait(300 * DAY)
    watch.due()
    read(watch, look(watch, "R-2", "done", ("review", YES), kind=TICKET, done=watch.now), kind=TICKET, enumerates=False)
    assert (state(watch, "review", "R-1"), state(watch, "review", "R-2")) == ("retired", "satisfied")
    watch.wait(100 * DAY)
    watch.due()
    assert control(watch, "A.5.2") == "satisfied"
    watch.wait(300 * DAY)
    watch.due()
    assert control(watch, "A.5.2") == "stale"
    sound(watch)


def test_a_closing_by_hand_does_not_hide_how_a_resource_stands(watch: Lab) -> None:

    read(watch, look(watch, "b", "open", ("public", YES)), kind=BUCKET)
    watch.wait(HOUR)
    watch.append(closings=(Closing("public", "b", watch.now, "because", "alice"),))
    assert state(watch, "public") == "not-satisfied"
    sound(watch)


class Wander:
    """A random history of looks: what comes of it must be what a recount from the log gives, whatever the order of arrival."""

    def __init__(self, lab: Lab, seed: int) -> None:
        self.lab, self.random = lab, random.Random(seed)
        self.late: list[Judged] = []
        self.stands: dict[tuple[str, str], tuple[int, str]] = {}

    def look(self, kind: str, subject: str) -> Judged:
        """A look, mostly at what stood before."""
        place = (kind, subject)
        if place not in self.stands or self.random.random() < 0.4:
            number = self.random.randrange(4)
            verdict = self.random.choice((YES, NO, NO, YES, ERROR, None))
            self.stands[place] = (number, verdict.value if verdict else "")
        number, verdict = self.stands[place]
        names = ("public", "website", "locked", "plain") if kind == BUCKET else ("late", "review")
        said = tuple((name, Verdict(verdict)) for name in names if verdict and (number + len(name)) % 3)
        more: dict[str, Any] = {}
        if kind == TICKET and number % 2:
            more = {"done": self.lab.now - number * DAY, "fact": self.lab.now - number * 30 * DAY}
        return look(self.lab, subject, f"{number}{verdict}", *said, kind=kind, **more)

    def window(self) -> None:
        kind = self.random.choice((BUCKET, BUCKET, TICKET))
        subjects = [name for name in "abc" if self.random.random() < 0.8]
        items = [self.look(kind, name) for name in subjects]
        if self.random.random() < 0.2 and items:
            self.late.append(items.pop())
        complete = self.random.random() < 0.8
        read(self.lab, *items, kind=kind, complete=complete, enumerates=kind == BUCKET and self.random.random() < 0.8)

    def step(self) -> None:
        act = self.random.random()
        if act < 0.55:
            self.window()
        elif act < 0.8:
            self.lab.wait(self.random.choice((MINUTE, HOUR, 20 * HOUR, 2 * DAY)))
        elif act < 0.9:
            self.lab.due()
        elif act < 0.96 and self.late:
            self.lab.append(self.late.pop(self.random.randrange(len(self.late))))
        elif act < 0.98:
            self.lab.activate(OBSERVING, CONTROLS)


@pytest.mark.parametrize("seed", [0, 4, 10, 32, 41])
def test_any_history_of_looks_is_what_a_recount_gives(new_lab: Callable[[], Lab], seed: int) -> None:
    lab = new_lab()
    lab.activate(OBSERVING, CONTROLS)
    wander = Wander(lab, seed)
    for _ in range(50):
        wander.step()
    lab.due()
    sound(lab)
    assert len(lab.sql("SELECT 1 FROM finding_row")) > 10
