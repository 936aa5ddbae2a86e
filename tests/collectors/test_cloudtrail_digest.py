"""The digest chain: collectors/cloudtrail_digest.py, _chain.py, _audit.py, over a real directory and a real S3."""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from hypothesis import given
from hypothesis import strategies as st

from attestream.demo.digests import Chain, DigestFile
from attestream.demo.servers.cloudtrail_lookup import CloudTrailServer
from collectors.base import Window
from collectors.cloudtrail_audit import Audit
from collectors.cloudtrail_chain import MAX_CHAINS, MAX_PRINTS, Chains, fingerprint
from collectors.cloudtrail_digest import Digest, DigestName, Link, SignatureWrong, parse_any_name, read_digest, verify
from collectors.cloudtrail_keys import WithoutKeys
from collectors.gz import Limits
from collectors.registry import SourceInvalid, build, read_settings
from collectors.runner import run_attempts
from collectors.unreadable import Unreadable
from store.records import DAY, HOUR, MINUTE, SECOND, Event, WindowRecord
from store.times import parse_time, wall_clock
from tests.memory import MemoryLedger, MemoryStream

ACCOUNT, REGION = "111122223333", "eu-west-1"
PART = f"{ACCOUNT}/{REGION}"
START = parse_time("2026-11-20T10:01:31Z")


@pytest.fixture(scope="module")
def private() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


@dataclass
class World:
    """A trail of some hours: each has log files and a digest, and all of it lies in a place that is read."""

    chain: Chain
    put: Callable[[str, bytes, Mapping[str, str]], None]
    delete: Callable[[str], None]
    settings: dict[str, Any]
    stream: Any = field(default_factory=MemoryStream)
    ledger: MemoryLedger = field(init=False)
    hours: int = 0
    patient: bool = False
    count: int = 0
    logs: list[str] = field(default_factory=list)
    digests: list[DigestFile] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = MemoryLedger(self.stream.log)

    def log(self, when: int, raw: bytes | None = None) -> tuple[str, bytes]:
        self.count += 1
        stamp = json_time(when).replace("-", "").replace(":", "")[:13] + "Z"
        name = f"{ACCOUNT}_CloudTrail_{REGION}_{stamp}_{self.count:016d}.json.gz"
        record = {"eventID": f"e-{self.count}", "eventTime": "2026-11-20T10:00:00Z", "eventName": "ConsoleLogin"}
        body = gzip.compress(json.dumps({"Records": [record]}).encode(), mtime=0) if raw is None else raw
        return f"AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/2026/11/20/{name}", body

    def hour(self, *, deliver: bool = True, skip: bool = False) -> DigestFile:
        """One more hour: two log files and, `deliver`, the digest. `skip`: it passes without a digest being made at all."""
        start = START + self.hours * HOUR
        self.hours += 1
        files = dict(self.log(start + minute * MINUTE) for minute in (10, 40))
        for key, body in files.items():
            self.put(key, body, {})
            self.logs.append(key)
        if skip:
            return self.digests[-1]
        digest = self.chain.hour(start, start + HOUR, files)
        self.digests.append(digest)
        if deliver:
            self.put(digest.key, digest.body, digest.metadata)
        return digest

    def run(self, **more: Any) -> WindowRecord:
        source: Any = build(read_settings({**self.settings, **more}))
        if not self.patient:
            source.auditor.grace = 0
        records = run_attempts(source, self.stream, self.ledger, 1, wall_clock() + 2 * SECOND)
        return records[-1]

    def breaks(self, record: WindowRecord) -> list[tuple[str, str]]:
        found = [event for event in self.stream.of(record.attempt) if event.kind == "finding"]
        assert all((event.account, event.region) == (ACCOUNT, REGION) for event in found)
        return [(said(event)["what"], str(event.subject)) for event in found]


def said(event: Event) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(event.payload)
    return value


