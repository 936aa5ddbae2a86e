"""A small real store: two sources, four mappings, windows with evidence, a dead letter, a gap, hostile names; signed; bundled."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exports import verify
from exports.archive import Archive
from exports.bundle import create
from exports.scope import Scope
from pipeline.posture import decide
from pipeline.window import window_event
from store.checkpoint import CheckpointSigner, CheckpointStore, SignedCheckpoint
from store.cursors import CollectionLedger, Lease, Positions
from store.entries import canonical
from store.evidence import EvidenceStore
from store.log_source import SqlLogSource, check_entry
from store.note import SigningKey
from store.open import open_store
from store.records import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Activation,
    Advance,
    Batch,
    Cover,
    Erasure,
    Event,
    Judged,
    Judgement,
    MappingRecord,
    PartRecord,
    Verdict,
    WindowRecord,
)
from store.times import parse_time

ORIGIN = "log.example.org/attestream"
START = parse_time("2026-11-01T00:00:00Z")
END = START + DAY
ROOT = Path(__file__).resolve().parents[2]
HOSTILE = (
    *("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", '"\n=1+1', "../../etc/passwd"),
    *("a;=1+1", "\u202egnp.exe", "\uff1d1+1", "\tTAB", "\r=CR"),
)


def mapping(id_: str, finding: str, controls: Sequence[tuple[str, str]], *, silence: bool = False) -> MappingRecord:
    return MappingRecord(
        id=id_,
        title=f"Mapping {id_}",
        digest=hashlib.sha256(id_.encode()).hexdigest(),
        kind="log",
        types=("log.aws.cloudtrail",),
        finding=finding,  # type: ignore[arg-type]
        silence=silence,
        controls=tuple(controls),  # type: ignore[arg-type]
        level="high",
        quiet_for=7 * DAY,
        max_age=27 * HOUR,
    )


MAPPINGS = {
    "trail-stopped": mapping("trail-stopped", "not-satisfied", [("A.8.15", "strong"), ("A.8.16", "partial")], silence=True),
    "root-used": mapping("root-used", "not-satisfied", [("A.5.15", "strong"), ("A.8.2", "weak")]),
    "backup-made": mapping("backup-made", "satisfied", [("A.8.13", "strong")]),
    "sign-in": mapping("sign-in", "evidence", [("A.8.5", "partial")]),
}


Events = Callable[[str], Sequence[Judged]]


class World:
    """A store with a clock of its own, and short ways to fill it."""

    start, end, hostile = START, END, HOSTILE

    def __init__(self, folder: Path) -> None:
        self.folder, self.now = folder, START
        self.store: EvidenceStore = open_store(f"sqlite:///{folder / 'store.db'}", lambda: self.now)
        self.digest = ""
        self.key = SigningKey(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"k" * 32))
        self.ledger = CollectionLedger(self.store.engine, lambda: self.now)
        self.epoch = Lease(self.store.engine, clock=lambda: self.now).acquire() or 0
        self.claimed, self.position = Positions(self.store.engine).claim(0)
        names = ("aws-main", "aws-other")
        self.ledger.declare([{"name": n, "type": "cloudtrail-files", "lateness": HOUR, "schedule": HOUR} for n in names])

    def activate(self, payload: bytes = b'{"set":1}', mappings: Sequence[str] = tuple(MAPPINGS)) -> None:
        self.digest = hashlib.sha256(payload).hexdigest()
        records = tuple(MAPPINGS[name] for name in mappings)
        controls = tuple(sorted({control for record in records for control, _ in record.controls}))
        self.store.append(Batch(activate=Activation(self.digest, payload, records, controls)), (), decide)

    def event(self, source: str, id_: str, time: int, mapping: str | None, **more: Any) -> Judged:
        payload = more.pop("payload", json.dumps({"eventID": id_, "at": time}).encode())
        account = more.pop("account", "111122223333")
        verdict = more.pop("verdict", Verdict.MATCHED)
        event = Event(source, id_, "log.aws.cloudtrail", time, payload, more.pop("window", ""), time + MINUTE)
        event = Event(**{**{f: getattr(event, f) for f in event.__slots__}, "account": account, "region": "eu-west-1", **more})
        if mapping is None:
            return Judged(event, (), 0)
        record = MAPPINGS[mapping]
        controls = tuple(control for control, _ in record.controls)
        reason = f"eventName matched for {id_}"
        return Judged(event, (Judgement(mapping, verdict, record.finding, f"{account} user/{id_}", controls, reason),), 0)

    def window(
        self, source: str, start: int, end: int, events: Callable[[str], Sequence[Judged]], state: str = "complete"
    ) -> str:
        """One attempt: registered, its events appended in two batches, its record, closed."""
        self.now = max(self.now, end)
        (attempt,) = self.ledger.register(source, self.epoch, [(start, end)], "scheduled")
        items = list(events(attempt))
        part = "111122223333/eu-west-1"
        record = WindowRecord(
            attempt=attempt,
            source=source,
            source_type="cloudtrail-files",
            kind="scheduled",
            asked=(start, end),
            started_at=end,
            ended_at=end + SECOND,
            identity="arn:aws:iam::111122223333:role/reader",
            state=state,  # type: ignore[arg-type]
            pages=0,
            files=1,
            bytes=1000,
            records=len(items),
            unreadable=0,
            parts=(PartRecord(part, "log.aws.cloudtrail", True, read=len(items)),),
            covers=(Cover(part, start, end, bridge=HOUR),),
            published=((0, len(items)),) if items else (),
            offsets=((0, self.position + len(items) - 1),) if items else (),
        )
        for some in (items[: len(items) // 2], items[len(items) // 2 :]):
            if some:
                read = Advance(0, self.claimed, self.position, self.position + len(some))
                self.store.append(Batch(mapping_set=self.digest, items=tuple(some)), (read,), decide)
                self.position = read.end
        self.now += SECOND
        told = Judged(window_event(record, self.now), (), 0, record)
        self.store.append(Batch(mapping_set=self.digest, items=(told,)), (), decide)
        self.ledger.finish(attempt, self.epoch, record, {})
        self.store.append(Batch(settle=(attempt,)), (), decide)
        return attempt

    def erase(self, first: int, last: int, payload_only: bool = False) -> None:
        """Erase these entries' bytes."""
        erasure = Erasure(tuple(range(first, last + 1)), "asked for", "carol", payload_only)
        self.store.append(Batch(erasures=(erasure,)), (), decide)

    def sign(self, key: SigningKey | None = None, place: str = "checkpoints") -> SignedCheckpoint:
        key = key or self.key
        source = SqlLogSource(self.store.engine)
        return CheckpointSigner(key, ORIGIN, CheckpointStore(self.folder / place), source, check_entry).publish()

    def bundle(self, name: str = "bundle.zip", scope: Scope | None = None, checkpoint: SignedCheckpoint | None = None) -> Path:
        path = self.folder / name
        create(self.store.engine, checkpoint or self.sign(), scope or Scope(START, END), path)
        return path


