"""The demonstration: a simulated cloud, the real service against it, and a last act before the onlooker's eyes."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from attestream.alerting import alert_role
from attestream.console import collecting, counting, say
from attestream.demo.cloud import ACCESS_KEY_ID, SECRET_ACCESS_KEY, LocalS3
from attestream.demo.deliver import DeliveredFile, to_bucket
from attestream.demo.history import Act, history, live_act
from attestream.demo.live import BROKEN, LOOKS, LastAct
from attestream.demo.organisation import TICKET_DAYS, Organisation, organisation
from attestream.demo.receiver import Received, Receiver
from attestream.demo.setup import BUCKET, SOURCE, write_settings
from attestream.demo.statements import enter
from attestream.demo.telling import alerts, changed, collected, found, near, tally
from attestream.errors import AttestreamError
from attestream.refold import recheck
from attestream.serve import serve_role
from attestream.service import ROLES, Service, run_once
from attestream.settings import load
from attestream.wiring import Parts, opened
from exports.bundle import create
from exports.scope import Scope
from store.fsck import verify
from store.records import DAY

MARK = ".attestream-demo"
TRAIL_DAYS = 14


@dataclass(frozen=True, slots=True)
class Stage:
    """The folder of a demonstration, its seed, the dashboard's port. `alertmanager`: the address of one that is told too.

    `trail_days` and `ticket_days`: how much of the history is shown; `told`: called with each message as it comes.
    """

    folder: Path
    seed: int
    port: int
    alertmanager: str = ""
    trail_days: int = TRAIL_DAYS
    ticket_days: int = TICKET_DAYS
    told: Callable[[Received], None] = lambda _received: None

    @property
    def config(self) -> Path:
        """Settings that every command can be tried with afterwards."""
        return self.folder / "attestream.yaml"


def play(stage: Stage, *, once: bool) -> None:
    """Play it from beginning to end; unless `once`, go on serving until interrupted."""
    _clear(stage.folder)
    with ExitStack() as stack:
        cloud, receiver = stack.enter_context(LocalS3(stage.folder / "s3.log")), stack.enter_context(Receiver(stage.told))
        say(
            f"1. A small organisation's cloud, simulated (seed {stage.seed}): {stage.trail_days} days of CloudTrail in a local S3"
        )
        now = time.time_ns() // 1000
        cloud.make_bucket(BUCKET)
        _upload(cloud, list(history(stage.seed, now, now - stage.trail_days * DAY)), "uploading log files")
        say(f"   … and its settings, Google Cloud, {stage.ticket_days} days of tickets, scanners' findings and a door system")
        systems = stack.enter_context(organisation(stage.folder, cloud, stage.ticket_days))
        write_settings(stage.folder, stage.port, cloud.endpoint, receiver, systems.sources, stage.alertmanager)
        _credentials(stage.folder)
        with opened(load(stage.config, {}), create=True) as parts:
            _play(stage, parts, cloud, systems, receiver)
            if not once:
                _serve(parts, stage)


def _play(stage: Stage, parts: Parts, cloud: LocalS3, systems: Organisation, receiver: Receiver) -> None:
    """The parts of the play that the service has."""
    say("\n2. The service collects, judges, stores and seals all of it")
    _run(parts)
    found(parts, SOURCE)
    say("\n3. People say what no system can: attestations, the Statement of Applicability, an accepted deviation, risks")
    count, ends = enter(parts)
    say(f"   {count} attestations, one of them against its control, one that waits for a second person")
    _run(parts, ["doors"])
    tally(parts)
    _alerts(receiver, parts)
    say("\n4. The last act, live")
    act = LastAct(parts, systems, ends)
    wrong, right = live_act(stage.seed, time.time_ns() // 1000)
    _act(parts, cloud, wrong, act.go_wrong, receiver, LOOKS)
    say(f"\n   A ticket asks about root: {act.ask()}, linked to the finding")
    _act(parts, cloud, right, act.put_right, receiver, 1)
    say("")
    tally(parts)
    _proved(stage, parts)


def _act(parts: Parts, cloud: LocalS3, act: Act, beside: Callable[[], Sequence[str]], receiver: Receiver, looks: int) -> None:
    """Something happens, in the trail and `beside` it; the service looks, and tells. What cannot be read is looked at again."""
    before = parts.store.clock()
    say("")
    for title in (*act.titles, *beside()):
        say(f"   {title}")
    _upload(cloud, act.files, "uploading")
    _run(parts, [SOURCE, "jira", *BROKEN])
    for _ in range(looks - 1):
        _run(parts, BROKEN)
    changed(parts, before)
    _alerts(receiver, parts)


def _clear(folder: Path) -> None:
    """Begin anew; only ever in a folder that an earlier demonstration made."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise AttestreamError(f"{folder} holds other files; name another folder with --folder")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / MARK).touch()