def json_time(at: int) -> str:
    from attestream.demo.world import moment

    return moment(at).strftime("%Y-%m-%dT%H:%M:%SZ")


def covered(record: WindowRecord) -> list[tuple[int, int]]:
    """Covers in whole hours from the start of the chain."""
    return [((cover.start - START) // HOUR, (cover.end - START) // HOUR) for cover in record.covers]


def rewritten(digest: DigestFile, chain: Chain | None, **more: Any) -> DigestFile:
    """The digest with other content, signed again if there is a chain to sign it."""
    value = {**json.loads(digest.content), **more}
    content = json.dumps(value).encode()
    return DigestFile(digest.key, gzip.compress(content), content, chain.sign(value, content) if chain else digest.signature)


@pytest.fixture(params=["directory", "bucket"])
def world(request: pytest.FixtureRequest, tmp_path: Path, private: RSAPrivateKey) -> World:
    keys = tmp_path / "keys.json"
    if request.param == "directory":
        chain = Chain("trail-bucket", ACCOUNT, REGION, private=private)
        logs = tmp_path / "logs"
        logs.mkdir()

        def put(key: str, body: bytes, _metadata: Mapping[str, str]) -> None:
            path = logs / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)

        world = World(chain, put, lambda key: (logs / key).unlink(), {"type": "cloudtrail-files", "path": str(logs)})
    else:
        url, bucket = request.getfixturevalue("moto_url"), f"trail-{uuid.uuid4().hex[:12]}"
        s3 = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
        s3.create_bucket(Bucket=bucket)
        settings = {"type": "cloudtrail-s3", "bucket": bucket, "endpoint_url": url, "region": "us-east-1", "whole_listing": "0s"}
        chain = Chain(bucket, ACCOUNT, REGION, private=private)

        def store(key: str, body: bytes, metadata: Mapping[str, str]) -> None:
            s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata=dict(metadata))

        world = World(chain, store, lambda key: s3.delete_object(Bucket=bucket, Key=key), settings)
    keys.write_text(json.dumps(chain.public_keys()))
    world.settings |= {"name": "trail", "public_keys_file": str(keys)}
    return world


both = pytest.mark.parametrize("world", ["directory", pytest.param("bucket", marks=pytest.mark.parts("moto"))], indirect=True)


def confirmed(world: World, hours: int) -> int:
    """A directory keeps no signatures: the last digest waits for the one after it."""
    return hours if "bucket" in world.settings else hours - 1


@both
def test_a_whole_chain_is_complete_and_vouches_for_its_hours(world: World) -> None:
    for _ in range(4):
        world.hour()
    record = world.run()
    assert (record.state, record.records, world.breaks(record)) == ("complete", 8, [])
    assert record.files == 12
    assert covered(record) == [(0, confirmed(world, 4))]
    world.hour()
    second = world.run()
    assert (second.state, second.records) == ("complete", 2)
    assert covered(second) == [(confirmed(world, 4), confirmed(world, 5))], "covers tile across windows"
    assert world.run().covers == (), "nothing new is nothing vouched for"


@both
@pytest.mark.parametrize("missing", [(1,), (1, 2), (1, 2, 3)])
@pytest.mark.parametrize("apart", [False, True])
def test_any_number_of_digests_missing_in_a_row_is_noticed(world: World, missing: tuple[int, ...], apart: bool) -> None:
    for number in range(6):
        world.hour(deliver=number not in missing)
        if apart and number == 0:
            assert world.run().state == "complete"
    record = world.run()
    [(what, subject)] = world.breaks(record)
    assert (what, subject) == ("digest-missing", world.digests[missing[-1]].key)
    [finding] = [event for event in world.stream.of(record.attempt) if event.kind == "finding"]
    assert parse_time(said(finding)["from"]) == START + HOUR
    assert parse_time(said(finding)["to"]) == START + (1 + len(missing)) * HOUR
    assert record.state == "partial"
    assert any("digest-missing" in error for part in record.parts for error in part.errors)
    assert any("digest-missing" in error for error in record.errors)
    hours = {hour for start, end in covered(record) for hour in range(start, end)}
    assert not hours & {0, *missing} or not hours & set(missing)
    assert max(hours) == confirmed(world, 6) - 1, "what comes after is vouched for again"


