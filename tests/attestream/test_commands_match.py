"""attestream match: one documented line per event, whatever form the events come in, and a clear sentence for what is none."""

from __future__ import annotations

import gzip
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from attestream.errors import Exit
from tests.attestream.conftest import Result, Run

RULE = """\
title: Trail stopped
id: 0c3b1f2e-5f0b-4b0e-9b53-6b3f0a4f6f01
tags: [iso27001-2022.a.8.15, iso27001-2022.a.8.16]
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: StopLogging}, condition: s}
until: {eventName: StartLogging}
level: high
finding: not-satisfied
strength: {A.8.15: strong, A.8.16: partial}
rationale: A stopped trail records nothing.
"""
ID = "0c3b1f2e-5f0b-4b0e-9b53-6b3f0a4f6f01"
STOP = {"eventID": "e1", "eventName": "StopLogging"}
START = {"eventID": "e2", "eventName": "StartLogging"}
OTHER = {"id": "e3", "eventName": "Describe", "note": "a\nline é"}
STOPPED = {"id": "e1", "mappings": [ID], "controls": ["A.8.15", "A.8.16"]}
EXPECTED = [STOPPED, {"id": "e2", "mappings": [], "controls": []}, {"id": "e3", "mappings": [], "controls": []}]

Match = Callable[..., Result]


@pytest.fixture
def match(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Match:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "stopped.yaml").write_text(RULE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return lambda *files: run("match", "--mappings", "rules", "--product", "aws", "--service", "cloudtrail", *files)


def dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


FORMS = {
    "a list": dumped([STOP, START, OTHER]),
    "Records": dumped({"Records": [STOP, START, OTHER]}),
    "Records among others": dumped({"n": 1, "Records": [STOP, START, OTHER]}),
    "lines": b"\n".join(map(dumped, (STOP, START, OTHER))),
    "lines with empty ones": b"\r\n\n".join(map(dumped, (STOP, START, OTHER))) + b"\n\n",
    "indented": json.dumps([STOP, START, OTHER], indent=2).encode(),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_lines(match: Match, tmp_path: Path, form: str, packed: bool) -> None:
    content = gzip.compress(FORMS[form]) if packed else FORMS[form]
    (tmp_path / "events").write_bytes(content)
    done = match("events")
    assert (done.code, done.lines, done.err) == (Exit.DONE, EXPECTED, "")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("words", [("-",), ()])
def test_stdin_is_read_where_no_file_is_named(
    match: Match, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], packed: bool
) -> None:
    content = gzip.compress(FORMS["lines"]) if packed else FORMS["lines"]
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    assert match(*words).lines == EXPECTED


def test_one_event_alone(match: Match, tmp_path: Path) -> None:
    (tmp_path / "one.json").write_bytes(dumped(STOP))
    assert match("one.json").lines == [STOPPED]


def test_several_files_in_their_order(match: Match, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(dumped([OTHER]))
    (tmp_path / "b.json").write_bytes(dumped([STOP]))
    assert [line["id"] for line in match("b.json", "a.json").lines] == ["e1", "e3"]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"[]", b'{"Records":[]}'])
def test_no_event_is_no_line(match: Match, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "none").write_bytes(content)
    done = match("none")
    assert (done.code, done.out) == (Exit.DONE, "")


@pytest.mark.parametrize("event", [7, "text", None, [STOP], {}, {"eventID": None}, {"eventID": 5}])
def test_an_event_that_is_no_record_of_a_log_is_judged_and_matches_nothing(match: Match, tmp_path: Path, event: Any) -> None:
    (tmp_path / "odd").write_bytes(dumped([event]))
    [line] = match("odd").lines
    assert (line["mappings"], line["controls"]) == ([], [])


BROKEN = {
    "no JSON": b"{not json",
    "a line": dumped(STOP) + b"\n{not json\n",
    "Records that are none": b'{"Records": 5}',
    "no text": b'{"a": "\xff"}',
    "cut gzip": gzip.compress(FORMS["lines"])[:-9],
    "damaged gzip": gzip.compress(FORMS["lines"])[:20] + b"\xff\xff\xff\xff\xff\xff",
    "two in one gzip, one broken": gzip.compress(FORMS["lines"]) + b"more",
}


