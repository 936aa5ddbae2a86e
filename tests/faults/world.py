"""What the fault tests run: a folder of delivered CloudTrail files with all in it that can go wrong, and an installation."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from signal import SIGKILL, SIGUSR1
from typing import Any

import yaml

from attestream.demo.deliver import DeliveredFile, to_directory
from attestream.demo.history import history
from attestream.demo.world import demo_lists
from collectors.file_name import parse_name
from pipeline.event import unpack
from store.records import Event
from tests.faults.observe import Tables
from tests.faults.probe import Probe, Strike

ROOT = Path(__file__).resolve().parents[2]
SOURCE = "trail"
NOW = int(datetime(2025, 3, 11, 14, 43, 17, tzinfo=UTC).timestamp()) * 1_000_000
"""The history ends here, long ago: everything that time makes due is due in every run alike."""
HOUR = 3_600_000_000
LIMIT = 900.0
"""Seconds after which a run hangs. Not a measure of anything: the test then fails instead of waiting for ever."""


def deliver(folder: Path, hours: int, seed: int = 7) -> list[Path]:
    """Write the last `hours` of the simulated history, and spoil some of it.

    The files came to lie there in the last twelve days, in order (their mtime), however old they are: a run has 13 windows.
    """
    chosen = [file for file in history(seed, NOW) if file.delivered_at > NOW - hours * HOUR]
    to_directory(chosen, folder)
    _spoil(folder, chosen)
    now = time.time_ns()
    for path in folder.rglob("*.json.gz"):
        name = parse_name(path.name)
        assert name is not None
        at = now - 1000 * (NOW - name.delivered) * 12 * 24 // hours
        os.utime(path, ns=(at, at))
    return sorted(folder.rglob("*.json.gz"))


def _spoil(folder: Path, chosen: Sequence[DeliveredFile]) -> None:
    """Add what the real world adds: files cut off, doubled; records that are none; redeliveries; conflicts."""
    dice = random.Random(11)
    picked = dice.sample([file for file in chosen if file.records > 2], 20)
    for number, (file, make) in enumerate(zip(picked, SPOILT * 4, strict=False)):
        name = Path(file.key).name
        path = folder / Path(file.key).parent / f"{name[: name.rindex('_')]}_spoilt{number:010d}.json.gz"
        path.write_bytes(make(file.body))


def _cut(body: bytes) -> bytes:
    return body[: len(body) * 2 // 3]


def _doubled(body: bytes) -> bytes:
    return body + gzip.compress(b'{"Records":[]}')


def _no_records(body: bytes) -> bytes:
    """One good record again (a duplicate), three that are no records."""
    one = json.dumps(json.loads(gzip.decompress(body))["Records"][0])
    own = zlib.crc32(body)  # the same bytes at two places are one dead letter, whichever place comes first
    return gzip.compress(f'{{"Records":[{one},{own},{{"eventID":"x{own}"}},{{"eventID":"{own}","eventID":"y"}}]}}'.encode())


def _again(body: bytes) -> bytes:
    return body


def _conflict(body: bytes) -> bytes:
    """The records again under their ids, with other bytes."""
    found = [record | {"userAgent": "another"} for record in json.loads(gzip.decompress(body))["Records"]]
    return gzip.compress(json.dumps({"Records": found}).encode())


SPOILT: list[Callable[[bytes], bytes]] = [_cut, _doubled, _no_records, _again, _conflict]


@dataclass
class Server:
    """The fork server of child.py; it imports `modules` once for all its runs."""

    modules: Sequence[str] = ()
    process: subprocess.Popen[str] = field(init=False)

    def __enter__(self) -> Server:
        command = [sys.executable, "-m", "tests.faults.child", *self.modules]
        self.process = subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(LIMIT)

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


@dataclass
class Run:
    """A run under way."""

    server: Server
    pid: int
    probe: Probe
    output: Path
    status: int | None = None

    def wait(self, seconds: float = LIMIT) -> int | None:
        """The exit code, minus the signal, or None when it still runs."""
        if self.status is None:
            self.status = self.server.ask({"wait": self.pid, "seconds": seconds})["status"]
        return self.status

    def end(self, seconds: float = LIMIT) -> int:
        """As `wait`, for a run that must end."""
        status = self.wait(seconds)
        if status is None:
            os.kill(self.pid, SIGUSR1)
            time.sleep(1)
            self.kill()
            raise AssertionError(f"the run hangs in {self.probe.inside()} after {self.probe.begun()}; it said: {self.said()}")
        return status

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, SIGKILL)

    def said(self) -> str:
        return self.output.read_text()


@dataclass
class Installation:
    """One installation in a folder of its own, reading `files`."""

    server: Server
    folder: Path
    files: Path
    mappings: Path
    more: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    runs: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        source = self.source or {"type": "cloudtrail-files", "path": str(self.files)}
        settings = {
            "store": {"url": f"sqlite:///{self.store}"},
            "mappings": {"builtin": False, "paths": [str(self.mappings)], "lists": demo_lists()},
            "sources": [{"name": SOURCE, **source}],
            **self.more,
        }
        self.config.write_text(yaml.safe_dump(json.loads(json.dumps(settings))))

    @property
    def config(self) -> Path:
        return self.folder / "attestream.yaml"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def store(self) -> Path:
        return self.data / "store.db"

    @property
    def stream(self) -> Path:
        return self.data / "stream.db"

    @property
    def checkpoints(self) -> Path:
        return self.data / "checkpoints"

    def start(
        self,
        strikes: Iterable[Strike] = (),
        argv: Sequence[str] = ("run", "--once"),
        *,
        bare: bool = False,
        fsize: int = 0,
        hold: bool = False,
        ahead: float = 0.0,
        environment: Mapping[str, str] | None = None,
    ) -> Run:
        """Begin `attestream run --once`: without the superuser's powers, with a limit to the size of files, held, or by a clock
        that is some seconds ahead."""
        self.runs += 1
        probe = self.folder / f"probe-{self.runs}"
        output = self.folder / f"output-{self.runs}"
        run = Probe(probe)
        probe.chmod(0o666)
        asked = {"argv": [*argv, "--config", str(self.config)], "probe": str(probe), "output": str(output)}
        more = {"strikes": [asdict(strike) for strike in strikes], "bare": bare, "fsize": fsize, "hold": hold, "ahead": ahead}
        more["environment"] = dict(environment or {})
        answer = self.server.ask(asked | more)
        return Run(self.server, answer["pid"], run, output)

    def run(self, strikes: Iterable[Strike] = ()) -> Run:
        """A whole run, which must end well or, for the spoilt files, say so (exit 1)."""
        run = self.start(strikes)
        status = run.end()
        assert status in (0, 1), f"exit {status}: {run.said()}"
        assert "sealed: log of" in run.said(), run.said()
        return run

    def lose_lock(self) -> None:
        """What a lost lock file does (somebody tidied up): another process may now collect although one still does."""
        (self.data / "collect.lock").unlink()


def pending(stream: Path, positions: Mapping[int, int]) -> list[Event]:
    """Events that are in the stream and not yet in the store."""
    if not stream.exists() or not Tables(stream).rows("select 1 from sqlite_master where name = 'records'"):
        return []
    rows = Tables(stream).rows('select "partition", "offset", data from records')
    return [event for row in rows if row["offset"] >= positions.get(row["partition"], 0) for event in unpack(row["data"])]


def copy_mappings(folder: Path, names: Sequence[str]) -> Path:
    """The catalogue of controls, and of the built-in mappings those that the history speaks to."""
    builtin = ROOT / "control_mappings"
    folder.mkdir(parents=True)
    shutil.copy(builtin / "annex_a.yaml", folder)
    for name in names:
        shutil.copy(builtin / "aws" / "cloudtrail" / f"{name}.yaml", folder)
    return folder