@both
def test_a_trail_that_was_read_from_its_middle_is_no_break(world: World) -> None:
    world.hour(deliver=False)
    world.hour()
    record = world.run()
    assert (record.state, world.breaks(record)) == ("complete", [])


@both
def test_a_log_file_that_is_gone(world: World) -> None:
    world.hour()
    world.hour()
    world.delete(world.logs[2])
    record = world.run()
    assert world.breaks(record) == [("file-missing", world.logs[2])]
    assert record.state == "partial"
    assert not record.parts[0].complete
    assert covered(record) == [(0, 1)]


@both
def test_a_log_file_that_was_changed_after_it_was_delivered(world: World) -> None:
    world.hour()
    world.hour()
    _, other = world.log(START)
    world.put(world.logs[1], other, {})
    record = world.run()
    assert world.breaks(record) == [("file-changed", world.logs[1])]
    assert (0, 1) not in [(start, start + 1) for start, _ in covered(record)]
    [finding] = [event for event in world.stream.of(record.attempt) if event.kind == "finding"]
    assert said(finding)["expected"] != said(finding)["found"]


@both
def test_a_log_file_changed_between_its_window_and_its_digests(world: World) -> None:
    world.hour()
    key, body = world.log(START + 70 * MINUTE)
    world.put(key, body, {})
    world.run()
    _, other = world.log(START)
    world.put(key, other, {})
    digest = world.chain.hour(START + HOUR, START + 2 * HOUR, {key: body})
    world.put(digest.key, digest.body, digest.metadata)
    record = world.run()
    assert world.breaks(record) in ([("file-changed", key)], []), "what was read first was as delivered"
    assert record.records >= 1


@both
def test_a_log_file_read_in_an_earlier_window_is_not_read_again(world: World) -> None:
    world.hour(deliver=False)
    first = world.run()
    assert first.files == 2
    world.put(world.digests[0].key, world.digests[0].body, world.digests[0].metadata)
    for key in world.logs:
        world.delete(key)  # its hash is known: nothing needs to be there any more
    second = world.run()
    assert (second.state, second.files, world.breaks(second)) == ("complete", 1, [])
    assert world.ledger.kept["digests"]["prints"] == []


@both
def test_a_digest_that_was_rewritten(world: World, private: RSAPrivateKey) -> None:
    for _ in range(4):
        world.hour()
    changed = rewritten(world.digests[1], None, logFiles=[])
    world.put(changed.key, changed.body, changed.metadata)
    record = world.run()
    whats = [what for what, subject in world.breaks(record) if subject == changed.key]
    assert whats == (["digest-signature", "digest-missing"] if "bucket" in world.settings else ["digest-changed"])
    hours = {hour for start, end in covered(record) for hour in range(start, end)}
    assert 1 not in hours


@both
def test_a_chain_made_anew_by_somebody_else_is_not_signed(world: World) -> None:
    forger = Chain(world.chain.bucket, ACCOUNT, REGION)
    world.chain.private, honest = forger.private, world.chain.private
    for _ in range(3):
        world.hour()
    world.chain.private = honest
    record = world.run()
    assert {what for what, _ in world.breaks(record)} == {"digest-signature"}
    assert (record.state, record.covers) == ("partial", ())


@both
def test_hashes_of_a_forged_chain_fit_and_its_hours_do_not_tile(world: World) -> None:
    """Whoever can write the place and knows that no signature is checked can join what is left; the hours still tell."""
    world.settings.pop("public_keys_file")
    world.hour()
    world.hours += 3
    world.hour()
    record = world.run()
    assert [what for what, _ in world.breaks(record)] == ["digest-missing"]


