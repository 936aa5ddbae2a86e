"""Observations: an unchanged subject stores nothing, a changed one does, whatever the order of arrival."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from store.errors import VerificationError
from store.fsck import verify
from store.records import HOUR, MINUTE, Counts, Judged, Verdict
from tests.store.lab import PART, T0, Lab

BUCKET = "arn:aws:s3:::ledger"
TYPE = "snapshot.aws.s3.bucket"


def look(lab: Lab, at: int, payload: bytes, *said: Any, subject: str = BUCKET, type: str = TYPE) -> Judged:
    id_ = f"{type}-{subject}-{hashlib.sha256(payload).hexdigest()}-{at}"
    return lab.judged(lab.event(id_, at, type=type, subject=subject, payload=payload), *said)


def counts(lab: Lab, *items: Judged) -> Counts:
    return lab.append(*items).counts


def test_an_unchanged_subject_is_a_duplicate_and_stores_nothing(lab: Lab) -> None:
    assert counts(lab, look(lab, T0, b"{}", "plain")) == Counts(evidence=1)
    size = lab.query.log().size
    for hour in range(1, 4):
        assert counts(lab, look(lab, T0 + hour * HOUR, b"{}", "plain")) == Counts(duplicate=1)
    assert lab.query.log().size == size
    assert lab.sql("SELECT time FROM observed") == [(T0 + 3 * HOUR,)]
    assert len(lab.sql("SELECT 1 FROM seen")) == 1
    verify(lab.engine, None)


def test_there_and_back_is_two_changes(lab: Lab) -> None:
    shut, open_ = b'{"public":false}', b'{"public":true}'
    for number, payload in enumerate((shut, open_, shut, shut, open_)):
        lab.append(look(lab, T0 + number * HOUR, payload, "plain"))
    assert len(lab.sql("SELECT idx FROM evidence")) == 4
    verify(lab.engine, None)


def test_within_one_batch_the_order_of_looking_decides(lab: Lab) -> None:
    found = [look(lab, T0 + n * HOUR, payload, "plain") for n, payload in enumerate((b"1", b"1", b"2", b"1"))]
    assert counts(lab, *found) == Counts(evidence=3, duplicate=1)
    verify(lab.engine, None)


def test_an_older_look_that_comes_late_is_history_and_moves_nothing(lab: Lab) -> None:
    lab.append(look(lab, T0 + 2 * HOUR, b"new", "plain"))
    assert counts(lab, look(lab, T0 + HOUR, b"old", "plain")) == Counts(evidence=1)
    assert counts(lab, look(lab, T0 + 3 * HOUR, b"new", "plain")) == Counts(duplicate=1)
    verify(lab.engine, None)


def test_delivered_twice_is_a_duplicate_even_when_the_subject_has_changed_since(lab: Lab) -> None:
    first, second = look(lab, T0, b"1", "plain"), look(lab, T0 + HOUR, b"2", "plain")
    lab.append(first, second)
    assert counts(lab, first, second) == Counts(duplicate=2)
    assert counts(lab, look(lab, T0 + 2 * HOUR, b"2", "plain")) == Counts(duplicate=1)


def test_what_no_mapping_judges_is_unmatched_each_time_and_leaves_no_trace(lab: Lab) -> None:
    for minute in range(3):
        assert counts(lab, look(lab, T0 + minute * MINUTE, b"{}")) == Counts(unmatched=1)
    assert lab.sql("SELECT * FROM observed") == lab.sql("SELECT * FROM seen") == []


def test_one_that_is_judged_no_more_is_kept_as_the_end_of_it_and_again_when_it_is_judged_again(lab: Lab) -> None:
    lab.append(look(lab, T0, b"1", "plain"))
    assert counts(lab, look(lab, T0 + HOUR, b"2")) == Counts(evidence=1)
    assert counts(lab, look(lab, T0 + HOUR + MINUTE, b"2"), look(lab, T0 + HOUR + 2 * MINUTE, b"3")) == Counts(unmatched=2)
    assert counts(lab, look(lab, T0 + 2 * HOUR, b"2", "plain")) == Counts(evidence=1)
    assert counts(lab, look(lab, T0 + 3 * HOUR, b"1", "plain")) == Counts(evidence=1)
    verify(lab.engine, None)


def test_subjects_differ_by_name_type_and_place(lab: Lab) -> None:
    lab.append(look(lab, T0, b"{}", "plain"))
    others = [
        look(lab, T0, b"{}", "plain", subject="other"),
        look(lab, T0, b"{}", "plain", type="snapshot.aws.s3.account"),
        lab.judged(lab.event("x", T0, type=TYPE, subject=BUCKET, payload=b"{}", account="999999999999"), "plain"),
        lab.judged(lab.event("y", T0, type=TYPE, subject=BUCKET, payload=b"{}", region="eu-north-1"), "plain"),
    ]
    assert counts(lab, *others) == Counts(evidence=4)
    verify(lab.engine, None)


def test_windows_close_by_counts_of_unchanged_observations_too(lab: Lab) -> None:
    lab.window(T0, T0 + HOUR, look(lab, T0, b"{}", "plain"))
    appended = lab.window(T0 + HOUR, T0 + 2 * HOUR, look(lab, T0 + HOUR, b"{}", "plain"))
    assert appended.counts == Counts(duplicate=1)
    assert len(appended.closed) == 1


def test_no_match_is_kept_and_speaks_for_no_control(lab: Lab) -> None:
    lab.append(look(lab, T0, b"{}", ("plain", Verdict.NOT_MATCHED, BUCKET)))
    # the judgement of a rule set names no control where it does not match; the lab's names them, so the rows are looked at
    assert lab.sql("SELECT verdict FROM tag") == [("not-matched",)]
    assert lab.sql("SELECT key FROM rollup WHERE dim = 'mapping'") == []
    verify(lab.engine, None)


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM observed",
        "UPDATE observed SET digest = x'00'",
        "UPDATE observed SET time = time - 1",
        "UPDATE observed SET key = x'00'",
        "UPDATE observed SET source = 'other'",
        "UPDATE observed SET idx = 99",
        "UPDATE observed SET idx = 0",
        "INSERT INTO observed SELECT source, x'00', digest, idx, time FROM observed LIMIT 1",
    ],
)
def test_a_row_that_was_changed_is_found(lab: Lab, change: str) -> None:
    lab.append(look(lab, T0, b"1", "plain"), look(lab, T0 + HOUR, b"2", "plain"))
    verify(lab.engine, None)
    lab.sql(change)
    with pytest.raises(VerificationError):
        verify(lab.engine, None)


def test_parts_of_one_place_keep_their_kinds(lab: Lab) -> None:
    lab.append(look(lab, T0, b"{}", "plain"), look(lab, T0, b"{}", "plain", type="snapshot.aws.kms.key", subject="k"))
    assert lab.sql("SELECT part FROM part ORDER BY part") == [(f"{PART}/snapshot.aws.kms.key",), (f"{PART}/{TYPE}",)]
