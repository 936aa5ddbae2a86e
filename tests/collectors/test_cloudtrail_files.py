"""collectors/cloudtrail_files.py and cloudtrail.py: real files in real directories, through the runner."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from collectors.base import Collector, Window
from collectors.registry import build, read_settings
from collectors.report import WindowReport
from collectors.runner import run_attempts
from store.records import HOUR, Event, WindowRecord
from store.times import parse_time, wall_clock

Run = Callable[[], list[WindowRecord]]


def source(path: Path, **more: Any) -> Collector:
    return build(read_settings({"name": "logs", "type": "cloudtrail-files", "path": str(path), **more}))


@pytest.fixture
def run(tmp_path: Path, stream: Any, ledger: Any) -> Run:
    collector = source(tmp_path)
    return lambda: run_attempts(collector, stream, ledger, 1, wall_clock())


def test_records_are_the_exact_slices_of_their_files(tmp_path: Path, files: Any, stream: Any, run: Run) -> None:
    one, two = files.record(1, note="é"), files.record(2)
    text = '{"Records": [ ' + json.dumps(one, ensure_ascii=False, indent=1) + " ,\n" + json.dumps(two) + "] }"
    (tmp_path / "AWSLogs" / "2026").mkdir(parents=True)
    files.put(tmp_path / "AWSLogs" / "2026", "20261120T1005Z", raw=gzip.compress(text.encode()))
    [record] = run()
    assert [event.payload.decode() for event in stream.of(record.attempt)] == [
        json.dumps(one, ensure_ascii=False, indent=1),
        json.dumps(two),
    ]
    event = stream.of(record.attempt)[0]
    assert (event.source, event.type, event.id, event.time) == (
        "logs",
        "log.aws.cloudtrail",
        one["eventID"],
        parse_time(one["eventTime"]),
    )
    assert (event.account, event.region, event.subject, event.media_type) == (
        "111122223333",
        "eu-west-1",
        None,
        "application/json",
    )
    assert event.collected_at >= record.started_at
    assert (record.state, record.files, record.records, record.unreadable) == ("complete", 1, 2, 0)
    assert [(part.part, part.type, part.complete, part.read) for part in record.parts] == [
        ("111122223333/eu-west-1", "log.aws.cloudtrail", True, 2)
    ]
    assert "owned by" in record.identity


def test_plain_json_is_read_when_its_name_fits(tmp_path: Path, files: Any, stream: Any, run: Run) -> None:
    (tmp_path / files.name("20261120T1005Z").removesuffix(".gz")).write_bytes(files.content(files.record(1)))
    (tmp_path / "notes.json").write_bytes(files.content(files.record(2)))
    [record] = run()
    assert (record.records, record.ignored) == (1, 1)


def test_each_file_is_read_once_over_runs(tmp_path: Path, files: Any, stream: Any, ledger: Any, run: Run) -> None:
    files.put(tmp_path, "20261120T1000Z", files.record(1))
    files.put(tmp_path, "20261120T1005Z", files.record(2))
    [first] = run()
    files.put(tmp_path, "20261120T1010Z", files.record(3))
    [second] = run()
    [third] = run()
    assert [record.records for record in (first, second, third)] == [2, 1, 0]
    assert second.asked[0] == first.asked[1]
    assert third.asked[0] == second.asked[1]
    assert third.state == "complete"


def test_a_file_that_arrives_with_an_old_mtime_is_read(tmp_path: Path, files: Any, run: Run) -> None:
    files.put(tmp_path, "20261120T1000Z", files.record(1))
    run()
    files.put(tmp_path, "20261119T1005Z", files.record(2), at="2026-11-19T10:05:00Z")
    [second] = run()
    [third] = run()
    assert (second.records, third.records) == (1, 0)


def test_a_rewritten_file_is_read_again(tmp_path: Path, files: Any, run: Run) -> None:
    path = files.put(tmp_path, "20261120T1000Z", files.record(1))
    run()
    path.write_bytes(files.packed(files.record(1), files.record(2)))
    [second] = run()
    assert second.records == 2


def test_a_long_period_is_cut_into_windows_of_a_day(tmp_path: Path, files: Any, stream: Any, ledger: Any) -> None:
    now = wall_clock()
    begin = now - 59 * HOUR
    for number in range(60):
        path = files.put(tmp_path, "20261120T1000Z", files.record(number))
        os.utime(path, ns=((begin + number * HOUR) * 1000,) * 2)
    records = run_attempts(source(tmp_path), stream, ledger, 1, wall_clock())
    assert [record.records for record in records] == [24, 24, 12]
    assert records[0].asked[0] == begin - 1
    assert all(one.asked[1] == two.asked[0] for one, two in pairwise(records))
    assert stream.log[0] == "register 3 scheduled"
    assert ledger.end == records[-1].asked[1]


def test_impossible_mtimes_fall_back_to_arrival(tmp_path: Path, files: Any, stream: Any, ledger: Any) -> None:
    files.put(tmp_path, "20261120T1000Z", files.record(1), at="1970-01-01T00:00:00Z")
    files.put(tmp_path, "20261120T1005Z", files.record(2), at="2099-01-01T00:00:00Z")
    [record] = run_attempts(source(tmp_path), stream, ledger, 1, wall_clock())
    assert record.records == 2


def test_an_empty_directory_is_a_complete_window_of_nothing(tmp_path: Path, run: Run, ledger: Any) -> None:
    [first] = run()
    assert (first.state, first.files, first.records, first.parts, first.covers) == ("complete", 0, 0, (), ())
    assert ledger.end == first.asked[1]
    [second] = run()
    assert second.asked[0] == first.asked[1]


def bad_files(files: Any) -> dict[str, tuple[bytes, str]]:
    record = files.packed(files.record(1))
    return {
        "truncated": (record[:-9], "cut short"),
        "two members": (record + record, "second gzip member"),
        "trailing bytes": (record + b"\0\0\0\0", "bytes after"),
        "no gzip": (b"hello", "not a sound gzip"),
        "empty": (b"", "is empty"),
        "no JSON": (gzip.compress(b"hello"), "not a JSON object"),
        "no records": (gzip.compress(b'{"Events":[]}'), "no Records"),
        "bomb": (gzip.compress(b'{"Records":[' + b" " * 30_000_000), "times its size"),
    }


KINDS = ["truncated", "two members", "trailing bytes", "no gzip", "empty", "no JSON", "no records", "bomb"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_not_understood_becomes_a_dead_letter_and_the_rest_goes_on(
    kind: str, tmp_path: Path, files: Any, stream: Any, ledger: Any, run: Run
) -> None:
    raw, reason = bad_files(files)[kind]
    files.put(tmp_path, "20261120T1000Z", files.record(11))
    bad = files.put(tmp_path, "20261120T1005Z", raw=raw)
    files.put(tmp_path, "20261120T1010Z", files.record(12))
    [record] = run()
    [dead] = [event for event in stream.of(record.attempt) if event.type == "unreadable"]
    assert (dead.id, dead.payload) == (hashlib.sha256(raw).hexdigest(), raw)
    assert dead.time == parse_time("2026-11-20T10:05:00Z")
    assert dead.media_type == "application/octet-stream"
    assert dead.subject is not None
    assert dead.subject.startswith(f"{bad}: ")
    assert reason in dead.subject
    assert {"00000000-0000-0000-0000-000000000011", "00000000-0000-0000-0000-000000000012"} <= {
        event.id for event in stream.of(record.attempt)
    }
    assert (record.state, record.unreadable, record.files) == ("partial", 1, 3)
    assert any(str(bad) in error and reason in error for error in record.errors)
    assert not record.parts[0].complete
    assert [(cover.start, cover.joins) for cover in record.covers] == [
        (parse_time("2026-11-20T10:00:00Z"), True),
        (parse_time("2026-11-20T10:10:00Z"), False),
    ]
    assert ledger.end == record.asked[1], "what cannot be understood will not be by asking again"
    [second] = run()
    assert (second.state, second.files) == ("complete", 0)


def test_a_broken_record_is_a_dead_letter_and_its_file_goes_on(tmp_path: Path, files: Any, stream: Any, run: Run) -> None:
    good = json.dumps(files.record(1))
    raw = f'{{"Records":[{good},{{"eventID":"x","eventID":"y"}},7,{good.replace("0001", "0002")}]}}'.encode()
    path = files.put(tmp_path, "20261120T1005Z", raw=gzip.compress(raw))
    [record] = run()
    events = stream.of(record.attempt)
    assert [event.type for event in events] == ["log.aws.cloudtrail", "unreadable", "unreadable", "log.aws.cloudtrail"]
    assert [event.payload for event in events if event.type == "unreadable"] == [b'{"eventID":"x","eventID":"y"}', b"7"]
    assert events[1].subject == f"{path} record 2: has the same name twice in one object"
    assert (record.state, record.records, record.unreadable, record.covers) == ("partial", 2, 2, ())


def test_records_before_a_break_stay_and_the_file_is_a_dead_letter(tmp_path: Path, files: Any, stream: Any, run: Run) -> None:
    raw = gzip.compress(files.content(*[files.record(number) for number in range(2000)]))[:-20]
    files.put(tmp_path, "20261120T1005Z", raw=raw)
    [record] = run()
    assert record.records > 100
    assert record.unreadable == 1
    assert stream.of(record.attempt)[-1].payload == raw


def test_of_a_large_file_not_understood_the_head_stays(tmp_path: Path, files: Any, stream: Any, run: Run) -> None:
    raw = os.urandom(9 * 1024 * 1024)
    files.put(tmp_path, "20261120T1005Z", raw=raw)
    [record] = run()
    [dead] = stream.of(record.attempt)
    assert dead.id == hashlib.sha256(raw).hexdigest()
    assert dead.payload == raw[: 1024 * 1024]
    assert dead.media_type == f"application/octet-stream; part=head; size={len(raw)}"


def test_settings_bound_what_is_read(tmp_path: Path, files: Any, stream: Any, ledger: Any) -> None:
    files.put(tmp_path, "20261120T1005Z", *[files.record(number) for number in range(50)])
    [record] = run_attempts(source(tmp_path, max_file_size=2048), stream, ledger, 1, wall_clock())
    assert record.unreadable == 1
    assert "max_file_size" in record.errors[0]


def test_digests_and_other_names_are_ignored(tmp_path: Path, files: Any, run: Run) -> None:
    (tmp_path / files.name("20261120T1005Z").replace("_CloudTrail_", "_CloudTrail-Digest_")).write_bytes(b"x")
    (tmp_path / "LICENSE").write_bytes(b"x")
    (tmp_path / "lost+found").mkdir()
    [record] = run()
    assert (record.state, record.ignored, record.errors) == ("complete", 2, ())


def test_links_are_followed_and_no_directory_is_read_twice(tmp_path: Path, files: Any, stream: Any, run: Run) -> None:
    (tmp_path / "inside").mkdir()
    files.put(tmp_path / "inside", "20261120T1005Z", files.record(1))
    (tmp_path / "inside" / "up").symlink_to(tmp_path)
    (tmp_path / "again").symlink_to(tmp_path / "inside")
    [record] = run()
    assert (record.state, record.records, record.errors) == ("complete", 1, ())


def test_a_file_still_being_written_is_asked_for_again(tmp_path: Path, files: Any, stream: Any, ledger: Any, run: Run) -> None:
    whole = files.packed(*[files.record(number) for number in range(900)])
    files.put(tmp_path, "20261120T1000Z", files.record(5000))
    path = files.put(tmp_path, "20261120T1005Z", raw=whole[:-100])

    def go_on_writing(events: list[Event]) -> None:
        path.write_bytes(whole[:-50])

    stream.before = go_on_writing
    [record] = run()
    assert (record.state, record.unreadable, ledger.end) == ("partial", 0, None)
    assert "changed while it was read" in record.errors[0]
    stream.before = lambda _events: None
    path.write_bytes(whole)
    [record] = run()
    assert (record.state, record.records) == ("complete", 901)


def test_check_says_what_is_there(tmp_path: Path, files: Any) -> None:
    assert [probe.text for probe in source(tmp_path).check()] == [f"{tmp_path} can be read and holds no CloudTrail log files"]
    files.put(tmp_path, "20261120T1005Z", files.record(1))
    said = f"{tmp_path} holds 1 CloudTrail log files, and they can be read"
    assert [probe.text for probe in source(tmp_path).check()] == [said]


def test_names_that_are_no_text_are_shown_escaped(tmp_path: Path, files: Any, stream: Any, run: Run) -> None:
    folder = os.fsencode(tmp_path) + b"/\xff\x1b[31m"
    path = Path(os.fsdecode(folder))
    path.mkdir()
    (path / files.name("20261120T1005Z")).write_bytes(b"hello")
    [record] = run()
    assert "\\udcff\\x1b[31m" in record.errors[0]
    assert record.errors[0].isprintable()


def test_unfinished_reading_closes_the_file(tmp_path: Path, files: Any, report: WindowReport) -> None:
    files.put(tmp_path, "20261120T1005Z", *[files.record(number) for number in range(10)])
    before = len(list(Path("/proc/self/fd").iterdir()))
    events = source(tmp_path).collect(Window("a", "logs", 0, wall_clock(), {}), report)
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.soak
@pytest.mark.skipif("os.environ.get('SOAK') != '1'", reason="slow; SOAK=1 asks for it")
def test_a_file_of_300_megabytes_streams_in_little_memory(tmp_path: Path, files: Any) -> None:
    record = json.dumps(files.record(1, filler="")).replace('"filler": ""', '"filler": "%s"')
    path = tmp_path / files.name("20261120T1005Z")
    with gzip.open(path, "wb", compresslevel=1) as out:
        out.write(b'{"Records":[')
        for number in range(300_000):
            text = record.replace("000000000001", f"{number:012d}") % os.urandom(300).hex()
            out.write((b"," if number else b"") + text.encode())
        out.write(b"]}")
    code = (
        "import sys, resource; from pathlib import Path\n"
        "from collectors.registry import build, read_settings; from collectors.report import Silent, WindowReport\n"
        "from collectors.base import Window; from store.times import wall_clock\n"
        "c = build(read_settings({'name': 'l', 'type': 'cloudtrail-files', 'path': sys.argv[1], 'max_file_size': 2**30}))\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "n = sum(1 for _ in c.collect(Window('a', 'l', 0, wall_clock(), {}), WindowReport(Silent(), {})))\n"
        "print(n, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    number, grown = map(int, done.stdout.split())
    assert number == 300_000
    assert grown < 32 * 1024, "KiB"