@both
def test_a_digest_of_another_bucket_or_hour_is_not_taken(world: World, private: RSAPrivateKey) -> None:
    world.settings["digest_bucket"] = world.chain.bucket
    world.hour()
    other = Chain("somebody-elses", ACCOUNT, REGION, private=private)
    digest = other.hour(START + HOUR, START + 2 * HOUR, {})
    world.put(digest.key, digest.body, digest.metadata)
    record = world.run()
    assert [what for what, _ in world.breaks(record)] == ["digest-elsewhere"]
    assert all(cover.end <= START + HOUR for cover in record.covers)
    moved = world.chain.key(START + 5 * HOUR)
    world.put(moved, world.digests[0].body, world.digests[0].metadata)
    assert [what for what, _ in world.breaks(world.run())] == ["digest-elsewhere"]


@both
def test_a_digest_of_an_hour_to_come_outranks_nothing(world: World) -> None:
    world.settings.pop("public_keys_file")
    world.hour()
    ahead = (wall_clock() // HOUR + 1000) * HOUR
    forged = Chain(world.chain.bucket, ACCOUNT, REGION, last=world.digests[0]).hour(ahead - HOUR, ahead, {})
    world.put(forged.key, forged.body, forged.metadata)
    assert [what for what, _ in world.breaks(world.run())] == ["digest-elsewhere"]
    world.hour(deliver=False)
    world.hour()
    assert [what for what, _ in world.breaks(world.run())] == ["digest-missing"], "the chain goes on where it was"


@both
def test_a_trail_that_changed_its_bucket_begins_a_chain_here(world: World, private: RSAPrivateKey) -> None:
    world.ledger.end, world.ledger.kept = START - DAY, {"listed": START, "digests": {"since": START - DAY}}
    world.chain.last = Chain("the-old-bucket", ACCOUNT, REGION, private=private).hour(START - HOUR, START, {})
    digest = world.hour(deliver=False)
    moved = rewritten(digest, world.chain, previousDigestS3Bucket="the-old-bucket")
    world.put(moved.key, moved.body, moved.metadata)
    assert world.breaks(world.run()) == []


@both
def test_a_chain_that_begins_anew_says_so(world: World) -> None:
    world.hour()
    world.chain.last = None
    world.hours += 5
    world.hour()
    record = world.run()
    [(what, _)] = world.breaks(record)
    assert what == "restarted"


@both
def test_digests_that_stop_while_log_files_come_are_missing(world: World) -> None:
    world.hour()
    world.hour()
    for _ in range(5):
        world.hour(skip=True)
    record = world.run()
    [(what, subject)] = world.breaks(record)
    assert (what, subject) == ("digest-missing", f"{PART} org-trail@{REGION}")
    again = [event for event in world.stream.of(record.attempt) if event.kind == "finding"]
    world.hour(skip=True)
    [later] = [event for event in world.stream.of(world.run().attempt) if event.kind == "finding"]
    assert (later.subject, later.payload) == (again[0].subject, again[0].payload), "the same break is the same observation"


@both
@pytest.mark.parametrize(
    "raw",
    [b"", b"no gzip", gzip.compress(b"[]", mtime=0), gzip.compress(b'{"logFiles": 1}', mtime=0), gzip.compress(b"{}{}", mtime=0)],
    ids=["empty", "no-gzip", "a-list", "no-list-of-files", "two-documents"],
)
def test_a_digest_that_is_none_is_a_dead_letter_and_a_break(world: World, raw: bytes) -> None:
    world.hour()
    world.hour(deliver=False)
    world.put(world.digests[1].key, raw, {"signature": "zz"})
    record = world.run()
    [dead] = [event for event in world.stream.of(record.attempt) if event.type == "unreadable"]
    assert dead.payload == raw
    assert [what for what, _ in world.breaks(record)] == ["digest-unreadable"]
    assert record.state == "partial"


@both
def test_hostile_names_in_a_forged_digest_are_told_and_not_followed(world: World, tmp_path: Path) -> None:
    (tmp_path / "secret.json.gz").write_bytes(gzip.compress(b"secret"))
    world.settings.pop("public_keys_file")
    digest = world.hour()
    names = ["../secret.json.gz", "/etc/passwd", "AWSLogs/<script>", "\x1b[2J", "x" * 3000]
    files = [{"s3Bucket": "elsewhere", "s3Object": name, "hashValue": "0" * 64, "hashAlgorithm": "SHA-256"} for name in names]
    forged = rewritten(digest, world.chain, logFiles=files)
    world.put(forged.key, forged.body, forged.metadata)
    record = world.run()
    assert {what for what, _ in world.breaks(record)} == {"file-elsewhere"}
    assert len(world.breaks(record)) == len(names)
    assert not any("\x1b" in error for part in record.parts for error in part.errors)


@both
def test_what_is_broken_in_a_file_that_is_as_delivered_is_not_vouched_for(world: World) -> None:
    world.hour()
    key, body = world.log(START + 90 * MINUTE, gzip.compress(b'{"Records": [{}]}'))
    world.put(key, body, {})
    digest = world.chain.hour(START + HOUR, START + 2 * HOUR, {key: body})
    world.put(digest.key, digest.body, digest.metadata)
    record = world.run()
    assert (record.unreadable, world.breaks(record)) == (1, [])
    assert all(cover.end <= START + HOUR for cover in record.covers)


@both
def test_off_leaves_digests_alone(world: World) -> None:
    world.hour()
    world.hour(deliver=False)
    world.hour()
    record = world.run(digests=False)
    assert (record.state, record.files, record.ignored) == ("complete", 6, 2)
    assert record.covers[0].bridge == HOUR


@both
def test_required_digests_that_never_come_are_a_break(world: World) -> None:
    world.hour(skip=False, deliver=False)
    world.ledger.kept = {"listed": 1, "digests": {"since": START - 9 * HOUR}}
    world.ledger.end = START - 9 * HOUR
    record = world.run(digests="require")
    assert [what for what, _ in world.breaks(record)] == ["digest-missing"]
    assert record.covers == ()


@both
def test_what_may_still_come_is_waited_for(world: World) -> None:
    """A digest that came before its log files or its predecessor is taken up again."""
    world.patient = True
    world.hour()
    early, late = world.hour(deliver=False), world.hour()
    record = world.run()
    assert (record.state, world.breaks(record)) == ("complete", [])
    world.put(early.key, early.body, early.metadata)
    second = world.run()
    assert (second.state, world.breaks(second)) == ("complete", [])
    assert covered(second)[-1][1] == confirmed(world, 3)
    assert late.key


def test_without_keys_the_window_says_so(tmp_path: Path, private: RSAPrivateKey) -> None:
    with pytest.raises(SourceInvalid, match="public_keys_file"):
        read_settings({"name": "x", "type": "cloudtrail-files", "path": "/x", "digests": "require"})
    chain = Chain("b", ACCOUNT, REGION, private=private)
    first, second = chain.hour(START, START + HOUR, {}), chain.hour(START + HOUR, START + 2 * HOUR, {})
    for digest in (first, second):
        (tmp_path / digest.key.rpartition("/")[2]).write_bytes(digest.body)
    stream: Any = MemoryStream()
    source = build(read_settings({"name": "x", "type": "cloudtrail-files", "path": str(tmp_path)}))
    [record] = run_attempts(source, stream, MemoryLedger(stream.log), 1, wall_clock() + SECOND)
    assert record.state == "complete"
    assert "signatures of digests are not checked" in record.identity
    assert [(cover.start, cover.end) for cover in record.covers] == [(START, START + HOUR)]


def test_the_signed_text_is_the_documented_one(private: RSAPrivateKey) -> None:
    chain = Chain("b", ACCOUNT, REGION, private=private)
    chain.hour(START, START + HOUR, {})
    digest = chain.hour(START + HOUR, START + 2 * HOUR, {})
    read = read_digest(digest.content)
    verify(private.public_key(), read.signed, digest.signature)
    with pytest.raises(SignatureWrong):
        verify(private.public_key(), read.signed, digest.signature[:-2] + ("00" if digest.signature[-2:] != "00" else "01"))
    with pytest.raises(SignatureWrong):
        verify(private.public_key(), read.signed, "not hex")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("111122223333_CloudTrail-Digest_us-east-2_your-trail_us-east-2_20150817T150131Z.json.gz", ("your-trail", False)),
        ("111122223333_CloudTrail-Digest_us-east-2_a_b_us-east-1_20150817T150131Z_backfill.json.gz", ("a_b", True)),
        ("111122223333_CloudTrail-Digest_us-east-2_t_us-east-2_20150817T150131Z.json.gz", None),
        ("111122223333_CloudTrail-Digest_us-east-2_trail_us-east-2_20150631T150131Z.json.gz", None),
        ("111122223333_CloudTrail-Digest_x.json.gz", None),
    ],
)
def test_names_of_digests(name: str, found: tuple[str, bool] | None) -> None:
    parsed = parse_any_name(f"AWSLogs/{name}")
    assert ((parsed.trail, parsed.backfill) if isinstance(parsed, DigestName) else None) == found


