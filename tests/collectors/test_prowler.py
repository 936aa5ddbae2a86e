"""Source type prowler: findings out of lists and lines, their subjects and times, and what a pass without data is."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.json_object import json_object
from collectors.prowler_file import read_finding
from collectors.registry import build, read_settings
from collectors.runner import run_attempts
from collectors.unreadable import Unreadable
from store.records import HOUR, MINUTE, UNREADABLE, Event, WindowRecord
from store.times import wall_clock
from tests.collectors.conftest import micros
from tests.contract.labs.prowler import ACCOUNT, finding
from tests.memory import MemoryLedger, MemoryStream

NOW = micros("2026-11-25T00:00:00Z")


class Site:
    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.folder.mkdir(exist_ok=True)
        self.settings = {"name": "scans", "type": "prowler", "path": str(folder), **settings}
        self.stream = MemoryStream()
        self.ledger = MemoryLedger(self.stream.log)
        self.ahead = 0
        self.records: list[WindowRecord] = []

    def clock(self) -> int:
        return wall_clock() + self.ahead

    def read(self) -> list[Event]:
        before = len(self.stream.events)
        collector = build(read_settings(self.settings), self.clock)
        self.records = run_attempts(collector, self.stream, self.ledger, 1, self.clock(), clock=self.clock)
        return [event for event in self.stream.events[before:] if event.kind != "window"]

    def put(self, name: str, content: bytes) -> None:
        (self.folder / name).write_bytes(content)

    @property
    def state(self) -> str:
        return self.records[-1].state


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "scans")


def written(*findings: Mapping[str, Any]) -> bytes:
    """As Prowler writes a file."""
    return b"[" + b",".join(json.dumps(item, indent=4).encode() for item in findings) + b"]"


def test_a_finding_is_an_observation_with_its_exact_bytes(site: Site) -> None:
    raw = json.dumps(finding(7, status_code="FAIL"), indent=4).encode()
    site.put("a.ocsf.json", b"[" + raw + b"]")
    [event] = site.read()
    assert event.payload == raw
    assert event.type == "finding.aws.prowler"
    assert event.subject == f"arn:aws:s3:::bucket-7 prowler-aws-s3_bucket_public_access-{ACCOUNT}-eu-west-1-bucket-7"
    assert (event.account, event.region) == (ACCOUNT, "eu-west-1")
    assert event.time == micros("2025-11-20T10:00:07Z")
    assert event.collected_at > event.time
    assert site.state == "complete"
    [record] = site.records[-1:]
    assert [(part.part, part.type, part.enumerates) for part in record.parts] == [
        (f"{ACCOUNT}/eu-west-1", "finding.aws.prowler", False)
    ]
    assert not record.covers


def test_two_findings_about_one_resource_are_two_subjects(site: Site) -> None:
    """Checks of access keys name the user's ARN and tell the keys apart in the finding's uid alone."""
    user = {"uid": f"arn:aws:iam::{ACCOUNT}:user/alice", "name": "alice", "region": "us-east-1"}
    keys = [
        finding(number, status_code=status, resources=[user], finding_info={"uid": f"prowler-aws-key-{number}"})
        for number, status in enumerate(("FAIL", "PASS"))
    ]
    site.put("a.ocsf.json", written(*keys))
    assert len({event.subject for event in site.read()}) == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("lines.ocsf.json", b"\n".join(json.dumps(finding(n)).encode() for n in range(3))),
        ("list.ocsf.json.gz", gzip.compress(written(*map(finding, range(3))))),
        ("spaced.ocsf.json", b" \r\n[ " + b" ,\n".join(json.dumps(finding(n)).encode() for n in range(3)) + b" ] \n"),
    ],
    ids=["lines", "list", "spaced"],
)
def test_lists_and_lines_are_read_alike(site: Site, name: str, content: bytes) -> None:
    site.put(name, content)
    assert [json.loads(event.payload) for event in site.read()] == [finding(n) for n in range(3)]
    assert site.state == "complete"


def test_two_checks_of_one_resource_and_one_check_in_two_regions_are_subjects_of_their_own() -> None:
    one = finding(1)
    other = finding(1, metadata={**one["metadata"], "event_code": "s3_bucket_kms_encryption"})
    third = finding(1, cloud={**one["cloud"], "region": "eu-north-1"})
    assert len({read_finding(item, NOW).subject for item in (one, other, third)}) == 3
    again = read_finding(finding(1, time=1_763_700_000, unmapped={"scan_id": "another"}), NOW)
    assert again.subject == read_finding(one, NOW).subject


@pytest.mark.parametrize(
    ("more", "kind", "account"),
    [
        ({"cloud": {"provider": "azure", "account": {"uid": "sub-1"}}}, "finding.azure.prowler", "sub-1"),
        ({"cloud": {"provider": "gcp", "account": {"uid": "project-1"}}}, "finding.gcp.prowler", "project-1"),
        (
            {
                "cloud": None,
                "finding_info": {"uid": "prowler-kubernetes-apiserver_audit_log-cluster-ns-pod"},
                "resources": [{"uid": "pod", "name": "pod", "namespace": "kube-system"}],
            },
            "finding.kubernetes.prowler",
            "",
        ),
    ],
)
def test_the_provider_decides_the_type(more: Mapping[str, Any], kind: str, account: str) -> None:
    found = read_finding(finding(1, **more), NOW)
    assert (found.type, found.account) == (kind, account)


@pytest.mark.parametrize(
    ("more", "hollow"),
    [
        ({}, False),
        ({"resources": []}, True),
        ({"resources": None}, True),
        ({"resources": [{"uid": "", "name": ""}]}, True),
        ({"resources": [{"name": "only-a-name"}]}, False),
        ({"resources": [], "status_code": "FAIL"}, False),
        ({"resources": [], "status_code": "MANUAL"}, False),
        ({"status": "Suppressed", "status_id": 3}, False),
    ],
)
def test_a_pass_that_names_no_resource_is_marked(site: Site, more: Mapping[str, Any], hollow: bool) -> None:
    raw = json.dumps(finding(1, **more)).encode()
    site.put("a.ocsf.json", b"[" + raw + b"]")
    [event] = site.read()
    if hollow:
        assert event.payload == b'{"_pass_without_data":true,' + raw[1:]
    else:
        assert event.payload == raw


@pytest.mark.parametrize(
    "times",
    [
        {"time": 1_763_632_800},
        {"time": 1_763_632_800_000},
        {"time": None, "time_dt": "2025-11-20T11:00:00+01:00"},
        {"time": "2025-11-20T10:00:00", "time_dt": "2025-11-20T10:00:00Z"},
        {"time": None, "time_dt": "2025-11-20T10:00:00", "finding_info": {"uid": "prowler-aws-x", "created_time": 1_763_632_800}},
    ],
)
def test_the_time_is_the_scans_wherever_it_is_said_with_an_offset(times: Mapping[str, Any]) -> None:
    assert read_finding(finding(0, **times), NOW).time == micros("2025-11-20T10:00:00Z")


@pytest.mark.parametrize(
    ("element", "reason"),
    [
        (b"17", "is not a JSON object"),
        (b'{"a": 1, "a": 2}', "the same name twice"),
        (b"{}", "is no OCSF finding of Prowler's"),
        (json.dumps(finding(1, metadata={"event_code": "x", "product": {"name": "Other"}})).encode(), "is no OCSF finding"),
        (json.dumps(finding(1, cloud={"provider": "../../x"})).encode(), "of which provider"),
        (json.dumps(finding(1, time="soon", time_dt=None, finding_info={"uid": "prowler-aws-x"})).encode(), "wrong time"),
        (json.dumps(finding(1, time=4_000_000_000)).encode(), None),
        (b'{"x": ' + b"[" * 70 + b"]" * 70 + b"}", "nested"),
        (b'{"x": "\xff"}', "is not UTF-8"),
        (b'{"x": "' + b"y" * 6_000_000 + b'"}', "are read"),
    ],
)
def test_what_is_no_finding_is_kept_and_the_others_are_read(site: Site, element: bytes, reason: str | None) -> None:
    around = [json.dumps(finding(number)).encode() for number in (1, 2)]
    site.put("a.ocsf.json", b"[" + b",".join((around[0], element, around[1])) + b"]")
    events = site.read()
    letters = [event for event in events if event.type == UNREADABLE]
    assert len(events) - len(letters) == (3 if reason is None else 2)
    if reason is not None:
        [letter] = letters
        assert letter.payload == element
        assert reason in str(letter.subject)
        assert "a.ocsf.json element 2" in str(letter.subject)
        assert site.state == "partial"


def test_a_scan_that_is_still_written_is_waited_for(site: Site) -> None:
    whole = written(*map(finding, range(4)))
    half = whole[: whole.index(b"bucket-2")]
    site.put("a.ocsf.json", half)
    assert len(site.read()) == 2
    assert site.state == "complete"
    site.put("a.ocsf.json", whole)
    assert len({event.subject for event in [*site.read(), *site.stream.events] if event.kind == "finding"}) == 4
    assert site.state == "complete"


@pytest.mark.parametrize("content", [written(*map(finding, range(3)))[:-1], b"["])
def test_a_scan_that_broke_off_becomes_a_dead_letter(site: Site, content: bytes) -> None:
    site.put("a.ocsf.json", content)
    site.read()
    assert site.state == "complete"
    site.ahead = 10 * MINUTE
    site.read()
    assert site.state == "complete"
    site.ahead = 20 * MINUTE
    letters = [event for event in site.read() if event.type == UNREADABLE]
    assert [letter.payload for letter in letters] == [content]
    assert site.state == "partial"
    site.ahead = 20 * MINUTE + HOUR
    assert site.read() == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html></html>", "neither a JSON list"),
        (written(finding(1)) + b"{}", "after the end"),
        (b"[,]", "a comma in its list"),
        (gzip.compress(written(finding(1)))[:-5], "cut short"),
    ],
    ids=["html", "more", "comma", "cut"],
)
def test_a_file_of_another_form_is_a_dead_letter(site: Site, content: bytes, reason: str) -> None:
    site.put("a.ocsf.json", content)
    letters = [event for event in site.read() if event.type == UNREADABLE]
    assert letters[-1].payload in (content, b"")
    assert any(reason in str(letter.subject) for letter in letters)
    assert site.state == "partial"


def test_one_file_can_be_the_source(tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    (folder / "other.ocsf.json").write_bytes(written(finding(1)))
    (folder / "output.json").write_bytes(written(finding(2)))
    site = Site(folder, path=str(folder / "output.json"))
    [event] = site.read()
    assert "bucket-2" in str(event.subject)


@pytest.mark.parts("moto")
@pytest.mark.usefixtures("aws_environment")
def test_a_bucket_is_read_like_a_directory(tmp_path: Path, moto_url: str) -> None:
    s3 = boto3.client("s3", endpoint_url=moto_url, region_name="us-east-1")
    s3.create_bucket(Bucket="scans-of-ours")
    s3.put_object(Bucket="scans-of-ours", Key="out/a.ocsf.json", Body=written(*map(finding, range(3))))
    site = Site(tmp_path / "x", path=None, bucket="scans-of-ours", prefix="out/", endpoint_url=moto_url)
    assert len(site.read()) == 3
    assert site.state == "complete"


def test_defaults_are_those_of_others_findings() -> None:
    settings = read_settings({"name": "scans", "type": "prowler", "path": "/x"})
    assert (settings.schedule, settings.lateness) == (6 * HOUR, 0)


def test_memory_does_not_grow_with_the_file(site: Site) -> None:
    padded = b",".join(json.dumps(finding(n, padding="x" * 3000)).encode() for n in range(1000))
    with (site.folder / "a.ocsf.json").open("wb") as file:
        file.write(b"[" + b",".join([padded] * 7) + b"]")
    size = (site.folder / "a.ocsf.json").stat().st_size
    site.stream.publish = lambda events: MemoryStream().publish(events)  # type: ignore[method-assign]
    tracemalloc.start()
    try:
        site.read()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert site.records[-1].records == 7_000
    assert peak < size / 3


values = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3))


@given(st.sampled_from(["cloud", "resources", "metadata", "finding_info", "time", "status_code"]), values)
def test_whatever_stands_in_a_field_is_read_or_refused(key: str, value: Any) -> None:
    data = json.dumps(finding(1, **{key: value})).encode()
    try:
        found = read_finding(json_object(data), NOW)
    except Unreadable:
        return
    assert found.subject
    assert found.time <= NOW + 24 * HOUR