def tell_story(world: World) -> None:
    """About 70 entries: findings that open and close, evidence, a dead letter, a conflict, a gap of two windows, two sources."""
    world.activate()
    for hour in range(6):
        at = START + hour * HOUR

        def main(attempt: str, hour: int = hour, at: int = at) -> list[Judged]:
            say = [
                world.event("aws-main", f"sign-in-{hour}", at + MINUTE, "sign-in", window=attempt),
                world.event("aws-main", HOSTILE[hour], at + 2 * MINUTE, "sign-in", window=attempt, account=HOSTILE[hour + 5]),
                world.event("aws-main", f"nobody-{hour}", at + 3 * MINUTE, None, window=attempt),
            ]
            if hour == 1:
                say.append(world.event("aws-main", "stop", at + 4 * MINUTE, "trail-stopped", window=attempt))
                say.append(world.event("aws-main", "root", at + 5 * MINUTE, "root-used", window=attempt))
            if hour == 2:
                say.append(world.event("aws-main", "backup", at + 4 * MINUTE, "backup-made", window=attempt))
                bad = Event("aws-main", "bad", "unreadable", at, b"\xff\x00{", attempt, at, media_type="application/octet-stream")
                say.append(Judged(bad, (), 0))
            if hour == 3:
                say.append(
                    world.event("aws-main", "sign-in-0", START + MINUTE, "sign-in", window=attempt, payload=b'{"other":1}')
                )
                say.append(world.event("aws-main", "sign-in-1", START + HOUR + MINUTE, "sign-in", window=attempt))
            return say

        world.window("aws-main", at, at + HOUR, main)
        if hour not in (2, 3):
            world.window("aws-other", at, at + HOUR, lambda attempt, at=at: [
                world.event("aws-other", f"other-{at}", at + MINUTE, "sign-in", window=attempt, account="444455556666")
            ])  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> World:
    (tmp_path / "world").mkdir()
    return World(tmp_path / "world")


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The story, told once and only read."""
    world = World(tmp_path_factory.mktemp("told"))
    tell_story(world)
    world.sign()
    return world


@pytest.fixture(scope="session")
def bundle(told: World) -> bytes:
    """The bundle of the whole story."""
    return told.bundle("whole.zip").read_bytes()


NO_NETWORK = """
import socket, sys
def refuse(*args, **kwargs):
    raise SystemExit("the network was used")