@given(
    st.binary(max_size=200) | st.text(max_size=200).map(str.encode) | st.from_regex(r"\{[\"a-z:\[\]{},0-9]*\}").map(str.encode)
)
def test_any_bytes_are_read_or_said_to_be_unreadable(content: bytes) -> None:
    with pytest.raises(Unreadable):
        read_digest(content)


def test_a_cursor_that_is_full_fits_and_a_forgotten_chain_is_no_break() -> None:
    chains = Chains(WithoutKeys(""), 0, {}, {}, dict.fromkeys(fingerprint(str(n), "x") for n in range(MAX_PRINTS + 9)))
    name = DigestName(ACCOUNT, REGION, START, True, "trail", REGION, False)
    for number in range(MAX_CHAINS + 100):
        digest = Digest(START, START + HOUR, "b", "k", "f" * 32, None, (), "0" * 64, b"1" * 32)
        chains.commit(digest, replace(name, account=f"{number:012d}"), str, pending=True)
    opener: Any = None
    window = Window("a", "s", 0, START, {})
    audit = Audit(window, opener, chains, opener, Limits(), required=False, listed=0, grace=0, looked=0)
    kept = audit.remember({"listed": 1, "remembered": ["p" * 16] * 40_000, "cuts": {}})
    assert len(json.dumps(kept)) < 1024 * 1024
    again = Chains.of(json.loads(json.dumps(kept)), 0, WithoutKeys(""))
    assert sum(map(len, again.chains.values())) == MAX_CHAINS
    following = Digest(START + HOUR, START + 2 * HOUR, "b", "k2", "f", Link("b", "k", "0" * 64, "s"), (), "1" * 64, b"")
    assert not again.link(following, replace(name, account=f"{0:012d}")).breaks


