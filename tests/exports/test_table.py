"""index.csv: quoting, and cells that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exports.table import COLUMNS, HEADER, cell, evidence_row
from exports.verify import csv_cell, csv_row

RUN = "=+-@\uff1d\uff0b\uff0d\uff20"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plain", "plain"),
        ("", ""),
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("  =1", "'  =1"),
        ("\uff1d1", "'\uff1d1"),
        ("\tx", "'\ufffdx"),
        ("\r=1", "'\ufffd'=1"),
        ("a\n=1", "a\ufffd'=1"),
        ("a;=1", "a;'=1"),
        ('a"=1', "a\"'=1"),
        ("a,-1", "a,'-1"),
        ("\u202egnp.exe", "\ufffdgnp.exe"),
        ("A.8.2 A.5.15", "A.8.2 A.5.15"),
        ("\x1b[31m", "\ufffd[31m"),
    ],
)
def test_cells(text: str, wanted: str) -> None:
    assert next(csv.reader([cell(text)])) == [wanted]


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_no_cell_runs_and_the_verifier_writes_the_same(text: str) -> None:
    made = cell(text)
    assert made == csv_cell(text)
    assert made[0] == made[-1] == '"'
    for delimiter in ",;\t|":  # as a spreadsheet of another locale may cut the line
        rows = list(csv.reader(io.StringIO(made), delimiter=delimiter))
        pieces = [piece for row in rows for piece in re.split(f'[{delimiter}"]', ",".join(row))]
        assert not any(piece.lstrip(" ").startswith(tuple(RUN)) for piece in pieces)
    assert not re.search("[\x00-\x1f]", made)


def test_a_row_has_the_columns_and_an_erased_one_too() -> None:
    times = dict.fromkeys(("event_time", "collected_at", "recorded_at"), "2026-11-01T00:00:00.000000Z")
    entry = {
        **times,
        "source": "=s",
        "event_type": "log.aws.cloudtrail",
        "controls": ["A.5.15", "A.8.2"],
        "window": "w",
        "payload": {"media_type": "application/json", "size": 3},
    }
    tag = {"mapping": "m", "reason": "=why"}
    detail = {"id": "i", "account": "-1", "region": "r", "tags": [tag, tag]}
    for known, digest, name in ((detail, "ab", "payloads/000000000007"), (None, "", "")):
        row = evidence_row(7, entry, known, digest, name)
        assert row == csv_row(7, entry, known, digest)
        (values,) = csv.reader(io.StringIO(row.decode(), newline=""))
        found = dict(zip(COLUMNS, values, strict=True))
        assert (found["index"], found["source"], found["controls"]) == ("7", "'=s", "A.5.15 A.8.2")
        assert (found["account"], found["reason"], found["payload_sha256"]) == (
            ("'-1", "'=why / =why", "ab") if known else ("", "", "")
        )
    assert HEADER.startswith("\ufeff")