socket.socket = socket.create_connection = socket.getaddrinfo = refuse
import runpy
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def run_verifier(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a copy of verify.py in an empty folder, isolated, with no network and no environment."""

    def run(data: bytes, *args: str) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / f"auditor-{os.urandom(4).hex()}"
        folder.mkdir()
        (folder / "verify.py").write_bytes((ROOT / "exports" / "verify.py").read_bytes())
        (folder / "bundle.zip").write_bytes(data)
        command = [sys.executable, "-I", "-c", NO_NETWORK, "verify.py", "bundle.zip", *args]
        return subprocess.run(command, cwd=folder, env={"LC_ALL": "C"}, capture_output=True, text=True, timeout=900)

    return run


Edits = Mapping[str, "bytes | Callable[[bytes], bytes] | None"]


@pytest.fixture(scope="session")
def edit() -> Callable[..., bytes]:
    """Rebuilds a bundle with members changed (bytes, or a function of them), removed (None) or added, and a manifest to fit.

    This is what a forger without the key can do: all that is not bound to the signature is put right.
    """

    def rebuilt(data: bytes, changes: Edits, *, fit: bool = True) -> bytes:
        with zipfile.ZipFile(io.BytesIO(data)) as old:
            members: dict[str, bytes | None] = {name: old.read(name) for name in old.namelist()}
        for name, change in changes.items():
            members[name] = change(members[name] or b"") if callable(change) else change
        kept = {name: content for name, content in members.items() if content is not None}
        manifest = kept.pop("manifest.json", None)
        if fit and manifest is not None and "manifest.json" not in changes:
            fields = json.loads(manifest)
            for file in fields["files"]:
                content = kept.get(file["name"], b"")
                file["sha256"], file["size"] = hashlib.sha256(content).hexdigest(), len(content)
            payloads = [content for name, content in kept.items() if name.startswith("payloads/")]
            fields["payloads"] = {"count": len(payloads), "size": sum(map(len, payloads))}
            manifest = canonical(fields)
        out = io.BytesIO()
        archive = Archive(out)
        for name in sorted(kept):
            archive.add(name, [kept[name]])
        if manifest is not None:
            archive.add("manifest.json", [manifest])
        archive.close()
        return out.getvalue()

    return rebuilt


@pytest.fixture
def verdict(tmp_path: Path, told: World) -> Callable[..., int]:
    """The exit code that the verifier gives these bytes, run in this process."""

    def code(data: bytes, *args: str, key: str | None = None) -> int:
        path = tmp_path / "bundle.zip"
        path.write_bytes(data)
        return verify.main([str(path), "--key", key or str(told.key.verifier), *args])

    return code
