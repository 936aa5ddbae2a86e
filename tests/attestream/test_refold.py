"""Folding everything again: a whole store follows from what it recorded, a changed one does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, update

from attestream.refold import recheck, refold
from attestream.settings import Settings
from attestream.wiring import opened
from pipeline.timekeeper import Timekeeper
from store import schema
from store.errors import VerificationError
from store.fsck import verify
from store.open import open_store
from store.records import DAY, HOUR, Closing, Verdict
from store.sqlite_driver import reading, writing
from tests.store.lab import CONTROLS, MAPPINGS, PART, Lab, mapping

ALICE, BOB = "111122223333/alice", "111122223333/bob"
SILENCE = f"trail/{PART}"


def fold(lab: Lab) -> None:
    with reading(lab.engine) as connection:
        refold(connection)


def later(lab: Lab, wait: int) -> None:
    lab.now += wait
    Timekeeper(lab.store, lambda: ("boot", lab.now)).tick()


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A finding that was closed by an until, one by quiet time, one by a person, an open one, one gone stale, and silence."""
    path = tmp_path / "store.db"
    open_store(f"sqlite:///{path}").engine.dispose()
    made = Lab(path)
    made.activate()
    start = made.now
    says: list[tuple[str, int, tuple[object, ...]]] = [
        ("a1", start, ("open", Verdict.MATCHED, ALICE)),
        ("a2", start + HOUR, ("open", Verdict.UNTIL, ALICE)),
        ("b1", start, ("open", Verdict.MATCHED, BOB)),
        ("c1", start, ("two", Verdict.MATCHED, ALICE)),
        ("d1", start, ("sat", Verdict.MATCHED, ALICE)),
        ("e1", start, ("two", Verdict.MATCHED, BOB)),
    ]
    made.now = start + 2 * HOUR
    made.window(start - HOUR, made.now, *(made.judged(made.event(id_, time), said) for id_, time, said in says))
    made.append(closings=(Closing("two", BOB, made.now, "planned", "carol"),))
    later(made, 50 * HOUR)
    made.window(start + 2 * HOUR, start + 2 * DAY + 2 * HOUR)
    made.now += 5 * DAY
    made.append(made.judged(made.event("f1", made.now), ("open", Verdict.MATCHED, ALICE)))
    later(made, HOUR)
    return made


def test_a_store_with_every_kind_of_history_is_whole(lab: Lab) -> None:
    states = lab.states()
    assert (states["open", ALICE], states["open", BOB]) == ("not-satisfied", "closed")
    assert (states["two", ALICE], states["two", BOB]) == ("closed", "closed")
    assert (states["sat", ALICE], states["two", SILENCE]) == ("stale", "stale")
    fold(lab)
    verify(lab.engine, None, None, refold)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE finding_row SET state = 'closed' WHERE mapping = 'open' AND state = 'not-satisfied'",
        "UPDATE finding_row SET state = 'satisfied' WHERE mapping = 'two' AND state = 'not-satisfied'",
        "UPDATE finding_row SET state = 'not-satisfied' WHERE mapping = 'two' AND state = 'closed'",
        "UPDATE finding_row SET event_time = event_time - 1 WHERE mapping = 'open' AND state = 'closed'",
        "UPDATE finding_row SET event_time = event_time + 1 WHERE mapping = 'sat' AND state = 'satisfied'",
        "DELETE FROM finding_row WHERE mapping = 'open' AND state = 'closed'",
        "DELETE FROM finding_row WHERE mapping = 'sat' AND state = 'satisfied'",
        "INSERT INTO finding_row SELECT mapping, subject, event_time + 99, idx + 1000, 'closed' FROM finding_row"
        " WHERE mapping = 'open' AND state = 'not-satisfied' ORDER BY event_time DESC LIMIT 1",
        "DELETE FROM tag WHERE mapping = 'open' AND verdict = 'until'",
        "DELETE FROM tag WHERE mapping = 'two' AND verdict = 'closed'",
        "UPDATE tag SET verdict = 'until' WHERE mapping = 'open' AND verdict = 'matched'",
        "UPDATE tag SET event_time = event_time + 1 WHERE mapping = 'two'",
        'UPDATE coverage SET "end" = "end" - 86400000000',
        "UPDATE coverage SET start = start - 1",
        "DELETE FROM coverage",
    ],
)
def test_a_row_that_was_changed_is_found(lab: Lab, change: str) -> None:
    lab.sql(change)
    with pytest.raises(VerificationError, match=r"^finding (open|two|sat) says "):
        fold(lab)
    with pytest.raises(VerificationError):
        verify(lab.engine, None, None, refold)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE finding SET state = 'closed' WHERE state = 'not-satisfied'",
        "UPDATE finding SET since = since + 1",
        "UPDATE finding SET state = 'satisfied' WHERE mapping = 'sat'",
        "UPDATE tally SET n = n + 1",
        "UPDATE control SET state = 'satisfied' WHERE id = 'A.5.15'",
    ],
)
def test_a_present_row_that_was_changed_is_found_by_the_verifier(lab: Lab, change: str) -> None:
    lab.sql(change)
    with pytest.raises(VerificationError):
        verify(lab.engine, None, None, refold)