def _credentials(folder: Path) -> None:
    """The AWS SDK looks in its usual places; in this process they lead to the simulated cloud's credentials alone."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    file = folder / "aws-credentials"
    file.write_text(
        f"[default]\naws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n", encoding="ascii"
    )
    os.environ["AWS_SHARED_CREDENTIALS_FILE"] = str(file)
    os.environ["AWS_CONFIG_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    os.environ["GRPC_VERBOSITY"] = "NONE"  # its library tells of the simulated server's end by itself


def _upload(cloud: LocalS3, files: Sequence[DeliveredFile], what: str) -> None:
    with counting(what) as advance:
        done = 0
        for start in range(0, len(files), 100):
            done += to_bucket(files[start : start + 100], cloud.client(), BUCKET)
            advance(done, len(files))
    say(f"   {len(files):,} log files with {sum(f.records for f in files):,} records uploaded to s3://{BUCKET}")


def _run(parts: Parts, only: Sequence[str] = ()) -> None:
    with collecting() as bar:
        collected(run_once(parts, bar, only))


def _alerts(receiver: Receiver, parts: Parts) -> None:
    """Deliver what is due, and say what came."""
    alert_role(parts).run_once()
    alerts(receiver.taken())


def _proved(stage: Stage, parts: Parts) -> None:
    say("\n5. Proof")
    checkpoint = parts.latest_checkpoint()
    with counting("verifying") as advance:
        verify(parts.store.engine, checkpoint, advance, recheck)
    log = parts.query.log()
    say(f"   every one of {log.size:,} entries recomputed from stored bytes: whole, root {log.root[:16]}…")
    now = parts.store.clock()
    bundle = stage.folder / "evidence.zip"
    signed = parts.publish()
    scope = Scope(start=now - 15 * DAY, end=now, controls=frozenset({"A.8.15"}))
    summary = create(parts.store.engine, signed, scope, bundle, None)
    pieces = summary.selected.get("evidence", 0)
    say(f"   {near(bundle)}: {pieces:,} pieces of evidence for A.8.15 that an auditor can verify offline")
    say("\nTry:")
    for line in (
        f".venv/bin/attestream status -c {near(stage.config)}",
        f".venv/bin/attestream evidence verify -c {near(stage.config)}",
        f".venv/bin/python exports/verify.py {near(bundle)} --key '{parts.verifier}'",
    ):
        say(f"   {line}")


def _serve(parts: Parts, stage: Stage) -> None:
    stop = threading.Event()
    extra: list[tuple[str, Callable[[threading.Event], None]]] = [("serve", serve_role(parts)), ("alert", alert_role(parts).loop)]
    service = Service(parts, ROLES, extra, stop)
    service.start()
    say(f"\nThe dashboard: http://127.0.0.1:{stage.port}/   (Ctrl-C ends the demonstration)")
    try:
        while not stop.wait(0.5):
            pass
    except KeyboardInterrupt:
        say("ending …")
    finally:
        service.stop()