@pytest.mark.parametrize("form", BROKEN)
def test_what_cannot_be_read_is_one_sentence_with_the_file_and_exit_1(match: Match, tmp_path: Path, form: str) -> None:
    (tmp_path / "events.gz").write_bytes(BROKEN[form])
    done = match("events.gz")
    assert done.code == Exit.FAILED
    assert done.err.startswith("attestream: events.gz: ")
    assert len(done.err.strip().splitlines()) == 1


def test_a_lone_surrogate_is_json_and_does_not_break_the_line(match: Match, tmp_path: Path) -> None:
    (tmp_path / "odd").write_bytes(b'{"eventID": "e\\ud800", "eventName": "StopLogging"}\n{"id": "x", "n": "\\ud800"}\n')
    lines = match("odd").lines
    assert [(line["id"], line["mappings"]) for line in lines] == [("e\ufffd", [ID]), ("x", [])]


def test_a_broken_line_is_named(match: Match, tmp_path: Path) -> None:
    (tmp_path / "lines").write_bytes(BROKEN["a line"])
    assert "lines: line 2 is not JSON" in match("lines").err


def test_a_file_that_is_not_there(match: Match, tmp_path: Path) -> None:
    done = match("nowhere.json")
    assert (done.code, done.out) == (Exit.FAILED, "")
    assert "nowhere.json" in done.err
    (tmp_path / "folder").mkdir()
    assert match("folder").code == Exit.FAILED


def test_rules_that_are_not_there_or_name_no_control(run: Run, tmp_path: Path, match: Match) -> None:
    missing = run("match", "--mappings", str(tmp_path / "none"), "--product", "aws", "--service", "cloudtrail", "-")
    assert missing.code == Exit.USAGE
    assert missing.err.startswith("attestream: --mappings: ")
    (tmp_path / "rules" / "broken.yaml").write_text("title: x\ndetection: [", encoding="utf-8")
    (tmp_path / "one.json").write_bytes(dumped(STOP))
    done = match("one.json")
    assert done.lines == [STOPPED]  # the others judge all the same
    assert "broken.yaml" in done.err


def test_another_service_is_judged_by_its_own_rules_only(run: Run, match: Match, tmp_path: Path) -> None:
    (tmp_path / "one.json").write_bytes(dumped(STOP))
    done = run("match", "--mappings", "rules", "--product", "gcp", "--service", "gcp.audit", "one.json")
    assert [line["mappings"] for line in done.lines] == [[]]


def test_product_and_service_are_asked_for(run: Run, match: Match) -> None:
    assert run("match", "--mappings", "rules", "one.json").code == Exit.USAGE


def test_observations_are_judged_at_the_time_of_looking_and_failures_are_named(run: Run, tmp_path: Path) -> None:
    rule = tmp_path / "rules" / "old.yaml"
    rule.parent.mkdir()
    rule.write_text(
        "{title: Old key, id: 0c3b1f2e-5f0b-4b0e-9b53-6b3f0a4f6f02, tags: [iso27001-2022.a.5.17], rationale: r,\n"
        "logsource: {category: snapshot, product: aws, service: iam, resource: user}, each: Keys,\n"
        "derive: {age: 'days_between(Keys.Created, @time)'}, detection: {s: {age|gt: 90}, condition: s}}"
    )
    users = [{"id": "a", "Keys": [{"Created": "2020-01-01"}]}, {"id": "b", "Keys": []}, {"id": "c", "Keys": [{"Created": "x"}]}]
    (tmp_path / "users.json").write_text(json.dumps(users))
    asked = ["match", "--mappings", str(rule.parent), "--product", "aws", "--service", "iam", str(tmp_path / "users.json")]
    result = run(*asked, "--category", "snapshot", "--resource", "user")
    assert [json.loads(line)["mappings"] for line in result.out.splitlines()] == [
        [rule_id := "0c3b1f2e-5f0b-4b0e-9b53-6b3f0a4f6f02"],
        [],
        [],
    ]
    assert (
        f"event 3: mapping {rule_id} could not judge it: DeriveError: age cannot be computed: Keys.Created is no time: x"
        in result.err
    )
    refused = run(*asked, "--category", "window")
    assert (refused.code, "--category: one of log" in refused.err) == (Exit.USAGE, True)
