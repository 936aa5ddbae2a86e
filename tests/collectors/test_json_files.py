"""Source type json-files: lines of files that grow, rotate and come again, exactly once each; and what is no line."""

from __future__ import annotations

import gzip
import json
import os
import resource
import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from collectors import json_lines
from collectors.base import Collector, SourceUnreadable
from collectors.json_lines import JsonLines
from collectors.lines import Line
from collectors.registry import SourceInvalid, build, read_settings
from collectors.runner import run_attempts
from store.records import HOUR, MINUTE, SECOND, UNREADABLE, Event, WindowRecord
from store.times import wall_clock
from tests.collectors.conftest import micros
from tests.memory import MemoryLedger, MemoryStream
from tests.repository import ROOT

SETTINGS = {"name": "app", "type": "json-files", "product": "app", "service": "audit", "fields": {"time": "at"}}


@dataclass
class Site:
    """A directory of logs, and an installation in memory that reads it; its clock can be set ahead."""

    folder: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    ahead: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.stream = MemoryStream()
        self.ledger = MemoryLedger(self.stream.log)
        self.began = wall_clock()

    def clock(self) -> int:
        return wall_clock() + self.ahead

    def collector(self) -> Collector:
        return build(read_settings({**SETTINGS, "path": str(self.folder), **self.settings}), self.clock)

    def read(self) -> list[Event]:
        """Read what is due in a process of its own; returns the events of this run."""
        before = len(self.stream.events)
        self.records: list[WindowRecord] = run_attempts(
            self.collector(), self.stream, self.ledger, 1, self.clock(), clock=self.clock
        )
        return [event for event in self.stream.events[before:] if event.kind != "window"]

    def write(self, name: str, *lines: Any, mode: str = "ab") -> Path:
        path = self.folder / name
        with path.open(mode) as file:
            file.write(b"".join(map(line, lines)))
        return path

    @property
    def states(self) -> list[str]:
        return [record.state for record in self.records]


def line(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode() + b"\n"


def numbered(*numbers: int) -> list[dict[str, Any]]:
    return [{"at": 1_763_632_800 + number, "n": number} for number in numbers]


def told(events: list[Event]) -> list[int]:
    return [json.loads(event.payload)["n"] for event in events if event.type != UNREADABLE]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "logs")


def ids(site: Site) -> set[str]:
    return {event.id for event in site.stream.events if event.kind == "log"}


# -- attributes and payload


def test_a_line_is_an_event_with_its_exact_bytes_and_the_mapped_attributes(site: Site) -> None:
    site.settings = {
        "fields": {"time": "@timestamp", "id": "event.id", "subject": "user.name", "account": "cloud.account", "region": "zone"}
    }
    raw = b'{ "@timestamp":"2026-11-20T11:00:00.5+01:00",  "event":{"id":"e-1"}, "user.name":"bob", "cloud":{"account":42}}'
    site.write("a.jsonl", raw + b"\r\n", b"\n", b"   \n")
    [event] = site.read()
    assert event.payload == raw
    assert (event.type, event.id, event.subject, event.account, event.region) == ("log.app.audit", "e-1", "bob", "42", "")
    assert event.time == micros("2026-11-20T10:00:00.5Z")
    assert site.states == ["complete"]
    assert [(part.part, part.type, part.read) for part in site.records[0].parts] == [("42", "log.app.audit", 1)]
    assert site.records[0].identity