def test_the_index_of_the_row_is_named(lab: Lab) -> None:
    [(idx,)] = lab.sql("SELECT max(idx) FROM finding_row WHERE mapping = 'open' AND state = 'not-satisfied'")
    lab.sql("UPDATE finding_row SET state = 'error' WHERE idx = ?", idx)
    with pytest.raises(VerificationError) as found:
        fold(lab)
    assert found.value.index == idx


# -- other sets


CHANGED = (*MAPPINGS[:1], replace(MAPPINGS[1], digest="2", max_age=2 * DAY), *MAPPINGS[2:])


def test_what_a_mapping_said_before_it_changed_is_not_folded_by_the_new_one(lab: Lab) -> None:
    lab.activate(CHANGED, CONTROLS)
    fold(lab)
    lab.window(lab.now - HOUR, lab.now + 2 * HOUR, ended_at=lab.now + 2 * HOUR)
    fold(lab)
    later(lab, 5 * DAY)
    lab.append(lab.judged(lab.event("g1", lab.now), ("two", Verdict.MATCHED, ALICE)))
    fold(lab)
    verify(lab.engine, None, None, refold)


@pytest.mark.parametrize(
    "records",
    [
        (MAPPINGS[0], *MAPPINGS[2:]),
        (*MAPPINGS[:1], replace(MAPPINGS[1], digest="2", silence=False), *MAPPINGS[2:]),
        (*MAPPINGS[:1], replace(MAPPINGS[1], digest="2", finding="evidence", silence=False), *MAPPINGS[2:]),
        (mapping("open", "satisfied", (("A.5.15", "strong"),), digest="2"), *MAPPINGS[1:]),
    ],
)
def test_a_mapping_that_is_gone_and_comes_back_leaves_a_whole_store(lab: Lab, records: tuple[object, ...]) -> None:
    start = lab.now
    lab.activate(records, CONTROLS)  # type: ignore[arg-type]
    later(lab, DAY)
    lab.window(start, lab.now)
    fold(lab)
    verify(lab.engine, None, None, refold)
    lab.activate()
    later(lab, DAY)
    lab.window(start + DAY, lab.now)
    fold(lab)
    verify(lab.engine, None, None, refold)


def test_coverage_that_closes_after_a_mapping_went_moves_its_retirement_nowhere(lab: Lab) -> None:
    start = lab.now
    lab.append(lab.judged(lab.event("h1", start), ("two", Verdict.MATCHED, ALICE)))
    lab.activate((MAPPINGS[0], *MAPPINGS[2:]), CONTROLS)
    rows = lab.rows("two", ALICE)
    assert rows[-1][1] == "retired"
    later(lab, HOUR)
    lab.window(start - 3 * DAY, lab.now)
    lab.window(start - 4 * DAY, start - 3 * DAY)
    assert lab.rows("two", ALICE) == rows