@pytest.fixture
def listed_keys(aws_environment: None, private: RSAPrivateKey) -> Iterator[CloudTrailServer]:
    with CloudTrailServer() as server:
        server.public_keys = Chain("b", ACCOUNT, REGION, private=private).public_keys()["PublicKeyList"]
        yield server


@pytest.mark.parts("moto")
@pytest.mark.parametrize("world", ["bucket"], indirect=True)
def test_keys_are_asked_of_cloudtrail(world: World, listed_keys: CloudTrailServer) -> None:
    world.settings.pop("public_keys_file")
    world.settings["keys_endpoint_url"] = listed_keys.url
    world.hour()
    world.hour()
    record = world.run()
    assert (record.state, covered(record)) == ("complete", [(0, 2)])
    assert "not checked" not in record.identity
    forger = Chain(world.chain.bucket, ACCOUNT, REGION)
    world.chain.private, _ = forger.private, world.chain.private
    world.hour()
    assert "digest-signature" in [what for what, _ in world.breaks(world.run())], "a key that CloudTrail does not list"


@pytest.mark.parts("moto")
@pytest.mark.parametrize("world", ["bucket"], indirect=True)
def test_keys_that_may_not_be_listed_and_keys_that_cannot_be_had(world: World, listed_keys: CloudTrailServer) -> None:
    world.settings.pop("public_keys_file")
    world.settings |= {"keys_endpoint_url": listed_keys.url, "max_attempts": 1}
    listed_keys.refused[ACCOUNT, REGION] = "AccessDeniedException"
    world.hour()
    world.hour()
    demanding = world.run(digests="require")
    assert (demanding.state, demanding.covers) == ("partial", ())
    assert "ListPublicKeys" in demanding.errors[0]
    record = world.run()
    assert (record.state, covered(record)) == ("complete", [(0, 1)]), "the next digest confirms the one before"
    assert "signatures of digests are not checked" in record.identity
    source = build(read_settings({**world.settings, "region": REGION}))
    assert [probe.denied.action for probe in source.check() if probe.denied] == ["cloudtrail:ListPublicKeys"]
    world.hour()
    listed_keys.refused[ACCOUNT, REGION] = "ThrottlingException"
    throttled = world.run()
    assert throttled.state == "partial"
    end = world.ledger.end
    listed_keys.refused.clear()
    assert (world.run().state, world.ledger.end != end) == ("complete", True)


