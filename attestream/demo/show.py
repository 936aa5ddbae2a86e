"""The demonstration: a simulated cloud, the real service against it, and a last act before the onlooker's eyes."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import yaml

from attestream.commands.run import report
from attestream.console import collecting, counting, moment, say
from attestream.demo.cloud import ACCESS_KEY_ID, SECRET_ACCESS_KEY, LocalS3
from attestream.demo.deliver import DeliveredFile, to_bucket
from attestream.demo.history import history, live_act
from attestream.demo.organisation import Source, organisation
from attestream.demo.receiver import Receiver
from attestream.demo.world import HOME_REGION, demo_lists
from attestream.errors import AttestreamError
from attestream.refold import recheck
from attestream.serve import alert_role, serve_role
from attestream.service import ROLES, Service, run_once
from attestream.settings import load
from attestream.wiring import Parts, opened
from exports.bundle import create
from exports.scope import Scope
from store.fsck import verify
from store.records import DAY
from store.reports import Moment

BUCKET = "org-trail-logs"
SOURCE = "org-trail"
MARK = ".attestream-demo"


@dataclass(frozen=True, slots=True)
class Stage:
    """The folder of a demonstration, its settings file and its seed."""

    folder: Path
    seed: int
    port: int

    @property
    def config(self) -> Path:
        """Settings that every command can be tried with afterwards."""
        return self.folder / "attestream.yaml"


def play(stage: Stage, *, once: bool) -> None:
    """Play it from beginning to end; unless `once`, go on serving until interrupted."""
    _clear(stage.folder)
    with ExitStack() as stack:
        cloud, receiver = stack.enter_context(LocalS3(stage.folder / "s3.log")), stack.enter_context(Receiver())
        say(f"1. A small organisation's cloud, simulated (seed {stage.seed}): two weeks of CloudTrail in a local S3")
        now = time.time_ns() // 1000
        cloud.make_bucket(BUCKET)
        _upload(cloud, list(history(stage.seed, now)), "uploading two weeks of log files")
        say("   … and its settings, Google Cloud, tickets, scanners' findings and a door system, behind small servers")
        others = stack.enter_context(organisation(stage.folder, cloud))
        _settings(stage, cloud.endpoint, receiver.url, others)
        _credentials(stage.folder)
        with opened(load(stage.config, {}), create=True) as parts:
            say("\n2. The service collects, judges, stores and seals all of it")
            _run(parts)
            _found(parts)
            _alerts(receiver, parts)
            say("\n3. The last act, live")
            for title, files in live_act(stage.seed, time.time_ns() // 1000):
                say(f"\n   In the cloud: {title}")
                _upload(cloud, files, "uploading")
                before = parts.store.clock()
                _run(parts, [SOURCE])
                _changed(parts, before)
                _alerts(receiver, parts)
            _proved(stage, parts)
            if not once:
                _serve(parts, stage)


def _clear(folder: Path) -> None:
    """Begin anew; only ever in a folder that an earlier demonstration made."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise AttestreamError(f"{folder} holds other files; name another folder with --folder")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / MARK).touch()


def _settings(stage: Stage, endpoint: str, webhook: str, others: Sequence[Source]) -> None:
    secret = stage.folder / "webhook.secret"
    secret.write_text(secrets.token_hex(32), encoding="ascii")
    secret.chmod(0o600)
    values = {
        "store": {"url": f"sqlite:///{stage.folder / 'store.db'}"},
        "sources": [
            {
                "name": SOURCE,
                "type": "cloudtrail-s3",
                "bucket": BUCKET,
                "region": HOME_REGION,
                "endpoint_url": endpoint,
                "schedule": "10s",
            },
            *others,
        ],
        "mappings": {"lists": demo_lists()},
        "alerts": {
            "link": f"http://127.0.0.1:{stage.port}",
            "routes": [
                {
                    "name": "on-call",
                    "type": "webhook",
                    "url": webhook,
                    "hosts": ["127.0.0.1"],
                    "secret_file": str(secret),
                    "allow_http": True,
                    "allow_private": True,
                }
            ],
        },
        "web": {"listen": f"127.0.0.1:{stage.port}"},
    }
    stage.config.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")


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
        done = run_once(parts, bar, only)
    report(done)
    alert_role(parts).run_once()


def _found(parts: Parts) -> None:
    """What the history holds, in sentences."""
    states = parts.query.controls(Moment())
    tally = Counter(str(c.state) for c in states.values())
    say(f"   93 controls: {', '.join(f'{tally[state]} {state}' for state in sorted(tally, key=lambda s: -tally[s]))}")
    findings = parts.query.findings(Moment(), silence=False, limit=500)
    for finding in sorted(findings, key=lambda f: f.since):
        word = {"not-satisfied": "OPEN  ", "closed": "closed", "satisfied": "said  "}.get(str(finding.state), str(finding.state))
        say(f"   {word} {moment(finding.since)[:16]}  {finding.title}: {short(finding.subject)} ({' '.join(finding.controls)})")
    alive = sorted((c.id for c in parts.catalogue if states[c.id].last_evidence is not None), key=_order)
    say(f"   evidence is kept for {len(alive)} of them: {' '.join(alive)}")
    for coverage in parts.query.coverage(SOURCE):
        holes = [(a[1], b[0]) for a, b in zip(coverage.stretches, coverage.stretches[1:], strict=False)]
        for start, end in holes:
            period = f"{moment(start)[:16]} to {moment(end)[:16]}"
            say(f"   hole   {coverage.part}: nothing was delivered {period}; silence says nothing there")
    quiet = next((c for c in parts.catalogue if states[c.id].state == "not-assessed"), None)
    if quiet is not None:
        needs = " or ".join(quiet.needs) or "an attestation"
        say(f"   not assessed, e.g. {quiet.id} {quiet.title}: no source for it: {needs} would speak")


def _order(control: str) -> tuple[int, ...]:
    return tuple(int(word) for word in control.split(".")[1:])


def near(path: Path) -> Path:
    """A path as somebody in the working directory would write it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def short(subject: str) -> str:
    """A subject without its account."""
    return subject.partition("/")[2] or subject


def _changed(parts: Parts, since: int) -> None:
    titles = {c.id: c.title for c in parts.catalogue}
    for drift in reversed(parts.query.drift(since=since, limit=100)):
        if drift.kind == "finding":
            say(f"   drift: {drift.title}: {short(drift.subject)}: {drift.before} → {drift.after}")
        elif drift.kind == "control":
            control = drift.controls[0]
            say(f"   drift: {control} {titles.get(control, '')}: {drift.before} → {drift.after}")


def _alerts(receiver: Receiver, parts: Parts) -> None:
    deadline = time.monotonic() + 10
    came = receiver.taken()
    while not came and time.monotonic() < deadline:
        alert_role(parts).run_once()
        time.sleep(0.2)
        came = receiver.taken()
    for alert in came:
        data = alert.get("data", {})
        kind, sentence = alert.get("type", "").rpartition(".")[2], data.get("sentence") or json.dumps(data)[:200]
        say(f"   alert to the webhook ({kind}): {sentence}")


def _proved(stage: Stage, parts: Parts) -> None:
    say("\n4. Proof")
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