def test_what_was_retired_stays_so_until_something_is_covered_under_a_set_that_has_it_again(lab: Lab) -> None:
    start = lab.now
    attempt = lab.open_window(start, start + HOUR)
    event = lab.event("j1", start, window=attempt)
    lab.append(lab.judged(event))
    lab.activate((MAPPINGS[0], *MAPPINGS[2:]), CONTROLS)
    lab.activate()
    lab.now += HOUR
    lab.close_window(lab.record(attempt, (start, lab.now), 1))
    assert lab.states()["two", SILENCE] == "retired"
    later(lab, 3 * DAY)
    assert lab.states()["two", SILENCE] == "retired"
    lab.window(start + HOUR, lab.now)
    assert lab.states()["two", SILENCE] == "satisfied"
    fold(lab)


def test_what_is_due_and_waits_is_no_difference(lab: Lab) -> None:
    lab.append(lab.judged(lab.event("i1", lab.now), ("sat", Verdict.MATCHED, BOB)))
    lab.open_window(lab.now, lab.now + HOUR)
    later(lab, 3 * DAY)
    fold(lab)


def test_an_empty_store_is_whole(new_store: Callable[[], Lab]) -> None:
    fold(new_store())


@pytest.fixture
def new_store(tmp_path: Path) -> Callable[[], Lab]:
    return lambda: Lab(tmp_path / "new.db")


def test_a_mapping_that_is_held_otherwise_than_the_set_in_the_log_says_is_found(tmp_path: Path) -> None:
    settings = Settings.model_validate({"store": {"url": f"sqlite:///{tmp_path}/store.db"}})
    with opened(settings, create=True) as parts:
        parts.activate()
        with reading(parts.store.engine) as connection:
            recheck(connection)
        with writing(parts.store.engine) as connection:
            row = connection.execute(select(schema.mapping).limit(1)).one()
            weaker = row.record.replace(b'"finding":"not-satisfied"', b'"finding":"evidence"')
            weaker = weaker if weaker != row.record else row.record.replace(b'"level":"', b'"level":"x')
            connection.execute(update(schema.mapping).where(schema.mapping.c.id == row.id).values(record=weaker))
        with reading(parts.store.engine) as connection, pytest.raises(VerificationError, match=row.id) as caught:
            recheck(connection)
    assert caught.value.index == 0


@pytest.mark.parametrize("change", [{"active": False}, {"held": 7}, {"digest": "0" * 64}])
def test_a_mapping_taken_out_or_moved_in_time_is_found(tmp_path: Path, change: dict[str, object]) -> None:
    settings = Settings.model_validate({"store": {"url": f"sqlite:///{tmp_path}/store.db"}})
    with opened(settings, create=True) as parts:
        parts.activate()
        with writing(parts.store.engine) as connection:
            id_ = connection.execute(select(schema.mapping.c.id).limit(1)).scalar_one()
            connection.execute(update(schema.mapping).where(schema.mapping.c.id == id_).values(**change))
        with pytest.raises(VerificationError):
            verify(parts.store.engine, None, None, recheck)


@pytest.mark.parametrize("change", [{"due_at": None}, {"due_at": 10**16}, {"quiet_at": None}, {"quiet_at": 10**16}])
def test_a_due_time_taken_away_is_found(lab: Lab, change: dict[str, object]) -> None:
    lab.window(lab.now - DAY, lab.now)
    table, [column] = schema.finding, list(change)
    with writing(lab.engine) as connection:
        done = connection.execute(update(table).where(table.c[column].is_not(None)).values(**change))
        assert done.rowcount
    with pytest.raises(VerificationError):
        fold(lab)


def test_a_trigger_in_the_store_is_found(tmp_path: Path) -> None:
    settings = Settings.model_validate({"store": {"url": f"sqlite:///{tmp_path}/store.db"}})
    with opened(settings, create=True) as parts:
        parts.activate()
        with writing(parts.store.engine) as connection:
            connection.exec_driver_sql("CREATE TRIGGER hide AFTER INSERT ON evidence BEGIN DELETE FROM evidence; END")
        with pytest.raises(VerificationError, match="hide"):
            verify(parts.store.engine, None, None, recheck)