@pytest.mark.parts("moto")
@pytest.mark.parametrize("world", ["bucket"], indirect=True)
@pytest.mark.parametrize("fault", [(403, "AccessDenied"), (503, "SlowDown"), b"<html></html>", "cut"])
@pytest.mark.parametrize("at", ["HEAD", "GET"])
def test_a_digest_that_cannot_be_had_is_asked_for_again(world: World, proxy: Any, fault: Any, at: str) -> None:
    world.settings["endpoint_url"] = proxy.url
    world.hour()
    world.hour()
    hit = iter(range(99))
    proxy.fault = lambda method, path: fault if method == at and "CloudTrail-Digest" in path and next(hit) < 2 else None
    if at == "HEAD" and fault == "cut":
        pytest.skip("a HEAD has no body to cut")
    record = world.run(max_attempts=1)
    assert record.state in ("partial", "failed")
    assert world.breaks(record) == []
    proxy.fault = lambda _method, _path: None
    again = world.run()
    assert (again.state, covered(again)) == ("complete", [(0, 2)])


def test_a_wrong_file_of_keys_is_a_clear_error(tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    first = Chain("b", ACCOUNT, REGION).hour(START, START + HOUR, {})
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / first.key.rpartition("/")[2]).write_bytes(first.body)
    second = Chain("b", ACCOUNT, REGION, last=first).hour(START + HOUR, START + 2 * HOUR, {})
    (logs / second.key.rpartition("/")[2]).write_bytes(second.body)
    for content in (
        "",
        "[]",
        '{"PublicKeyList": [{"Value": "x"}]}',
        '{"PublicKeyList": [{"Value": "AAAA", "Fingerprint": "f"}]}',
    ):
        keys.write_text(content)
        stream: Any = MemoryStream()
        settings = {"name": "x", "type": "cloudtrail-files", "path": str(logs), "public_keys_file": str(keys)}
        [record] = run_attempts(build(read_settings(settings)), stream, MemoryLedger(stream.log), 1, wall_clock() + SECOND)
        assert record.state == "failed"
        assert "public_keys_file" in record.errors[0]