def test_a_line_may_say_its_type_and_it_is_always_a_log(site: Site) -> None:
    site.settings = {"fields": {"time": "at", "type": "kind"}}
    site.write("a.jsonl", {"at": 1_763_632_800, "kind": "log.okta.system"}, {"at": 1_763_632_800, "kind": "snapshot.aws.iam"})
    good, bad = site.read()
    assert good.type == "log.okta.system"
    assert bad.type == UNREADABLE
    assert "fields: type" in str(bad.subject)
    assert site.states == ["partial"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"fields": {}}, "fields.time is missing"),
        ({"fields": {"time": "at", "when": "x"}}, "fields.when"),
        ({"product": "My App"}, "product"),
        ({"bucket": "logs-of-us"}, "only one of the two"),
        ({"prefix": "x/"}, "prefix belongs to a bucket"),
        ({"names": ["a/*.json"]}, "patterns are of names without folders"),
        ({"fields": {"time": ""}}, "fields.time"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(site: Site, settings: Mapping[str, Any], said: str) -> None:
    site.settings = settings
    with pytest.raises(SourceInvalid, match=said):
        site.collector()


# -- ids: repeats, copies, files read again


def test_the_same_line_twice_in_a_file_is_two_events(site: Site) -> None:
    site.write("a.jsonl", *numbered(1, 2, 2, 1, 2))
    events = site.read()
    assert told(events) == [1, 2, 2, 1, 2]
    assert len(ids(site)) == 5


def test_a_file_read_again_is_the_same_events_whatever_it_is_called_by_then(site: Site) -> None:
    path = site.write("a.jsonl", *numbered(1, 2, 3))
    site.read()
    before = ids(site)
    shutil.copy(path, site.folder / "copy.jsonl")
    (site.folder / "a.jsonl.1.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    path.rename(site.folder / "b.jsonl")
    assert told(site.read()) == []  # known by its first line and read to its end already
    again = Site(site.folder)
    assert len(again.read()) == 3
    assert ids(again) == before


def test_files_of_one_first_line_are_told_apart_by_what_they_hold(site: Site) -> None:
    header = {"at": 1_763_632_800, "n": 0}
    site.write("a.jsonl", header, *numbered(*range(1, 50)))
    site.read()
    site.write("b.jsonl", header, *numbered(*range(100, 200)))
    assert told(site.read()) == [0, *range(100, 200)]
    assert len(ids(site)) == 150


# -- files that grow and rotate


def test_a_file_that_grows_is_read_from_where_the_last_window_ended(site: Site) -> None:
    site.write("a.jsonl", *numbered(1, 2))
    assert told(site.read()) == [1, 2]
    site.write("a.jsonl", *numbered(3))
    assert told(site.read()) == [3]
    assert told(site.read()) == []
    site.write("a.jsonl", *numbered(4, 5))
    assert told(site.read()) == [4, 5]
    assert len(ids(site)) == 5


def test_an_unfinished_last_line_waits_until_it_is_whole(site: Site) -> None:
    site.write("a.jsonl", *numbered(1), b'{"at": 1763632800, ')
    assert told(site.read()) == [1]
    assert site.states == ["complete"]
    site.write("a.jsonl", b'"n": 2')
    assert told(site.read()) == []
    site.write("a.jsonl", b"}\n", *numbered(3))
    assert told(site.read()) == [2, 3]
    assert len(ids(site)) == 3


def test_a_last_line_without_its_end_counts_as_soon_as_it_is_a_whole_object(site: Site) -> None:
    site.write("a.jsonl", *numbered(1), b'{"at": 1763632800, "n": 2}')
    assert told(site.read()) == [1, 2]
    site.write("a.jsonl", b"\n", *numbered(3))
    assert told(site.read()) == [3]
    assert len(ids(site)) == 3


@pytest.mark.parametrize("lead", [b"", b'{"at": 1763632800, "n": 1}\n'])
def test_a_line_that_never_ends_becomes_a_dead_letter(site: Site, lead: bytes) -> None:
    site.write("a.jsonl", lead, b'{"at": 1763632800, "n')
    assert told(site.read()) == ([1] if lead else [])
    assert site.states == ["complete"]
    for minutes in (4, 9, 14):
        site.ahead = minutes * MINUTE
        assert site.read() == []
    site.ahead = 16 * MINUTE
    [letter] = site.read()
    assert letter.payload == b'{"at": 1763632800, "n'
    assert "cut short" in str(letter.subject)
    assert site.states == ["partial"]
    site.ahead = 20 * MINUTE
    assert site.read() == []
    site.write("a.jsonl", b'": 2}\n')
    site.ahead = 0  # the cursor stands in the future now, so all is read again
    assert told(site.read())[-1:] == [2]


def test_rotation_by_renaming_loses_nothing_and_doubles_nothing(site: Site) -> None:
    for number in range(0, 30, 3):
        site.write("a.jsonl", *numbered(number, number + 1))
        if number % 2:
            site.read()
        site.write("a.jsonl", *numbered(number + 2))  # after the last look, before it is renamed
        old = site.folder / "a.jsonl.2"
        if (site.folder / "a.jsonl.1").exists():
            old.unlink(missing_ok=True)
            (site.folder / "a.jsonl.1").rename(old)
        (site.folder / "a.jsonl").rename(site.folder / "a.jsonl.1")
    site.read()
    assert sorted(told([e for e in site.stream.events if e.kind == "log"])) == list(range(30))
    assert len(ids(site)) == 30


def test_rotation_by_copy_and_truncate_loses_nothing_and_doubles_nothing(site: Site) -> None:
    path = site.write("a.jsonl", *numbered(1, 2, 3))
    site.read()
    site.write("a.jsonl", *numbered(4))
    shutil.copy(path, site.folder / "a.jsonl.1")
    os.truncate(path, 0)
    assert told(site.read()) == [4]
    site.write("a.jsonl", *numbered(5))
    assert told(site.read()) == [5]
    site.write("a.jsonl", *numbered(*range(6, 30)))  # longer than the one before it was
    assert told(site.read()) == list(range(6, 30))
    assert len(ids(site)) == 29


def test_a_rotated_file_that_is_compressed_goes_on_where_it_was_left(site: Site) -> None:
    path = site.write("a.jsonl", *numbered(1, 2, 3))
    site.read()
    site.write("a.jsonl", *numbered(4))
    (site.folder / "a.jsonl.1.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    path.unlink()
    assert told(site.read()) == [4]
    assert len(ids(site)) == 4


def test_a_file_written_anew_with_the_same_first_line_is_read_whole(site: Site) -> None:
    site.write("a.jsonl", *numbered(1, 2, 3))
    site.read()
    site.write("a.jsonl", *numbered(1, 7, 8, 9), mode="wb")
    assert told(site.read()) == [1, 7, 8, 9]
    assert len(ids(site)) == 6  # the first line is the same event


@pytest.mark.parametrize("read_before", [True, False])
def test_a_truncation_while_it_is_read_loses_nothing(site: Site, monkeypatch: pytest.MonkeyPatch, read_before: bool) -> None:
    """Between the look at its beginning and the reading: truncated, and written on with the same first line."""
    path = site.write("a.jsonl", *numbered(*range(20)))
    if read_before:
        site.read()
        site.write("a.jsonl", *numbered(20, 21))
    original = JsonLines._start

    def start(self: JsonLines, *args: Any) -> int:
        found = original(self, *args)
        monkeypatch.setattr(JsonLines, "_start", original)
        os.truncate(path, 0)
        site.write("a.jsonl", *numbered(0, *range(100, 140)))
        return found

    monkeypatch.setattr(JsonLines, "_start", start)
    site.read()
    assert site.states[-1] != "complete"
    site.read()
    assert {*range(100, 140)} <= set(told([event for event in site.stream.events if event.kind == "log"]))


def test_killed_before_its_window_closed_a_file_is_read_again_as_the_same_events(site: Site) -> None:
    site.write("a.jsonl", *numbered(*range(1200)))

    def before(_events: Any) -> None:
        if len(site.stream.batches) == 1:
            raise KeyboardInterrupt

    site.stream.before = before
    with pytest.raises(KeyboardInterrupt):
        site.read()
    site.stream.before = lambda _events: None
    site.read()
    assert len(ids(site)) == 1200


def test_more_files_than_a_cursor_keeps_places_for_lose_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collectors.json_lines.MAX_POSITIONS", 3)
    for number in range(10):
        site.write(f"{number}.jsonl", *numbered(number * 10))
    site.read()
    assert len(site.ledger.kept["positions"]) == 3
    for number in range(10):
        site.write(f"{number}.jsonl", *numbered(number * 10 + 1))
    site.read()
    assert len(ids(site)) == 20


# -- what is no line


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"not json", "is not JSON"),
        (b'{"at": 1763632800, "a": 1, "a": 2}', "the same name twice"),
        (b'{"at": NaN}', "NaN"),
        (b'{"at": 1763632800, "x": 1e999}', "beyond the range"),
        (b'{"at": 1763632800, "x": "\xff\xfe"}', "is not UTF-8"),
        (b'{"at": 1763632800}\x00', "is not JSON"),
        (b"\x00" * 40, "is not JSON"),
        (b'{"at": 1763632800, "x": ' + b"[" * 64 + b"]" * 64 + b"}", "nested more than 64 deep"),
        (b'{"at": 1763632800, "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested"),
        (b'[{"at": 1763632800}]', "is not a JSON object"),
        (b'{"when": 1763632800}', "has no time"),
        (b'{"at": "yesterday"}', "has a wrong time"),
        (b'{"at": "2026-11-20 10:00:00"}', "has a wrong time"),
        (b'{"at": true}', "neither text nor a number"),
        (b'{"at": 7}', "none since 1973"),
        (b'{"at": "2099-01-01T00:00:00Z"}', "lies in the future"),
        (b'{"at": 1763632800, "x": "' + b"y" * 5_000_000 + b'"}', "at most 5000000 are read"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else value,
)
def test_what_is_no_line_is_kept_and_the_others_are_read(site: Site, raw: bytes, reason: str) -> None:
    site.write("a.jsonl", *numbered(1), raw + b"\r\n", *numbered(2))
    events = site.read()
    assert told(events) == [1, 2]
    [letter] = [event for event in events if event.type == UNREADABLE]
    assert letter.payload == raw
    assert reason in str(letter.subject)
    assert f"a.jsonl line at byte {len(line(numbered(1)[0]))}" in str(letter.subject)
    assert site.states == ["partial"]
    assert site.ledger.end == site.records[-1].asked[1]  # the window goes on
    assert site.read() == []


def test_of_a_line_of_twenty_megabytes_the_head_is_kept_and_the_rest_is_read(site: Site) -> None:
    site.write("a.jsonl", *numbered(1), b'{"x": "' + b"y" * 20_000_000 + b'"}\n', *numbered(2))
    events = site.read()
    assert told(events) == [1, 2]
    [letter] = [event for event in events if event.type == UNREADABLE]
    assert letter.media_type == "application/octet-stream; part=head; size=20000009"
    assert len(letter.payload) == 1024 * 1024


def test_a_byte_order_mark_is_no_part_of_the_first_line(site: Site) -> None:
    site.write("a.jsonl", b"\xef\xbb\xbf", *numbered(1, 2))
    events = site.read()
    assert told(events) == [1, 2]
    assert events[0].payload == line(numbered(1)[0]).strip()
    site.write("a.jsonl", *numbered(3))
    assert told(site.read()) == [3]


def test_a_file_of_something_else_is_one_dead_letter_in_the_end(site: Site) -> None:
    site.write("a.json", *(b"2026-11-20 10:00:00 INFO line %d\n" % number for number in range(5000)))
    site.write("b.jsonl", *numbered(1))
    events = site.read()
    assert told(events) == [1]
    letters = [event for event in events if event.type == UNREADABLE]
    assert len(letters) == 1002
    assert letters[-1].payload == (site.folder / "a.json").read_bytes()
    site.write("a.json", b"more of it\n")
    assert len(site.read()) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (gzip.compress(b'{"at": 1763632800, "n": 1}\n' * 3, mtime=0)[:-9], "cut short"),
        (gzip.compress(b'{"at": 1763632800, "n": 1}\n', mtime=0) + b"more", "after the end of its gzip member"),
        (gzip.compress(b"0" * 40_000_000, mtime=0), "times its size"),
    ],
    ids=["cut", "more", "unfolds"],
)
def test_a_compressed_file_that_is_not_sound_is_a_dead_letter(site: Site, content: bytes, reason: str) -> None:
    (site.folder / "a.jsonl.gz").write_bytes(content)
    events = site.read()
    letters = [event for event in events if event.type == UNREADABLE]
    assert letters[-1].payload == content
    assert reason in str(letters[-1].subject)
    assert site.states == ["partial"]


def test_names_that_hold_anything_are_shown_and_never_used(site: Site) -> None:
    names = [b"\x1b[2Jx.jsonl", b"<b>$(id)'.jsonl", b"\xff\xfe.jsonl", b"a\nb.jsonl", b"%s{0}.jsonl"]
    for number, name in enumerate(names):
        (site.folder / os.fsdecode(name)).write_bytes(line(numbered(number)[0]) + b"oops\n")
    events = site.read()
    assert sorted(told(events)) == [0, 1, 2, 3, 4]
    texts = [str(event.subject) for event in events if event.type == UNREADABLE]
    assert len(texts) == 5
    assert all(text.isprintable() for text in texts)


def test_only_files_that_the_names_allow_are_read(site: Site) -> None:
    for name in ("a.jsonl", "b.log", ".c.jsonl", "d.ndjson.gz", "e.txt"):
        content = line(numbered(ord(name.strip(".")[0]))[0])
        (site.folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert sorted(map(chr, told(site.read()))) == ["a", "d"]
    assert site.records[0].ignored == 3
    other = Site(site.folder, {"names": ["*.log", "*.txt"]})
    assert len(other.read()) == 2


def test_a_file_that_vanishes_or_is_replaced_holds_the_cursor(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.write("a.jsonl", *numbered(1))
    site.write("b.jsonl", *numbered(2))
    collector = site.collector()
    lister = collector.lister  # type: ignore[attr-defined]
    scanned = list(lister.scan())
    object.__setattr__(lister, "scan", lambda: iter(scanned))
    (site.folder / "b.jsonl").rename(site.folder / "b.hidden")
    records = run_attempts(collector, site.stream, site.ledger, 1, wall_clock())
    assert [record.state for record in records] == ["partial"]
    assert "is not there" in records[0].errors[0]
    assert site.ledger.end is None
    assert [cover.end for cover in records[0].covers] == [item.modified for item in scanned if item.key.endswith("a.jsonl")]
    (site.folder / "b.hidden").rename(site.folder / "b.jsonl")
    site.read()
    assert len(ids(site)) == 2


def test_a_file_that_is_rewritten_while_it_is_read_is_asked_for_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.write("0.jsonl", *numbered(0))
    site.write("a.jsonl", *numbered(1, 2, 3, 4))
    split = json_lines.lines

    def meanwhile(chunks: Iterable[bytes], start: int = 0) -> Iterator[Line]:
        for number, found in enumerate(split(chunks, start)):
            yield found
            if number == 2:
                site.write("a.jsonl", *numbered(7, 8), mode="wb")

    monkeypatch.setattr(json_lines, "lines", meanwhile)
    site.read()
    assert site.states == ["partial"]
    assert "was replaced or truncated while it was read" in site.records[0].errors[0]
    assert site.ledger.end is None
    monkeypatch.undo()
    assert told(site.read()) == [0, 7, 8]


def test_a_plain_file_may_be_larger_than_what_is_unpacked(site: Site) -> None:
    site.settings = {"max_file_size": 1024}
    site.write("a.jsonl", *numbered(*range(500)))
    assert told(site.read()) == list(range(500))
    (site.folder / "b.jsonl.gz").write_bytes(gzip.compress(b"".join(map(line, numbered(*range(500, 900))))))
    site.read()
    assert "unfolds to more than 1024 bytes" in site.records[0].errors[-1]


# -- coverage


def test_coverage_goes_from_the_first_to_the_last_file_of_a_part(site: Site) -> None:
    site.settings = {"fields": {"time": "at", "account": "who"}}
    start = wall_clock() // SECOND * SECOND - 10 * HOUR
    for minutes, who in ((0, "a"), (50, "a"), (55, "b"), (100, "a"), (200, "a"), (255, "a")):
        path = site.write(f"{minutes}.jsonl", {"at": start // SECOND, "who": who, "n": minutes})
        os.utime(path, ns=((start + minutes * MINUTE) * 1000,) * 2)
    site.read()
    found = [(c.part, (c.start - start) // MINUTE, (c.end - start) // MINUTE) for r in site.records for c in r.covers]
    assert found == [("a", 0, 100), ("a", 200, 255), ("b", 55, 55)]


def test_what_is_not_understood_cuts_the_coverage_of_every_part_known(site: Site) -> None:
    site.settings = {"fields": {"time": "at", "account": "who"}}
    site.write("1.jsonl", {"at": 1_763_632_800, "who": "a"}, {"at": 1_763_632_800, "who": "b"})
    site.read()
    assert {cover.part for record in site.records for cover in record.covers} == {"a", "b"}
    site.write("2.jsonl", {"at": 1_763_632_800, "who": "a"}, b"oops\n")
    site.read()
    assert [record.covers for record in site.records] == [()]
    assert [(part.part, part.complete) for part in site.records[0].parts] == [("a", False)]
    site.write("3.jsonl", {"at": 1_763_632_800, "who": "b"})
    site.read()
    assert [(cover.part, cover.joins) for record in site.records for cover in record.covers] == [("b", False)]


def test_more_accounts_than_are_told_apart_are_said_to_be(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collectors.places.MAX_PLACES", 5)
    site.settings = {"fields": {"time": "at", "account": "who"}}
    site.write("1.jsonl", *({"at": 1_763_632_800, "who": f"user-{number}"} for number in range(20)))
    assert len(site.read()) == 20
    assert site.states == ["partial"]
    assert len(site.records[0].parts) == 6
    assert any("correct fields: account and region" in error for part in site.records[0].parts for error in part.errors)


def test_a_later_window_covers_what_joins_the_one_before(site: Site) -> None:
    site.write("a.jsonl", *numbered(1))
    site.read()
    site.write("a.jsonl", *numbered(2))
    site.read()
    [cover] = site.records[-1].covers
    assert cover.joins
    assert cover.bridge == HOUR


# -- checks, buckets, size


def test_the_check_reads_a_first_line_and_says_what_the_fields_make_of_it(site: Site) -> None:
    assert "holds no files" in site.collector().check()[1].text
    site.write("a.jsonl", *numbered(0))
    assert "first line has type log.app.audit and time 2025-11-20T10:00:00" in site.collector().check()[1].text
    site.settings = {"fields": {"time": "nowhere"}}
    assert "its first line has no time where fields: time points to" in site.collector().check()[1].text
    site.folder.joinpath("a.jsonl").unlink()
    site.folder.rmdir()
    with pytest.raises(SourceUnreadable, match="does not exist"):
        site.collector().check()


@pytest.mark.parts("moto")
@pytest.mark.usefixtures("aws_environment")
def test_a_bucket_is_read_like_a_directory(site: Site, moto_url: str) -> None:
    s3 = boto3.client("s3", endpoint_url=moto_url, region_name="us-east-1")
    s3.create_bucket(Bucket="json-lines-of-ours")
    body = b"".join(map(line, numbered(1, 2)))
    s3.put_object(Bucket="json-lines-of-ours", Key="x/a.jsonl.gz", Body=gzip.compress(body, mtime=0))
    s3.put_object(Bucket="json-lines-of-ours", Key="x/b.jsonl", Body=body)
    s3.put_object(Bucket="json-lines-of-ours", Key="y/c.jsonl", Body=body)
    site.settings = {"bucket": "json-lines-of-ours", "prefix": "x/", "endpoint_url": moto_url, "path": None}
    assert "can be read" in site.collector().check()[1].text
    assert len(site.read()) == 4
    assert site.states == ["complete"]
    assert len(ids(site)) == 2  # the one is the other, compressed
    assert site.records[0].identity.startswith("arn:aws:")
    s3.put_object(Bucket="json-lines-of-ours", Key="x/b.jsonl", Body=body + line(numbered(3)[0]))
    assert told(site.read()) == [3]


def test_memory_does_not_grow_with_the_file(site: Site) -> None:
    text = b"".join(line({**value, "padding": "x" * 4000}) for value in numbered(*range(1000)))
    with (site.folder / "a.jsonl").open("wb") as file:
        for _ in range(12):
            file.write(text)
    site.stream.publish = lambda events: MemoryStream().publish(events)  # type: ignore[method-assign]
    tracemalloc.start()
    try:
        site.read()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert site.records[-1].records == 12_000
    assert peak < len(text) * 12 / 4


@pytest.mark.soak
def test_two_gigabytes_take_less_than_150_megabytes(tmp_path: Path) -> None:
    code = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from tests.collectors.test_json_files import Site, line, numbered
from tests.memory import MemoryStream
site = Site(Path({str(tmp_path / "logs")!r}))
site.stream.publish = lambda events: MemoryStream().publish(events)
site.read()
assert site.states == ["complete"], site.records
print(site.records[-1].records)
"""
    (tmp_path / "logs").mkdir()
    text = b"".join(line({**value, "padding": "x" * 900}) for value in numbered(*range(1000)))
    count = 2 * 1024**3 // len(text)
    with (tmp_path / "logs" / "a.jsonl").open("wb") as file:
        for _ in range(count):
            file.write(text)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) == count * 1000
    assert max(before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) < 150 * 1024
